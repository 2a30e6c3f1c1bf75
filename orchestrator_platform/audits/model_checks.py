"""What a model's row is audited for before the artefact is touched: that it is what it says and what is declared.

Everything is derived anew from the artefact's bytes, the declaration and the pinned parents. The column `metrics` holds
the trainer's numbers and is read by no audit.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import Any

from ..learning.environment import environment_hash
from ..learning.labelled_examples import is_labelled
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, ModelBuild
from ..records.findings import Finding, Severity
from ..records.model_rows import ARTEFACT, SKOPS, ModelRow
from ..records.models import ModelOptions
from ..sql import identifier, literal
from .candidate_view import CandidateView
from .model_names import ARTEFACT_HASH, ARTEFACT_SIZE, ENOUGH, RECORDED, SPLIT

_MB = 1024 * 1024


@dataclass(frozen=True)
class Part:
    """Labelled examples on one side of the split: how many, and of which times."""

    n_rows: int
    first: datetime | None
    last: datetime | None
    n_by_class: Mapping[str, int]


@dataclass(frozen=True)
class ModelView:
    """A model as its auditor sees it: the one row, and the examples at the version that was read."""

    view: CandidateView
    declaration: AssetDeclaration

    @property
    def build(self) -> ModelBuild:
        assert isinstance(self.declaration.build, ModelBuild)
        return self.declaration.build

    @property
    def options(self) -> ModelOptions:
        return self.build.options

    @property
    def contract(self) -> Contract:
        return self.declaration.contract

    @property
    def examples(self) -> str:
        return self.view.relations[self.options.examples]

    @cached_property
    def row(self) -> ModelRow:
        return read_model_row(self.view, self.view.next)

    @cached_property
    def artefact(self) -> bytes:
        return read_artefact(self.view, self.view.next)

    @cached_property
    def artefact_told(self) -> tuple[int, str]:
        """The artefact's size in bytes and its sha256, found where it lies: one of any size can be told so."""
        size = f"octet_length({ARTEFACT}), sha256({ARTEFACT})"
        row = self.view.connection.execute(f"SELECT {size} FROM {self.view.next}").fetchone()
        assert row is not None
        return int(row[0]), str(row[1])

    @property
    def is_too_large(self) -> bool:
        return self.artefact_told[0] > self.options.max_artefact_mb * _MB

    @cached_property
    def holdout_since(self) -> date:
        """The first day of the holdout."""
        holdout = self.options.holdout
        if holdout.since is not None:
            return holdout.since
        day = f"CAST({identifier(self.options.time)} AS DATE)"
        rows = self.view.connection.execute(
            f"SELECT min(day) FROM (SELECT DISTINCT {day} AS day FROM {self.examples} WHERE {is_labelled(self.options)}"
            f" ORDER BY day DESC LIMIT {holdout.days})"
        ).fetchone()
        assert rows is not None
        return rows[0] if rows[0] is not None else date.max

    @cached_property
    def trained_on(self) -> Part:
        return self._part("<")

    @cached_property
    def held_out(self) -> Part:
        return self._part(">=")

    def _part(self, side: str) -> Part:
        time, target = identifier(self.options.time), identifier(self.options.target)
        since = literal(self.holdout_since.isoformat())
        rows = self.view.connection.execute(
            f"SELECT {target}::VARCHAR, count(*), min({time}::TIMESTAMP), max({time}::TIMESTAMP) FROM {self.examples}"
            f" WHERE {is_labelled(self.options)} AND {time} {side} DATE {since} GROUP BY ALL"
        ).fetchall()
        firsts, lasts = [row[2] for row in rows], [row[3] for row in rows]
        return Part(
            sum(row[1] for row in rows), min(firsts, default=None), max(lasts, default=None), {r[0]: r[1] for r in rows}
        )

    def finding(
        self, check: str, failing: list[str], message: str, *, severity: Severity = Severity.ERROR, **more: Any
    ) -> Finding:
        """Returns a finding that fails for each text in `failing`, and else says `message`."""
        return Finding(
            asset=self.view.asset,
            check=check,
            passed=not failing,
            severity=severity,
            n_failing=len(failing),
            engine="python",
            message="; ".join(failing)[:2_000] or message,
            **{"measured": len(failing), "limit": 0, **more},
        )


def read_model_row(view: CandidateView, relation: str) -> ModelRow:
    """Returns what the one row of a model says, without artefact and without the trainer's numbers."""
    names = list(ModelRow.model_fields)
    listed = ", ".join(identifier(name) for name in names)
    rows = view.connection.execute(f"SELECT {listed} FROM {relation}").fetchall()
    if len(rows) != 1:
        raise ValueError(f"a model has one row, and this one has {len(rows)}")
    return ModelRow.model_validate(dict(zip(names, rows[0], strict=True)))


def read_artefact(view: CandidateView, relation: str) -> bytes:
    """Returns the bytes of a model's artefact."""
    row = view.connection.execute(f"SELECT {ARTEFACT} FROM {relation}").fetchone()
    assert row is not None
    return bytes(row[0])


def check_artefact_hash(seen: ModelView) -> Iterator[Finding]:
    """The artefact is the one that the row names."""
    _, found = seen.artefact_told
    wrong = [] if found == seen.row.artefact_sha256 else [f"the artefact's sha256 is not {seen.row.artefact_sha256}"]
    yield seen.finding(ARTEFACT_HASH, wrong, f"sha256 {found}", measured=found, limit=seen.row.artefact_sha256)


def check_recorded(seen: ModelView) -> Iterator[Finding]:
    """The row says what the declaration and the parents that were read say."""
    options, row = seen.options, seen.row
    read = {parent.asset: parent.data_version for parent in seen.view.manifest.parents}
    expected: dict[str, tuple[object, object]] = {
        "model": (row.model, options.name),
        "artefact_format": (row.artefact_format, SKOPS),
        "target": (row.target, options.target),
        "classes": (row.classes, options.classes),
        "features": (row.features, options.features.names),
        "seed": (row.seed, options.seed),
        "code_version": (row.code_version, seen.view.manifest.code_version),
        "data_versions": (row.data_versions, dict(read)),
    }
    wrong = [f"{name} is {_told(found)}, not {_told(due)}" for name, (found, due) in expected.items() if found != due]
    same = row.environment == environment_hash()
    message = "the row says what is declared" + (
        "" if same else "; it was trained in another environment than this one"
    )
    yield seen.finding(RECORDED, wrong, message)


def check_artefact_size(seen: ModelView) -> Iterator[Finding]:
    """The artefact is not larger than the component allows."""
    size, limit = seen.artefact_told[0] / _MB, seen.options.max_artefact_mb
    said = f"the artefact has {size:.1f} MB, more than {limit:g} MB (`max_artefact_mb`), and was not opened"
    wrong = [said] if seen.is_too_large else []
    yield seen.finding(ARTEFACT_SIZE, wrong, f"{size:.2f} MB", measured=round(size, 3), limit=limit)


def check_split(seen: ModelView) -> Iterator[Finding]:
    """What the row says of the examples trained on is what the split by time gives."""
    row, part = seen.row, seen.trained_on
    expected: dict[str, tuple[object, object]] = {
        "trained_from": (row.trained_from, part.first),
        "trained_until": (row.trained_until, part.last),
        "n_examples": (row.n_examples, part.n_rows),
    }
    wrong = [f"{name} is {_told(found)}, not {_told(due)}" for name, (found, due) in expected.items() if found != due]
    message = f"trained on {part.n_rows} examples until {part.last}, held out {seen.held_out.n_rows} since"
    until = str(row.trained_until)
    yield seen.finding(SPLIT, wrong, f"{message} {seen.holdout_since}", measured=until, limit=str(part.last))


def check_enough(seen: ModelView) -> Iterator[Finding]:
    """There is enough to train on and to measure on, and every class is among what was trained on."""
    options, trained, held = seen.options, seen.trained_on, seen.held_out
    wrong = []
    if trained.n_rows < options.min_examples:
        wrong.append(f"trained on {trained.n_rows} examples, fewer than {options.min_examples}")
    if held.n_rows < options.min_holdout:
        wrong.append(f"measured on {held.n_rows} examples, fewer than {options.min_holdout}")
    wrong += [
        f"no example of class {name!r} to train on" for name in options.classes if not trained.n_by_class.get(name)
    ]
    positive = sum(held.n_by_class.get(name, 0) for name in options.positive)
    if not 0 < positive < held.n_rows:
        wrong.append("the holdout has examples of one kind only: nothing can be told apart there")
    strange = sorted((trained.n_by_class.keys() | held.n_by_class.keys()) - set(options.classes))
    wrong += [f"label {name!r} is none of the classes" for name in strange]
    message = f"{trained.n_rows} trained on, {held.n_rows} measured on, {positive} of them positive"
    yield seen.finding(ENOUGH, wrong, message, measured=trained.n_rows, limit=options.min_examples)


def _told(value: object) -> str:
    text = json.dumps(value, default=str, sort_keys=True)
    return text if len(text) <= 200 else f"{text[:200]}…"
