"""Two states of one table that are compared, and which of their columns can be: pure text for SQL, reads nothing."""

from dataclasses import dataclass

from ..records.candidates import SchemaColumn
from ..records.diffs import SchemaChange
from ..sql import identifier


@dataclass(frozen=True)
class State:
    """`relation` is what can stand after FROM. `is_keyed` says that an audit proved the key unique and not null."""

    relation: str
    columns: tuple[SchemaColumn, ...]
    n_rows: int
    data_version: str
    is_keyed: bool = False


@dataclass(frozen=True)
class Change:
    """Relations that turn one state into the other; a row may be in both."""

    inserted: str
    deleted: str


@dataclass(frozen=True)
class Shared:
    """A column of both states, as each of them gives it for comparison."""

    name: str
    type: str
    before: str
    after: str
    is_retyped: bool = False


def nothing_like(state: State) -> State:
    """Returns the state before the first: no rows, the same columns."""
    listed = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in state.columns)
    return State(f"(SELECT {listed} LIMIT 0)", state.columns, 0, "", is_keyed=True)


def schema_changes(before: State, after: State) -> tuple[SchemaChange, ...]:
    """Returns the columns that were added, dropped or retyped, in the order in which they stand."""
    was = {column.name: column.type for column in before.columns}
    now = {column.name: column.type for column in after.columns}
    return tuple(
        SchemaChange(column=name, before=was.get(name), after=now.get(name))
        for name in {**now, **was}
        if was.get(name) != now.get(name)
    )


def shared_columns(before: State, after: State) -> tuple[Shared, ...]:
    """Returns the columns of one name. Of two types, values are compared as text, old ones after a cast that loses
    nothing: 1 and 1.0 are then the same, 1.5 and 2 are not.
    """
    was = {column.name: column.type for column in before.columns}
    return tuple(_shared(column, was[column.name]) for column in after.columns if column.name in was)


def _shared(column: SchemaColumn, was: str) -> Shared:
    name = identifier(column.name)
    if was == column.type:
        return Shared(column.name, column.type, name, name)
    cast = f"TRY_CAST({name} AS {column.type})"
    kept = f"TRY_CAST({cast} AS {was}) IS NOT DISTINCT FROM {name}"
    before = f"CASE WHEN {kept} THEN CAST({cast} AS VARCHAR) ELSE CAST({name} AS VARCHAR) END"
    return Shared(column.name, column.type, before, f"CAST({name} AS VARCHAR)", is_retyped=True)
