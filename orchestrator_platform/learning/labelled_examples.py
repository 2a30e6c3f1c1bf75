"""The labelled examples of a model: the SQL that selects them, always in one order, and the frame that they become."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb

from ..records.models import ModelOptions
from ..sql import identifier, literal

if TYPE_CHECKING:
    import pandas as pd


def labelled_examples(
    options: ModelOptions,
    relation: str,
    *,
    before: date | None = None,
    since: date | None = None,
    more: Sequence[str] = (),
) -> str:
    """Returns the query of the labelled examples: key, time, target as text, features, by time and key.

    Args:
        relation: The examples, as text that can stand after FROM.
        before: Only those of days before this one.
        since: Only those of this day and later; earlier than `train_since` there are none at all.
        more: Other columns of the relation that are wanted beside them.
    """
    columns = [
        *(identifier(name) for name in options.key),
        f"CAST({identifier(options.time)} AS TIMESTAMP) AS {identifier(options.time)}",
        f"CAST({identifier(options.target)} AS VARCHAR) AS {identifier(options.target)}",
        *(identifier(name) for name in (*options.features.names, *more)),
    ]
    listed = ", ".join(columns)
    order = ", ".join(identifier(name) for name in (options.time, *options.key))
    where = [is_labelled(options)]
    where += [f"{identifier(options.time)} < DATE {literal(before.isoformat())}"] if before else []
    where += [f"{identifier(options.time)} >= DATE {literal(since.isoformat())}"] if since else []
    return f"SELECT {listed} FROM {relation} WHERE {' AND '.join(where)} ORDER BY {order}"


def is_labelled(options: ModelOptions) -> str:
    """Returns the condition that a row of the table is an example with a label."""
    known = f"{identifier(options.target)} IS NOT NULL AND {identifier(options.time)} IS NOT NULL"
    if options.train_since is None:
        return known
    return f"{known} AND {identifier(options.time)} >= DATE {literal(options.train_since.isoformat())}"


def write_examples(connection: duckdb.DuckDBPyConnection, query: str, file: Path) -> int:
    """Writes what a query gives to a Parquet file, in its order; returns how many rows."""
    row = connection.execute(f"COPY ({query}) TO {literal(str(file))} (FORMAT parquet)").fetchone()
    return int(row[0]) if row else 0


@contextmanager
def naming_infinities(rows: "pd.DataFrame", names: Sequence[str]) -> Iterator[None]:
    """Lets what breaks over these columns of the rows say which of them are infinite: an estimator does not."""
    try:
        yield
    except ValueError as error:
        if told := _infinities(rows, names):
            raise ValueError(f"{error} ({told})") from error
        raise


def _infinities(rows: "pd.DataFrame", names: Sequence[str]) -> str:
    import numpy as np

    counted = {name: int(np.isinf(rows[name]).sum()) for name in names if rows[name].dtype.kind == "f"}
    return ", ".join(f"`{name}` is infinite in {n} of {len(rows)} rows" for name, n in counted.items() if n)


def read_examples(file: Path) -> "pd.DataFrame":
    """Returns the rows of such a file; a time is a naive one in UTC."""
    import pandas as pd

    return pd.read_parquet(file)
