"""Compiled SQL and pandera on pandas give the same answer for the same rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import duckdb
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.contracts.column_types import duckdb_type
from orchestrator_platform.contracts.compiling import compile_check, name_check

N_EXAMPLES = 80


@dataclass(frozen=True)
class Kind:
    """A pandera dtype with the Arrow type of the same column and values that lie close together."""

    dtype: Any
    arrow: pyarrow.DataType
    values: st.SearchStrategy[Any]
    null: Any = None


def near(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from(values)


FLOATS = near(0.0, -0.0, 0.1, 0.5, 1.0, 1.5, 2.0**53, 1e308, math.inf, -math.inf, math.nan) | st.floats()
FLOATS_32 = st.floats(width=32) | near(0.1, 0.2).map(lambda value: pyarrow.scalar(value, pyarrow.float32()).as_py())
INTEGERS = st.integers(-3, 3) | near(2**53, 2**53 + 1, 2**63 - 1, -(2**63))
TEXTS = st.text("aAbé€𝄞\n 0", max_size=4) | near("", "a", "ab", "AB", "a\n", "ﬁ", "e\u0301", "\U0001f926\U0001f3fc")
MOMENTS = near(*(datetime.fromisoformat("2024-05-01") + timedelta(microseconds=n) for n in (-1, 0, 1, 86_400_000_000)))
INSTANTS = MOMENTS.map(lambda moment: moment.replace(tzinfo=UTC))
DECIMALS = near(*(Decimal(text) for text in ("-1.00", "0.00", "0.10", "1.50", "99999999.99", "2.00")))

KINDS = {
    "int64": Kind("int64", pyarrow.int64(), INTEGERS),
    "Int64": Kind("Int64", pyarrow.int64(), INTEGERS),
    "int32": Kind("int32", pyarrow.int32(), st.integers(-3, 3) | near(2**31 - 1)),
    "uint8": Kind("uint8", pyarrow.uint8(), st.integers(0, 4) | near(255)),
    "float64": Kind("float64", pyarrow.float64(), FLOATS),
    "float32": Kind("float32", pyarrow.float32(), FLOATS_32),
    "str": Kind(str, pyarrow.string(), TEXTS),
    "object": Kind(str, pyarrow.string(), TEXTS),
    "bool": Kind("bool", pyarrow.bool_(), st.booleans()),
    "boolean": Kind("boolean", pyarrow.bool_(), st.booleans()),
    "date": Kind(pa.Date, pyarrow.date32(), near(date(2024, 5, 1), date(2024, 5, 2), date(1969, 12, 31))),
    "timestamp": Kind("datetime64[ns]", pyarrow.timestamp("us"), MOMENTS),
    "timestamptz": Kind("datetime64[ns, UTC]", pyarrow.timestamp("us", "UTC"), INSTANTS),
    "decimal": Kind(pa.Decimal(10, 2), pyarrow.decimal128(10, 2), DECIMALS),
}
WITHOUT_NULLS = {"int64", "int32", "uint8", "bool"}
PATTERNS = (
    "a", "^a", "a$", "^a$", r"a\Z", r"\Aa", "a|b", "^(a|b)+$", "[^a]", "[a-b]{2}", "a.b", "(?:a|é)*0?$", "^$", r"\.",
    "^.{1,3}$", "[a\n]", "𝄞", "a{2,}", "a+?b", "(?P<x>a)b", "[]a]", "[a-]", "^ ", "", "a|$", "^[ -~]*$", "[^\n]$", "\n",
)  # fmt: skip


def text_check(draw: st.DrawFn) -> pa.Check:
    which = draw(st.sampled_from(["matches", "contains", "starts", "ends", "length", "exact"]))
    if which in ("matches", "contains"):
        return getattr(pa.Check, f"str_{which}")(draw(st.sampled_from(PATTERNS)))
    if which in ("starts", "ends"):
        return getattr(pa.Check, f"str_{which}with")(draw(TEXTS))
    if which == "exact":
        return pa.Check.str_length(exact_value=draw(st.integers(0, 3)))
    least, most = draw(st.none() | st.integers(0, 2)), draw(st.integers(2, 3))
    return pa.Check.str_length(least, most)


@st.composite
def checks(draw: st.DrawFn, kind: str) -> pa.Check:
    values = KINDS[kind].values.filter(lambda value: value == value)  # noqa: PLR0124 - NaN is not itself
    if kind in ("int64", "Int64"):
        values = values | near(0.5, 1.0, 2.0**53, math.inf)
    if kind in ("str", "object") and draw(st.booleans()):
        return text_check(draw)
    which = draw(st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le", "in_range", "isin", "notin"]))
    if kind in ("bool", "boolean"):
        which = draw(st.sampled_from(["eq", "ne", "isin", "notin"]))
    if which in ("isin", "notin"):
        one_type = KINDS[kind].values.filter(lambda value: value == value)  # noqa: PLR0124
        return getattr(pa.Check, which)(draw(st.lists(one_type, max_size=3)))
    if which == "in_range":
        low, high = sorted((draw(values), draw(values)))
        bounds = {"include_min": draw(st.booleans()), "include_max": draw(st.booleans())}
        return pa.Check.in_range(low, high, **(bounds if low < high else {}))
    return getattr(pa.Check, which)(draw(values))


def frame_of(kind: str, values: Sequence[Any]) -> pd.DataFrame:
    dtype = "object" if kind in ("object", "date", "decimal") else KINDS[kind].dtype
    return pd.DataFrame({"x": pd.Series(list(values), dtype=dtype)})


def failing_by_pandera(schema: pa.DataFrameSchema, frame: pd.DataFrame, number: int | None) -> set[int]:
    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
        chosen = cases[cases["check"] == "not_nullable"] if number is None else cases[cases["check_number"] == number]
        assert chosen["index"].notna().all(), f"pandera could not run the check: {chosen}"
        return {int(index) for index in chosen["index"]}
    return set()


def failing_by_sql(connection: duckdb.DuckDBPyConnection, kind: str, values: Sequence[Any], sql: str) -> set[int]:
    # An Arrow array keeps NaN apart from null, as a Parquet file does.
    column = pyarrow.array(values, KINDS[kind].arrow)
    table = pyarrow.table({"i": pyarrow.array(range(len(values)), pyarrow.int64()), "x": column})
    connection.register("given_rows", table)
    found = connection.execute(f"select i from given_rows where not ({sql})").fetchall()
    counted = connection.execute(f"select coalesce(count_if(not ({sql})), 0) from given_rows").fetchone()
    connection.unregister("given_rows")
    assert counted == (len(found),)
    return {row[0] for row in found}


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@pytest.mark.parametrize("kind", KINDS)
def test_compiled_sql_fails_exactly_the_rows_that_pandera_fails(
    kind: str, connection: duckdb.DuckDBPyConnection
) -> None:
    n_compiled = 0

    @settings(max_examples=N_EXAMPLES, deadline=None, database=None, derandomize=True)
    @given(data=st.data())
    def agree(data: st.DataObject) -> None:
        nonlocal n_compiled
        check = data.draw(checks(kind))
        element = KINDS[kind].values if kind in WITHOUT_NULLS else st.none() | KINDS[kind].values
        values = data.draw(st.lists(element, max_size=6))
        column = pa.Column(KINDS[kind].dtype, check, nullable=True)
        schema = pa.DataFrameSchema({"x": column})
        type_name = duckdb_type(column.dtype)
        assert type_name
        sql = compile_check("x", type_name, check.name, check.statistics)
        if sql is None:
            return
        n_compiled += 1
        expected = failing_by_pandera(schema, frame_of(kind, values), number=0)
        assert failing_by_sql(connection, kind, values, sql) == expected, (sql, values)

    agree()
    assert n_compiled >= N_EXAMPLES * 0.6, f"only {n_compiled} of {N_EXAMPLES} checks were compiled at all"


@pytest.mark.parametrize("planted", ["x >= 0", "x > 0 or x is null", "coalesce(x >= 0, false)"])
def test_the_comparison_notices_sql_that_is_almost_right(planted: str, connection: duckdb.DuckDBPyConnection) -> None:
    """Each planted predicate for `x ≤ 0` or `x ≥ 0` on floats differs for NaN, zero or null."""
    values = [None, math.nan, 0.0, 1.0, -1.0]
    check = pa.Check.le(0) if planted == "x >= 0" else pa.Check.ge(0)
    schema = pa.DataFrameSchema({"x": pa.Column("float64", check, nullable=True)})
    expected = failing_by_pandera(schema, frame_of("float64", values), number=0)
    assert failing_by_sql(connection, "float64", values, planted) != expected


@pytest.mark.parametrize(
    ("type_name", "check"),
    [
        ("BIGINT", pa.Check.ge(2**63)),
        ("BIGINT", pa.Check.isin([1, 2.5])),
        ("BIGINT", pa.Check.eq(True)),
        ("DOUBLE", pa.Check.ge(2**53 + 1)),
        ("DOUBLE", pa.Check.ne(math.nan)),
        ("FLOAT", pa.Check.le(1e300)),
        ("VARCHAR", pa.Check.isin(["a", None])),
        ("VARCHAR", pa.Check.eq("a\0b")),
        ("VARCHAR", pa.Check.str_startswith(("a", "b"))),
        ("VARCHAR", pa.Check.ge(3)),
        ("BOOLEAN", pa.Check.ge(False)),
        ("DATE", pa.Check.ge(datetime.fromisoformat("2024-01-01"))),
        ("TIMESTAMP", pa.Check.ge(date(2024, 1, 1))),
        ("TIMESTAMP", pa.Check.ge(pd.Timestamp(1))),
        ("TIMESTAMP", pa.Check.ge(pd.Timestamp("2024-01-01", tz="UTC"))),
        ("TIMESTAMP WITH TIME ZONE", pa.Check.ge(pd.Timestamp("2024-01-01"))),
        ("DECIMAL(10,2)", pa.Check.ge(0.1)),
        ("DECIMAL(10,2)", pa.Check.ge(Decimal("0.001"))),
        ("BIGINT[]", pa.Check.eq(1)),
    ],
    ids=lambda value: value if isinstance(value, str) else repr(value.error),
)
def test_what_sql_cannot_say_exactly_stays_with_pandera(type_name: str, check: pa.Check) -> None:
    assert compile_check("x", type_name, check.name, check.statistics) is None


@pytest.mark.parametrize(
    ("check", "name"),
    [
        (pa.Check.ge(0), "amount ≥ 0"),
        (pa.Check.in_range(0, 10, include_max=False), "amount in [0, 10)"),
        (pa.Check.isin(["a"]), "amount in set"),
        (pa.Check.str_matches("^a"), "amount matches '^a'"),
        (pa.Check.str_endswith("z"), "amount ends with 'z'"),
        (pa.Check.str_length(2, 5), "amount length 2–5"),
        (pa.Check.str_length(exact_value=2), "amount length = 2"),
    ],
)
def test_a_rule_is_named_as_a_person_would_say_it(check: pa.Check, name: str) -> None:
    assert name_check("amount", check.name, check.statistics) == name


def test_names_and_texts_are_quoted() -> None:
    sql = compile_check('we"ird', "VARCHAR", "equal_to", {"value": "it's"})
    assert sql == """("we""ird" collate c = 'it''s')"""


def test_text_compares_by_code_point_whatever_the_connection_collates_by() -> None:
    with duckdb.connect() as other:
        other.execute("set default_collation = 'nocase'")
        other.execute("create table t as select 'A' as x")
        for sql in (
            compile_check("x", "VARCHAR", "equal_to", {"value": "a"}),
            compile_check("x", "VARCHAR", "isin", {"allowed_values": ["a"]}),
            compile_check("x", "VARCHAR", "str_startswith", {"string": "a"}),
            compile_check("x", "VARCHAR", "str_matches", {"pattern": "a"}),
        ):
            assert other.execute(f"select {sql} from t").fetchone() == (False,), sql
