"""Makes a table's columns those of the candidate: added and dropped in place, anything else in a new epoch."""

from collections.abc import Sequence
from enum import StrEnum

import duckdb

from ..records.candidates import SchemaColumn
from ..records.keys import AssetKey
from ..sql import identifier, read_columns
from .platform_tables import is_there


class Change(StrEnum):
    NONE = "none"
    COLUMNS = "columns"
    NEW_TABLE = "new_table"


def change_table(connection: duckdb.DuckDBPyConnection, asset: AssetKey, columns: Sequence[SchemaColumn]) -> Change:
    """Creates or alters the table in the open transaction, and says which it was."""
    table = f"lake.{asset.quoted}"
    wanted = {column.name: column.type for column in columns}
    if not is_there(connection, table):
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS lake.{identifier(asset.schema)}")
        _create(connection, table, wanted)
        return Change.NEW_TABLE
    present = {column.name: column.type for column in read_columns(connection, table)}
    if present == wanted:
        return Change.NONE
    spelt_anew = {name.lower() for name in present.keys() - wanted.keys()} & {name.lower() for name in wanted}
    if spelt_anew or any(present[name] != wanted[name] for name in present.keys() & wanted.keys()):
        # A changed type makes older versions unreadable when it is altered in place; and names that
        # differ in case only are one name to the lake, so that neither can stand beside the other.
        connection.execute(f"DROP TABLE {table}")
        _create(connection, table, wanted)
        return Change.NEW_TABLE
    for name in wanted.keys() - present.keys():
        connection.execute(f"ALTER TABLE {table} ADD COLUMN {identifier(name)} {wanted[name]}")
    for name in present.keys() - wanted.keys():
        connection.execute(f"ALTER TABLE {table} DROP COLUMN {identifier(name)}")
    return Change.COLUMNS


def _create(connection: duckdb.DuckDBPyConnection, table: str, columns: dict[str, str]) -> None:
    listed = ", ".join(f"{identifier(name)} {type_name}" for name, type_name in columns.items())
    connection.execute(f"CREATE TABLE {table} ({listed})")
