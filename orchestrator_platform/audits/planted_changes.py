"""How defects are planted: of a relation the SQL of the same relation with the defect in it.

First which columns a defect applies to, then what becomes of a value, then defects of more than one column. The
texts run nowhere here.
"""

from collections.abc import Callable, Iterator
from itertools import pairwise

from ..sql import identifier
from .planted_ground import FilledColumn, Ground

HALF, SOME, FEW = 0.5, 0.2, 0.05
_MANY = 0.8
_CUT_AT = 10

Planted = Iterator[tuple[tuple[str, ...], str]]
Chosen = Callable[[Ground], list[FilledColumn]]
Changed = Callable[[Ground, FilledColumn], str]


def in_columns(chosen: Chosen, changed: Changed, share: float | None = None) -> Callable[[Ground], Planted]:
    """One defect per column: its values become an expression, in every row or in a share of them."""

    def plant(ground: Ground) -> Planted:
        for column in chosen(ground):
            changes = {column.name: changed(ground, column)}
            relation = ground.whole(changes) if share is None else ground.part(share, changes, column.name)
            yield (column.name,), relation

    return plant


def all_of_them(ground: Ground) -> list[FilledColumn]:
    return list(ground.columns)


def filled(ground: Ground) -> list[FilledColumn]:
    return [column for column in ground.columns if column.n_filled]


def varied(ground: Ground) -> list[FilledColumn]:
    return [column for column in ground.columns if column.n_distinct > 1]


def texts(ground: Ground) -> list[FilledColumn]:
    return [column for column in filled(ground) if column.is_text]


def long_texts(ground: Ground) -> list[FilledColumn]:
    return [column for column in texts(ground) if column.longest > _CUT_AT]


def categories(ground: Ground) -> list[FilledColumn]:
    return [column for column in ground.columns if column.is_category]


def times(ground: Ground) -> list[FilledColumn]:
    return [column for column in filled(ground) if column.is_time]


def measures(ground: Ground) -> list[FilledColumn]:
    """Numbers that are not keys: a key in another unit is no key."""
    return [column for column in filled(ground) if column.is_number and column.name not in ground.keys]


def vectors(ground: Ground) -> list[FilledColumn]:
    return [column for column in varied(ground) if column.is_vector]


def keys(ground: Ground) -> list[FilledColumn]:
    plain = (column for column in filled(ground) if column.is_text or column.is_whole_number)
    return [column for column in plain if column.name in ground.keys]


def multiplied(factor: int) -> Changed:
    """A product that the column's type cannot hold is its own value: the defect is then not there."""

    def changed(_: Ground, column: FilledColumn) -> str:
        name = identifier(column.name)
        return f"coalesce(TRY_CAST({name}::DOUBLE * {factor} AS {column.type}), {name})"

    return changed


def later(days: str, times: str) -> Changed:
    def changed(_: Ground, column: FilledColumn) -> str:
        interval = days if column.type == "DATE" else times
        return f"CAST({identifier(column.name)} + INTERVAL {interval} AS {column.type})"

    return changed


def shortened(_: Ground, column: FilledColumn) -> str:
    return f"left({identifier(column.name)}, {_CUT_AT})"


def mistyped(_: Ground, column: FilledColumn) -> str:
    return f"{identifier(column.name)} || right({identifier(column.name)}, 1)"


def in_other_case(_: Ground, column: FilledColumn) -> str:
    name = identifier(column.name)
    return f"CASE WHEN {name} = upper({name}) THEN lower({name}) ELSE upper({name}) END || ' '"


def garbled(_: Ground, column: FilledColumn) -> str:
    return f"regexp_replace({identifier(column.name)}, '[^\\x00-\\x7F]', 'Ã¼', 'g')"


def of_next_row(ground: Ground, column: FilledColumn) -> str:
    """The last row gets the first row's value."""
    name = identifier(column.name)
    order = ", ".join(map(identifier, ground.keys)) or name
    return f"coalesce(lead({name}) OVER (ORDER BY {order}), first_value({name}) OVER (ORDER BY {order}))"


def of_numbers(expression: str) -> Changed:
    """Each number `x` of a list becomes an expression, in which `{list}` is the whole list."""

    def changed(_: Ground, column: FilledColumn) -> str:
        name = identifier(column.name)
        return f"list_transform({name}, lambda x: {expression.replace('{list}', name)})::{column.type}"

    return changed


def turned_round(_: Ground, column: FilledColumn) -> str:
    return f"list_reverse({identifier(column.name)})"


def half_of_it(_: Ground, column: FilledColumn) -> str:
    name = identifier(column.name)
    return f"{name}[1 : greatest(1, len({name}) // 2)]"


def one_value(ground: Ground, column: FilledColumn) -> str:
    return f"(SELECT min({identifier(column.name)}) FROM {ground.relation})"


def next_key(ground: Ground, column: FilledColumn) -> str:
    name = identifier(column.name)
    following = f"coalesce(lead({name}) OVER (ORDER BY {name}), {one_value(ground, column)})"
    return f"CAST({f'{name} + 1' if column.is_whole_number else following} AS {column.type})"


def orphaned(_: Ground, column: FilledColumn) -> str:
    name = identifier(column.name)
    return f"CAST({f'{name} || 0' if column.is_text else f'(-1 - abs({name}))'} AS {column.type})"


def retyped(_: Ground, column: FilledColumn) -> str:
    name = identifier(column.name)
    return f"encode({name})" if column.is_text else f"{name}::VARCHAR"


def shifted_units(ground: Ground) -> Planted:
    for factor in (100, 1000):
        yield from in_columns(measures, multiplied(factor))(ground)


def swapped_columns(ground: Ground) -> Planted:
    by_type: dict[str, list[str]] = {}
    for column in ground.columns:
        by_type.setdefault(column.type, []).append(column.name)
    for names in by_type.values():
        for one, other in pairwise(names):
            yield (one, other), ground.whole({one: identifier(other), other: identifier(one)})


def duplicated_rows(ground: Ground) -> Planted:
    yield (), _union(ground.relation, ground.rows(FEW, "duplicated"))


def doubled_table(ground: Ground) -> Planted:
    yield (), _union(ground.relation, ground.relation)


def fan_out(ground: Ground) -> Planted:
    other = next((column for column in varied(ground) if column.name not in ground.keys), None)
    joined = ground.rows(SOME, "fan out")
    if other is not None:
        name = identifier(other.name)
        neighbour = f"coalesce(lead({name}) OVER (ORDER BY {name}), {name})"
        joined = f"(SELECT * REPLACE ({neighbour} AS {name}) FROM {joined})"
    yield (), _union(ground.relation, joined, joined)


def dropped_rows(ground: Ground) -> Planted:
    for share in (SOME, FEW):
        yield (), ground.rows(share, "dropped", others=True)


def stale_data(ground: Ground) -> Planted:
    if ground.older is not None:
        listed = ", ".join(identifier(column.name) for column in ground.columns)
        yield (), f"(SELECT {listed} FROM {ground.older})"
        return
    # Columns that the platform numbers rows by come before the table's own.
    rising = sorted(filled(ground), key=lambda column: not column.name.startswith("_"))
    order = next((column for column in rising if column.is_whole_number or column.is_time), None)
    if order is not None:
        name = identifier(order.name)
        last = f"(SELECT quantile_disc({name}, {_MANY}) FROM {ground.relation})"
        yield (order.name,), f"(SELECT * FROM {ground.relation} WHERE {name} IS NULL OR {name} < {last})"


def extra_column(ground: Ground) -> Planted:
    yield (), f"(SELECT *, 'planted' AS planted_column FROM {ground.relation})"


def missing_column(ground: Ground) -> Planted:
    for column in ground.columns if len(ground.columns) > 1 else ():
        yield (column.name,), f"(SELECT * EXCLUDE ({identifier(column.name)}) FROM {ground.relation})"


def _union(*relations: str) -> str:
    return f"({' UNION ALL '.join(f'SELECT * FROM {relation}' for relation in relations)})"


def lost(_: Ground, __: FilledColumn) -> str:
    return "NULL"
