"""Two contracts of one table: what is looser and what is stricter is told apart, whatever words say it."""

from collections.abc import Callable

import pytest

from orchestrator_platform.contracts.comparing import compare_contracts
from orchestrator_platform.records.contract_changes import Direction
from orchestrator_platform.records.contracts import Column, Contract, Relation, RowsPromise, Rule
from orchestrator_platform.records.findings import Severity
from orchestrator_platform.records.keys import AssetKey


def rule(name: str, column: str, sql: str | None, **more: object) -> Rule:
    return Rule.model_validate({"name": name, "columns": (column,), "sql": sql, **more})


COLUMNS = (
    Column(name="amount", type="DOUBLE", nullable=False),
    Column(name="status", type="VARCHAR", pii=True),
    Column(name="day", type="DATE"),
    Column(name="n", type="BIGINT"),
)
AT_LEAST = rule("amount ≥ 0", "amount", '("amount" >= 0.0)')
AMONG = rule("status in set", "status", "(\"status\" collate c in ('open', 'paid'))")
LENGTH = rule("status length 2–5", "status", '(length("status") >= 2 and length("status") <= 5)')
SINCE = rule("day ≥ 2024-01-01", "day", "(\"day\" >= '2024-01-01'::DATE)")
OWN = rule("own", "n", None, code="a")
BASE = Contract(
    asset=AssetKey("marts.a"),
    columns=COLUMNS,
    grain=("n",),
    rules=(AT_LEAST, AMONG, LENGTH, SINCE, OWN),
    rows=RowsPromise(relation=Relation.SUBSET_OF, parent=AssetKey("raw.a")),
)
Change = Callable[[Contract], Contract]


def replaced(old: Rule, *new: Rule) -> Change:
    def change(contract: Contract) -> Contract:
        kept = tuple(item for item in contract.rules if item != old)
        return contract.model_copy(update={"rules": (*kept, *new)})

    return change


def with_column(name: str, **changes: object) -> Change:
    def change(contract: Contract) -> Contract:
        columns = [c.model_copy(update=changes) if c.name == name else c for c in contract.columns]
        return contract.model_copy(update={"columns": tuple(columns)})

    return change


def setting(**changes: object) -> Change:
    return lambda contract: contract.model_copy(update=changes)


LOOSER: dict[str, Change] = {
    "amount: amount ≥ 0 → amount ≥ -1; -1.0 is let in": replaced(
        AT_LEAST, rule("amount ≥ -1", "amount", '("amount" >= -1.0)')
    ),
    "amount: amount ≥ 0 → nothing; -1.0 is let in": replaced(AT_LEAST),
    "amount: amount ≥ 0 → amount ≤ 9; -1.0 is let in": replaced(
        AT_LEAST, rule("amount ≤ 9", "amount", '("amount" <= 9.0)')
    ),
    "status: status in set, status length 2–5 → status length 2–5, status in set; 'lost' is let in": replaced(
        AMONG, rule("status in set", "status", "(\"status\" collate c in ('open', 'paid', 'lost'))")
    ),
    "day: day ≥ 2024-01-01 → day ≥ 2023-06-01; 2023-06-01 is let in": replaced(
        SINCE, rule("day ≥ 2023-06-01", "day", "(\"day\" >= '2023-06-01'::DATE)")
    ),
    "own: not asked any more": replaced(OWN),
    "own: says something else": replaced(OWN, rule("own", "n", None, code="b")),
    "amount: may be null": with_column("amount", nullable=True),
    "amount: DOUBLE → VARCHAR": with_column("amount", type="VARCHAR"),
    "status: not marked any more as personal data": with_column("status", pii=False),
    "grain (n) unique: not asked any more": setting(grain=("day",)),
    "rows: subset_of raw.a → nothing promised": setting(rows=None),
    "further columns are allowed": setting(closed=False),
    "n: not promised any more": setting(columns=COLUMNS[:3], grain=None, rules=(AT_LEAST, AMONG, LENGTH, SINCE)),
}


@pytest.mark.parametrize("said", LOOSER)
def test_what_promises_less_is_looser_and_the_other_way_round_stricter(said: str) -> None:
    changed = LOOSER[said](BASE)
    found = compare_contracts(BASE, changed)
    assert said in [change.said for change in found if change.direction is Direction.LOOSER]
    if said not in {"own: says something else", "amount: DOUBLE → VARCHAR", "grain (n) unique: not asked any more"}:
        back = compare_contracts(changed, BASE)
        both = "amount ≤ 9" in said
        assert {change.direction for change in back} == ({Direction.LOOSER} if both else {Direction.STRICTER})


def test_the_same_in_other_words_is_no_change() -> None:
    described = BASE.model_copy(update={"origin": "elsewhere.py:Other"})
    assert compare_contracts(BASE, described) == ()


def test_a_rule_that_only_warns_is_none() -> None:
    warns = AT_LEAST.model_copy(update={"severity": Severity.WARN})
    (change,) = compare_contracts(BASE, replaced(AT_LEAST, warns)(BASE))
    assert change.direction is Direction.LOOSER


def test_a_stronger_promise_of_rows_is_stricter() -> None:
    stronger = RowsPromise(relation=Relation.SAME_AS, parent=AssetKey("raw.a"))
    (change,) = compare_contracts(BASE, BASE.model_copy(update={"rows": stronger}))
    assert change.direction is Direction.STRICTER
