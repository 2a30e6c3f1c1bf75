"""Deciding on what waits in quarantine, at the prompt."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_project import make_project, write_orders

Call = Callable[..., object]


@pytest.fixture
def project(orchestrator: Call, tmp_path: Path) -> Path:
    """One row of day one waits in quarantine, as number 1."""
    folder = make_project(tmp_path)
    orders = write_orders(folder, "day1.csv", (1, "ann", 10, "open"), (2, "bob", -5, "open"))
    assert orchestrator(folder, "land", "orders", orders).code == 0
    return folder


def test_a_discard_says_what_it_would_do_and_what_it_did(
    orchestrator: Call, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORCHESTRATOR_PERSON", "eve")
    shown = orchestrator(project, "quarantine", "show", 1).out
    assert "discard with: orchestrator quarantine discard 1 --why TEXT" in shown
    tried = orchestrator(project, "quarantine", "discard", 1, "--dry-run")
    assert tried.out == "Entry 1 (raw.orders, 1 row) would be discarded by person:eve.\n"
    assert orchestrator(project, "quarantine", "discard", 1).code == 2, "a reason is needed"
    done = orchestrator(project, "quarantine", "discard", 1, "--why", "a typing error", "--by", "ada", "--json")
    told = json.loads(done.out)
    assert (done.code, told["done"], told["agent"], told["entry"]["state"]) == (0, True, "person:ada", "discarded")
    assert "discard with" not in orchestrator(project, "quarantine", "show", 1).out
    again = orchestrator(project, "quarantine", "discard", 1, "--why", "again")
    assert (again.code, "it is discarded" in again.err) == (1, True)


def test_a_replay_says_what_it_would_do_and_what_became_of_it(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    orchestrator(folder, "land", "orders", write_orders(folder, "day1.csv", (1, "bob", 5000, "open")))
    orchestrator(folder, "build")
    assert "replay with: orchestrator quarantine replay 1\n" in orchestrator(folder, "quarantine", "show", 1).out
    again = orchestrator(folder, "quarantine", "replay", 1)
    assert again.code == 1
    assert again.out.startswith("marts.totals  rejected again, entry 1\n")
    contract = folder / "defs/marts/contract.py"
    contract.write_text(contract.read_text().replace("lt=1000", "lt=9000"))
    tried = orchestrator(folder, "quarantine", "replay", 1, "--dry-run")
    assert (tried.code, tried.out) == (0, "marts.totals  would be published, entry 1\n")
    done = orchestrator(folder, "quarantine", "replay", 1, "--why", "the limit was wrong", "--json")
    told = json.loads(done.out)
    assert (done.code, told["done"], told["version"], told["entry"]["state"]) == (0, True, 1, "replayed")
