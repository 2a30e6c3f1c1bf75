"""Which columns the SQL of features gives, found out without any data: on empty tables of the declared types."""

from collections.abc import Mapping, Sequence

import duckdb

from ..errors import StatementRefused
from ..records.candidates import SchemaColumn
from ..records.features import LANDED_SEQ, RECORDS, SEEN_AT
from ..records.keys import AssetKey
from ..sql import identifier
from .feature_sql import one_value
from .workbench import prepare_connection


class FeatureColumns:
    """Describes queries over tables that are not built yet; close it after use."""

    def __init__(self) -> None:
        self._scratch = duckdb.connect()
        prepare_connection(self._scratch, ())

    def close(self) -> None:
        self._scratch.close()

    def of_expression(self, sql: str, where: str, columns: Sequence[SchemaColumn]) -> str:
        """Returns the type of an expression over rows of these columns.

        Raises:
            StatementRefused: It names a column that is not there, or cannot be computed.
        """
        self._create(RECORDS, columns)
        # Beside a plain column no aggregate can stand.
        return self._describe(f"SELECT value, {LANDED_SEQ} FROM ({one_value(sql, LANDED_SEQ)})", where)[0].type

    def of_features(
        self, sql: str, where: str, key: Sequence[SchemaColumn], paths: Sequence[str]
    ) -> tuple[SchemaColumn, ...]:
        """Returns the columns of a query over `records`: the key, place and time of each, and the texts at the paths.

        Raises:
            StatementRefused: It names a column that is not there, or cannot be computed.
        """
        own = (SchemaColumn(name=LANDED_SEQ, type="BIGINT"), SchemaColumn(name=SEEN_AT, type="TIMESTAMP"))
        taken = (SchemaColumn(name=name, type="VARCHAR") for name in paths)
        self._create(RECORDS, (*key, *own, *taken))
        return self._describe(sql, where)

    def of_published(
        self, sql: str, where: str, tables: Mapping[AssetKey, Sequence[SchemaColumn]]
    ) -> tuple[SchemaColumn, ...]:
        """Returns the columns of a query over published tables.

        Raises:
            StatementRefused: It names a column that is not there, or cannot be computed.
        """
        for table, columns in tables.items():
            self._scratch.execute(f"CREATE SCHEMA IF NOT EXISTS {identifier(table.schema)}")
            self._create(table.quoted, columns)
        return self._describe(sql, where)

    def _create(self, name: str, columns: Sequence[SchemaColumn]) -> None:
        listed = ", ".join(f"{identifier(column.name)} {column.type}" for column in columns)
        self._scratch.execute(f"CREATE OR REPLACE TABLE {name} ({listed})")

    def _describe(self, sql: str, where: str) -> tuple[SchemaColumn, ...]:
        try:
            rows = self._scratch.execute(f"DESCRIBE {sql}").fetchall()
        except duckdb.Error as error:
            first = " ".join(str(error).strip().splitlines()[0].split()).rstrip(".")
            short = " ".join(sql.split())
            short = short if len(short) <= 120 else f"{short[:117]}..."
            raise StatementRefused(where=where, statement=f"`{short}`", why=first) from error
        return tuple(SchemaColumn(name=row[0], type=row[1]) for row in rows)
