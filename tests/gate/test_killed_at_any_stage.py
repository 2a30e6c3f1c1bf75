"""A process killed at any stage, line or time: the next one finishes, with nothing lost and nothing doubled.

Kills come in chains: the process that comes after a killed one is killed as well, and the last one is let to its end.
"""

import json
import random
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace

import pytest
from killed_line import Act
from killing import (
    ACTS,
    Killing,
    Place,
    Tally,
    at_function,
    at_line,
    at_time,
    differences,
    in_chains,
    modules_of,
)
from prepared_homes import (
    Homes,
    approve_totals,
    back_up_home,
    build_tables,
    discard_totals,
    land_files,
    make_homes,
    release_all,
    restore_home,
    roll_back,
)
from whole_home import Facts, start_again

# In the order of a run: whoever is killed before the commit leaves all the later places to the next.
CHAINS: Sequence[tuple[Act, Sequence[tuple[str, str, str]]]] = (
    (
        land_files,
        (
            ("operations.land", "_copy", "after"),
            ("gate.cycle.landing", "close_candidate", "after"),
            ("lake.writer", "insert_ledger", "after"),
            ("gate.intake", "_remove", "before"),
        ),
    ),
    (
        land_files,
        (
            ("gate.intake", "archive_file", "after"),
            ("gate.cycle.landing", "audit_candidates", "after"),
            ("lake.writer", "reread", "before"),
            ("gate.intake", "_move_aside", "before"),
        ),
    ),
    (
        land_files,
        (
            ("gate.cycle.landing", "land_files", "after"),
            ("gate.cycle.landing", "publish_in", "before"),
            ("gate.publish", "_put_in_place", "after"),
            ("lake.writer", "replace_readers_copy", "before"),
            ("gate.intake", "_move_aside", "after"),
        ),
    ),
    (land_files, (("gate.cycle.landing", "publish_in", "after"), ("operations.land", "project", "before"))),
    (land_files, (("gate.cycle.landing", "remove_candidate", "before"),)),
    (
        build_tables,
        (
            ("gate.cycle.building", "build_python_stage", "after"),
            ("gate.cycle.table_pass", "close_candidate", "after"),
            ("gate.cycle.table_pass", "publish_in", "before"),
            ("gate.cycle.table_pass", "publish_in", "after"),
            ("operations.build", "project", "before"),
        ),
    ),
)
# Tests of their own, or the chains above, kill the other acts at each of their stages.
ONLY_AT_LINES = frozenset({approve_totals, discard_totals, release_all, back_up_home, restore_home})
AT_LINES = [pytest.param(act, id=act.__name__, marks=() if act in ONLY_AT_LINES else pytest.mark.slow) for act in ACTS]
N_LINES, N_TIMES = 3, 3


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    return make_homes(tmp_path_factory.mktemp("homes"))


@pytest.mark.parametrize("chain", range(len(CHAINS)))
def test_a_run_killed_at_a_stage_loses_nothing(homes: Homes, chain: int) -> None:
    act, stages = CHAINS[chain]
    tally = Tally()
    Killing(homes, act, tally).kill(*(at_function(*stage) for stage in stages))
    tally.require_whole()
    assert [place.words for place in tally.missed] == []


@pytest.mark.parametrize("act", AT_LINES)
def test_a_run_killed_at_random_lines_loses_nothing(homes: Homes, act: Act) -> None:
    tally = Tally()
    killing = Killing(homes, act, tally, modules_of(act))
    places = [at_line(line, act) for line in killing.lines]
    killing.kill(*in_chains(places, N_LINES, seed=len(places))[0])
    tally.require_whole()
    assert tally.n_kills


@pytest.mark.slow
@pytest.mark.timeout(4 * 3600)
def test_a_run_killed_at_every_line_and_at_random_times_loses_nothing(
    homes: Homes, record_property: Callable[[str, object], None], pytestconfig: pytest.Config
) -> None:
    every = pytestconfig.getoption("--every")
    tally, seen, n_tried = Tally(), set[str](), 0
    for act in ACTS:
        began = time.perf_counter()
        killing = Killing(homes, act, tally, modules_of(act))
        seconds = (time.perf_counter() - began) / 2
        places = [place for line in killing.lines if (place := at_line(line, act)).words not in seen]
        seen |= {place.words for place in places}
        n_tried += len(places[::every])
        _kill_all(killing, in_chains(places[::every], 4, seed=1))
        drawn = random.Random(2)  # noqa: S311 - the same on every run
        _kill_all(killing, [[at_time(drawn.uniform(0, seconds)) for _ in range(N_TIMES)] for _ in range(4)])
    record_property("kills", json.dumps({**tally.figures(), "lines": len(seen), "lines_tried": n_tried}))
    tally.require_whole()
    assert tally.n_kills >= 300


def _kill_all(killing: Killing, chains: Sequence[Sequence[Place]]) -> None:
    tally = killing.tally
    for number, chain in enumerate(chains, start=1):
        killing.kill(*chain)
        # What a run did not come to, because the killed one before it was done, is tried alone.
        again, tally.missed = tally.missed, []
        for place in again:
            killing.kill(place)
        tally.missed = []
        bad = len(tally.lost + tally.doubled + tally.unaudited + tally.differing)
        print(
            f"{killing.act.__name__}: {number} of {len(chains)} chains, {tally.n_kills} kills, {bad} wrong", flush=True
        )


def test_a_file_that_is_nowhere_is_noticed(homes: Homes) -> None:
    project, landed = homes.put_back(roll_back), homes.landed(roll_back)
    assert start_again(project, landed).lost == ()
    assert start_again(project, {**landed, "0" * 64: [1]}).lost == ("00000000 is not in landing",)
    for file in (file for file in (project / "home/archive").rglob("*") if file.is_file()):
        file.unlink()
    assert "moved.csv is not in the archive" in start_again(project, landed).lost


@pytest.mark.parametrize("change", ["twice", "never"])
def test_rows_that_readers_see_twice_or_never_are_noticed(homes: Homes, change: str) -> None:
    project, landed = homes.put_back(roll_back), homes.landed(roll_back)
    of_orders = (
        "WHERE path LIKE '%orders%' OR table_id IN (SELECT table_id FROM ducklake_table WHERE table_name = 'orders')"
    )
    with closing(sqlite3.connect(project / "home/lake/readers.sqlite")) as catalog:
        names = [row[1] for row in catalog.execute("PRAGMA table_info(ducklake_data_file)")]
        values = ", ".join("data_file_id + 1000" if name == "data_file_id" else name for name in names)
        again = f"INSERT INTO ducklake_data_file SELECT {values} FROM ducklake_data_file {of_orders}"
        catalog.execute(again if change == "twice" else f"DELETE FROM ducklake_data_file {of_orders}")
        catalog.commit()
    start = start_again(project, landed)
    assert (bool(start.doubled), bool(start.lost)) == ((True, True) if change == "twice" else (False, True))
    assert [item.split()[0] for item in start.unaudited] == ["raw.orders"]


def test_a_table_that_nobody_judged_is_noticed(homes: Homes) -> None:
    project = homes.put_back(roll_back)
    with closing(sqlite3.connect(project / "home/lake/readers.sqlite")) as catalog:
        catalog.execute("UPDATE ducklake_table SET table_name = 'stray' WHERE table_name = 'totals'")
        catalog.commit()
    assert start_again(project, homes.landed(roll_back)).unaudited == ("marts.stray has no receipt",)


def test_a_run_that_comes_to_something_else_is_noticed(homes: Homes) -> None:
    killing = Killing(homes, roll_back, Tally())
    due = killing.undisturbed
    for name in Facts.__dataclass_fields__:
        assert len(differences(due, replace(due, **{name: ()}))) == (name not in {"releases", "leftovers"})
