"""Which rows of a published table a searcher's condition lets through, asked where nothing else can be reached."""

from typing import Any

import duckdb

from ..errors import Misuse
from ..lake.layout import LakeLayout
from ..lake.readers import attach_statement
from ..lake.session import close_off, connect
from ..records.embeddings import RESERVED
from ..records.keys import AssetKey, Snapshot
from ..records.searches import Condition
from ..sql import read_columns

ROWS = "source_rows"


class ConditionRows:
    """A copy of one table as it was at a snapshot, in memory; `key` is the SQL of what is returned of each row."""

    def __init__(self, layout: LakeLayout, snapshot: Snapshot, source: AssetKey, key: str) -> None:
        self._source, self._key = source, key
        self._rows = connect()
        self._rows.execute(attach_statement(layout, snapshot, "texts_of"))
        self._rows.execute(f"CREATE TABLE {ROWS} AS SELECT * FROM texts_of.{source.quoted}")
        self._rows.execute("DETACH texts_of")
        self._rows.execute("SET TimeZone = 'UTC'")
        # A condition that slipped through every check still reaches nothing else than this table.
        close_off(self._rows)

    def matching(self, condition: Condition) -> frozenset[str]:
        """Returns the keys of the rows that a condition lets through.

        Raises:
            Misuse: It names what is no column, or cannot be computed.
        """
        rows = read_rows_where(self._rows.cursor(), self._key, condition, self._source)
        return frozenset(row[0] for row in rows)

    def close(self) -> None:
        self._rows.close()


def read_rows_where(
    cursor: duckdb.DuckDBPyConnection, columns: str, condition: Condition, source: AssetKey, *, order: str = "ALL"
) -> list[tuple[Any, ...]]:
    """Returns columns of the rows, as `s`, that a condition lets through, by `order`; `source` is whose they are.

    Raises:
        Misuse: The condition names what is no column, or cannot be computed.
    """
    sql = f"SELECT {columns} FROM {ROWS} AS s WHERE (\n{condition.sql}\n) ORDER BY {order}"
    try:
        return cursor.execute(sql, list(condition.values)).fetchall()
    except (duckdb.ProgrammingError, duckdb.DataError, duckdb.NotSupportedError, duckdb.PermissionException) as error:
        names = (column.name for column in read_columns(cursor, ROWS))
        known = ", ".join(name for name in names if not name.startswith(RESERVED))
        first = str(error).strip().splitlines()[0][:300]
        raise Misuse(
            f"The condition cannot be used: {first}. Nothing was searched. Columns of {source}: {known}."
        ) from error
