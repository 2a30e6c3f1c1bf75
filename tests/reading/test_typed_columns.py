import duckdb
import pytest

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.reading.typed_columns import typed_value_sql, untyped_predicate_sql

ACCEPTED = {
    "VARCHAR": ["", "anything", " 1 "],
    "BIGINT": ["0", "-9223372036854775808", "+7", "007"],
    "UTINYINT": ["0", "255"],
    "HUGEINT": ["170141183460469231731687303715884105727"],
    "DECIMAL(4,2)": ["1", "-1.5", "99.99", "1.2300", "+0.10"],
    "DOUBLE": ["1", "-1.5", "1e5", ".5", "5.", "1E-3", "12345678901234567890"],
    "FLOAT": ["1.5"],
    "BOOLEAN": ["true", "false"],
    "DATE": ["2024-02-29", "0001-01-01", "9999-12-31"],
    "TIME": ["12:30", "23:59:59.123456", "00:00:00.1234560"],
    "TIMESTAMP": ["2024-02-29", "2024-01-01T10:00", "2024-01-01 10:00:00.123456", "2024-01-01T10:00:00.1234560"],
    "TIMESTAMP_S": ["2024-01-01T10:00:00", "2024-01-01T10:00:00.000"],
    "TIMESTAMP_MS": ["2024-01-01T10:00:00.123"],
    "TIMESTAMP_NS": ["2024-01-01T10:00:00.123456789"],
    "TIMESTAMP WITH TIME ZONE": ["2024-01-01T10:00:00Z", "2024-01-01 10:00:00.5+02:00", "2024-01-01T10:00:00-0530"],
    "UUID": ["00000000-0000-0000-0000-00000000000a"],
    "JSON": ["{}", '{"a":[1]}', "null"],
}
REFUSED = {
    "BIGINT": ["", " 1", "1 ", "1.7", "1.0", "1e3", "1_0", "0x1", "9223372036854775808", "1\n", "١", "true", "-"],
    "UTINYINT": ["-1", "256"],
    "HUGEINT": ["170141183460469231731687303715884105728"],
    "DECIMAL(4,2)": ["1.235", "100", "1e1", "", "1,5"],
    "DOUBLE": ["nan", "inf", "-Infinity", "1e999", "1_0.0", "", ".", "1,5", "0x1p3", " 1"],
    "FLOAT": ["1e39"],
    "BOOLEAN": ["1", "0", "t", "yes", "True", "TRUE", ""],
    "DATE": ["2024-02-30", "2024-1-1", "20240101", "01.02.2024", "2024-01-01T00:00:00", "2023-02-29"],
    "TIME": ["24:00:00", "12:60", "12", "12:30:00.1234567"],
    "TIMESTAMP": [
        "2024-01-01T10:00:00Z", "2024-01-01T10:00:00+02:00", "2024-01-01T24:00:00", "2024-01-01T00:00:60",
        "2024-01-01T10:00:00.1234567", "1704067200", "2024-01-01T25:00", "infinity", "epoch",
    ],
    "TIMESTAMP_S": ["2024-01-01T10:00:00.5"],
    "TIMESTAMP WITH TIME ZONE": ["2024-01-01T10:00:00", "2024-01-01T10:00:00+99:00", "2024-01-01T10:00:00 UTC"],
    "UUID": ["{00000000-0000-0000-0000-00000000000a}", "0000000000000000000000000000000a", "x"],
    "JSON": ["{", "", "{'a':1}"],
}  # fmt: skip
NAME = 'odd "name"; --'


CONNECTION = duckdb.connect()


def judge(type_: str, text: str | None) -> tuple[bool, bool]:
    """Returns (has a value, is untyped) of one text."""
    table = f"""(SELECT ?::VARCHAR AS "{NAME.replace('"', '""')}")"""
    sql = f"SELECT ({typed_value_sql(NAME, type_)}) IS NOT NULL, {untyped_predicate_sql(NAME, type_)} FROM {table}"
    row = CONNECTION.execute(sql, [text]).fetchone()
    assert row is not None
    return row[0], row[1]


@pytest.mark.parametrize(("type_", "text"), [(type_, text) for type_, texts in ACCEPTED.items() for text in texts])
def test_text_of_the_type_is_taken(type_: str, text: str) -> None:
    assert judge(type_, text) == (True, False)


@pytest.mark.parametrize(("type_", "text"), [(type_, text) for type_, texts in REFUSED.items() for text in texts])
def test_text_that_is_not_strictly_of_the_type_is_untyped(type_: str, text: str) -> None:
    assert judge(type_, text) == (False, True)


@pytest.mark.parametrize("type_", ACCEPTED)
def test_null_is_of_every_type(type_: str) -> None:
    assert judge(type_, None) == (False, False)


@pytest.mark.parametrize("type_", ["BLOB", "BIGINT[]", "STRUCT(a INTEGER)", "INTERVAL", "BIGINT); DROP TABLE t; --"])
def test_a_type_that_text_cannot_be_is_an_error_of_the_definition(type_: str) -> None:
    with pytest.raises(DefinitionError, match="cannot be read as"):
        typed_value_sql("a", type_)


def test_a_value_comes_out_in_its_type() -> None:
    row = duckdb.sql(f"SELECT typeof({typed_value_sql('a', 'BIGINT')}) FROM (SELECT '7' AS a)").fetchone()
    assert row == ("BIGINT",)
