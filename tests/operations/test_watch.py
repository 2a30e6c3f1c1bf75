"""`orchestrator watch` carries what arrives through to everything made of it, and stops when it is told to."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import damage
import pytest
from damage import Damage
from served_home import wait_until
from small_project import gate_of, make_project, orders_csv, write

from orchestrator_platform.cli.edge import run
from orchestrator_platform.errors import OrchestratorError
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle import building
from orchestrator_platform.gate.cycle.building import build_python_stage
from orchestrator_platform.operations import watch
from orchestrator_platform.operations.land import LandResult
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.operations.watch import Problem, Told, Watch
from orchestrator_platform.settings import Settings, load_settings

NOW = 1_800_000_000.0


class Heard:
    """What was told, as asset and outcome, in order."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []
        self.problems: list[OrchestratorError] = []
        self._more = threading.Condition()

    def __call__(self, gate: Gate, told: Told) -> None:
        about = told.landed.outcome if isinstance(told, LandResult) else told
        asset = about.about if isinstance(about, Problem) else str(about.asset)
        with self._more:
            self.told.append((asset, type(about).__name__))
            self.problems += [about.error] if isinstance(about, Problem) else []
            self._more.notify_all()

    def forget(self) -> None:
        self.told.clear()

    def wait_for(self, *told: tuple[str, str]) -> None:
        with self._more:
            assert self._more.wait_for(lambda: set(told) <= set(self.told), 30), self.told


def settings_of(folder: Path) -> Settings:
    return load_settings(home=folder / "home", project=folder, environment={})


def drop(folder: Path, name: str, *rows: tuple[object, ...]) -> None:
    write(folder / "home/landing/orders" / name, orders_csv(*rows))


def watch_once(folder: Path) -> list[tuple[str, str]]:
    heard = Heard()
    Watch(settings_of(folder), heard).run(once=True)
    return heard.told


def test_what_lies_in_landing_is_carried_through_once_and_nothing_is_done_twice(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    drop(folder, "may.csv", (1, "ann", 10, "open"))
    everything = [("raw.orders", "Published"), ("marts.totals", "Published"), ("marts.ranking", "Published")]
    assert watch_once(folder) == everything
    assert watch_once(folder) == []
    # A rejection is told once, and what does not depend on it comes on.
    drop(folder, "june.csv", (2, "bob", 5000, "open"))
    assert watch_once(folder)[:2] == [("raw.orders", "Published"), ("marts.totals", "Rejected")]
    assert watch_once(folder) == []


def test_files_that_arrive_are_carried_through_as_they_come_until_it_is_told_to_stop(tmp_path: Path) -> None:
    folder, heard = make_project(tmp_path), Heard()
    watching = Watch(settings_of(folder), heard)
    working = threading.Thread(target=watching.run)
    working.start()
    try:
        drop(folder, "may.csv", (1, "ann", 10, "open"))
        heard.wait_for(("marts.ranking", "Published"))
        heard.forget()
        # A definition that changes is loaded anew, and built.
        tables = folder / "defs/marts/tables.py"
        write(tables, tables.read_text().replace("sum(amount) AS total", "sum(amount) + 1 AS total"))
        drop(folder, "june.csv", (2, "bob", 20, "open"))
        heard.wait_for(("marts.totals", "Published"), ("raw.orders", "Published"))
    finally:
        watching.stop()
        working.join(30)
    assert not working.is_alive()


def test_what_dbt_does_is_found_out_before_the_first_file_comes(tmp_path: Path) -> None:
    folder = make_project(tmp_path, dbt=True)
    assert watch_once(folder) == []
    assert not list(folder.glob("home/cache/**/builds.json")), "who waits for an answer is not kept waiting"
    watching = Watch(settings_of(folder), Heard())
    working = threading.Thread(target=watching.run)
    working.start()
    try:
        wait_until(lambda: list(folder.glob("home/cache/**/builds.json")))
    finally:
        watching.stop()
        working.join(30)


def test_a_build_that_breaks_is_told_and_not_tried_at_once_again(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    tables = folder / "defs/marts/tables.py"
    write(tables, tables.read_text().replace("return orders", 'raise OSError("no")\n    return orders'))
    drop(folder, "may.csv", (1, "ann", 10, "open"))
    told = watch_once(folder)
    assert told[0] == ("raw.orders", "Published")
    assert [outcome for asset, outcome in told if asset == "marts.totals"] == ["Failed"]


def test_what_is_written_while_the_project_is_loaded_is_loaded_too(tmp_path: Path) -> None:
    folder, loaded = make_project(tmp_path), 0

    def load(settings: Settings) -> Gate:
        nonlocal loaded
        loaded += 1
        gate = load_gate(settings)
        if loaded == 1:
            tables = folder / "defs/marts/tables.py"
            write(tables, tables.read_text() + "\n")
        return gate

    Watch(settings_of(folder), Heard(), load=load).run(once=True)
    assert loaded == 2


def test_a_project_that_is_wrong_now_is_told_and_the_next_change_heals_it(tmp_path: Path) -> None:
    folder, heard = make_project(tmp_path), Heard()
    watching = Watch(settings_of(folder), heard)
    working = threading.Thread(target=watching.run)
    working.start()
    contract = folder / "defs/marts/contract.py"
    right = contract.read_text()
    try:
        drop(folder, "may.csv", (1, "ann", 10, "open"))
        heard.wait_for(("marts.ranking", "Published"))
        write(contract, right.replace("class Totals", "class Totalled"))
        heard.wait_for(("the project", "Problem"))
        heard.forget()
        write(contract, right)
        drop(folder, "june.csv", (2, "bob", 20, "open"))
        heard.wait_for(("raw.orders", "Published"))
    finally:
        watching.stop()
        working.join(30)


def test_a_home_that_cannot_be_worked_in_is_told_once_and_waited_out(tmp_path: Path) -> None:
    folder, heard = make_project(tmp_path), Heard()
    watching = Watch(settings_of(folder), heard)
    working = threading.Thread(target=watching.run)
    working.start()
    catalog = folder / "home/lake/catalog.sqlite"
    try:
        drop(folder, "may.csv", (1, "ann", 10, "open"))
        heard.wait_for(("marts.ranking", "Published"))
        elsewhere = catalog.rename(tmp_path / "catalog.sqlite")
        heard.wait_for(("the home", "Problem"))
        heard.forget()
        elsewhere.rename(catalog)
        drop(folder, "june.csv", (2, "bob", 20, "open"))
        heard.wait_for(("raw.orders", "Published"), ("marts.ranking", "Published"))
        assert ("the home", "Problem") not in heard.told
    finally:
        watching.stop()
        working.join(30)


def test_a_clock_that_is_set_back_keeps_no_alert_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now, raised = iter([NOW, NOW + 1, NOW - 86_400, NOW - 86_399]), []
    monkeypatch.setattr(watch, "raise_alerts", raised.append)
    watching = Watch(settings_of(make_project(tmp_path)), Heard(), clock=lambda: next(now))
    for n_raised in (1, 1, 2, 2):
        watching._raise_alerts(gate_of(tmp_path))
        assert len(raised) == n_raised


@pytest.mark.parametrize("plant", [damage.fill_the_readers_copy_with_noise, damage.cut_the_readers_copy])
def test_a_readers_copy_that_is_damaged_while_tables_are_built_is_told_and_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plant: Damage
) -> None:
    folder, heard, planted = make_project(tmp_path), Heard(), list[str]()

    def build_damaged(*args: Any, **kwargs: Any) -> Any:
        if not planted:
            planted.append("once")
            plant(settings_of(folder).home)
        return build_python_stage(*args, **kwargs)

    drop(folder, "may.csv", (1, "ann", 10, "open"))
    watch_once(folder)
    monkeypatch.setattr(building, "build_python_stage", build_damaged)
    watching = Watch(settings_of(folder), heard)
    working = threading.Thread(target=watching.run)
    working.start()
    try:
        drop(folder, "june.csv", (2, "bob", 20, "open"))
        heard.wait_for(("raw.orders", "Published"), ("marts.totals", "Published"), ("marts.ranking", "Published"))
    finally:
        watching.stop()
        working.join(30)
    (error,) = heard.problems
    assert (error.code, error.retryable) == ("readers_copy_damaged", True)
    assert str(folder / "home/lake/readers.sqlite") in str(error)
    assert "`orchestrator doctor --fix`" in str(error)


def test_a_file_of_the_project_that_ends_the_process_ends_no_watch(tmp_path: Path) -> None:
    folder, heard = make_project(tmp_path), Heard()
    watching = Watch(settings_of(folder), heard)
    working = threading.Thread(target=watching.run)
    working.start()
    tables = folder / "defs/marts/tables.py"
    right = tables.read_text()
    try:
        drop(folder, "may.csv", (1, "ann", 10, "open"))
        heard.wait_for(("marts.ranking", "Published"))
        write(tables, f"{right}\nraise SystemExit(3)\n")
        heard.wait_for(("the project", "Problem"))
        write(tables, right.replace("return orders", "raise SystemExit(3)\n    return orders"))
        heard.wait_for(("marts.totals", "Failed"))
        heard.forget()
        write(tables, right.replace("sum(amount)", "sum(amount) + 1"))
        heard.wait_for(("marts.totals", "Published"))
    finally:
        watching.stop()
        working.join(30)


def test_a_home_that_is_deleted_and_a_landing_that_is_made_again_are_worked_in(tmp_path: Path) -> None:
    folder, heard = make_project(tmp_path), Heard()
    watching = Watch(settings_of(folder), heard)
    working = threading.Thread(target=watching.run)
    working.start()
    try:
        drop(folder, "may.csv", (1, "ann", 10, "open"))
        heard.wait_for(("marts.ranking", "Published"))
        for gone, name in (("home/landing", "june.csv"), ("home", "july.csv")):
            # In one step, so that the watch comes upon it whatever it is at.
            (folder / gone).rename(tmp_path / name)
            heard.forget()
            drop(folder, name, (len(gone), "bob", len(gone), "open"))
            heard.wait_for(("raw.orders", "Published"), ("marts.ranking", "Published"))
    finally:
        watching.stop()
        working.join(30)


def test_the_command_says_a_line_for_each_outcome_and_ends_on_sigterm(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    command = [sys.executable, "-m", "orchestrator_platform.cli", "watch", "--json", "--project", str(folder)]
    child = subprocess.Popen(
        [*command, "--home", str(folder / "home")], stdout=subprocess.PIPE, text=True, env={**os.environ}
    )
    assert child.stdout is not None
    drop(folder, "may.csv", (1, "ann", 10, "open"))
    said = [json.loads(child.stdout.readline()) for _ in range(3)]
    child.send_signal(signal.SIGTERM)
    assert child.wait(30) == 0
    child.stdout.close()
    assert [(line["asset"], line["outcome"], line["version"]) for line in said] == [
        ("raw.orders", "published", 1), ("marts.totals", "published", 1), ("marts.ranking", "published", 1),
    ]  # fmt: skip
    assert gate_of(folder).cut().heads["marts.ranking"].n_rows == 1


def test_once_its_exit_code_says_whether_everything_was_published(tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    command = ["watch", "--once", "--project", str(folder), "--home", str(folder / "home")]
    drop(folder, "may.csv", (1, "ann", 10, "open"))
    assert run(command) == 0
    drop(folder, "june.csv", (2, "bob", 5000, "open"))
    assert run(command) == 1
