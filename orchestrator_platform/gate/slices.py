"""Finds out which slices of a partitioned table have to be built: each is compared by what it is made from alone.

A slice is made from its own rows of the parents that the table reads by slices, and from the whole of all others.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import duckdb

from ..errors import Misuse
from ..lake.content import Content, measure_slices, no_content
from ..lake.history import read_receipt, read_retractions
from ..lake.served_slices import SliceHistory, read_slice_history
from ..records.base import sha256_of
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..records.receipts import Head, Receipt
from ..records.slices import Partition, Slice
from ..sql import identifier, literal, read_columns
from .fingerprint import slice_fingerprint, table_fingerprint
from .memory import load_unchanged_slices
from .plan import KnownInputs, Need, PlannedSlice, PlannedSlices


@dataclass(frozen=True)
class SlicesOfParents:
    """The contents of the parents' slices, those of `until` added up, and which slices the parents have rows of."""

    versions: Mapping[AssetKey, Callable[[str], str]]
    named: frozenset[str]


def plan_slices(
    connection: duckdb.DuckDBPyConnection,
    declaration: AssetDeclaration,
    relations: Mapping[AssetKey, str],
    heads: Mapping[AssetKey, Head],
    known: KnownInputs,
    *,
    cache: Path,
    today: date,
    anew: bool = False,
) -> PlannedSlices:
    """Returns what each slice needs. The parents are looked through only where one of them, or the code, changed.

    Args:
        anew: Look through them all the same.
    """
    partition = declaration.partition
    assert partition is not None
    head = heads.get(declaration.key)
    if not anew and known.is_current(declaration.key, inputs_of_all(declaration, heads, today), head):
        return PlannedSlices()
    history = read_slice_history(connection, declaration.key)
    try:
        parents = measure_parents(connection, declaration, relations)
    except Misuse as error:
        # A row of data may be to blame, which must not keep anything else from being built.
        return PlannedSlices(problem=str(error))
    receipt = read_receipt(connection, declaration.key) if head is not None else None
    unchanged = load_unchanged_slices(cache, declaration.key)
    known = replace(known, retracted=known.retracted | _taken_back(connection, declaration.key, history))
    planned = []
    for name in partition.names(today):
        if partition.reads and name not in parents.named and name not in history.served:
            continue
        inputs = _inputs(declaration, heads, parents, name)
        made = Slice(
            name=name,
            inputs=inputs,
            fingerprint=slice_fingerprint(declaration, name, inputs),
            data_version="",
            n_rows=0,
        )
        served = history.served.get(name)
        if head is not None and not head.withdrawn and _gives_what_serves(made, served, unchanged):
            shown = {"data_version": served.data_version, "n_rows": served.n_rows} if served else {}
            planned.append(PlannedSlice(made.model_copy(update=shown), Need.CURRENT))
        else:
            needed = _needed(declaration.key, made, heads, known)
            planned.append(replace(needed, served=served.fingerprint if served else ""))
    return PlannedSlices(tuple(planned), _together(declaration, receipt, history))


def inputs_of_all(declaration: AssetDeclaration, heads: Mapping[AssetKey, Head], today: date) -> str:
    """Returns the fingerprint of all that the table's slices are made from; the same as before: nothing to look at."""
    partition = declaration.partition
    assert partition is not None
    read = {parent: heads[parent].data_version for parent in declaration.parents if parent in heads}
    # A table that reads no parent by slices has a slice for each day: tomorrow is another.
    besides = "" if partition.reads else partition.names(today)[-1]
    return table_fingerprint(declaration, read, besides)


def measure_parents(
    connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, relations: Mapping[AssetKey, str]
) -> SlicesOfParents:
    """Returns the contents of those parents that the table reads by slices.

    Raises:
        Misuse: An expression does not fit the parent.
    """
    partition = declaration.partition
    assert partition is not None
    versions: dict[AssetKey, Callable[[str], str]] = {}
    named: set[str] = set()
    for parent, how in partition.reads.items():
        columns = read_columns(connection, relations[parent])
        try:
            found = measure_slices(connection, relations[parent], columns, partition.name_sql(how.by))
        except duckdb.Error as error:
            raise Misuse(
                f"`partition.reads` of {declaration.key} says `{how.by}` of {parent}, which cannot be computed of every"
                f" row: {_said(error)}. Nothing of it was built; what serves still serves. Mend the expression"
                " (`try_cast(… as date)` leaves out rows that are no date), or the rows."
            ) from error
        named |= found.keys()
        versions[parent] = _until(found, no_content(columns)) if how.until else _of(found)
    return SlicesOfParents(versions, frozenset(named))


def _said(error: duckdb.Error) -> str:
    """What DuckDB says of a value quotes it, and it may be personal data."""
    first = str(error).strip().splitlines()[0]
    return type(error).__name__ if isinstance(error, duckdb.DataError) else first


def rows_of_slices(
    partition: Partition, relations: Mapping[AssetKey, str], names: tuple[str, ...]
) -> dict[AssetKey, str]:
    """Returns the relations with only those rows that these slices are made from, for a build to see nothing else."""
    shown = dict(relations)
    listed = ", ".join(map(literal, names))
    for parent, how in partition.reads.items():
        if parent in shown:
            name = partition.name_sql(how.by)
            which = f"{name} <= {literal(max(names))}" if how.until else f"{name} IN ({listed})"
            shown[parent] = f"(SELECT * FROM {relations[parent]} WHERE {which})"
    return shown


def only_slices(partition: Partition, relation: str, names: tuple[str, ...]) -> str:
    """Returns a built relation without the rows of other slices; a row that is of none stays, for its audit to see."""
    name = partition.name_sql(identifier(partition.by))
    listed = ", ".join(map(literal, names))
    return f"(SELECT * FROM {relation} WHERE {name} IN ({listed}) OR {name} IS NULL)"


def _of(found: Mapping[str, Content]) -> Callable[[str], str]:
    return lambda name: str(found.get(name, ""))


def _until(found: Mapping[str, Content], nothing: Content) -> Callable[[str], str]:
    ordered = sorted(found)
    sums: list[Content] = []
    for name in ordered:
        sums.append((sums[-1] if sums else nothing).plus(found[name]))

    def version(name: str) -> str:
        place = sum(1 for other in ordered if other <= name)
        return str(sums[place - 1]) if place else ""

    return version


def _inputs(declaration: AssetDeclaration, heads: Mapping[AssetKey, Head], parents: SlicesOfParents, name: str) -> str:
    whole = {
        parent: heads[parent].data_version
        for parent in declaration.parents
        if parent not in parents.versions and parent in heads and not heads[parent].withdrawn
    }
    return sha256_of(whole | {parent: version(name) for parent, version in parents.versions.items()})


def _gives_what_serves(made: Slice, served: Slice | None, unchanged: Mapping[str, tuple[str, str]]) -> bool:
    now = served.fingerprint if served else ""
    return made.fingerprint == now or unchanged.get(made.name) == (made.fingerprint, now)


def _needed(asset: AssetKey, made: Slice, heads: Mapping[AssetKey, Head], known: KnownInputs) -> PlannedSlice:
    held = known.held_back(asset, made.fingerprint, heads)
    return PlannedSlice(made, held.need, why=held.why, look=held.look) if held else PlannedSlice(made, Need.STALE)


def _taken_back(
    connection: duckdb.DuckDBPyConnection, asset: AssetKey, history: SliceHistory
) -> frozenset[tuple[AssetKey, str]]:
    versions = [item.version for item in read_retractions(connection) if item.asset == asset and item.is_direct]
    return frozenset((asset, item.fingerprint) for version in versions for item in history.made.get(version, ()))


def _together(declaration: AssetDeclaration, receipt: Receipt | None, history: SliceHistory) -> bool:
    if receipt is None or receipt.withdrawn:
        return False
    promised = {column.name for column in declaration.contract.columns}
    served = {column.name for column in receipt.columns}
    others = promised != served if declaration.contract.closed else bool(promised - served)
    return others or not history.served
