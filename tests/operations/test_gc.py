"""`gc` beside a gate at work: what is being published is never taken for left-overs."""

from pathlib import Path

import pytest
from asking_project import ASKS
from killed_run import run_killed
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import NotPermitted
from orchestrator_platform.gate import publish
from orchestrator_platform.gate.outcomes import Escalated, Rejected
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.gc import collect_garbage, plan_gc
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import ledger
from orchestrator_platform.settings import load_retention

IMPATIENT = """
[tool.orchestrator.retention]
days = 0
versions = 1
rejected = 0
rejected_days = 0
reader_hours = 0
"""


def make_impatient(folder: Path) -> None:
    make_project(folder)
    with (folder / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(IMPATIENT)
    land(gate_of(folder), "orders", [write_orders(folder, "may.csv", (1, "ann", 10, "open"))])


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    return made_once(make_impatient)


def test_what_is_between_being_put_in_place_and_the_commit_survives(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opens, runs = publish.open_writer, []

    def collects_first(*arguments: object, **named: object) -> object:
        runs.append(collect_garbage(open_project(project), by="ada"))
        return opens(*arguments, **named)

    with monkeypatch.context() as patched:
        patched.setattr(publish, "open_writer", collects_first)
        land(gate_of(project), "orders", [write_orders(project, "june.csv", (2, "bob", 20, "paid"))])
        build(gate_of(project))
    assert len(runs) > 1
    platform = open_project(project)
    assert len(platform.read("raw.orders").fetchall()) == len(platform.read("marts.totals").fetchall()) == 2
    assert sum(entry.n_published for entry in ledger(platform)) == 2


def test_what_a_killed_run_left_behind_goes_and_the_files_land_again(project: Path) -> None:
    write_orders(project, "june.csv", (2, "bob", 20, "paid"))
    assert run_killed(project, "orchestrator_platform.gate.publish", "_commit", "before") == -9
    freed = plan_gc(open_project(project)).folders
    assert {item.name.split("/")[0] for item in freed} == {"workbenches", "candidates"}
    collect_garbage(open_project(project), by="ada")
    home = open_project(project).settings.home
    assert not any(path.is_dir() for folder in (home.workbenches, home.candidates) for path in folder.iterdir())
    land(gate_of(project), "orders", [])
    assert len(open_project(project).read("raw.orders").fetchall()) == 2


def test_no_agent_of_a_project_may_unless_its_file_says_so(project: Path) -> None:
    with pytest.raises(NotPermitted, match="--by NAME"):
        collect_garbage(open_project(project))


def test_the_policy_is_read_from_the_project(project: Path) -> None:
    read = load_retention(project / "pyproject.toml")
    assert (read.days, read.versions, read.reader_hours) == (0, 1, 0)


def test_a_rejected_candidate_goes(project: Path) -> None:
    land(gate_of(project), "orders", [write_orders(project, "june.csv", (2, "bob", 5000, "paid"))])
    assert isinstance(build(gate_of(project)).outcomes[0], Rejected)
    (freed,) = collect_garbage(open_project(project), by="ada").plan.candidates
    assert freed.asset == "marts.totals"
    assert not (project / "home/candidates" / freed.candidate).exists()


def test_a_candidate_that_asks_a_person_stays_whatever_the_copy_of_its_verdict_says(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=ASKS)
    with (project / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write(IMPATIENT)
    land(gate_of(project), "orders", [write_orders(project, "may.csv", (1, "ann", 500, "open"))])
    assert isinstance(build(gate_of(project)).outcomes[0], Escalated)
    (folder,) = (project / "home/candidates").iterdir()
    verdict = folder / "verdict.json"
    verdict.chmod(0o644)
    verdict.write_text(verdict.read_text(encoding="utf-8").replace('"escalate"', '"reject"'), encoding="utf-8")
    assert plan_gc(open_project(project)).candidates == ()
