"""A Markdown file with YAML front matter, read as plain keys, texts and lists of texts, each with its line.

Reads only the flat subset of YAML that agent files need; knows nothing of what the keys mean.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from .problems import Problem

SIZE_LIMIT_BYTES = 65_536
_FENCE = "---"
_DEPTH_LIMIT = 3
_PLAIN = "Write plain `key: text` or `key: [a, b]` lines."
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Scalar:
    """A text with the type that YAML gives it: str, int, bool, null, float or timestamp."""

    text: str
    type: str
    line: int


@dataclass(frozen=True)
class Entry:
    """A key with its value; a nested value is kept as `None`, since no key has one."""

    key: Scalar
    value: Scalar | tuple[Scalar, ...] | None


@dataclass(frozen=True)
class FrontMatter:
    entries: tuple[Entry, ...]
    prompt: str
    n_lines: int


class _Refused(Exception):
    def __init__(self, line: int, message: str, fix: str = _PLAIN) -> None:
        super().__init__(message)
        self.line, self.message, self.fix = line, message, fix


def read_front_matter(file: Path) -> FrontMatter | Problem:
    """Returns the file's entries and prompt, or what keeps it from being read."""
    try:
        head, prompt = _split(_read_text(file))
        return FrontMatter(_read_entries(head), prompt, head.count("\n") + 1)
    except _Refused as refused:
        return Problem(str(file), refused.line, refused.message, refused.fix)


def _read_text(file: Path) -> str:
    try:
        if not file.is_file():
            raise _Refused(0, "is not a file", "Put one Markdown file per agent there.")
        with file.open("rb") as stream:
            data = stream.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise _Refused(0, f"cannot be read ({error.strerror})", "Make it readable.") from error
    if len(data) > SIZE_LIMIT_BYTES:
        raise _Refused(0, f"is larger than {SIZE_LIMIT_BYTES} bytes", "Shorten the prompt.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _Refused(line, f"is not UTF-8 (byte 0x{data[error.start]:02x})", "Save it as UTF-8.") from error
    return text.replace("\r\n", "\n")


def _split(text: str) -> tuple[str, str]:
    lines = text.split("\n")
    if lines[0].rstrip() != _FENCE:
        raise _Refused(1, "has no front matter", f"Begin the first line with `{_FENCE}`, without a byte-order mark.")
    end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == _FENCE), None)
    if end is None:
        raise _Refused(1, "has front matter without an end", f"Close it with a line `{_FENCE}`.")
    return "\n".join(lines[:end]), "\n".join(lines[end + 1 :]).strip()


@lru_cache(maxsize=64)  # the same files are read again under each lock, and the same text says the same
def _read_entries(head: str) -> tuple[Entry, ...]:
    events = _events(head)
    first = next(events, None)
    if not isinstance(first, yaml.MappingStartEvent):
        raise _Refused(1 if first is None else _line(first), "has front matter that is not a list of keys")
    entries = []
    for event in events:
        if isinstance(event, yaml.MappingEndEvent):
            break
        if not isinstance(event, yaml.ScalarEvent):
            raise _Refused(_line(event), "has a key that is not a text")
        entries.append(Entry(_scalar(event), _read_value(next(events), events)))
    if next(events, None) is not None:
        raise _Refused(1, "has more than one YAML document in its front matter")
    return tuple(entries)


def _events(head: str) -> Iterator[yaml.Event]:
    """Yields the events of the one document; anchors, aliases, tags and deep nesting end it."""
    depth = 0
    try:
        for event in yaml.parse(head, Loader=yaml.SafeLoader):
            depth += _step(event)
            if depth > _DEPTH_LIMIT:  # the scanner's time grows with the square of the depth
                raise _Refused(_line(event), "is nested too deep")
            if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
                raise _Refused(_line(event), "uses a YAML anchor or alias", "Write the value out, or quote the text.")
            if getattr(event, "tag", None):
                raise _Refused(_line(event), "uses a YAML tag", "Leave the tag away.")
            if isinstance(event, yaml.NodeEvent | yaml.CollectionEndEvent):
                yield event
    except yaml.reader.ReaderError as error:
        line = head.count("\n", 0, error.position) + 1
        raise _Refused(line, "has a control character in its front matter", "Remove it.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        why = " ".join(str(error.problem or error.context).split())
        raise _Refused(mark.line + 1 if mark else 1, f"is not valid YAML: {why}", "Quote the text.") from error
    except (ValueError, OverflowError) as error:  # an escape such as \UFFFFFFFF is no character
        raise _Refused(1, f"is not valid YAML: {error}", "Write the character itself.") from error


def _read_value(event: yaml.Event, events: Iterator[yaml.Event]) -> Scalar | tuple[Scalar, ...] | None:
    if isinstance(event, yaml.ScalarEvent):
        return _scalar(event)
    flat = isinstance(event, yaml.SequenceStartEvent)
    items: list[Scalar] = []
    depth = 1
    for item in events:
        depth += _step(item)
        if depth == 0:
            break
        if isinstance(item, yaml.ScalarEvent):
            items.append(_scalar(item))
        else:
            flat = False
    return tuple(items) if flat else None


def _scalar(event: yaml.ScalarEvent) -> Scalar:
    if re.search("[\ud800-\udfff\x00]", event.value):
        raise _Refused(_line(event), "has an escape that is no character", "Write the character itself.")
    if event.style is not None:
        return Scalar(event.value, "str", _line(event))
    resolver = yaml.resolver.Resolver()
    tag = resolver.resolve(yaml.ScalarNode, event.value, (True, False))  # type: ignore[no-untyped-call] # as its stubs are
    return Scalar(event.value, str(tag).removeprefix(_TAG), _line(event))


def _step(event: yaml.Event) -> int:
    return isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0
