"""A pandera model becomes a contract, and what a contract cannot promise is refused with file and line."""

from pathlib import Path

import pytest

from orchestrator_platform.contracts.pandera_contract import load_pandera_contract
from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.records.contracts import Column, Contract, Engine, Relation
from orchestrator_platform.records.findings import Severity
from orchestrator_platform.records.keys import AssetKey

ORDERS = AssetKey("raw.orders")

HEAD = """\
import datetime
import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series
"""

MODEL = (
    HEAD
    + '''
class Orders(pa.DataFrameModel):
    """Orders as the shop sends them."""
    id: int = pa.Field(ge=1, unique=True)
    status: str = pa.Field(isin=["open", "paid"], description="as the shop calls it")
    amount: float = pa.Field(ge=0, le=1000, nullable=True, raise_warning=True)
    email: Series[str] = pa.Field(str_matches=r"\\S+@", metadata={"pii": True}, nullable=True)
    day: datetime.date

    @pa.check("amount", name="whole_cents", element_wise=True, description="no half cents")
    def cents(cls, value: float) -> bool:
        return round(value * 100) == value * 100

    @pa.check("amount")
    def not_all_zero(cls, amounts: pd.Series) -> bool:
        return bool(amounts.any())

    @pa.dataframe_check
    def paid_has_amount(cls, frame: pd.DataFrame) -> pd.Series:
        return (frame["status"] != "paid") | frame["amount"].notna()

    class Config:
        strict = True
        unique = ["email", "day"]
        metadata = {
            "grain": ["id"],
            "rows": {"subset_of": {"parent": "raw.carts", "on": ["id"]}},
            "row_wise": ["paid_has_amount"],
        }
'''
)


def load(tmp_path: Path, text: str, class_name: str = "Orders") -> Contract:
    file = tmp_path / "orders.py"
    file.write_text(text, encoding="utf-8")
    return load_pandera_contract(ORDERS, file, class_name)


def test_a_model_becomes_a_contract(tmp_path: Path) -> None:
    contract = load(tmp_path, MODEL)
    assert contract.columns == (
        Column(name="id", type="BIGINT", nullable=False),
        Column(name="status", type="VARCHAR", nullable=False, description="as the shop calls it"),
        Column(name="amount", type="DOUBLE"),
        Column(name="email", type="VARCHAR", pii=True),
        Column(name="day", type="DATE", nullable=False),
    )
    assert contract.grain == ("id",)
    assert contract.unique == (("id",), ("email", "day"))
    assert contract.closed
    assert contract.rows
    assert contract.rows.relation is Relation.SUBSET_OF
    assert (contract.rows.parent, contract.rows.on) == ("raw.carts", ("id",))
    assert contract.pandera == f"{tmp_path / 'orders.py'}:Orders"


def test_rules_say_what_evaluates_them_and_how_much_they_need(tmp_path: Path) -> None:
    rules = {rule.name: rule for rule in load(tmp_path, MODEL).rules}
    assert list(rules) == [
        "id ≥ 1",
        "status in set",
        "amount ≥ 0",
        "amount ≤ 1000",
        "amount whole_cents",
        "amount not_all_zero",
        r"email matches '\\S+@'",
        "paid_has_amount",
    ]
    assert rules["id ≥ 1"].engine is Engine.SQL
    assert rules["id ≥ 1"].sql == '("id" >= 1)'
    assert rules["amount ≥ 0"].severity is Severity.WARN
    assert rules["amount whole_cents"].engine is Engine.PANDAS
    assert rules["amount whole_cents"].description == "no half cents"
    assert not rules["amount whole_cents"].whole
    assert rules["amount not_all_zero"].whole
    assert rules[r"email matches '\\S+@'"].engine is Engine.PANDAS
    assert not rules[r"email matches '\\S+@'"].whole
    assert not rules["paid_has_amount"].whole
    assert rules["paid_has_amount"].columns == ("id", "status", "amount", "email", "day")


def test_a_contract_of_which_sql_says_everything_needs_no_pandera(tmp_path: Path) -> None:
    text = (
        HEAD
        + """
class Orders(pa.DataFrameModel):
    id: int = pa.Field(ge=1)
    class Config:
        metadata = {"grain": "none"}
"""
    )
    contract = load(tmp_path, text)
    assert contract.pandera is None
    assert contract.grain is None
    assert not contract.closed


def test_a_changed_check_changes_the_contract_and_a_moved_file_does_not(tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    here.mkdir()
    there.mkdir()
    first = load(here, MODEL)
    assert load(there, MODEL).hash() == first.hash()
    assert load(here, MODEL.replace("value * 100) ==", "value * 10) ==")).hash() != first.hash()
    assert load(here, MODEL.replace("ge=1", "ge=2")).hash() != first.hash()


def test_two_rules_of_one_name_are_told_apart(tmp_path: Path) -> None:
    text = (
        HEAD
        + """
class Orders(pa.DataFrameModel):
    id: int = pa.Field(isin=[1], notin=[2])
    @pa.check("id", name="in set")
    def other(cls, ids): return ids > 0
    class Config:
        metadata = {"grain": ["id"]}
"""
    )
    assert [rule.name for rule in load(tmp_path, text).rules] == ["id in set", "id not in set", "id in set (2)"]


def test_a_check_of_ones_own_that_is_named_like_a_built_in_is_not_compiled(tmp_path: Path) -> None:
    text = (
        HEAD
        + """
class Orders(pa.DataFrameModel):
    id: int
    @pa.check("id", name="isin", statistics={"allowed_values": [1]})
    def other(cls, ids, allowed_values=()): return ids > 0
    class Config:
        metadata = {"grain": ["id"]}
"""
    )
    assert [rule.engine for rule in load(tmp_path, text).rules] == [Engine.PANDAS]


def test_a_check_that_judges_nulls_too_is_not_compiled(tmp_path: Path) -> None:
    text = (
        HEAD
        + """
class Orders(pa.DataFrameModel):
    id: int = pa.Field(ge=1, ignore_na=False)
    class Config:
        metadata = {"grain": ["id"]}
"""
    )
    assert [rule.engine for rule in load(tmp_path, text).rules] == [Engine.PANDAS]


def test_an_edit_within_the_same_second_is_seen(tmp_path: Path) -> None:
    assert load(tmp_path, MODEL).rules[0].name == "id ≥ 1"
    assert load(tmp_path, MODEL.replace("ge=1,", "ge=7,")).rules[0].name == "id ≥ 7"
    assert not (tmp_path / "__pycache__").exists()


def edited(field: str = "id: int", config: str = 'metadata = {"grain": "none"}', body: str = "") -> str:
    return f"{HEAD}\nclass Orders(pa.DataFrameModel):\n    {field}\n{body}\n    class Config:\n        {config}\n"


PARSER = "    @pa.parser('id')\n    def parse(cls, ids): return ids\n"
INDEX = "    row: pa.typing.Index[int]\n"


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        (edited(config="strict = True"), "does not say the table's grain", 6),
        (edited(config='metadata = {"grain": "id"}'), "is no list of column names", 6),
        (edited(config='metadata = {"grain": ["nosuch"]}'), "names 'nosuch'", 6),
        (edited(config='metadata = {"grain": ["id"], "row": {}}'), "unknown metadata row", 6),
        (edited(config='metadata = {"grain": ["id"], "rows": {"like": "raw.x"}}'), "cannot be read", 6),
        (edited(config='metadata = {"grain": ["id"], "rows": {"same_as": "X"}}'), "is not an asset key", 6),
        (edited(config='metadata = {"grain": ["id"], "row_wise": ["x"]}'), "which is no check", 6),
        (edited("id: int = pa.Field(coerce=True)"), "'id' converts data", 7),
        (edited("id: int = pa.Field(default=1)"), "fills in values", 7),
        (edited("id: object"), "has the dtype object", 7),
        (edited("id: bytes"), "has the dtype object", 7),
        (edited("id: int = pa.Field(regex=True)"), "stands for several columns", 7),
        (edited("id: str = pa.Field(str_matches='(a')"), "does not run: error: missing )", 7),
        (edited("id: pa.typing.Series[int] | None"), "may be missing", 7),
        (edited(config='coerce = True; metadata = {"grain": "none"}'), "converts data", 6),
        (edited(config='strict = "filter"; metadata = {"grain": "none"}'), "drops columns", 6),
        (edited(config='drop_invalid_rows = True; metadata = {"grain": "none"}'), "drops rows", 6),
        (edited(config='ordered = True; metadata = {"grain": "none"}'), "order of columns", 6),
        (edited(body=PARSER), "changes data", 7),
        (edited(body=INDEX), "declares an index", 6),
        (HEAD + "class Orders: pass\n", "no pandera model", 5),
        (HEAD + "class Other: pass\n", "has no class 'Orders'", None),
        (HEAD + "class Orders(\n", "is not valid Python", 5),
        (HEAD + "1 / 0\n", "does not run: ZeroDivisionError", 5),
    ],
)
def test_what_a_contract_cannot_promise_is_refused_with_its_place(
    tmp_path: Path, text: str, problem: str, line: int | None
) -> None:
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, text)
    assert problem in caught.value.problem
    assert caught.value.line == line
    assert caught.value.fix
    assert str(tmp_path / "orders.py") in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"nosuch\.py: cannot be read"):
        load_pandera_contract(ORDERS, tmp_path / "nosuch.py", "Orders")
