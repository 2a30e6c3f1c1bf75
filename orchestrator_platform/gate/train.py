"""Trains a model in a process of its own, and puts its one row into the workbench."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from filelock import FileLock, Timeout

from ..errors import ProcessFailed, TrainingFailed
from ..learning.environment import environment_hash
from ..learning.fresh_process import ProcessLimits, run_fresh
from ..learning.labelled_examples import labelled_examples, write_examples
from ..learning.training_process import ARTEFACT, EXAMPLES, MODULE
from ..records.base import canonical_json, sha256_of
from ..records.candidates import ParentRead
from ..records.declarations import AssetDeclaration, ModelBuild
from ..records.model_rows import MODEL_COLUMNS, SKOPS, TrainingCounts
from ..records.models import ModelOptions
from ..sql import identifier

_ROW = "_model_row"
# The budget bounds the search; the last fit and what an estimator prepares come on top.
_BESIDE_THE_SEARCH_SECONDS = 1_800


@dataclass(frozen=True)
class TrainingStage:
    """What the training of one model works with.

    `examples` is text that can stand after FROM, `parents` are the versions that it shows; `served` is such a text with
    the row of the model that serves, where one does. `studies` keeps trials that were done, so that a search which was
    killed goes on; with `anew` it begins again.
    """

    connection: duckdb.DuckDBPyConnection
    declaration: AssetDeclaration
    examples: str
    parents: Sequence[ParentRead]
    scratch: Path
    studies: Path
    anew: bool
    served: str | None
    say: Callable[[str], None]

    @property
    def build(self) -> ModelBuild:
        assert isinstance(self.declaration.build, ModelBuild)
        return self.declaration.build

    @property
    def options(self) -> ModelOptions:
        return self.build.options

    @property
    def data_versions(self) -> dict[str, str]:
        return {parent.asset: parent.data_version for parent in self.parents}


@dataclass(frozen=True)
class TrainedModel:
    """`relation` holds the model's one row as long as the connection is open."""

    relation: str
    counts: TrainingCounts


def train_model(stage: TrainingStage) -> TrainedModel:
    """Returns the trained model.

    Raises:
        TrainingFailed: The estimator broke, took too much memory or time, or there is nothing to train on.
    """
    stage.scratch.mkdir(parents=True, exist_ok=True)
    query = labelled_examples(stage.options, stage.examples)
    n_examples = write_examples(stage.connection, query, stage.scratch / EXAMPLES)
    if not n_examples:
        raise TrainingFailed(asset=stage.declaration.key, problem=f"no row of {stage.options.examples} has a label")
    stage.say(f"training {stage.declaration.key}: {n_examples} labelled examples, with those held out")
    with _alone(stage):
        answer = _run(stage)
    artefact = (stage.scratch / ARTEFACT).read_bytes()
    _insert(stage, artefact, answer)
    counts = TrainingCounts(
        n_examples=answer["n_examples"],
        n_trials=len(answer["search"]),
        seconds=answer["seconds"],
        cpu_seconds=answer["cpu_seconds"],
        peak_mb=answer["peak_mb"],
    )
    return TrainedModel(_ROW, counts)


@contextmanager
def _alone(stage: TrainingStage) -> Iterator[None]:
    """Lets one training of a model search at a time: two would write their trials into one study."""
    file = stage.studies / f"{stage.declaration.key}.lock"
    file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(file, timeout=_longest(stage))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        stage.say(f"another process trains {stage.declaration.key}: this one waits for it")
        try:
            lock.acquire()
        except Timeout as error:
            problem = f"another process has been training it for {_longest(stage):g} s"
            raise TrainingFailed(asset=stage.declaration.key, problem=problem) from error
    try:
        yield
    finally:
        lock.release()


def _longest(stage: TrainingStage) -> float:
    return stage.options.budget.minutes * 60 + _BESIDE_THE_SEARCH_SECONDS


def _run(stage: TrainingStage) -> dict[str, Any]:
    build = stage.build
    task = {
        "options": stage.options.model_dump(mode="json"),
        "file": str(build.file),
        "estimator": build.estimator,
        "study": str(_study(stage)),
    }
    limits = ProcessLimits(timeout_seconds=_longest(stage))
    try:
        return run_fresh(MODULE, stage.scratch, task, limits, stage.say)
    except ProcessFailed as error:
        raise TrainingFailed(asset=stage.declaration.key, problem=error.problem) from error


def _study(stage: TrainingStage) -> Path:
    """One file per model and inputs; those of other inputs are of no use any more."""
    key = stage.declaration.key
    made_from = [stage.declaration.code_version, stage.data_versions, environment_hash()]
    file = stage.studies / f"{key}-{sha256_of(made_from)[:16]}.journal"
    stage.studies.mkdir(parents=True, exist_ok=True)
    for other in stage.studies.glob(f"{key}-*"):
        if stage.anew or not other.name.startswith(file.name):
            other.unlink()
    return file


def _insert(stage: TrainingStage, artefact: bytes, answer: Mapping[str, Any]) -> None:
    options = stage.options
    sha256 = hashlib.sha256(artefact).hexdigest()
    values = {
        "model": options.name,
        "artefact": artefact,
        "artefact_sha256": sha256,
        "artefact_format": SKOPS,
        "target": options.target,
        "classes": list(options.classes),
        "features": list(options.features.names),
        "trained_from": answer["trained_from"],
        "trained_until": answer["trained_until"],
        "n_examples": answer["n_examples"],
        "seed": options.seed,
        **{name: canonical_json(answer[name]) for name in ("parameters", "thresholds", "metrics")},
        "search": _search_behind(stage, sha256) or canonical_json(answer["search"]),
        "code_version": stage.declaration.code_version,
        "environment": environment_hash(),
        "data_versions": json.dumps(stage.data_versions, sort_keys=True),
    }
    listed = ", ".join(f"CAST(? AS {type_}) AS {identifier(name)}" for name, type_, _ in MODEL_COLUMNS)
    stage.connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_ROW} AS SELECT {listed}", [values[name] for name, _, _ in MODEL_COLUMNS]
    )


def _search_behind(stage: TrainingStage, sha256: str) -> str | None:
    """The search of the model that serves, where this is the same: to search longer is no other model."""
    if stage.served is None:
        return None
    query = f"SELECT search FROM {stage.served} WHERE artefact_sha256 = ?"
    row = stage.connection.execute(query, [sha256]).fetchone()
    return str(row[0]) if row is not None else None
