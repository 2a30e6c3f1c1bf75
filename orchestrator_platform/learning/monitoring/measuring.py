"""Hands a published model and its examples to the process that watches it, and takes the measures back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ...records.models import ModelOptions
from ...records.monitors import MonitorOptions
from ...sql import identifier, literal
from ..fresh_process import ProcessLimits, run_fresh

# Said here and not there: what the process imports would come into every command.
MODULE = "orchestrator_platform.learning.monitoring.watching_process"
EXAMPLES, ARTEFACT = "examples.parquet", "artefact.skops"
_LIMITS = ProcessLimits(timeout_seconds=1_800)


@dataclass(frozen=True)
class Watching:
    """What is watched: the model's one row and its examples, each as text that can stand after FROM; `row` is empty
    where no model is published. `scratch` is a folder that does not exist yet.
    """

    connection: duckdb.DuckDBPyConnection
    options: MonitorOptions
    model: ModelOptions
    row: str
    examples: str
    scratch: Path
    say: Callable[[str], None]


def measure_model(watching: Watching) -> list[dict[str, Any]]:
    """Returns the measures, each with the sha256 of the artefact that it is of; nothing where no model serves.

    Raises:
        ProcessFailed: The process broke, or the artefact is not to be trusted.
    """
    found = _model_row(watching)
    if found is None:
        return []
    artefact, sha256, trained_from, trained_until = found
    folder = watching.scratch
    folder.mkdir(parents=True)
    (folder / ARTEFACT).write_bytes(artefact)
    watching.connection.execute(f"COPY ({_examples(watching)}) TO {literal(str(folder / EXAMPLES))} (FORMAT parquet)")
    task = {
        "model": watching.model.model_dump(mode="json"),
        "options": watching.options.model_dump(mode="json"),
        "trained_from": trained_from.isoformat(),
        "trained_until": trained_until.isoformat(),
    }
    answer = run_fresh(MODULE, folder, task, _LIMITS, watching.say)
    return [{**row, "model_sha256": str(sha256)} for row in answer["rows"]]


def _model_row(watching: Watching) -> tuple[Any, ...] | None:
    if not watching.row:
        return None
    listed = "artefact, artefact_sha256, trained_from, trained_until"
    row: tuple[Any, ...] | None = watching.connection.execute(f"SELECT {listed} FROM {watching.row}").fetchone()
    return row


def _examples(watching: Watching) -> str:
    """All examples, labelled or not, in one order."""
    model = watching.model
    columns = [
        f"CAST({identifier(model.time)} AS TIMESTAMP) AS {identifier(model.time)}",
        f"CAST({identifier(model.target)} AS VARCHAR) AS {identifier(model.target)}",
        *(identifier(name) for name in model.features.names),
    ]
    order = ", ".join(identifier(name) for name in (model.time, *model.key))
    known = f"{identifier(model.time)} IS NOT NULL"
    return f"SELECT {', '.join(columns)} FROM {watching.examples} WHERE {known} ORDER BY {order}"
