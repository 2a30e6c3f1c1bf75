import csv
import io
import json
from collections.abc import Iterator

import duckdb
import pytest

from orchestrator_platform.cli.results import csv_lines, json_rows, result_table


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("12515::BIGINT", "12515"),
        ("NULL", "null"),
        ("1.10::DECIMAL(38, 2)", "1.10"),
        ("99999999999999999999999999999999999.125::DECIMAL(38, 3)", "99999999999999999999999999999999999.125"),
        ("170141183460469231731687303715884105727::HUGEINT", "170141183460469231731687303715884105727"),
        ("'nan'::DOUBLE", '"NaN"'),
        ("'-inf'::FLOAT", '"-Infinity"'),
        ("0.1::DOUBLE", "0.1"),
        ("true", "true"),
        ("DATE '2024-05-01'", '"2024-05-01"'),
        ("DATE 'infinity'", '"infinity"'),
        ("TIMESTAMP '2024-05-01 10:00:00.5'", '"2024-05-01T10:00:00.5"'),
        ("TIMESTAMP 'infinity'", '"infinity"'),
        ("TIMESTAMP_NS '2024-05-01 10:00:00.123456789'", '"2024-05-01T10:00:00.123456789"'),
        ("TIMESTAMPTZ '2024-05-01 10:00:00+02'", '"2024-05-01T08:00:00Z"'),
        ("INTERVAL 1 MONTH", '"1 month"'),
        ("TIME '24:00:00'", '"24:00:00"'),
        ("[1, NULL]", "[1, null]"),
        ("[DATE '2024-05-01']", '["2024-05-01"]'),
        ("{'a': {'b': 1.5::DECIMAL(3, 1)}}", '{"a": {"b": 1.5}}'),
        ("MAP {1: 'x'}", '{"1": "x"}'),
        ("'\\xFF'::BLOB", '"ff"'),
        ("'{\"k\":1}'::JSON", '"{\\"k\\":1}"'),
        ("'00000000-0000-0000-0000-000000000001'::UUID", '"00000000-0000-0000-0000-000000000001"'),
    ],
)
def test_a_value_as_json(connection: duckdb.DuckDBPyConnection, sql: str, expected: str) -> None:
    text = "".join(json_rows(connection.sql(f"SELECT {sql} AS x"), None))
    assert text == f'[{{"x": {expected}}}]\n'
    json.loads(text)


def test_a_count_looks_as_a_person_writes_it(connection: duckdb.DuckDBPyConnection) -> None:
    assert "".join(json_rows(connection.sql("SELECT count(*) n FROM range(12515)"), None)) == '[{"n": 12515}]\n'


def test_no_column_of_the_same_name_is_lost(connection: duckdb.DuckDBPyConnection) -> None:
    result = connection.sql("SELECT 1 AS a, 2 AS a, DATE '2024-05-01' AS a")
    assert json.loads("".join(json_rows(result, None))) == [{"a": 1, "a_1": 2, "a_2": "2024-05-01"}]
    assert "".join(csv_lines(result, None)) == "a,a,a\r\n1,2,2024-05-01\r\n"


def test_csv_is_read_back_equal_whatever_it_holds(connection: duckdb.DuckDBPyConnection) -> None:
    cells = ["plain", "", " blank ", 'q"uote', "a,b", "line\nbreak", "cr\rlf\r\n", "雪"]
    rows = [(number, cell) for number, cell in enumerate(cells)]
    connection.execute("CREATE TABLE t (n INTEGER, cell VARCHAR)")
    connection.executemany("INSERT INTO t VALUES (?, ?)", rows)
    text = "".join(csv_lines(connection.sql("FROM t ORDER BY n"), None))
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found == [["n", "cell"], *([str(number), cell] for number, cell in rows)]


def test_csv_tells_null_from_an_empty_text(connection: duckdb.DuckDBPyConnection) -> None:
    text = "".join(csv_lines(connection.sql("SELECT NULL AS a, '' AS b"), None))
    assert text == 'a,b\r\n,""\r\n'


def test_a_limit_is_kept_and_the_order_too(connection: duckdb.DuckDBPyConnection) -> None:
    result = connection.sql("SELECT range AS n FROM range(5000) ORDER BY n DESC")
    assert json.loads("".join(json_rows(result, 2))) == [{"n": 4999}, {"n": 4998}]
    assert "".join(csv_lines(result, 0)) == "n\r\n"
    assert len(json.loads("".join(json_rows(result, None)))) == 5000


def test_the_table_says_that_there_is_more(connection: duckdb.DuckDBPyConnection) -> None:
    result = connection.sql("SELECT range AS n, NULL AS z FROM range(3)")
    assert result_table(result, 2, told=False).endswith(
        "\n(the first 2 rows, there are more; all of them: --limit N, --json or --csv)"
    )
    assert result_table(result, 3, told=False) == "n     z\n─  ────\n0  NULL\n1  NULL\n2  NULL\n(3 rows)"


def test_a_hostile_cell_cannot_reach_the_terminal(connection: duckdb.DuckDBPyConnection) -> None:
    result = connection.sql("SELECT chr(27) || '[2J' || repeat('x', 1000000) AS \"a\n\x1b[31mb\"")
    shown = result_table(result, 10, told=False)
    assert "\x1b" not in shown
    assert len(shown) < 500
    assert chr(27) in json.loads("".join(json_rows(result, None)))[0]["a\n\x1b[31mb"], "JSON says what is there"
