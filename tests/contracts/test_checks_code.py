"""A check is another one only where what decides it may differ."""

from pathlib import Path
from textwrap import dedent

import pytest

from orchestrator_platform.contracts.checks_code import checks_code
from orchestrator_platform.contracts.pandera_contract import load_pandera_contract
from orchestrator_platform.records.keys import AssetKey

_TEXT = '''
    """Orders."""
    import pandera.pandas as pa

    LIMIT = 5


    class Orders(pa.DataFrameModel):
        """One order a row."""

        order_id: int = pa.Field(ge=1, description="Its number.")
        amount: float

        @pa.check("amount")
        def is_small(cls, values):
            """Small ones only."""
            return values < LIMIT  # in euros

        class Config:
            metadata = {"grain": ["order_id"]}
'''


def _code(folder: Path, text: str) -> str:
    file = folder / "contract.py"
    file.write_text(dedent(text), encoding="utf-8")
    return checks_code(file)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("# in euros", "# in euros, before tax"),
        ('"""Small ones only."""', '"""Those under the limit."""'),
        ("values < LIMIT", "(values\n                    < LIMIT)"),
        ("amount: float", "amount: float\n        note: str"),
        ('pa.Field(ge=1, description="Its number.")', "pa.Field(ge=1, unique=True)"),
    ],
)
def test_what_decides_no_check_is_left_out(tmp_path: Path, was: str, becomes: str) -> None:
    assert was in _TEXT
    assert _code(tmp_path, _TEXT.replace(was, becomes)) == _code(tmp_path, _TEXT)


@pytest.mark.parametrize(
    ("was", "becomes"),
    [
        ("LIMIT = 5", "LIMIT = 6"),
        ("values < LIMIT", "values <= LIMIT"),
        ('@pa.check("amount")', '@pa.check("order_id")'),
        ("amount: float", "amount: float\n        most: int = 5"),
        ("amount: float", "amount: float\n        most = 5"),
    ],
)
def test_what_may_decide_a_check_is_in(tmp_path: Path, was: str, becomes: str) -> None:
    assert was in _TEXT
    assert _code(tmp_path, _TEXT.replace(was, becomes)) != _code(tmp_path, _TEXT)


def test_a_rule_stays_the_same_when_a_column_is_added(tmp_path: Path) -> None:
    def rule(text: str) -> str:
        file = tmp_path / "contract.py"
        file.write_text(dedent(text), encoding="utf-8")
        contract = load_pandera_contract(AssetKey("raw.orders"), file, "Orders")
        return next(one.code for one in contract.rules if one.name == "amount is_small")

    assert rule(_TEXT.replace("amount: float", "amount: float\n        note: str")) == rule(_TEXT)
    assert rule(_TEXT.replace("values < LIMIT", "values > LIMIT")) != rule(_TEXT)
