"""Check names that Dagster accepts: letters, digits and underscores, unique within an asset."""

import re
from collections.abc import Mapping, Sequence

from ..contracts.evaluate import key_rules, row_rules
from ..records.contracts import Contract

_SIGNS = {"≥": "ge", "≤": "le", "<": "lt", ">": "gt", "=": "eq", "≠": "ne", "%": "percent", "-": "minus"}


def check_name(text: str) -> str:
    """Returns the text as a check name: `amount ≥ 0` becomes `amount_ge_0`."""
    for sign, word in _SIGNS.items():
        text = text.replace(sign, f" {word} ")
    return re.sub(r"[^A-Za-z0-9]+", "_", text).strip("_").lower()[:80] or "check"


def check_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Returns one name per text, in order; repeated ones get a number."""
    seen: dict[str, int] = {}
    names = []
    for text in texts:
        name = check_name(text)
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return tuple(names)


def rule_check_names(contract: Contract) -> Mapping[str, str]:
    """Returns the check name of every rule of the contract, by the rule's own name."""
    names = [rule.name for rule in (*row_rules(contract), *key_rules(contract))]
    return dict(zip(names, check_names([_readable(name) for name in names]), strict=True))


def _readable(rule: str) -> str:
    """A pattern spelled out in letters tells nobody anything; the finding's message holds it."""
    before, matches, _ = rule.partition(" matches ")
    return f"{before}{matches}pattern" if matches else rule
