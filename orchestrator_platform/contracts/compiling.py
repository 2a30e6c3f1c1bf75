"""pandera's built-in checks as SQL predicates that give the same answer for every row, or `None`.

A predicate is true, false or null; only false fails. Null stands for pandera's "nulls are ignored";
NaN is a null to pandas, so floating columns let it pass too.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ..sql import identifier, literal
from .literals import FLOATING, INTEGER_RANGES, sql_literal
from .patterns import translate_pattern

_OPERATORS = {
    "equal_to": ("=", "value", "="),
    "not_equal_to": ("<>", "value", "≠"),
    "greater_than": (">", "min_value", ">"),
    "greater_than_or_equal_to": (">=", "min_value", "≥"),
    "less_than": ("<", "max_value", "<"),
    "less_than_or_equal_to": ("<=", "max_value", "≤"),
}
_LONGEST_NAME = 60

ROW_CHECKS = frozenset(
    (*_OPERATORS, "in_range", "isin", "notin", "str_matches", "str_contains", "str_startswith", "str_endswith")
) | {"str_length"}


def compile_check(column: str, type_name: str, check: str, statistics: Mapping[str, Any]) -> str | None:
    """Returns the predicate for a built-in check on a column of a DuckDB type.

    `check` and `statistics` are pandera's names. `None` means that SQL cannot say it exactly.
    """
    compiled = _compile(column, type_name, check, statistics)
    if compiled is None or type_name not in FLOATING:
        return compiled
    return f"(isnan({identifier(column)}) or {compiled})"


def _compile(column: str, type_name: str, check: str, statistics: Mapping[str, Any]) -> str | None:
    if check in _OPERATORS:
        operator, argument, _ = _OPERATORS[check]
        return _comparison(column, type_name, operator, statistics[argument])
    if check == "in_range":
        return _in_range(column, type_name, statistics)
    if check in ("isin", "notin"):
        return _membership(column, type_name, check, statistics)
    if type_name == "VARCHAR" and check in _TEXT_CHECKS:
        return _TEXT_CHECKS[check](identifier(column), statistics)
    return None


def _comparison(column: str, type_name: str, operator: str, value: Any) -> str | None:
    if type_name == "BOOLEAN" and operator not in ("=", "<>"):
        return None
    if type_name in INTEGER_RANGES and type(value) is float:
        # pandas compares integers with a float as floats, rounding included.
        number = sql_literal(value, "DOUBLE")
        return f"({identifier(column)}::DOUBLE {operator} {number})" if number else None
    limit = sql_literal(value, type_name)
    return f"({_compared(column, type_name)} {operator} {limit})" if limit else None


def _compared(column: str, type_name: str) -> str:
    # Code point order, whatever collation the column or the connection carries.
    return f"{identifier(column)} collate c" if type_name == "VARCHAR" else identifier(column)


def _in_range(column: str, type_name: str, statistics: Mapping[str, Any]) -> str | None:
    above, below = (">=" if statistics["include_min"] else ">"), ("<=" if statistics["include_max"] else "<")
    bounds = (
        _comparison(column, type_name, above, statistics["min_value"]),
        _comparison(column, type_name, below, statistics["max_value"]),
    )
    return f"({bounds[0]} and {bounds[1]})" if bounds[0] and bounds[1] else None


def _membership(column: str, type_name: str, check: str, statistics: Mapping[str, Any]) -> str | None:
    allowed = check == "isin"
    values = statistics["allowed_values" if allowed else "forbidden_values"]
    # pandas takes single precision to double before it looks a value up, unlike when it compares.
    member_type = "DOUBLE" if type_name == "FLOAT" else type_name
    literals = [sql_literal(value, member_type) for value in values]
    if None in literals:
        return None
    name = identifier(column)
    if not literals:
        return f"({name} is null)" if allowed else "true"
    subject = f"{name}::DOUBLE" if type_name == "FLOAT" else _compared(column, type_name)
    listed = ", ".join(sorted({member for member in literals if member}))
    return f"({subject} {'in' if allowed else 'not in'} ({listed}))"


def _pattern(name: str, pattern: object, *, anchored: bool) -> str | None:
    translated = translate_pattern(pattern)
    if translated is None:
        return None
    return f"regexp_matches({name}, {literal(f'^(?:{translated})' if anchored else translated)})"


def _affix(function: str, name: str, text: object) -> str | None:
    affix = sql_literal(text, "VARCHAR")
    return f"{function}({name}, {affix})" if affix else None


def _length(name: str, statistics: Mapping[str, Any]) -> str | None:
    exact, least, most = (statistics.get(f"{bound}_value") for bound in ("exact", "min", "max"))
    limits = {"=": exact} if exact is not None else {">=": least, "<=": most}
    given = {operator: limit for operator, limit in limits.items() if limit is not None}
    if not given or not all(type(limit) is int for limit in given.values()):
        return None
    return "(" + " and ".join(f"length({name}) {operator} {limit}" for operator, limit in given.items()) + ")"


_TEXT_CHECKS: Mapping[str, Callable[[str, Mapping[str, Any]], str | None]] = {
    "str_matches": lambda name, given: _pattern(name, given["pattern"], anchored=True),
    "str_contains": lambda name, given: _pattern(name, given["pattern"], anchored=False),
    "str_startswith": lambda name, given: _affix("starts_with", name, given["string"]),
    "str_endswith": lambda name, given: _affix("ends_with", name, given["string"]),
    "str_length": _length,
}


def name_check(column: str, check: str, statistics: Mapping[str, Any]) -> str:
    """Returns what a person calls the check: `amount ≥ 0`, `status in set`, `code matches '[A-Z]+'`."""
    return f"{column} {_said(check, statistics)}"


def _said(check: str, given: Mapping[str, Any]) -> str:
    if check in _OPERATORS:
        _, argument, sign = _OPERATORS[check]
        return f"{sign} {_short(given[argument])}"
    if check == "in_range":
        start, stop = ("[" if given["include_min"] else "("), ("]" if given["include_max"] else ")")
        return f"in {start}{_short(given['min_value'])}, {_short(given['max_value'])}{stop}"
    if check == "str_length":
        if given.get("exact_value") is not None:
            return f"length = {given['exact_value']}"
        least, most = given.get("min_value"), given.get("max_value")
        return f"length {'' if least is None else least}–{'' if most is None else most}"
    words = {"isin": "in set", "notin": "not in set", "unique_values_eq": "has all values"}
    verbs = {"str_matches": "matches", "str_contains": "contains", "str_startswith": "starts with"}
    if check in words:
        return words[check]
    verb = verbs.get(check, "ends with" if check == "str_endswith" else check)
    return f"{verb} {_short(given.get('pattern', given.get('string', '')))}"


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= _LONGEST_NAME else text[: _LONGEST_NAME - 1] + "…"
