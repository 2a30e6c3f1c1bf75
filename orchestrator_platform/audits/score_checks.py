"""What scores are audited for in SQL: probabilities, one row for each that is due, by the published model.

Everything is derived from the candidate, the examples and the model's table as they were read.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from ..lake.history import read_receipt, read_versions_of
from ..learning.scored_rows import inputs_hash, rows_to_score
from ..records.candidates import ParentRead
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, ScoresBuild
from ..records.findings import SAMPLE_LIMIT, Finding, Severity
from ..records.keys import Version
from ..records.model_rows import ModelRow
from ..records.scores import (
    CONFIDENCE,
    INPUTS_HASH,
    MODEL_SHA256,
    MODEL_VERSION,
    PREDICTED,
    ScoresOptions,
    probability_column,
)
from ..sql import identifier, literal
from .candidate_view import CandidateView
from .masking import mask_rows
from .model_checks import read_model_row
from .score_names import BY_THE_MODEL, COVERAGE, PROBABILITIES

# Doubles that are added up in another order differ by less.
_SUMS_WITHIN = 1e-6


@dataclass(frozen=True)
class ScoresView:
    """Scores as their auditor sees them, with the rows that were due and the model that was published."""

    view: CandidateView
    declaration: AssetDeclaration
    examples_contract: Contract | None

    @property
    def build(self) -> ScoresBuild:
        assert isinstance(self.declaration.build, ScoresBuild)
        return self.declaration.build

    @property
    def options(self) -> ScoresOptions:
        return self.build.options

    @property
    def examples(self) -> str:
        return self.view.relations[self.options.examples]

    @property
    def keys(self) -> str:
        return ", ".join(identifier(name) for name in self.options.key)

    @property
    def probabilities(self) -> tuple[str, ...]:
        """The columns of the classes' probabilities, quoted."""
        return tuple(identifier(probability_column(name)) for name in self.build.model.classes)

    @cached_property
    def read(self) -> ParentRead | None:
        """The model as it was read; `None` where none was published."""
        parents = self.view.manifest.parents
        return next((parent for parent in parents if parent.asset == self.options.model), None)

    @property
    def model_relation(self) -> str:
        return self.view.relations[self.options.model]

    @cached_property
    def model(self) -> ModelRow | None:
        return read_model_row(self.view, self.model_relation) if self.read is not None else None

    @cached_property
    def model_version(self) -> Version | None:
        """The version that was judged as what answers; what is published together with its scores has the next."""
        if self.read is None:
            return None
        connection, version = self.view.connection, self.read.version
        if version is None and self.read.candidate is not None:
            version = read_versions_of(connection, [self.read.candidate]).get(self.read.candidate)
        receipt = read_receipt(connection, self.options.model, version)
        if version is None:
            return Version(receipt.version + 1 if receipt is not None else 1)
        return receipt.restores if receipt is not None and receipt.restores is not None else version

    @cached_property
    def due(self) -> str:
        """Keys of the rows that are due, with the hash of what the model is given of each."""
        features = self.model.features if self.model is not None else ()
        hashed = inputs_hash(features) if features else f"NULL::VARCHAR AS {INPUTS_HASH}"
        limit = "" if self.model is not None else " LIMIT 0"
        self.view.connection.execute(
            f"CREATE OR REPLACE TEMP TABLE _due AS SELECT {self.keys}, {hashed}"
            f" FROM {rows_to_score(self.options, self.examples)}{limit}"
        )
        return "_due"

    def failing(self, relation: str) -> tuple[int, tuple[dict[str, Any], ...]]:
        """Returns how many rows a relation has, and some of their keys."""
        connection = self.view.connection
        row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
        assert row is not None
        cursor = connection.execute(f"SELECT {self.keys} FROM {relation} ORDER BY {self.keys} LIMIT {SAMPLE_LIMIT}")
        rows = [dict(zip(self.options.key, found, strict=True)) for found in cursor.fetchall()]
        contracts = (self.declaration.contract, *([self.examples_contract] if self.examples_contract else []))
        return int(row[0]), mask_rows(rows, *contracts)

    def finding(self, check: str, n_failing: int, message: str, **more: Any) -> Finding:
        """Returns a finding that fails where a row does."""
        said = {"measured": n_failing, "limit": 0, "severity": Severity.ERROR, **more}
        return Finding(
            asset=self.view.asset, check=check, passed=n_failing == 0, n_failing=n_failing, message=message, **said
        )


def check_probabilities(seen: ScoresView) -> Iterator[Finding]:
    """Every probability is one, those of a row sum to one, and what is called is a class with its own probability."""
    columns, named = seen.probabilities, tuple(literal(name) for name in seen.build.model.classes)
    within = " AND ".join(f"{column} BETWEEN 0 AND 1" for column in columns)
    of_called = " ".join(
        f"WHEN {name} THEN {column}" for name, column in zip(named, columns, strict=True)
    )  # a called class that is none gives NULL, which is not the confidence
    wrong = {
        "out of range": f"NOT coalesce({within}, false)",
        "not summing to one": f"NOT coalesce(abs({' + '.join(columns)} - 1) <= {_SUMS_WITHIN}, false)",
        "called otherwise than by their probability": f"CASE {PREDICTED} {of_called} END IS DISTINCT FROM {CONFIDENCE}",
    }
    told = []
    for said, condition in wrong.items():
        n_rows, _ = seen.failing(f"{seen.view.next} WHERE {condition}")
        told += [f"{n_rows} rows {said}"] if n_rows else []
    any_wrong = " OR ".join(f"({condition})" for condition in wrong.values())
    n_failing, sample = seen.failing(f"{seen.view.next} WHERE {any_wrong}")
    message = "; ".join(told) or "every row holds probabilities that sum to one"
    yield seen.finding(PROBABILITIES, n_failing, message, sample=sample)


def check_coverage(seen: ScoresView) -> Iterator[Finding]:
    """Every row that is due has scores exactly once, and no other has any."""
    following, keys = seen.view.next, seen.keys
    parts = {
        "missing": f"(SELECT {keys} FROM {seen.due} ANTI JOIN {following} USING ({keys}))",
        "not due": f"(SELECT {keys} FROM {following} ANTI JOIN {seen.due} USING ({keys}))",
        "there more than once": f"(SELECT {keys} FROM {following} GROUP BY ALL HAVING count(*) > 1)",
    }
    told: list[str] = []
    n_failing = 0
    sample: tuple[dict[str, Any], ...] = ()
    for said, relation in parts.items():
        n_rows, some = seen.failing(relation)
        told += [f"{n_rows} rows {said}"] if n_rows else []
        n_failing, sample = n_failing + n_rows, (*sample, *some)
    without = "" if seen.model is not None else f"; {seen.options.model} is not published, so no row is due"
    message = ("; ".join(told) or "every row that is due has scores, and no other") + without
    yield seen.finding(COVERAGE, n_failing, message, sample=sample[:SAMPLE_LIMIT])


def check_by_the_model(seen: ScoresView) -> Iterator[Finding]:
    """Every row is by the published model, and for what that is given of the row now."""
    following, keys = seen.view.next, seen.keys
    if seen.model is None:
        n_rows, sample = seen.failing(following)
        message = (
            f"{n_rows} rows by a model that is not published" if n_rows else "no model is published, and no row is"
        )
        yield seen.finding(BY_THE_MODEL, n_rows, message, sample=sample)
        return
    sha256 = seen.model.artefact_sha256
    other = f"({MODEL_SHA256} <> {literal(sha256)} OR {MODEL_VERSION} <> {seen.model_version})"
    n_other, sample = seen.failing(f"{following} WHERE {other}")
    stale = (
        f"(SELECT {keys} FROM {following} AS n JOIN {seen.due} AS d USING ({keys})"
        f" WHERE n.{INPUTS_HASH} <> d.{INPUTS_HASH})"
    )
    n_stale, more = seen.failing(stale)
    told = [f"{n_other} rows are not by version {seen.model_version}"] if n_other else []
    told += [f"{n_stale} rows were scored for other values than they have"] if n_stale else []
    message = "; ".join(told) or f"every row is by version {seen.model_version}, sha256 {sha256[:12]}"
    yield seen.finding(BY_THE_MODEL, n_other + n_stale, message, sample=(*sample, *more)[:SAMPLE_LIMIT])
