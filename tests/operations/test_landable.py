"""A source is asked to land what is new, once, and what does not come on is asked for less and less often."""

import os
from pathlib import Path

import pytest
from small_project import gate_of, make_project, orders_csv, write

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.backoff import FIRST_SECONDS, LONGEST_SECONDS, Tried, try_again
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.landable import Landable, answer, automatic_sources, find_landable
from orchestrator_platform.reading.landing_files import LandedFile
from orchestrator_platform.records.keys import AssetKey

NOW = 1_800_000_000.0
BAD_CHECK = {
    "defs/orders/defs.yaml": """
        type: orchestrator_platform.components.SourceComponent
        attributes:
          name: orders
          asset: raw.orders
          contract: contract.py:Orders
          pattern: ["**/*.csv"]
          checks:
            - {name: nobody_is_eve, file: eve.sql}
    """,
    "defs/orders/eve.sql": "SELECT * FROM raw.orders WHERE customer = 'eve'",
}


def landable(*names: str, settling: bool = False) -> Landable:
    files = tuple(LandedFile(Path(name), name, 1, 0, name, name) for name in names)
    return Landable("orders", AssetKey("raw.orders"), files, settling)


def test_nothing_in_landing_asks_for_nothing_and_forgets() -> None:
    before = answer(landable("a.csv"), None, NOW).asked
    assert answer(landable(), before, NOW).asked is None
    assert not answer(landable(), before, NOW).ask


def test_new_files_are_asked_for_once_while_nobody_lands_them() -> None:
    first = answer(landable("a.csv"), None, NOW)
    assert first.ask
    assert first.says == "orders: 1 file"
    assert not answer(landable("a.csv"), first.asked, NOW + 1).ask
    busy = answer(landable("a.csv"), first.asked, NOW + FIRST_SECONDS, busy=["run 1"])
    assert (busy.ask, busy.waits, busy.says) == (False, True, "orders: 1 file, while run 1 lands it")


def test_files_that_came_while_others_were_landed_are_asked_for_at_once() -> None:
    first = answer(landable("a.csv"), None, NOW)
    assert answer(landable("b.csv"), first.asked, NOW + 1).ask


def test_what_does_not_come_on_is_asked_for_half_as_often_each_time_and_says_so() -> None:
    asked, at, gaps = answer(landable("a.csv"), None, NOW).asked, NOW, []
    for _ in range(9):
        assert asked is not None
        waiting = answer(landable("a.csv", "new.csv"), asked, asked.tried.due - 1)
        assert not waiting.ask
        assert "tried again in 1 s" in waiting.says
        again = answer(landable("a.csv"), asked, asked.tried.due)
        assert again.ask
        gaps.append(asked.tried.due - at)
        asked, at = again.asked, asked.tried.due
    assert gaps[:4] == [FIRST_SECONDS, 2 * FIRST_SECONDS, 4 * FIRST_SECONDS, 8 * FIRST_SECONDS]
    assert max(gaps) == gaps[-1] == LONGEST_SECONDS


def test_other_inputs_are_tried_at_once() -> None:
    tried = Tried(what="a", n=7, at=NOW)
    assert try_again(tried, "a", NOW + 1) is None
    assert try_again(tried, "b", NOW + 1) == Tried(what="b", at=NOW + 1)


DAY_SECONDS = 86_400


def test_a_clock_that_is_set_back_makes_nothing_wait_longer_than_it_ever_does() -> None:
    tried, set_back = Tried(what="a", at=NOW), NOW - DAY_SECONDS
    assert try_again(tried, "a", set_back) == Tried(what="a", n=2, at=set_back)
    first = answer(landable("a.csv"), None, NOW)
    again = answer(landable("a.csv"), first.asked, set_back)
    assert (again.ask, again.says) == (True, "orders: 1 file, for the 2. time")
    soon = answer(landable("a.csv"), again.asked, set_back + 1)
    assert (soon.ask, soon.says) == (
        False,
        "orders: 1 file, tried 2 times with the same inputs; tried again in 19 s",
    )


def test_a_clock_that_is_put_right_by_a_moment_tries_nothing_early() -> None:
    tried = Tried(what="a", at=NOW)
    assert try_again(tried, "a", NOW - 1) is None
    assert try_again(Tried(what="a", n=20, at=NOW + 0.3), "a", NOW + 0.3) is None


def drop(gate: Gate, name: str, *rows: tuple[object, ...]) -> Path:
    file = write(gate.settings.home.landing / "orders" / name, orders_csv(*rows))
    os.utime(file, (NOW - 100_000_000, NOW - 100_000_000))
    return file


@pytest.fixture(scope="module")
def checked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("landable"), changes=BAD_CHECK)


def test_files_whose_candidate_was_rejected_are_not_asked_for_until_the_check_is_mended(checked: Path) -> None:
    gate = gate_of(checked)
    (source,) = automatic_sources(gate)
    drop(gate, "bad.csv", (1, "eve", 1, "open"))
    assert [file.name for file in find_landable(gate, source).ready] == ["bad.csv"]
    assert land(gate, "orders").is_no
    held = find_landable(gate, source)
    assert (held.ready, held.held) == ((), 1)
    drop(gate, "good.csv", (2, "ann", 1, "open"))
    assert [file.name for file in find_landable(gate, source).ready] == ["good.csv"]
    write(checked / "defs/orders/eve.sql", "SELECT * FROM raw.orders WHERE customer = 'mallory'")
    mended = gate_of(checked)
    (source,) = automatic_sources(mended)
    assert {file.name for file in find_landable(mended, source).ready} == {"bad.csv", "good.csv"}


def test_a_source_whose_agent_only_a_person_starts_is_not_asked(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    maker = folder / "agents/maker.md"
    maker.write_text(maker.read_text().replace("invocation: automatic", "invocation: manual"))
    assert list(automatic_sources(gate_of(folder))) == []
