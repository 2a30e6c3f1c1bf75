"""The scratch DuckDB in which candidates are built: how it is opened, what is shown in it, how a table leaves it.

It knows nothing of dbt and nothing of what the setup statements attach.
"""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import duckdb

from ..errors import Misuse
from ..records.keys import AssetKey
from ..sql import identifier, one_transaction

WORKBENCH = "workbench"
# What the setup loads was checked by whoever wrote it; model code cannot load anything.
CONFIGURATION: Mapping[str, str] = {"allow_unsigned_extensions": "true"}
BASE, PART, GONE = "_base", "_part", "_gone"

_HUGE = re.compile(r"\b(U?)HUGEINT\b")
_FIXED_LIST = re.compile(r"\[\d+\]")
_ENUM = re.compile(r"ENUM\((?:'(?:[^']|'')*'(?:, )?)*\)")
_UNSTORABLE = re.compile(r"\b(BIT|UNION|TIME_NS)\b")


def prepare_connection(connection: duckdb.DuckDBPyConnection, setup: Sequence[str]) -> None:
    """Runs what every connection to a workbench needs, then the caller's own statements.

    Names in SQL never resolve to variables of the running program, and every clock is in UTC.
    """
    connection.execute("SET GLOBAL python_enable_replacements = false")
    # A scratch file is gone soon after it is closed. Whoever opens it once more finds what it holds in its log.
    connection.execute("PRAGMA disable_checkpoint_on_shutdown")
    connection.execute("SET GLOBAL TimeZone = 'UTC'")
    for statement in setup:
        connection.execute(statement)


@contextmanager
def connect_workbench(workbench: Path, setup: Sequence[str] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yields a connection to the scratch file, which is created where it is missing.

    Raises:
        Misuse: The file has another name than `workbench.duckdb`; dbt's names would not resolve in it.
    """
    if workbench.stem != WORKBENCH:
        raise Misuse(f"{workbench} cannot be a workbench: name the file `{WORKBENCH}.duckdb`, in a folder of its own.")
    workbench.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(str(workbench), config=dict(CONFIGURATION))
    try:
        prepare_connection(connection, setup)
        yield connection
    finally:
        connection.close()


def show_published(
    connection: duckdb.DuckDBPyConnection, published: Mapping[AssetKey, str], *, based_on: Collection[AssetKey] = ()
) -> None:
    """Creates one view per published relation; what was built here already stays.

    Those that something is built on, `based_on`, are there once more as a base.
    """
    with one_transaction(connection):
        for schema in (BASE, PART, GONE, *sorted({identifier(key.schema) for key in published})):
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        # To ask first what is there would cost more: DuckDB looks through every attached database.
        for key, relation in published.items():
            connection.execute(f"CREATE VIEW IF NOT EXISTS {key.quoted} AS FROM {relation}")
            if key in based_on:
                connection.execute(f"CREATE VIEW IF NOT EXISTS {beside(BASE, key)} AS FROM {relation}")


def exists(connection: duckdb.DuckDBPyConnection, schema: str, name: str) -> bool:
    """Says whether the workbench itself holds a table or view of that name."""
    # A look at the catalog's own tables would go through every attached database.
    try:
        connection.execute(f"DESCRIBE {WORKBENCH}.{identifier(schema)}.{identifier(name)}")
    except duckdb.CatalogException:
        return False
    return True


def beside(schema: str, key: AssetKey) -> str:
    """Returns the quoted name of what stands beside a relation: its base, its part, or what is gone."""
    return f'{schema}."{key}"'


def close_columns_sql(asset: str, described: Sequence[Sequence[object]]) -> str:
    """Returns the select list that makes a workbench relation storable; `described` is what DESCRIBE returned.

    128-bit integers (what `sum` makes of integers) become 64-bit ones, and a value that does not fit
    is an error; lists of fixed length become lists, enumerations become text.

    Raises:
        Misuse: A column has a type that the lake cannot hold.
    """
    return ", ".join(_close_column(asset, str(row[0]), str(row[1])) for row in described)


def _close_column(asset: str, name: str, type_name: str) -> str:
    quoted = identifier(name)
    storable = _FIXED_LIST.sub("[]", _HUGE.sub(r"\1BIGINT", _ENUM.sub("VARCHAR", type_name)))
    if _UNSTORABLE.search(storable):
        raise Misuse(
            f"{asset}: column {name} is {type_name}, which the lake cannot hold. Nothing was closed."
            " Cast it in the code that builds the table."
        )
    return quoted if storable == type_name else f"CAST({quoted} AS {storable}) AS {quoted}"
