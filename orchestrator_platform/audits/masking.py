"""Failing rows as they may be shown: bounded, values as short text, personal data masked."""

from collections.abc import Iterable, Mapping
from typing import Any

from ..records.contracts import Contract
from ..records.findings import MASK, SAMPLE_LIMIT, VALUE_LIMIT


def mask_rows(rows: Iterable[Mapping[str, Any]], contract: Contract) -> tuple[dict[str, Any], ...]:
    """Returns at most ten rows.

    Where the contract marks personal data, a column that it does not name is masked too: a check's
    own columns may be made of marked ones.
    """
    safe = {column.name for column in contract.columns if not column.pii}
    masked = contract.pii_columns

    def shown(name: str, value: Any) -> Any:
        if value is None:
            return None
        if masked and name not in safe:
            return MASK
        return str(value)[:VALUE_LIMIT]

    listed = [row for _, row in zip(range(SAMPLE_LIMIT), rows, strict=False)]
    return tuple({name: shown(name, value) for name, value in row.items()} for row in listed)
