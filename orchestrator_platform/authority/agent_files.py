"""Agent files become principals: what each agent produces, audits, may do, must escalate and never does.

Knows the front matter's keys; knows neither the assets that exist nor what an act does.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from ..records.base import Record, sha256_of
from ..records.keys import AgentName
from .acts import Act, Needs
from .front_matter import Entry, Scalar, read_front_matter
from .problems import Problem, refuse
from .selection_syntax import parse_selection

__all__ = ["Act", "Invocation", "Principal", "load_agent_files", "read_agent_files"]

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_BUDGET = re.compile(r"[1-9][0-9]{0,6}")
_LISTS = ("may", "escalates", "never")
_REQUIRED = ("name", "description", "produces", "audits", *_LISTS, "invocation", "context_budget")
_OPTIONAL = ("model",)


class Invocation(StrEnum):
    """AUTOMATIC: sensors, schedules and other agents may start it. MANUAL: only a person."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"


def _agent_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no agent's name: begin with a letter, then a-z, 0-9 and -, at most 63")
    return name


class Principal(Record):
    """An agent as its file defines it.

    `context_budget` counts tokens. `lines` says where in the file each key and list item stands,
    for example `("produces", 5)` and `("produces[0]", 6)`.
    """

    name: Annotated[AgentName, AfterValidator(_agent_name)]
    description: str
    produces: tuple[str, ...]
    audits: tuple[str, ...]
    may: tuple[Act, ...]
    escalates: tuple[Act, ...]
    never: tuple[Act, ...]
    invocation: Invocation
    context_budget: int = Field(gt=0)
    model: str | None = None
    prompt: str = Field(default="", repr=False)
    file: str = ""
    lines: tuple[tuple[str, int], ...] = Field(default=(), repr=False)

    def permissions_hash(self, *, language_voted: bool = False) -> str:
        """Returns the sha256 of the permissions; their order in the file does not count.

        `language_voted` adds the prompt and the model: where a language model had a vote, they
        are part of what decided.
        """
        granted: dict[str, Any] = {
            "produces": sorted(set(self.produces)),
            "audits": sorted(set(self.audits)),
            "may": sorted(self.may),
            "escalates": sorted(self.escalates),
            "never": sorted(self.never),
            "invocation": self.invocation,
        }
        if language_voted:
            granted |= {"prompt": self.prompt, "model": self.model}
        return sha256_of(granted)

    def line_of(self, place: str) -> int:
        """Returns the line of a key or list item, 0 where the principal came from no file."""
        return dict(self.lines).get(place, 0)


def load_agent_files(folder: Path) -> tuple[Principal, ...]:
    """Returns the principal of each `*.md` file of the folder, by name.

    Raises:
        AgentFileError: The first problem, by file and line.
    """
    principals, problems = read_agent_files(folder)
    refuse(problems)
    return principals


def read_agent_files(folder: Path) -> tuple[tuple[Principal, ...], tuple[Problem, ...]]:
    """Returns the principals of the files that can be read, and what is wrong with the others."""
    if not folder.is_dir():
        return (), (Problem(str(folder), 0, "there is no such folder", "Put one Markdown file per agent there."),)
    principals: list[Principal] = []
    problems: list[Problem] = []
    for file in sorted(file for file in folder.glob("*.md") if not file.name.startswith(".")):
        read = _read_agent_file(file)
        if isinstance(read, Principal):
            principals.append(read)
        else:
            problems.extend(read)
    return tuple(principals), tuple(problems)


def _read_agent_file(file: Path) -> Principal | tuple[Problem, ...]:
    front = read_front_matter(file)
    if isinstance(front, Problem):
        return (front,)
    reading = _Reading(file, front.entries)
    values = reading.values(front.prompt, front.n_lines)
    if reading.problems:
        return tuple(reading.problems)
    return Principal(**values, prompt=front.prompt, file=str(file), lines=tuple(reading.lines))


class _Reading:
    """One pass over one file's entries; every problem is kept, with its line."""

    def __init__(self, file: Path, entries: tuple[Entry, ...]) -> None:
        self.file, self.entries = file, entries
        self.problems: list[Problem] = []
        self.lines: list[tuple[str, int]] = []

    def values(self, prompt: str, last_line: int) -> dict[str, Any]:
        found = self._known()
        for key in _REQUIRED:
            if key not in found:
                self._problem(last_line, f"`{key}` is missing", f"Add `{key}:` to the front matter.")
        readers = self._readers()
        values = {key: readers[key](entry) for key, entry in found.items()}
        self._contradictions(values)
        if not prompt:
            self._problem(last_line, "has no prompt", "Write below the front matter what the agent is for.")
        return values

    def _problem(self, line: int, message: str, fix: str) -> None:
        self.problems.append(Problem(str(self.file), line, message, fix))

    def _known(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        for entry in self.entries:
            key, line = entry.key.text, entry.key.line
            if key not in (*_REQUIRED, *_OPTIONAL):
                self._problem(line, f"`{key}` is not a known key", f"Known: {', '.join((*_REQUIRED, *_OPTIONAL))}.")
            elif key in found:
                self._problem(line, f"`{key}` is there twice", f"Line {found[key].key.line} has the first: keep one.")
            else:
                found[key] = entry
                self.lines.append((key, line))
        return found

    def _readers(self) -> Mapping[str, Callable[[Entry], Any]]:
        return {
            "name": self._name,
            "description": self._text,
            "model": self._text,
            "produces": self._selections,
            "audits": self._selections,
            "may": self._acts,
            "escalates": self._acts,
            "never": self._acts,
            "invocation": self._invocation,
            "context_budget": self._budget,
        }

    def _text(self, entry: Entry) -> str:
        value = entry.value
        if isinstance(value, Scalar) and value.type == "str" and value.text.strip():
            return value.text.strip()
        self._problem(entry.key.line, f"`{entry.key.text}` is not a text", "Write a text, in quotes if need be.")
        return ""

    def _name(self, entry: Entry) -> str:
        name = self._text(entry)
        if not name:
            return name
        if not _NAME.fullmatch(name):
            fix = "Begin with a letter, then use a-z, 0-9 and -, at most 63 of them."
            self._problem(entry.key.line, f"{name!r} is no agent's name", fix)
        elif name != self.file.stem:
            fix = f"Rename the file to {name}.md, or the agent to {self.file.stem}."
            self._problem(entry.key.line, f"the agent is called {name}, its file {self.file.name}", fix)
        return name

    def _items(self, entry: Entry) -> tuple[Scalar, ...]:
        key = entry.key.text
        if not isinstance(entry.value, tuple):
            self._problem(entry.key.line, f"`{key}` is not a list of texts", f"Write `{key}: []` for none.")
            return ()
        for n, item in enumerate(entry.value):
            self.lines.append((f"{key}[{n}]", item.line))
            if item.type != "str":
                self._problem(item.line, f"`{key}` has {item.text!r}, which YAML reads as {item.type}", "Quote it.")
        return tuple(item for item in entry.value if item.type == "str")

    def _selections(self, entry: Entry) -> tuple[str, ...]:
        items = self._items(entry)
        for item in items:
            try:
                parse_selection(item.text)
            except ValueError as error:
                self._problem(item.line, f"`{entry.key.text}` has {item.text!r}: {error}", "Mend the selection.")
        return tuple(item.text for item in items)

    def _acts(self, entry: Entry) -> tuple[Act, ...]:
        key, acts = entry.key.text, []
        for item in self._items(entry):
            if item.text not in frozenset(Act):
                self._problem(item.line, f"`{key}` has {item.text!r}, which is no act", f"Acts: {', '.join(Act)}.")
                continue
            act = Act(item.text)
            if act in acts:
                self._problem(item.line, f"`{key}` has `{act}` twice", "Keep one.")
            elif act.needs is Needs.PERSON and key != "never":
                self._problem(item.line, f"`{key}` has `{act}`, which only a person can do", "Move it to `never`.")
            acts.append(act)
        return tuple(acts)

    def _invocation(self, entry: Entry) -> Invocation | None:
        value = entry.value
        if isinstance(value, Scalar) and value.text in frozenset(Invocation):
            return Invocation(value.text)
        self._problem(entry.key.line, "`invocation` is neither automatic nor manual", "Write one of the two.")
        return None

    def _budget(self, entry: Entry) -> int:
        value = entry.value
        if isinstance(value, Scalar) and value.type == "int" and _BUDGET.fullmatch(value.text):
            return int(value.text)
        fix = "Write a number of tokens, 1 to 9999999, digits only."
        self._problem(entry.key.line, "`context_budget` is not a whole number of tokens", fix)
        return 0

    def _contradictions(self, values: Mapping[str, Any]) -> None:
        listed = Counter(act for key in _LISTS for act in set(values.get(key, ())))
        for act in sorted(act for act, n in listed.items() if n > 1):
            keys = [key for key in _LISTS if act in values.get(key, ())]
            line = dict(self.lines)[f"{keys[-1]}[{self._index(keys[-1], act)}]"]
            self._problem(line, f"`{act}` is in {' and in '.join(f'`{key}`' for key in keys)}", "Keep it in one.")

    def _index(self, key: str, act: Act) -> int:
        value = next(entry.value for entry in self.entries if entry.key.text == key)
        items = value if isinstance(value, tuple) else ()
        return next(n for n, item in enumerate(items) if item.text == act)
