"""Which rows of a published table a searcher's condition lets through, asked where nothing else can be reached."""

from collections.abc import Sequence

import duckdb

from ..errors import Misuse
from ..lake.layout import LakeLayout
from ..lake.readers import attach_statement
from ..lake.session import close_off, connect
from ..records.keys import AssetKey, Snapshot
from ..records.searches import Condition

_ROWS = "source_rows"


class ConditionRows:
    """A copy of one table as it was at a snapshot, in memory; `key` is the SQL of what is returned of each row."""

    def __init__(self, layout: LakeLayout, snapshot: Snapshot, source: AssetKey, key: str) -> None:
        self._source, self._key = source, key
        self._rows = connect()
        self._rows.execute(attach_statement(layout, snapshot, "texts_of"))
        self._rows.execute(f"CREATE TABLE {_ROWS} AS SELECT * FROM texts_of.{source.quoted}")
        self._rows.execute("DETACH texts_of")
        self._rows.execute("SET TimeZone = 'UTC'")
        # A condition that slipped through every check still reaches nothing else than this table.
        close_off(self._rows)

    def matching(self, condition: Condition) -> frozenset[str]:
        """Returns the keys of the rows that a condition lets through.

        Raises:
            Misuse: It names what is no column, or cannot be computed.
        """
        sql = f"SELECT {self._key} FROM {_ROWS} AS s WHERE (\n{condition.sql}\n)"
        try:
            return frozenset(row[0] for row in self._rows.cursor().execute(sql, list(condition.values)).fetchall())
        except (
            duckdb.ProgrammingError,
            duckdb.DataError,
            duckdb.NotSupportedError,
            duckdb.PermissionException,
        ) as error:
            first = str(error).strip().splitlines()[0][:300]
            raise Misuse(
                f"The condition cannot be used: {first}. Nothing was searched. Columns of {self._source}:"
                f" {', '.join(self._columns())}."
            ) from error

    def close(self) -> None:
        self._rows.close()

    def _columns(self) -> Sequence[str]:
        return [row[0] for row in self._rows.cursor().execute(f"DESCRIBE {_ROWS}").fetchall()]
