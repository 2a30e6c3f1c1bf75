"""What evaluating one rule gave: how many rows fail, and a few of them as masked text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..records.contracts import Contract, Engine, Rule
from ..records.findings import MASK, SAMPLE_LIMIT, VALUE_LIMIT
from ..sql import identifier


@dataclass(frozen=True)
class RuleResult:
    """`n_failing` counts rows; a check that gives one answer for all rows counts 1 when it fails.

    `message` says what went wrong where no row can tell it; it never holds a value of the table.
    """

    rule: Rule
    n_failing: int
    sample: tuple[dict[str, Any], ...] = ()
    engine: Engine = Engine.SQL
    message: str = ""

    @property
    def passed(self) -> bool:
        return self.n_failing == 0


def text_of(name: str) -> str:
    """Returns the SQL that shows a column's value as a text of bounded length."""
    return f"left(cast({identifier(name)} as varchar), {VALUE_LIMIT})"


def masked_rows(names: Sequence[str], rows: Sequence[Sequence[Any]], contract: Contract) -> tuple[dict[str, Any], ...]:
    """Returns at most ten rows by column name; personal data shows only whether it is there."""
    return tuple(
        {
            name: MASK if value is not None and name in contract.pii_columns else value
            for name, value in zip(names, row, strict=True)
        }
        for row in rows[:SAMPLE_LIMIT]
    )
