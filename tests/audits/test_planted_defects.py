"""Each kind of defect is really in the relation that is made, and the seed alone decides where."""

from collections import Counter
from dataclasses import replace
from typing import Any

import duckdb
import pytest

from orchestrator_platform.audits.planted_defects import KINDS, Defect, plant_defects
from orchestrator_platform.audits.planted_ground import Ground, read_ground

TABLE = """
    CREATE TABLE orders AS
    SELECT i AS order_id, 'customer number ' || i AS customer, (i % 7)::DOUBLE AS amount, i % 5 AS n_items,
           ['open', 'paid', 'überwiesen'][1 + i % 3] AS status, i % 2 = 0 AS is_paid,
           TIMESTAMP '2024-05-01' + i * INTERVAL 1 HOUR AS ordered_at, (DATE '2024-05-01' + i::INTEGER) AS due,
           [cos(i), sin(i)]::FLOAT[] AS direction
    FROM range(1, 101) AS numbers(i)
"""
N_ROWS = 100
MEASURES, TIMES, TEXTS, KEY = ["amount", "n_items"], ["ordered_at", "due"], ["customer", "status"], ["order_id"]
COLUMNS = [*KEY, "customer", *MEASURES, "status", "is_paid", *TIMES, "direction"]


@pytest.fixture
def ground() -> Ground:
    return read_ground(shop(), "orders", ("order_id",), seed=0)


def shop() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(TABLE)
    return connection


def of_kind(ground: Ground, kind: str) -> list[Defect]:
    return list(plant_defects(ground, [kind]))


def content(defect: Defect | str) -> Any:
    """The columns with their types, and how often each row is there."""
    relation = defect if isinstance(defect, str) else defect.relation
    found = shop().sql(f"FROM {relation}")
    return list(zip(found.columns, map(str, found.types), strict=True)), Counter(map(repr, found.fetchall()))


@pytest.mark.parametrize("kind", [kind.name for kind in KINDS])
def test_every_kind_is_really_planted(ground: Ground, kind: str) -> None:
    planted = of_kind(ground, kind)
    assert planted
    changed = [defect for defect in planted if content(defect) != content("orders")]
    # A text without a letter outside of ASCII is not garbled; everything else is hit.
    assert changed == planted or (kind == "mojibake" and [defect.columns for defect in changed] == [("status",)])


@pytest.mark.parametrize(
    ("kind", "columns"),
    [
        ("nulls", COLUMNS),
        ("wrong_type", COLUMNS),
        ("missing_column", COLUMNS),
        ("constant_column", COLUMNS),
        ("sign_flip", MEASURES),
        ("shifted_units", [*MEASURES, *MEASURES]),
        ("time_zone_shift", TIMES),
        ("future_dates", TIMES),
        ("truncated_text", ["customer"]),
        ("category_typos", ["status"]),
        ("whitespace_casing", TEXTS),
        ("off_by_one_keys", KEY),
        ("shuffled_vectors", ["direction"]),
        ("orphan_keys", KEY),
    ],
)
def test_a_kind_is_planted_in_every_column_that_it_applies_to(ground: Ground, kind: str, columns: list[str]) -> None:
    hit = [name for defect in of_kind(ground, kind) for name in defect.columns]
    assert Counter(hit) == Counter(columns)


@pytest.mark.parametrize(
    ("kind", "n_rows"),
    [("duplicated_rows", [105]), ("doubled_table", [200]), ("fan_out", [140]), ("dropped_rows", [80, 95])],
)
def test_rows_come_or_go_as_the_kind_says(ground: Ground, kind: str, n_rows: list[int]) -> None:
    assert [content(defect)[1].total() for defect in of_kind(ground, kind)] == n_rows


def test_a_share_of_the_filled_values_is_hit(ground: Ground) -> None:
    (amount,) = [defect for defect in of_kind(ground, "nulls") if defect.columns == ("amount",)]
    assert shop().sql(f"SELECT count(*) - count(amount) FROM {amount.relation}").fetchone() == (N_ROWS // 5,)


def test_stale_data_is_an_earlier_version_where_there_is_one(ground: Ground) -> None:
    (first_rows,) = of_kind(ground, "stale_data")
    assert content(first_rows)[1].total() == 79
    (earlier,) = of_kind(replace(ground, older="(FROM orders LIMIT 7)"), "stale_data")
    assert content(earlier)[1].total() == 7


def test_the_seed_alone_decides_which_rows_are_hit(ground: Ground) -> None:
    def hit(seed: int) -> list[Any]:
        return [content(defect) for defect in of_kind(replace(ground, seed=seed), "nulls")]

    assert hit(0) == hit(0)
    assert hit(0) != hit(1)


def test_advice_names_the_columns(ground: Ground) -> None:
    assert of_kind(ground, "sign_flip")[0].advice == "bound amount from below (`ge: 0`)"
    assert not [defect for defect in plant_defects(ground) if "{columns}" in defect.advice]
