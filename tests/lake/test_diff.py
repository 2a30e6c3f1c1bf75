import math
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from comparing import Row, by_files, by_whole, counted, opened, same_answer
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from publishing import close, publish

from orchestrator_platform.lake.diff import compare_states
from orchestrator_platform.lake.session import connect
from orchestrator_platform.lake.state import Change, State
from orchestrator_platform.records.diffs import ChangedRow, SchemaChange, Way
from orchestrator_platform.records.findings import MASK
from orchestrator_platform.sql import literal, read_columns

T = "marts.t"
KEY = ("id",)


def select(
    rows: Sequence[Row], columns: str = "id, v, name", types: Sequence[str] = ("BIGINT", "DOUBLE", "VARCHAR")
) -> str:
    """Returns the query that gives these rows under these columns."""
    names = columns.split(", ")
    listed = ", ".join(f"c{i}::{type_} AS {name}" for i, (name, type_) in enumerate(zip(names, types, strict=True)))
    values = ", ".join("(" + ", ".join(_literal(value) for value in row) + ")" for row in rows)
    aliases = ", ".join(f"c{i}" for i in range(len(names)))
    empty = ", ".join("NULL" for _ in names)
    return f"SELECT {listed} FROM (VALUES {values or f'({empty})'}) AS r({aliases})" + ("" if rows else " LIMIT 0")


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    return literal(value) if isinstance(value, str) else f"'{value}'"


def publish_rows(root: Path, rows: Sequence[Row], key: tuple[str, ...] = KEY, **shape: Any) -> None:
    publish(root, close(root, T, select(rows, **shape), key=key))


VALUES = st.sampled_from([None, 0.0, 1.5, float("nan"), float("inf")])


def next_rows(dice: random.Random, past: Sequence[dict[int, Row]]) -> tuple[dict[int, Row], bool]:
    """Returns the rows of one more version, and whether it is published whole."""
    rows = dict(past[-1])
    whole = False
    for what in dice.sample(["put", "drop", "restore", "whole"], dice.choice([1, 1, 2])):
        match what:
            case "put":
                keys = dice.sample(range(60), 6)
                rows |= {
                    k: (k, dice.choice([None, 0.0, math.nan, math.inf]), dice.choice([None, "", "☃" * 90]))
                    for k in keys
                }
            case "drop":
                gone = dice.sample(range(60), 9)
                rows = {key: row for key, row in rows.items() if key not in gone}
            case "restore":
                rows = dict(dice.choice(past))
            case "whole":
                whole = True
    return rows, whole


SEEDS = [0, 1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 30))]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_files_tell_is_what_both_versions_whole_tell(tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)  # noqa: S311  # chance here needs to repeat itself, not to be secret
    past: list[dict[int, Row]] = [{i: (i, 1.5, "a") for i in range(40)}]
    publish_rows(tmp_path, list(past[0].values()))
    for _ in range(5):
        rows, whole = next_rows(dice, past)
        past.append(rows)
        publish_rows(tmp_path, list(rows.values()), key=() if whole else KEY)
    for before, after in [(4, 5), (0, 5), tuple(dice.sample(range(6), 2)), tuple(dice.sample(range(6), 2))]:
        for key in (KEY, ()):
            with opened(tmp_path, T, before + 1, after + 1) as both:
                few, all_ = both.by_files(key), both.by_whole(key)
            assert few.way in {Way.FILES, Way.SAME}
            assert all_.way is (Way.KEYS if key else Way.ROWS)
            assert same_answer(few, all_)
            was, now = ([_same_nan(row) for row in past[i].values()] for i in (before, after))
            assert (few.n_added, few.n_removed, few.n_changed) == counted(was, now, len(key))


def _same_nan(row: Row) -> Row:
    """To the lake NaN is NaN; to Python it is not."""
    return tuple("nan" if isinstance(value, float) and math.isnan(value) else value for value in row)


@given(
    before=st.lists(st.tuples(st.sampled_from([None, 1, 2]), VALUES, st.sampled_from(["a", "b"])), max_size=12),
    after=st.lists(st.tuples(st.sampled_from([None, 1, 2]), VALUES, st.sampled_from(["a", "b"])), max_size=12),
    n_key=st.sampled_from([0, 1]),
)
@settings(max_examples=40, deadline=None, derandomize=True, phases=[Phase.generate])
def test_rows_whose_key_repeats_or_is_missing_are_counted_right(
    before: list[Row], after: list[Row], n_key: int
) -> None:
    connection = connect()
    was, now = (
        _state(connection, f"({select(rows)})", len(rows), name) for rows, name in ((before, "1"), (after, "2"))
    )
    found = compare_states(connection, was, now, KEY[:n_key], lambda _: True)
    connection.close()
    expected = counted([_same_nan(row) for row in before], [_same_nan(row) for row in after], n_key)
    assert (found.n_added, found.n_removed, found.n_changed) == expected


def _state(connection: Any, relation: str, n_rows: int, data_version: str) -> State:
    return State(relation, read_columns(connection, relation), n_rows, data_version)


def test_a_change_is_told_by_row_and_by_column(tmp_path: Path) -> None:
    publish_rows(
        tmp_path, [(1, 1.0, "a"), (2, 2.0, "b"), (3, 3.0, None), (4, 4.0, "d"), *((i, 0.0, "") for i in range(10, 30))]
    )
    publish_rows(
        tmp_path, [(1, 1.0, "a"), (2, 9.5, None), (4, 4.5, "d"), (5, 5.0, "e"), *((i, 0.0, "") for i in range(10, 30))]
    )
    found = by_files(tmp_path, T, 1, 2, KEY)
    assert found.way is Way.FILES
    assert (found.n_added, found.n_removed, found.n_changed) == (1, 1, 2)
    assert found.added == ({"id": "5", "v": "5.0", "name": "e"},)
    assert found.removed == ({"id": "3", "v": "3.0", "name": None},)
    assert found.changed == (
        ChangedRow(key={"id": "2"}, before={"v": "2.0", "name": "b"}, after={"v": "9.5", "name": None}),
        ChangedRow(key={"id": "4"}, before={"v": "4.0"}, after={"v": "4.5"}),
    )
    id_, v, name = found.columns
    assert (id_.n_changed, v.n_changed, name.n_changed) == (0, 2, 1)
    assert (v.before.lowest, v.before.highest, v.after.lowest, v.after.highest) == ("2.0", "4.0", "4.5", "9.5")
    assert (name.before.n_null, name.after.n_null) == (1, 1)
    assert (name.before.n_distinct, name.after.n_distinct) == (2, 2)
    assert name.before.lowest is None


def test_backwards_added_is_removed(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(i, 0.0, "a") for i in range(10)])
    publish_rows(tmp_path, [(i, float(i == 3), "a") for i in range(1, 12)])
    forth, back = by_files(tmp_path, T, 1, 2, KEY), by_files(tmp_path, T, 2, 1, KEY)
    assert back.way is Way.FILES
    assert (
        (forth.n_added, forth.n_removed, forth.n_changed) == (back.n_removed, back.n_added, back.n_changed) == (2, 1, 1)
    )
    assert forth.added == back.removed


def test_equal_rows_count_as_often_as_they_occur(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(1, 0.0, "a")] * 3 + [(2, 0.0, "b")], key=())
    publish_rows(tmp_path, [(1, 0.0, "a")] + [(2, 0.0, "b")] * 2, key=())
    found = by_files(tmp_path, T, 1, 2, ())
    assert (found.n_added, found.n_removed, found.n_changed) == (1, 2, 0)
    assert found.removed == ({"id": "1", "v": "0.0", "name": "a"},) * 2


def test_what_came_and_went_in_between_is_no_difference(tmp_path: Path) -> None:
    rows = [(i, 0.0, "a") for i in range(20)]
    publish_rows(tmp_path, rows)
    publish_rows(tmp_path, [*rows[1:], (99, 0.0, "b")])
    publish_rows(tmp_path, [*rows, (50, 0.0, "c")])
    found = by_files(tmp_path, T, 1, 3, KEY)
    assert found.way is Way.FILES
    assert (found.n_added, found.n_removed, found.n_changed) == (1, 0, 0)


def test_restored_content_is_known_by_its_data_version(tmp_path: Path) -> None:
    rows = [(i, 0.0, "a") for i in range(20)]
    for content in (rows, rows[5:], rows):
        publish_rows(tmp_path, content)
    found = by_files(tmp_path, T, 1, 3, KEY)
    assert found.way is Way.SAME
    assert (found.n_added, found.n_removed, found.n_changed) == (0, 0, 0)
    assert same_answer(found, by_whole(tmp_path, T, 1, 3, KEY))


def test_added_dropped_and_retyped_columns_are_told_and_the_others_compared(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(1, 1.0, "a"), (2, 2.5, "b"), (3, 3.0, "c")])
    shape = {"columns": "id, v, place", "types": ("BIGINT", "BIGINT", "VARCHAR")}
    publish_rows(tmp_path, [(1, 1, "x"), (2, 2, "y"), (4, 4, "z")], **shape)
    found = by_files(tmp_path, T, 1, 2, KEY)
    assert found.way is Way.KEYS
    assert found.schema_changes == (
        SchemaChange(column="v", before="DOUBLE", after="BIGINT"),
        SchemaChange(column="place", before=None, after="VARCHAR"),
        SchemaChange(column="name", before="VARCHAR", after=None),
    )
    assert [change.verb for change in found.schema_changes] == ["retyped", "added", "dropped"]
    assert (found.n_added, found.n_removed, found.n_changed) == (1, 1, 1)
    assert found.changed == (ChangedRow(key={"id": "2"}, before={"v": "2.5"}, after={"v": "2"}),)


def test_a_column_that_went_and_came_back_is_read_as_it_was(tmp_path: Path) -> None:
    rows = [(i, float(i), "a") for i in range(10)]
    publish_rows(tmp_path, rows)
    publish_rows(tmp_path, [row[:2] for row in rows], columns="id, v", types=("BIGINT", "DOUBLE"))
    publish_rows(tmp_path, [*rows[:9], (9, 9.0, "b")])
    assert same_answer(by_files(tmp_path, T, 1, 3, KEY), by_whole(tmp_path, T, 1, 3, KEY))
    assert by_whole(tmp_path, T, 1, 3, KEY).n_changed == 1


def test_tables_without_a_common_column_differ_in_every_row(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(1, 1.0, "a")])
    publish_rows(tmp_path, [("x",), ("y",)], key=(), columns="other", types=("VARCHAR",))
    found = by_files(tmp_path, T, 1, 2, KEY)
    assert (found.grain, found.n_added, found.n_removed, found.columns) == ((), 2, 1, ())


def test_a_change_that_does_not_make_the_one_version_out_of_the_other_is_not_believed(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(i, 0.0, "a") for i in range(20)])
    publish_rows(tmp_path, [(i, 0.0, "a") for i in range(1, 22)])
    with opened(tmp_path, T, 1, 2) as both:

        def lying() -> Change | None:
            change = both.read_change()
            assert change is not None
            both.connection.execute(f"DELETE FROM {change.inserted} WHERE id = 21")
            return change

        found = compare_states(both.connection, both.before, both.after, KEY, lambda _: True, lying)
    assert (found.way, found.n_added, found.n_removed) == (Way.KEYS, 2, 1)


def test_only_the_files_that_differ_are_read(tmp_path: Path) -> None:
    rows = [(i, 0.0, "a") for i in range(20)]
    publish_rows(tmp_path, rows)
    publish_rows(tmp_path, [*rows, (99, 0.0, "b")])
    newest = close(tmp_path, T, select([*rows, (99, 0.0, "b"), (100, 0.0, "c")]), key=KEY)
    publish(tmp_path, newest)
    older = [f for f in (tmp_path / "lake" / "data" / "marts" / "t").glob("*.parquet") if newest.id not in f.name]
    assert len(older) >= 2
    for file in older:
        file.write_bytes(b"no Parquet")
    found = by_files(tmp_path, T, 2, 3, KEY)
    assert (found.way, found.added) == (Way.FILES, ({"id": "100", "v": "0.0", "name": "c"},))


def test_at_most_ten_rows_of_a_kind_are_shown_and_none_of_a_column_that_may_not_be(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(i, 0.0, "secret") for i in range(40)])
    publish_rows(tmp_path, [(i, 7.0 if i < 15 else 0.0, "x" * 500 if i < 15 else "secret") for i in range(25)])
    with opened(tmp_path, T, 1, 2) as both:
        found = compare_states(both.connection, both.before, both.after, KEY, lambda name: name != "name")
    assert (found.n_removed, found.n_changed) == (15, 15)
    assert (len(found.removed), len(found.changed)) == (10, 10)
    assert [row["id"] for row in found.removed] == [str(i) for i in range(25, 35)]
    assert "secret" not in repr(found)
    assert {row.after["name"] for row in found.changed} == {MASK}
    longest = max(len(str(row.after["name"])) for row in by_files(tmp_path, T, 1, 2, KEY).changed)
    assert longest == 200


def test_the_bounds_of_a_column_that_may_not_be_shown_are_not_told(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(1, 4711.0, "a")])
    publish_rows(tmp_path, [(1, 4712.0, "a")])
    with opened(tmp_path, T, 1, 2) as both:
        found = compare_states(both.connection, both.before, both.after, KEY, lambda name: name != "v")
    assert found.columns[1].n_changed == 1
    assert "471" not in repr(found)


@pytest.mark.parametrize("key", [("nowhere",), ("id", "nowhere")])
def test_a_key_that_one_state_lacks_pairs_nothing(tmp_path: Path, key: tuple[str, ...]) -> None:
    publish_rows(tmp_path, [(1, 1.0, "a")])
    publish_rows(tmp_path, [(1, 2.0, "a")])
    found = by_whole(tmp_path, T, 1, 2, key)
    assert (found.grain, found.n_added, found.n_removed, found.n_changed) == ((), 1, 1, 0)


def test_a_difference_is_equal_whichever_way_found_it(tmp_path: Path) -> None:
    publish_rows(tmp_path, [(1, 1.0, "a")])
    publish_rows(tmp_path, [(1, 2.0, "a")])
    found = by_whole(tmp_path, T, 1, 2, KEY)
    assert same_answer(found, replace(found, way=Way.FILES))
    assert not same_answer(found, replace(found, n_added=1))
