"""Watches a published model, and puts what was measured into the workbench."""

from ..learning.monitoring.measuring import Watching, measure_model
from ..records.monitors import MONITOR_COLUMNS
from ..sql import identifier

_ROWS = "_monitored"


def watch_model(watching: Watching) -> str:
    """Returns the relation that holds every measure; without a published model it has no rows.

    Raises:
        ProcessFailed: The process broke, or the artefact is not to be trusted.
    """
    rows = measure_model(watching)
    names = [name for name, _, _ in MONITOR_COLUMNS]
    columns = ", ".join(f"{identifier(name)} {type_}" for name, type_, _ in MONITOR_COLUMNS)
    watching.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_ROWS} ({columns})")
    if rows:
        marks = ", ".join("?" for _ in names)
        values = [[row[name] for name in names] for row in rows]
        watching.connection.executemany(f"INSERT INTO {_ROWS} VALUES ({marks})", values)
    return _ROWS
