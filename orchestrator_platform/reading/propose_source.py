"""Looks at sample files once and proposes a source: its component and its contract, to be read and edited.

What the samples do not show is said as unsure, not guessed. Nothing is written here.
"""

import keyword
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import Misuse
from .file_format import COMPRESSIONS, format_by_name
from .json_paths import Step
from .sample_files import MAX_RECORDS, Sample, read_sample
from .sampled_columns import SampledColumn, holds_nested, sample_columns
from .source_texts import component_text, contract_text

RECORD_COLUMN = "record"
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
# What a pandera model has itself, or what the platform adds to a raw table.
_TAKEN = frozenset(
    {"Config", "empty", "example", "strategy", "validate", "get_metadata", "pydantic_validate", "from_json"}
    | {"from_yaml", "to_json", "to_json_schema", "to_schema", "to_yaml", "build_schema_", RECORD_COLUMN}
)
_MAX_COLUMNS = 200


@dataclass(frozen=True)
class ProposedColumn:
    """A column of the contract; `path` is set where it is not the top-level key of its name."""

    name: str
    type: str
    nullable: bool
    unique: bool
    path: str | None = None


@dataclass(frozen=True)
class SourceProposal:
    """A source as the samples show it. `grain` is a column that could be its key, `unsure` what a person decides."""

    name: str
    asset: str
    format: str
    pattern: tuple[str, ...]
    declares_format: bool
    columns: tuple[ProposedColumn, ...]
    record_column: str | None
    grain: tuple[str, ...] | None
    delimiter: str
    encoding: str
    unsure: tuple[str, ...]

    @property
    def class_name(self) -> str:
        return "".join(part.capitalize() for part in re.split(r"[_-]+", self.name) if part)

    def component_yaml(self) -> str:
        """Returns the text of `defs.yaml`."""
        return component_text(self)

    def contract_py(self) -> str:
        """Returns the text of `contract.py`."""
        return contract_text(self)


def propose_source(name: str, files: Sequence[Path]) -> SourceProposal:
    """Returns what could be declared for these files.

    Raises:
        Misuse: A file cannot be sampled, or the files are of different formats.
    """
    samples = [read_sample(path) for path in files]
    if not samples:
        raise Misuse(f"No sample file was given for {name}. Nothing was written. Name one or more files.")
    first = samples[0]
    odd = next((sample for sample in samples if sample.format != first.format), None)
    if odd is not None:
        raise Misuse(
            f"{first.path} is {first.format} and {odd.path} is {odd.format}. Nothing was written."
            " A source has one format: propose one source for each."
        )
    sampled = sample_columns(samples)
    columns = _named(sampled)
    nested = holds_nested(samples)
    grain = _grain(columns)
    return SourceProposal(
        name=name,
        asset=f"raw.{name.replace('-', '_')}",
        format=first.format,
        pattern=_pattern(files),
        declares_format=any(format_by_name(path.name)[0] is None for path in files),
        columns=tuple(columns[:_MAX_COLUMNS]),
        record_column=RECORD_COLUMN if nested else None,
        grain=grain,
        delimiter=first.delimiter,
        encoding=first.encoding,
        unsure=tuple(_unsure(samples, sampled, columns, grain, nested=nested)),
    )


def _named(sampled: Sequence[SampledColumn]) -> list[ProposedColumn]:
    """Gives every column a name that Python and SQL take without quotes; nested ones the shortest that is free."""
    plain = {column.steps[0] for column in sampled if len(column.steps) == 1}
    taken: set[str] = set()
    named = []
    for column in sampled:
        name = _free_name(column.steps, taken | ({str(p).lower() for p in plain} if len(column.steps) > 1 else set()))
        taken.add(name.lower())
        path = None if column.steps == (name,) else path_text(column.steps)
        named.append(ProposedColumn(name, column.type, column.nullable, column.unique, path))
    return named


def _free_name(steps: tuple[Step, ...], taken: set[str]) -> str:
    for n_steps in range(1, len(steps) + 1):
        name = _identifier("_".join(map(str, steps[-n_steps:])))
        if name.lower() not in taken:
            return name
    return next(f"{name}_{n}" for n in range(2, len(taken) + 3) if f"{name}_{n}".lower() not in taken)


def _identifier(text: str) -> str:
    if _NAME.fullmatch(text) and not keyword.iskeyword(text) and text not in _TAKEN:
        return text
    made = re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()
    made = made if made[:1].isalpha() else f"column_{made}".strip("_")
    return f"{made}_value" if keyword.iskeyword(made) or made in _TAKEN else made


def path_text(steps: tuple[Step, ...]) -> str:
    """Returns the path as it is written in a component."""
    return "$" + "".join(map(_step_text, steps))


def _step_text(step: Step) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if _NAME.fullmatch(step):
        return f".{step}"
    return f"['{step}']" if '"' in step else f'["{step}"]'


def _pattern(files: Sequence[Path]) -> tuple[str, ...]:
    suffixes = Counter(_suffix(path.name) for path in files)
    return tuple(f"**/*{suffix}" for suffix, _ in suffixes.most_common())


def _suffix(name: str) -> str:
    suffixes = Path(name.lower()).suffixes[-2:]
    known = [s for s in suffixes if s in COMPRESSIONS or format_by_name(f"x{s}")[0] is not None]
    shown = "".join(known)
    return name[len(name) - len(shown) :] if shown and name.lower().endswith(shown) else ""


def _grain(columns: Sequence[ProposedColumn]) -> tuple[str, ...] | None:
    keys = [column.name for column in columns if column.unique and column.type in {"BIGINT", "VARCHAR"}]
    named = [name for name in keys if re.search(r"(^|_)(id|key|uuid|no|number|code)$|[a-z]I[Dd]$", name)]
    best = (named or keys)[:1]
    return tuple(best) or None


def _unsure(
    samples: Sequence[Sample],
    sampled: Sequence[SampledColumn],
    columns: Sequence[ProposedColumn],
    grain: tuple[str, ...] | None,
    *,
    nested: bool,
) -> list[str]:
    n_records = sum(len(sample.records) for sample in samples)
    whole = all(sample.whole for sample in samples)
    seen = f"{n_records} records" if whole else f"the first {n_records} records, at most {MAX_RECORDS} of a file"
    found = [f"all that is said here rests on {seen}; a later file may differ"]
    found.append("whether a file holds changes or a whole snapshot: `files_are: changes` was taken")
    found += [doubt for sample in samples for doubt in sample.doubts]
    layouts = {(sample.delimiter, sample.encoding) for sample in samples}
    if len(layouts) > 1:
        found.append("the files differ in delimiter or encoding; those of the first were taken")
    for column, named in zip(sampled, columns, strict=True):
        found += [f"column {named.name}: {doubt}" for doubt in column.doubts]
    if grain:
        found.append(f"the grain: {grain[0]} does not repeat in the sample, but a raw table keeps every landed record")
    else:
        found.append("the grain: no single column is unique in the sample")
    if nested:
        found.append("lists, and what lies deeper than three levels: kept in the column `record`, not taken out")
    if len(columns) > _MAX_COLUMNS:
        found.append(f"{len(columns)} columns: only the first {_MAX_COLUMNS} are proposed")
    found.append("which columns hold personal data: none is marked")
    return found
