"""What a project wants people to be told of a table's versions: numbers that SQL gives of the whole table."""

from collections.abc import Mapping
from contextlib import closing

import duckdb

from ..gate.context import Gate
from ..lake.history import read_snapshot_of
from ..lake.readers import connect_reader
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from ..sql import identifier

Measured = Mapping[str, int | float | str | None]


def read_measures(gate: Gate, receipt: Receipt) -> Measured:
    """Returns the measures of a version; none of one that is withdrawn, or that the lake does not keep any more."""
    declaration = gate.assets.get(receipt.asset)
    if declaration is None or not declaration.measures or receipt.withdrawn:
        return {}
    cut = gate.cut_for_readers()
    with closing(cut.connect()) as connection:
        snapshot = read_snapshot_of(connection, receipt)
    if snapshot is None:
        return {}
    with closing(connect_reader(gate.layout, snapshot)) as connection:
        return measure(connection, f"lake.{receipt.asset.quoted}", declaration.measures, receipt.asset)


def measure(
    connection: duckdb.DuckDBPyConnection, relation: str, measures: tuple[tuple[str, str], ...], asset: AssetKey
) -> Measured:
    """Returns each measure of a relation; one that it cannot be asked for is told as why."""
    listed = ", ".join(f"({sql}\n) AS {identifier(name)}" for name, sql in measures)
    try:
        row = connection.execute(f"SELECT {listed} FROM {relation}").fetchone()
    except duckdb.Error as error:
        # An earlier version may have other columns than the measures of now ask for.
        first = str(error).strip().splitlines()[0]
        return {"measures": f"{asset} cannot be measured as declared: {first}"}
    assert row is not None
    known = (int, float, str)
    return {
        name: value if isinstance(value, known) else str(value) for (name, _), value in zip(measures, row, strict=True)
    }
