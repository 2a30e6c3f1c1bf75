"""Failing rows as they may be shown: bounded, values as short text, personal data masked."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..records.contracts import Contract
from ..records.findings import MASK, SAMPLE_LIMIT, VALUE_LIMIT


def mask_rows(rows: Iterable[Mapping[str, Any]], *contracts: Contract) -> tuple[dict[str, Any], ...]:
    """Returns at most ten rows.

    `contracts` are those of every table that the rows may come from. Where one marks personal data, a
    column that none names is masked too: a check's own columns may be made of marked ones.
    """
    masked = frozenset(name for contract in contracts for name in contract.pii_columns)
    safe = {column.name for contract in contracts for column in contract.columns} - masked

    def shown(name: str, value: Any) -> Any:
        if value is None:
            return None
        if masked and name not in safe:
            return MASK
        return str(value)[:VALUE_LIMIT]

    listed = [row for _, row in zip(range(SAMPLE_LIMIT), rows, strict=False)]
    return tuple({name: shown(name, value) for name, value in row.items()} for row in listed)
