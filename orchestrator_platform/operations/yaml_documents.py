"""Reads YAML that anybody may have written: each document as nodes, which know their lines, and as the value.

A document is measured before anything is made of it: how deep it is, how long with its aliases unfolded, and whether a
mapping names a key twice, of which the last would win without a word.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ..errors import DefinitionError

if TYPE_CHECKING:
    from yaml import SafeLoader as _FastLoader
else:
    # Ten times faster, where PyYAML has it.
    _FastLoader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_MOST_BYTES, _MOST_UNFOLDED, _DEEPEST = 1024 * 1024, 4 * 1024 * 1024, 64


class _Loader(_FastLoader):
    """Names the place of a value that looks like a date or a number, and is none."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error


def read_documents(file: Path) -> Iterator[tuple[yaml.Node, Any]]:
    """Yields each document of a file as its node and its value.

    Raises:
        DefinitionError: It cannot be read, is not valid, or larger than any file of its kind is meant to be.
    """
    try:
        size = file.stat().st_size
        if size > _MOST_BYTES:
            raise _wrong(file, None, f"it has {size:,} bytes, and at most {_MOST_BYTES:,} are read", "Split it.")
        text = file.read_text(encoding="utf-8")
        _measure(file, text)
        loader = _Loader(text)
        try:
            while loader.check_node() and (node := loader.get_node()) is not None:
                yield node, loader.construct_document(node)
        finally:
            loader.dispose()
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        mark = getattr(error, "problem_mark", None)
        problem = f"not valid YAML: {getattr(error, 'problem', None) or error}"
        raise _wrong(file, mark, problem, "Mend it.") from error


@dataclass
class _Open:
    """A list or mapping whose end was not reached; `length` is that of its texts and of what its aliases stand for."""

    anchor: str | None
    is_mapping: bool
    length: int = 1
    n_nodes: int = 0
    keys: set[str] = field(default_factory=set)


def _measure(file: Path, text: str) -> None:
    opened, lengths = [_Open(None, is_mapping=False)], dict[str, int]()
    for event in yaml.parse(text, Loader=_FastLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            _require_own_key(file, opened[-1], event)
            opened.append(_Open(event.anchor, isinstance(event, yaml.MappingStartEvent)))
            if len(opened) > _DEEPEST:
                raise _wrong(
                    file, event.start_mark, f"lists and mappings are nested deeper than {_DEEPEST}", "Mend it."
                )
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            ended = opened.pop()
            anchor, length = ended.anchor, ended.length
        elif isinstance(event, yaml.ScalarEvent):
            _require_own_key(file, opened[-1], event)
            anchor, length = event.anchor, len(event.value) + 1
        elif isinstance(event, yaml.AliasEvent):
            _require_own_key(file, opened[-1], event)
            if event.anchor not in lengths:
                problem = f"the alias *{event.anchor} stands for nothing before it, or for what it is part of"
                raise _wrong(file, event.start_mark, problem, "Mend it.")
            anchor, length = None, lengths[event.anchor]
        else:
            continue
        if anchor is not None:
            lengths[anchor] = length
        opened[-1].length += length
        if opened[-1].length > _MOST_UNFOLDED:
            problem = f"with its aliases unfolded it is longer than {_MOST_UNFOLDED:,} characters"
            raise _wrong(file, event.start_mark, problem, "Write less.")


def _require_own_key(file: Path, within: _Open, event: yaml.NodeEvent) -> None:
    is_key = within.is_mapping and within.n_nodes % 2 == 0
    within.n_nodes += 1
    if is_key and isinstance(event, yaml.ScalarEvent) and event.value != "<<":
        if event.value in within.keys:
            raise _wrong(file, event.start_mark, f"`{event.value[:60]}` is said twice in one place", "Say it once.")
        within.keys.add(event.value)


def _wrong(file: Path, mark: Any, problem: str, fix: str) -> DefinitionError:
    return DefinitionError(file=file, line=mark.line + 1 if mark else None, problem=problem, fix=fix)
