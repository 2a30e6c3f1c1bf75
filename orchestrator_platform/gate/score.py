"""Scores rows by a published model: what stands is reused in SQL, the rest is answered for in a fresh process."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ..errors import ProcessFailed, ScoringFailed
from ..learning import scoring_process as scoring
from ..learning.fresh_process import ProcessLimits, run_fresh
from ..learning.labelled_examples import write_examples
from ..learning.scored_rows import inputs_hash, rows_to_score
from ..records.declarations import AssetDeclaration, ScoresBuild
from ..records.keys import Version
from ..records.model_rows import ARTEFACT, ModelRow
from ..records.scores import INPUTS_HASH, MODEL_SHA256, MODEL_VERSION, ScoresOptions, ScoringCounts
from ..sql import identifier, literal

_LIMITS = ProcessLimits(timeout_seconds=1_800)
# Past this share of rows scored anew one fresh file is smaller and quicker to read than a delta.
_WHOLE_ABOVE = 0.5
_INPUTS, _REUSED, _WANTED, _SCORED, _GONE = "_inputs", "_reused_scores", "_to_score", "_scored", "_gone_scores"


@dataclass(frozen=True)
class ScoringStage:
    """What the scoring of one asset works with.

    `examples`, `model` and `base` are texts that can stand after FROM: the examples, the table of the model that is
    published as `version` (both `None` where none is), and the served scores, where their code is the one in force.
    """

    connection: duckdb.DuckDBPyConnection
    declaration: AssetDeclaration
    examples: str
    model: str | None
    version: Version | None
    base: str | None
    scratch: Path
    say: Callable[[str], None]
    clock: Callable[[], float] = time.monotonic

    @property
    def build(self) -> ScoresBuild:
        assert isinstance(self.declaration.build, ScoresBuild)
        return self.declaration.build

    @property
    def options(self) -> ScoresOptions:
        return self.build.options


@dataclass(frozen=True)
class BuiltScores:
    """`relation` is the whole next version; if only some of it is new, `part` is that and `gone` the keys that go."""

    relation: str
    counts: ScoringCounts
    key: tuple[str, ...] = ()
    part: str | None = None
    gone: str | None = None


def build_scores(stage: ScoringStage) -> BuiltScores:
    """Returns what was scored; its relations live as long as the connection. Without a model there is no row.

    Raises:
        ScoringFailed: The artefact is not what the row says, has other classes than declared, or broke.
    """
    began = stage.clock()
    if stage.model is None:
        return BuiltScores(f"(SELECT {_nothing(stage)} LIMIT 0)", ScoringCounts(removed=_count(stage, stage.base)))
    row, artefact = read_model(stage.connection, stage.model)
    _require_declared(stage, row, artefact)
    _find_wanted(stage, row)
    if _count(stage, _WANTED):
        _run(stage, row, artefact)
    _gather(stage, row)
    return _result(stage, began)


def read_model(connection: duckdb.DuckDBPyConnection, relation: str) -> tuple[ModelRow, bytes]:
    """Returns what a model says of itself, and its artefact."""
    names = [*ModelRow.model_fields, ARTEFACT]
    values = connection.execute(f"SELECT {', '.join(map(identifier, names))} FROM {relation}").fetchone()
    assert values is not None
    said: dict[str, Any] = dict(zip(names, values, strict=True))
    artefact = bytes(said.pop(ARTEFACT))
    return ModelRow.model_validate(said), artefact


def _require_declared(stage: ScoringStage, row: ModelRow, artefact: bytes) -> None:
    problem = ""
    if hashlib.sha256(artefact).hexdigest() != row.artefact_sha256:
        problem = "its artefact is not the one that its row names"
    elif row.classes != stage.build.model.classes:
        told, due = ", ".join(row.classes), ", ".join(stage.build.model.classes)
        problem = f"it tells apart {told}, and is declared for {due}; train it anew"
    if problem:
        raise ScoringFailed(
            asset=stage.declaration.key, model=stage.options.model, version=stage.version or 0, problem=problem
        )


def _find_wanted(stage: ScoringStage, row: ModelRow) -> None:
    """Tells rows whose scores stand from those to be scored, by what the model is given and by the model."""
    run, keys = stage.connection.execute, _listed(stage.options.key)
    rows = rows_to_score(stage.options, stage.examples)
    run(f"CREATE TEMP TABLE {_INPUTS} AS SELECT {keys}, {inputs_hash(row.features)} FROM {rows}")
    if stage.base is None:
        run(f"CREATE TEMP TABLE {_REUSED} AS SELECT {keys} FROM {_INPUTS} LIMIT 0")
    else:
        run(
            f"CREATE TEMP TABLE {_REUSED} AS SELECT {keys} FROM {_INPUTS} SEMI JOIN (FROM {stage.base}"
            f" WHERE {MODEL_SHA256} = {literal(row.artefact_sha256)} AND {MODEL_VERSION} = {stage.version})"
            f" USING ({keys}, {INPUTS_HASH})"
        )
    run(
        f"CREATE TEMP TABLE {_WANTED} AS SELECT row_number() OVER (ORDER BY {keys}) AS {scoring.ROW}, *"
        f" FROM {_INPUTS} ANTI JOIN {_REUSED} USING ({keys})"
    )


def _run(stage: ScoringStage, row: ModelRow, artefact: bytes) -> None:
    stage.scratch.mkdir(parents=True, exist_ok=True)
    keys, features = _listed(stage.options.key), _listed(row.features)
    query = (
        f"SELECT w.{scoring.ROW}, {features} FROM {stage.examples} JOIN {_WANTED} AS w USING ({keys})"
        f" ORDER BY w.{scoring.ROW}"
    )
    n_rows = write_examples(stage.connection, query, stage.scratch / scoring.ROWS)
    (stage.scratch / scoring.ARTEFACT).write_bytes(artefact)
    stage.say(f"scoring {n_rows:,} rows for {stage.declaration.key} by {stage.options.model} version {stage.version}")
    model = stage.build.model
    task = scoring.scoring_task(row.features, row.classes, model.positive, row.thresholds, model.allowed_types)
    try:
        run_fresh(scoring.MODULE, stage.scratch, task, _LIMITS, stage.say)
    except ProcessFailed as error:
        raise ScoringFailed(
            asset=stage.declaration.key,
            model=stage.options.model,
            version=stage.version or 0,
            problem=error.problem,
        ) from error


def _gather(stage: ScoringStage, row: ModelRow) -> None:
    """Puts the answers beside their keys, with what they were given and by whom they are."""
    if not _count(stage, _WANTED):
        stage.connection.execute(f"CREATE TEMP TABLE {_SCORED} AS SELECT {_nothing(stage)} LIMIT 0")
        return
    answers = f"read_parquet({literal(str(stage.scratch / scoring.SCORES))})"
    by_whom = f"{stage.version}::INTEGER AS {MODEL_VERSION}, {literal(row.artefact_sha256)} AS {MODEL_SHA256}"
    stage.connection.execute(
        f"CREATE TEMP TABLE {_SCORED} AS SELECT {_typed(stage)} FROM (SELECT *, {by_whom} FROM {_WANTED}"
        f" JOIN {answers} USING ({scoring.ROW})) ORDER BY {_listed(stage.options.key)}"
    )


def _typed(stage: ScoringStage) -> str:
    columns = stage.declaration.contract.columns
    return ", ".join(f"{identifier(c.name)}::{c.type} AS {identifier(c.name)}" for c in columns)


def _nothing(stage: ScoringStage) -> str:
    return ", ".join(f"NULL::{c.type} AS {identifier(c.name)}" for c in stage.declaration.contract.columns)


def _result(stage: ScoringStage, began: float) -> BuiltScores:
    keys = _listed(stage.options.key)
    names = _listed([column.name for column in stage.declaration.contract.columns])
    relation, n_removed = _SCORED, 0
    if stage.base is not None:
        stage.connection.execute(
            f"CREATE TEMP TABLE {_GONE} AS SELECT {keys} FROM {stage.base} ANTI JOIN {_REUSED} USING ({keys})"
        )
        n_removed = _count(stage, f"(FROM {_GONE} ANTI JOIN {_INPUTS} USING ({keys}))")
        kept = f"SELECT {names} FROM {stage.base} SEMI JOIN {_REUSED} USING ({keys})"
        relation = f"({kept} UNION ALL SELECT {names} FROM {_SCORED})"
    n_scored, n_reused = _count(stage, _SCORED), _count(stage, _REUSED)
    counts = ScoringCounts(
        scored=n_scored,
        reused=n_reused,
        removed=n_removed,
        model_version=stage.version or 0,
        seconds=round(stage.clock() - began, 2),
    )
    if stage.base is None or n_scored > _WHOLE_ABOVE * (n_scored + n_reused):
        return BuiltScores(relation, counts)
    return BuiltScores(relation, counts, stage.options.key, part=_SCORED, gone=_GONE)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(identifier(name) for name in names)


def _count(stage: ScoringStage, relation: str | None) -> int:
    if relation is None:
        return 0
    row = stage.connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row is not None
    return int(row[0])
