"""Which scores answer for which rows: in turn, with the reason why those before could not."""

from collections.abc import Iterator
from typing import Any

import duckdb
import pytest

from orchestrator_platform.learning.routes import routed
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.routing import Route, RoutingOptions

FIRST, SECOND, GONE = AssetKey("scores.first"), AssetKey("scores.second"), AssetKey("scores.gone")
OPTIONS = RoutingOptions(
    examples=AssetKey("features.items"),
    key=("id",),
    where="kind <> 'left out'",
    routes=(
        Route(name="big", where="size > 5", scores=(FIRST, SECOND), abstain_below=0.6),
        Route(name="small", where="size <= 5", scores=(GONE, SECOND)),
    ),
)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as made:
        made.execute(
            "CREATE TABLE items AS FROM (VALUES (1, 9, 'a'), (2, 9, 'a'), (3, 9, 'a'), (4, 9, 'a'), (5, 1, 'a'),"
            " (6, 1, 'a'), (7, NULL, 'a'), (8, 9, 'left out')) AS t(id, size, kind)"
        )
        for name, rows in (
            ("first", "(1, 'yes', .9, 3), (2, 'yes', .5, 3), (4, 'no', .55, 3)"),
            ("second", "(2, 'no', .7, 1), (3, 'no', .8, 1), (4, 'no', .5, 1), (5, 'yes', .51, 1)"),
        ):
            made.execute(
                f"CREATE TABLE {name} AS SELECT id, predicted, confidence::DOUBLE AS confidence,"
                f" version::INTEGER AS model_version FROM (VALUES {rows}) AS t(id, predicted, confidence, version)"
            )
        yield made


def rows(connection: duckdb.DuckDBPyConnection, *slow: tuple[str, AssetKey]) -> dict[int, tuple[Any, ...]]:
    query = routed(OPTIONS, "items", {FIRST: "first", SECOND: "second"}, slow)
    found = connection.execute(f"FROM {query} ORDER BY id").fetchall()
    return {row[0]: row[1:] for row in found}


def test_the_first_that_can_answers_and_what_could_not_is_named(connection: duckdb.DuckDBPyConnection) -> None:
    assert rows(connection) == {
        1: ("big", "answered", FIRST, None, "yes", 0.9, 3),
        2: ("big", "fallback", SECOND, "scores.first: unsure", "no", 0.7, 1),
        3: ("big", "fallback", SECOND, "scores.first: missing", "no", 0.8, 1),
        4: ("big", "abstained", None, "scores.first: unsure, scores.second: unsure", None, None, None),
        5: ("small", "fallback", SECOND, "scores.gone: missing", "yes", 0.51, 1),
        6: ("small", "missing", None, "scores.gone: missing, scores.second: missing", None, None, None),
        7: (None, "missing", None, "no route is for it", None, None, None),
    }


def test_a_slow_model_is_passed_over_on_the_route_that_says_so(connection: duckdb.DuckDBPyConnection) -> None:
    found = rows(connection, ("big", FIRST))
    assert found[1] == ("big", "missing", None, "scores.first: slow, scores.second: missing", None, None, None)
    assert found[2] == ("big", "fallback", SECOND, "scores.first: slow", "no", 0.7, 1)
    assert found[5] == rows(connection)[5]


@pytest.mark.parametrize(
    ("routes", "problem"),
    [
        ([{"name": "a", "scores": [FIRST]}, {"name": "a", "scores": [FIRST]}], "two routes have the same name"),
        ([{"name": "a", "scores": [FIRST]}, {"name": "b", "scores": [FIRST]}], "'b' after it is for none"),
        ([{"name": "a", "scores": [FIRST, FIRST]}], "names the same scores twice"),
    ],
)
def test_routes_that_cannot_be_meant_are_refused(routes: list[dict[str, Any]], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        RoutingOptions.model_validate({"examples": "features.items", "key": ["id"], "routes": routes})
