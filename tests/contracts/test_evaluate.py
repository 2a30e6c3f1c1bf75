"""Rules, keys and schemas judged on real relations."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.contracts.evaluate import (
    RuleResult,
    evaluate_keys,
    evaluate_rules,
    failing_rows,
    schema_problems,
)
from orchestrator_platform.contracts.pandera_contract import load_pandera_contract
from orchestrator_platform.errors import DefinitionError, Misuse
from orchestrator_platform.records.contracts import Column, Contract, Engine, Rule
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.sql import read_columns

ORDERS = AssetKey("raw.orders")

MODEL = """
import pandas as pd
import pandera.pandas as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(ge=1)
    status: str = pa.Field(isin=["open", "paid"], nullable=True)
    amount: float = pa.Field(ge=0, lt=1000)
    email: str = pa.Field(str_matches=r"\\S+@\\S", metadata={"pii": True}, nullable=True)
    units: pd.Int64Dtype = pa.Field(nullable=True, unique=True)

    @pa.check("amount", element_wise=True, description="amounts are whole cents")
    def cents(cls, value: float) -> bool:
        return round(value * 4) == value * 4

    @pa.check("units")
    def small(cls, units: pd.Series) -> pd.Series:
        assert units.dtype == "Int64"
        return units < 100

    @pa.check("amount")
    def mean_below(cls, amounts: pd.Series) -> bool:
        return bool(amounts.mean() < 500) if len(amounts) else True

    @pa.dataframe_check(raise_warning=True)
    def paid_has_email(cls, frame: pd.DataFrame) -> pd.Series:
        return (frame["status"] != "paid") | frame["email"].notna()

    class Config:
        metadata = {"grain": ["id"], "row_wise": ["small", "paid_has_email"]}
"""

COLUMNS = {
    "id": pyarrow.int64(),
    "status": pyarrow.string(),
    "amount": pyarrow.float64(),
    "email": pyarrow.string(),
    "units": pyarrow.int64(),
}
GOOD = {"id": 1, "status": "open", "amount": 1.0, "email": "a@b", "units": 1}


@pytest.fixture(scope="module")
def contract(tmp_path_factory: pytest.TempPathFactory) -> Contract:
    file = tmp_path_factory.mktemp("contracts") / "orders.py"
    file.write_text(MODEL, encoding="utf-8")
    return load_pandera_contract(ORDERS, file, "Orders")


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def put(connection: duckdb.DuckDBPyConnection, rows: list[dict[str, Any]]) -> str:
    arrays = {name: pyarrow.array([row[name] for row in rows], kind) for name, kind in COLUMNS.items()}
    arrow = pyarrow.table({**arrays, "line": pyarrow.array(range(len(rows)), pyarrow.int64())})
    connection.register("arrow_rows", arrow)
    connection.execute("create or replace table orders as select * from arrow_rows")
    connection.unregister("arrow_rows")
    return "orders"


def by_name(results: tuple[RuleResult, ...]) -> dict[str, RuleResult]:
    return {result.rule.name: result for result in results}


def test_good_rows_pass_every_rule(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    put(connection, [GOOD, {**GOOD, "id": 2, "units": None}])
    results = (*evaluate_rules(connection, "orders", contract), *evaluate_keys(connection, "orders", contract))
    assert all(result.passed for result in results), [result for result in results if not result.passed]
    assert {result.engine for result in results} == {Engine.SQL, Engine.PANDAS}


@pytest.mark.parametrize(
    ("bad", "rule"),
    [
        ({"id": None}, "id not null"),
        ({"id": 0}, "id ≥ 1"),
        ({"status": "lost"}, "status in set"),
        ({"amount": math.nan}, "amount not null"),
        ({"amount": None}, "amount not null"),
        ({"amount": -1.0}, "amount ≥ 0"),
        ({"amount": math.inf}, "amount < 1000"),
        ({"amount": 0.1}, "amount cents"),
        ({"email": "nobody"}, r"email matches '\\S+@\\S'"),
        ({"units": 2**62}, "units small"),
        ({"status": "paid", "email": None}, "paid_has_email"),
        ({"amount": 999.0}, "amount mean_below"),
    ],
)
def test_each_planted_defect_is_caught_by_its_rule(
    connection: duckdb.DuckDBPyConnection, contract: Contract, bad: dict[str, Any], rule: str
) -> None:
    put(connection, [{**GOOD, "amount": 999.0 if rule == "amount mean_below" else 1.0}, {**GOOD, **bad}])
    failed = {
        name for name, result in by_name(evaluate_rules(connection, "orders", contract)).items() if result.n_failing
    }
    assert rule in failed
    # Infinity spoils the mean and is no number of cents either.
    assert failed - {rule} <= ({"amount mean_below", "amount cents"} if bad == {"amount": math.inf} else set())


@pytest.mark.parametrize("rows", [0, 3])
def test_a_rule_that_looks_at_no_rows_passes(
    connection: duckdb.DuckDBPyConnection, contract: Contract, rows: int
) -> None:
    put(connection, [{**GOOD, "amount": -1.0}] * rows)
    where = None if rows == 0 else "amount >= 0"
    assert all(result.passed for result in evaluate_rules(connection, "orders", contract, where=where))


def test_where_narrows_what_is_judged(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    put(connection, [GOOD, {**GOOD, "id": -1}, {**GOOD, "id": -2}])
    everything = by_name(evaluate_rules(connection, "orders", contract))
    some = by_name(evaluate_rules(connection, "orders", contract, where="id <> -2"))
    assert (everything["id ≥ 1"].n_failing, some["id ≥ 1"].n_failing) == (2, 1)


def test_a_sample_shows_ten_rows_as_text_with_personal_data_masked(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    put(connection, [{**GOOD, "id": n, "email": f"secret {n}", "status": "x" * 999} for n in range(1, 30)])
    results = by_name(evaluate_rules(connection, "orders", contract))
    emails = results[r"email matches '\\S+@\\S'"]
    assert (emails.n_failing, len(emails.sample)) == (29, 10)
    assert emails.sample[0] == {"id": "1", "email": "•••"}
    assert results["status in set"].sample[0] == {"id": "1", "status": "x" * 200}
    assert "secret" not in repr(results)


def test_batches_change_nothing(
    connection: duckdb.DuckDBPyConnection, contract: Contract, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(connection, [{**GOOD, "id": n, "amount": n / 10, "units": None if n % 3 else n} for n in range(5000)])
    whole = evaluate_rules(connection, "orders", contract)
    monkeypatch.setattr("orchestrator_platform.contracts.pandas_rules.BATCH_ROWS", 2048)
    assert evaluate_rules(connection, "orders", contract) == whole
    assert by_name(whole)["amount cents"].n_failing == 4000


def test_rules_are_judged_on_temporary_relations_inside_a_transaction(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    put(connection, [GOOD])
    connection.execute("begin")
    connection.execute("create or replace temp view bad as select * replace (0.3::double as amount) from orders")
    assert by_name(evaluate_rules(connection, "bad", contract))["amount cents"].n_failing == 1
    table = failing_rows(connection, "bad", contract, ["line"])
    assert connection.execute(f"select line, rule from {table}").fetchall() == [(0, "amount cents")]
    connection.execute("rollback")


def test_a_column_of_another_type_fails_its_rules_and_no_others(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    put(connection, [GOOD])
    relation = "(select * exclude (amount) replace (id::varchar as id) from orders)"
    results = by_name(evaluate_rules(connection, relation, contract))
    assert results["id ≥ 1"].message == "column 'id' is VARCHAR, the contract says BIGINT"
    assert results["amount cents"].message == "column 'amount' is missing"
    assert results["status in set"].passed
    with pytest.raises(Misuse, match="column 'id' is VARCHAR"):
        failing_rows(connection, relation, contract, ["line"])
    assert schema_problems(read_columns(connection, relation), contract) == (
        "column 'amount' (DOUBLE) is missing",
        "column 'id' is VARCHAR, the contract says BIGINT",
    )


def test_schema_problems_tell_of_case_and_of_unexpected_columns() -> None:
    promised = Contract(asset=ORDERS, columns=(Column(name="id", type="BIGINT"),), grain=None)
    with duckdb.connect() as own:
        found = read_columns(own, "(select 1::bigint as ID, 2 as more)")
    assert schema_problems(found, promised) == (
        "column 'id' (BIGINT) is missing; there is 'ID', and case counts",
        "column 'ID' (BIGINT) is not in the contract",
        "column 'more' (INTEGER) is not in the contract",
    )
    assert len(schema_problems(found, promised.model_copy(update={"closed": False}))) == 1


def test_failing_rows_lists_each_row_and_rule_by_its_address(
    connection: duckdb.DuckDBPyConnection, contract: Contract
) -> None:
    put(
        connection,
        [
            GOOD,
            {**GOOD, "id": None, "amount": -0.1},
            {**GOOD, "status": "lost"},
            {**GOOD, "email": "secret"},
            {**GOOD, "status": "paid", "email": None},
        ],
    )
    table = failing_rows(connection, "orders", contract, ["line"])
    found = connection.execute(f"select line, rule, reason from {table} order by all").fetchall()
    assert found == [
        (1, "amount cents", "amounts are whole cents"),
        (1, "amount ≥ 0", "breaks `amount ≥ 0`"),
        (1, "id not null", "breaks `id not null`"),
        (2, "status in set", "breaks `status in set`"),
        (3, r"email matches '\\S+@\\S'", r"breaks `email matches '\\S+@\\S'`"),
    ]
    put(connection, [GOOD])
    assert failing_rows(connection, "orders", contract, ["line"]) == table
    assert connection.execute(f"select count(*) from {table}").fetchone() == (0,)


def test_failing_rows_and_counts_tell_the_same(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    put(connection, [{**GOOD, "id": n - 50, "amount": n / 8, "email": "x" * (n % 3)} for n in range(400)])
    table = failing_rows(connection, "orders", contract, ["line", "id"])
    counted = connection.execute(f"select rule, count(*) from {table} group by rule").fetchall()
    results = evaluate_rules(connection, "orders", contract)
    rows = {
        r.rule.name: r.n_failing
        for r in results
        if r.n_failing and not r.rule.whole and r.rule.name != "paid_has_email"
    }
    assert dict(counted) == rows


RAISING = """
import pandera.pandas as pa

class Orders(pa.DataFrameModel):
    text: str
    @pa.check("text", element_wise=True)
    def is_number(cls, value): return int(value) > 0
    @pa.check("text")
    def all_numbers(cls, values): return bool(values.astype(int).any())
    @pa.check("text", name="answers_once")
    def once(cls, values): return bool(len(values))
    class Config:
        metadata = {"grain": "none", "row_wise": ["answers_once"] if ROW_WISE else []}
"""


def test_a_row_on_which_a_check_raises_fails_it_and_others_do_not(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = tmp_path / "raising.py"
    file.write_text(RAISING.replace("ROW_WISE", "False"), encoding="utf-8")
    found = load_pandera_contract(ORDERS, file, "Orders")
    relation = "(select * from (values (0, '1'), (1, 'secret'), (2, '3'), (3, '-1')) t(line, text))"
    results = by_name(evaluate_rules(connection, relation, found))
    assert results["text is_number"].n_failing == 2
    assert results["text all_numbers"].n_failing == 1
    assert results["text all_numbers"].message == "the check raised ValueError"
    table = failing_rows(connection, relation, found, ["line"])
    assert connection.execute(f"select line from {table} order by 1").fetchall() == [(1,), (3,)]


def test_a_check_that_answers_once_cannot_be_called_row_wise(
    connection: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    file = tmp_path / "once.py"
    file.write_text(RAISING.replace("ROW_WISE", "True"), encoding="utf-8")
    found = load_pandera_contract(ORDERS, file, "Orders")
    with pytest.raises(DefinitionError, match="gives one answer for many rows"):
        evaluate_rules(connection, "(select unnest(['1', '2']) as text)", found)


def test_a_rule_that_duckdb_cannot_evaluate_is_named_without_values(connection: duckdb.DuckDBPyConnection) -> None:
    rule = Rule(name="is a number", columns=("x",), sql="x::integer > 0")
    found = Contract(asset=ORDERS, columns=(Column(name="x", type="VARCHAR"),), grain=None, rules=(rule,))
    with pytest.raises(DefinitionError, match="'is a number' cannot be evaluated") as caught:
        evaluate_rules(connection, "(select 'secret' as x)", found)
    assert "secret" not in str(caught.value)


def test_inside_a_transaction_no_innocent_rule_is_blamed(connection: duckdb.DuckDBPyConnection) -> None:
    """The first error aborts the transaction, so that asking rule by rule would blame the first."""
    rules = [Rule(name=name, columns=("x",), sql=sql) for name, sql in (("good", "x <> ''"), ("bad", "x::integer > 0"))]
    found = Contract(asset=ORDERS, columns=(Column(name="x", type="VARCHAR"),), grain=None, rules=tuple(rules))
    connection.execute("begin")
    connection.execute("create temp table texts as select 'secret' as x")
    with pytest.raises(DefinitionError, match="one of the rules 'good', 'bad' cannot be evaluated"):
        evaluate_rules(connection, "texts", found)
    connection.execute("rollback")


def test_keys_that_repeat_or_are_missing_are_found(connection: duckdb.DuckDBPyConnection, contract: Contract) -> None:
    put(connection, [GOOD, {**GOOD, "units": 2}, {**GOOD, "id": None, "units": None}])
    results = by_name(evaluate_keys(connection, "orders", contract))
    assert {name: result.n_failing for name, result in results.items()} == {
        "grain (id) present": 1,
        "grain (id) unique": 2,
        "units unique": 0,
    }
    assert results["grain (id) unique"].sample == ({"id": "1", "n_rows": "2"},)


def test_a_key_whose_column_is_missing_fails(connection: duckdb.DuckDBPyConnection) -> None:
    found = Contract(asset=ORDERS, columns=(Column(name="x", type="INTEGER"),), grain=("nosuch",))
    results = evaluate_keys(connection, "(select 1 as x)", found)
    assert [(result.n_failing, result.message) for result in results] == [(1, "column 'nosuch' is missing")] * 2


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (pyarrow.float64(), st.sampled_from([None, math.nan, 0.0, -0.0, 1.0])),
        (pyarrow.string(), st.sampled_from([None, "a", "A", "á", "a\u0301"])),
        (pyarrow.int64(), st.sampled_from([0, 1, 2])),
    ],
    ids=["float", "text", "integer"],
)
def test_repeated_values_are_those_that_pandera_finds(
    connection: duckdb.DuckDBPyConnection, kind: pyarrow.DataType, values: st.SearchStrategy[Any]
) -> None:
    import pandera.pandas as pa

    types = {"double": "DOUBLE", "string": "VARCHAR", "int64": "BIGINT"}
    columns = tuple(Column(name=name, type=types[str(kind)]) for name in "xy")
    promised = Contract(asset=ORDERS, columns=columns, grain=None, unique=(("x",), ("x", "y")))
    schemas = [
        pa.DataFrameSchema({"x": pa.Column(None, unique=True, nullable=True)}),
        pa.DataFrameSchema(unique=["x", "y"]),
    ]

    @settings(max_examples=60, deadline=None, database=None, derandomize=True)
    @given(rows=st.lists(st.tuples(values, values), max_size=5))
    def agree(rows: list[tuple[Any, Any]]) -> None:
        table = pyarrow.table(
            {"x": pyarrow.array([x for x, _ in rows], kind), "y": pyarrow.array([y for _, y in rows], kind)}
        )
        connection.register("key_rows", table)
        found = [result.n_failing for result in evaluate_keys(connection, "key_rows", promised)]
        connection.unregister("key_rows")
        frame = table.to_pandas()
        assert found == [n_repeated(schema, frame) for schema in schemas]

    agree()


def n_repeated(schema: Any, frame: pd.DataFrame) -> int:
    """pandera fails on repeated nulls too, but lists only the rows that hold a value: pandas counts them all."""
    import pandera.pandas as pa

    try:
        schema.validate(frame, lazy=True)
    except pa.errors.SchemaErrors:
        return int(frame.duplicated(subset=schema.unique or list(schema.columns), keep=False).sum())
    return 0


def test_judging_sql_rules_never_imports_pandera_or_pandas() -> None:
    script = """
import sys, duckdb
from orchestrator_platform.contracts.evaluate import evaluate_rules, evaluate_keys, failing_rows
from orchestrator_platform.records.contracts import Column, Contract, Rule
from orchestrator_platform.sql import read_columns
rule = Rule(name="x > 0", columns=("x",), sql="x > 0")
column = Column(name="x", type="INTEGER", nullable=False)
contract = Contract(asset="a.b", columns=(column,), grain=("x",), rules=(rule,))
with duckdb.connect() as c:
    assert [r.n_failing for r in evaluate_rules(c, "(select -1 as x)", contract)] == [0, 1]
    evaluate_keys(c, "(select -1 as x)", contract)
    failing_rows(c, "(select -1 as x)", contract, ["x"])
assert "pandera" not in sys.modules, "pandera"
assert "pandas" not in sys.modules, "pandas"
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
