"""Python tables: declared, found, run, and clear about what is wrong."""

import duckdb
import pytest

from orchestrator_platform.errors import DefinitionError, Misuse, PythonTableFailed
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming.python_table import load_python_tables, run_python_table

TRIAGE = AssetKey("marts.triage")
HEAD = """
import duckdb, pandas as pd, polars as pl, pyarrow as pa
from orchestrator_platform import python_table
"""
DECLARED = "python_table(key='a.b', parents={}, contract='c.py:C')\n"


def _table(tmp_path, body, head=HEAD, annotation=""):
    file = tmp_path / "tables.py"
    file.write_text(
        head
        + "@python_table(key='marts.top', parents={'triage': 'marts.triage'}, contract='contract.py:Top')\n"
        + f"def top(triage{annotation}):\n    {body}\n"
    )
    return load_python_tables(file)[0]


@pytest.fixture
def connection():
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA marts")
        connection.execute("CREATE TABLE marts.triage AS SELECT range AS id, 'v' || range % 2 AS vendor FROM range(4)")
        connection.execute("CREATE VIEW marts.top AS SELECT 'served' AS state")
        yield connection


def _run(table, connection):
    name = run_python_table(table, connection, {TRIAGE: "marts.triage"})
    return sorted(connection.execute(f"FROM {name}").fetchall())


@pytest.mark.parametrize(
    ("annotation", "body"),
    [
        ("", "return triage.aggregate('vendor, count(*) AS n', 'vendor')"),
        (": duckdb.DuckDBPyRelation", "return triage.aggregate('vendor, count(*) AS n', 'vendor')"),
        (": pd.DataFrame", "return triage.groupby('vendor', as_index=False).size()"),
        (": pl.DataFrame", "return triage.group_by('vendor').len()"),
        (": pl.LazyFrame", "return triage.group_by('vendor').len()"),
        (": pa.Table", "return triage.group_by('vendor').aggregate([('id', 'count')]).select(['vendor', 'id_count'])"),
        (": 'pd.DataFrame'", "return pl.from_pandas(triage.groupby('vendor', as_index=False).size())"),
    ],
)
def test_a_parent_comes_as_annotated_and_any_table_goes_back(tmp_path, connection, annotation, body):
    table = _table(tmp_path, body, annotation=annotation)
    assert _run(table, connection) == [("v0", 2), ("v1", 2)]


def test_a_table_is_declared_as_it_is_written(tmp_path):
    table = _table(tmp_path, "'The busiest vendors.'\n    return triage")
    assert (table.key, dict(table.parents), table.contract) == ("marts.top", {"triage": TRIAGE}, "contract.py:Top")
    assert (table.description, table.name, table("frame")) == ("The busiest vendors.", "top", "frame")
    assert table.code_version != _table(tmp_path, "return triage").code_version


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("pass", "returned None"),
        ("return [1]", "returned a list"),
        ("return pd.DataFrame([[1, 2]], columns=['a', 'A'])", "twice"),
        ("return pd.DataFrame([[1, 2]])", "no names"),
        ("return pd.DataFrame()", "without columns"),
        ("return pd.DataFrame({'a': [1], 'b': [2]}).set_index('a')", "reset_index"),
        ("return duckdb.connect().sql('select 1 as a')", "another database"),
        ("return triage.filter('nothing = 1')", "nothing"),
        ("return 1 / 0", "ZeroDivisionError"),
    ],
)
def test_what_is_no_table_is_named_with_file_and_line(tmp_path, connection, body, message):
    table = _table(tmp_path, body)
    with pytest.raises(PythonTableFailed, match=message) as failed:
        _run(table, connection)
    assert str(failed.value).startswith(f"{tmp_path / 'tables.py'}:")
    assert "top()" in str(failed.value)
    assert connection.execute("FROM marts.top").fetchall() == [("served",)]


def test_a_parent_without_a_version_is_named(tmp_path, connection):
    with pytest.raises(Misuse, match=r"marts\.triage"):
        run_python_table(_table(tmp_path, "return triage"), connection, {})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1", "declares no Python table"),
        ("import nothing_of_that_name", "does not run"),
        ("def f(:", "is not valid Python"),
        ("@python_table(key='Top', parents={}, contract='c.py:C')\ndef f(): pass", "not an asset key"),
        (
            "@python_table(key='marts.top', parents={'a': 'raw.a'}, contract='c.py:C')\ndef f(b): pass",
            "differ in: a, b",
        ),
        (
            "@python_table(key='marts.top', parents={'a': 'raw.a'}, contract='c.py:C')\ndef f(a: dict): pass",
            "wants a as",
        ),
        (f"@{DECLARED}def f(): pass\n" * 2 + "g = f\n", None),
        (f"twice = {DECLARED}@twice\ndef f(): pass\n@twice\ndef g(): pass", "declared twice"),
        ("@python_table(key='a.b', parents={})\ndef f(): pass", "missing 1 required keyword-only argument: 'contract'"),
    ],
)
def test_a_wrong_declaration_is_named_with_its_file(tmp_path, text, message):
    file = tmp_path / "tables.py"
    file.write_text(HEAD + text)
    if message is None:
        assert len(load_python_tables(file)) == 1
        return
    with pytest.raises(DefinitionError, match=message) as wrong:
        load_python_tables(file)
    assert wrong.value.file == str(file)
