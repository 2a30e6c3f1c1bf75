"""Two contracts of one table: what the newer one promises less, or more. Knows neither where they are kept nor rows."""

import re
from collections.abc import Iterable, Iterator, Sequence

import duckdb

from ..records.contract_changes import Direction, PromiseChange
from ..records.contracts import Column, Contract, Relation, Rule
from ..records.findings import Severity
from ..sql import identifier, literal
from .keys import key_rules

_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.\"])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)")
_NUMERIC = re.compile(r"(U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?|FLOAT|DOUBLE|DECIMAL.*)")
_WEAKER = (Relation.SAME_AS, Relation.SUBSET_OF, Relation.AT_MOST_ONE_PER)
_LONGEST = 60


def compare_contracts(before: Contract, after: Contract) -> tuple[PromiseChange, ...]:
    """Returns every difference in what is promised; what may be looser counts as looser."""
    changes = [*_columns(before, after), *_rules(before, after), *_keys(before, after), *_rows(before, after)]
    if before.closed != after.closed:
        said = "further columns are allowed" if before.closed else "further columns are refused"
        changes.append(PromiseChange(direction=_looser(before.closed), said=said))
    return tuple(changes)


def _looser(is_looser: bool) -> Direction:
    return Direction.LOOSER if is_looser else Direction.STRICTER


def _columns(before: Contract, after: Contract) -> Iterator[PromiseChange]:
    for was in before.columns:
        now = after.column(was.name)
        if now is None:
            yield PromiseChange(
                direction=Direction.LOOSER, columns=(was.name,), said=f"{was.name}: not promised any more"
            )
        else:
            yield from _column(was, now)
    for now in after.columns:
        if before.column(now.name) is None:
            yield PromiseChange(direction=Direction.STRICTER, columns=(now.name,), said=f"{now.name}: promised as well")


def _column(was: Column, now: Column) -> Iterator[PromiseChange]:
    if was.type != now.type:
        said = f"{was.name}: {was.type or 'any type'} → {now.type or 'any type'}"
        yield PromiseChange(
            direction=Direction.LOOSER if was.type else Direction.STRICTER, columns=(was.name,), said=said
        )
    if was.nullable != now.nullable:
        said = f"{was.name}: {'may be' if now.nullable else 'may not be'} null"
        yield PromiseChange(direction=_looser(now.nullable), columns=(was.name,), said=said)
    if was.pii != now.pii:
        said = f"{was.name}: {'marked' if now.pii else 'not marked any more'} as personal data"
        yield PromiseChange(direction=_looser(was.pii), columns=(was.name,), said=said)


def _rules(before: Contract, after: Contract) -> Iterator[PromiseChange]:
    old, new = _blocking(before), _blocking(after)
    shared = {column.name: column.type for column in after.columns if before.column(column.name) is not None}
    for name, type_ in shared.items():
        was, now = _of_column(old, name), _of_column(new, name)
        if {rule.sql for rule in was} != {rule.sql for rule in now}:
            yield from _probed(name, type_, was, now)
    yield from _by_name(_others(old, shared), _others(new, shared))


def _blocking(contract: Contract) -> list[Rule]:
    """A rule that only warns lets everything in."""
    return [rule for rule in contract.rules if rule.severity is not Severity.WARN]


def _of_column(rules: Sequence[Rule], name: str) -> list[Rule]:
    return [rule for rule in rules if rule.sql is not None and rule.columns == (name,)]


def _others(rules: Sequence[Rule], shared: Iterable[str]) -> list[Rule]:
    return [rule for rule in rules if rule.sql is None or rule.columns not in {(name,) for name in shared}]


def _probed(name: str, type_: str, was: Sequence[Rule], now: Sequence[Rule]) -> Iterator[PromiseChange]:
    """Asks both for the values at which one of them changes its answer, and beside those."""
    said = f"{name}: {_names(was)} → {_names(now)}"
    let_in, kept_out = _ask(name, type_, was, now)
    if let_in is not None:
        # A message holds no value of a table: these are the contract's own.
        said += f"; {_short(repr(let_in) if type_ == 'VARCHAR' else let_in)} is let in"
    if let_in is not None or kept_out is None:
        yield PromiseChange(direction=Direction.LOOSER, columns=(name,), said=said)
    else:
        yield PromiseChange(direction=Direction.STRICTER, columns=(name,), said=said)


def _names(rules: Sequence[Rule]) -> str:
    return ", ".join(rule.name for rule in rules) or "nothing"


def _short(value: str) -> str:
    return value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…"


def _ask(name: str, type_: str, was: Sequence[Rule], now: Sequence[Rule]) -> tuple[str | None, str | None]:
    """Returns a value that only the newer rules let in, and one that only the older ones do, as texts."""
    texts = [rule.sql or "" for rule in (*was, *now)]
    points = ", ".join(f"({point})" for point in dict.fromkeys(_points(texts, type_)))
    with duckdb.connect() as connection:
        try:
            rows = connection.execute(
                f"WITH asked AS (SELECT TRY_CAST(value AS {type_ or 'VARCHAR'}) AS {identifier(name)}"
                f" FROM (VALUES {points}) AS given(value))"
                f" SELECT {identifier(name)}::VARCHAR, {_holds(was)}, {_holds(now)} FROM asked"
                f" WHERE {identifier(name)} IS NOT NULL ORDER BY 1"
            ).fetchall()
        except duckdb.Error:
            return None, None
    let_in = next((row[0] for row in rows if row[2] and not row[1]), None)
    return let_in, next((row[0] for row in rows if row[1] and not row[2]), None)


def _holds(rules: Sequence[Rule]) -> str:
    return " AND ".join(f"coalesce({rule.sql}, true)" for rule in rules) or "true"


def _points(texts: Sequence[str], type_: str) -> Iterator[str]:
    found = [match for text in texts for match in _LITERAL.findall(text)]
    words = [text.replace("''", "'") for text, _ in found if text]
    numbers = [number for _, number in found if number]
    yield from (literal(word) for word in (*words, *numbers, "", "~"))
    if _NUMERIC.fullmatch(type_):
        yield from (f"({number} {step})::VARCHAR" for number in numbers for step in ("- 1", "+ 1"))
    elif type_ == "VARCHAR":
        yield from (literal(f"{word}~") for word in words)
        lengths = {max(int(number) + step, 0) for number in numbers if number.isdigit() for step in (-1, 0, 1)}
        yield from (f"repeat('x', {min(length, 10_000)})" for length in sorted(lengths))
    else:
        days = ("- INTERVAL 1 DAY", "+ INTERVAL 1 DAY")
        yield from (f"(TRY_CAST({literal(word)} AS TIMESTAMP) {day})::VARCHAR" for word in words for day in days)


def _by_name(before: Sequence[Rule], after: Sequence[Rule]) -> Iterator[PromiseChange]:
    """Rules over several columns, and those that only Python can say."""
    old, new = {rule.name: rule for rule in before}, {rule.name: rule for rule in after}
    for name, rule in old.items():
        now = new.get(name)
        if now is None:
            yield PromiseChange(direction=Direction.LOOSER, columns=rule.columns, said=f"{name}: not asked any more")
        elif (now.sql, now.code) != (rule.sql, rule.code):
            said = f"{name}: says something else"
            yield PromiseChange(direction=Direction.LOOSER, columns=rule.columns, said=said)
    for name, rule in new.items():
        if name not in old:
            yield PromiseChange(direction=Direction.STRICTER, columns=rule.columns, said=f"{name}: asked as well")


def _keys(before: Contract, after: Contract) -> Iterator[PromiseChange]:
    old = {rule.name: rule for rule in key_rules(before)}
    new = {rule.name: rule for rule in key_rules(after)}
    for name in old.keys() - new.keys():
        yield PromiseChange(direction=Direction.LOOSER, columns=old[name].columns, said=f"{name}: not asked any more")
    for name in new.keys() - old.keys():
        yield PromiseChange(direction=Direction.STRICTER, columns=new[name].columns, said=f"{name}: asked as well")


def _rows(before: Contract, after: Contract) -> Iterator[PromiseChange]:
    was, now = before.rows, after.rows
    if was == now:
        return
    said = f"rows: {_promise(before)} → {_promise(after)}"
    stricter = was is None or (
        now is not None
        and (was.parent, was.on) == (now.parent, now.on)
        and _WEAKER.index(now.relation) < _WEAKER.index(was.relation)
    )
    yield PromiseChange(direction=_looser(not stricter), columns=(), said=said)


def _promise(contract: Contract) -> str:
    rows = contract.rows
    return f"{rows.relation} {rows.parent}" if rows is not None else "nothing promised"
