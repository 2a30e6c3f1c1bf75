"""A candidate that waits is judged again as it is, under what holds now, and published if it is let in."""

import signal
from pathlib import Path

import pytest
from asking_project import ASKS, edited
from killed_run import run_killed
from made_once import MadeOnce
from small_project import FILES, gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.errors import (
    AlreadySettled,
    BaseMoved,
    CandidateDamaged,
    Misuse,
    NotPermitted,
    NotReplayable,
    OrchestratorError,
    ParentRetracted,
    SealBroken,
)
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle import accounts
from orchestrator_platform.gate.outcomes import Held, Published, Rejected, Unchanged
from orchestrator_platform.gate.publish import Done, Publication
from orchestrator_platform.operations.approve import approve
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import history, journal, ledger, quarantine, quarantine_entry, receipt
from orchestrator_platform.operations.replay import replay
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.served import read_served
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.ledger import FileState, QuarantineState
from orchestrator_platform.records.verdicts import Decision

TOTALS = "marts.totals"
LARGE = (2, "bob", 5000, "open")
CONTRACT = "defs/marts/contract.py"
TWICE = {"defs/orders/contract.py": FILES["defs/orders/contract.py"].replace('"none"', '["order_id"]')}


def make_rejected(folder: Path) -> None:
    make_project(folder)
    land(gate_of(folder), "orders", [write_orders(folder, "day1.csv", LARGE)])
    assert isinstance(build(gate_of(folder)).outcomes[0], Rejected)


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    """A total of 5,000 was rejected, as number 1: the contract says less than 1,000."""
    return made_once(make_rejected)


def change(project: Path, file: str, before: str, after: str) -> None:
    text = (project / file).read_text()
    assert before in text
    write(project / file, text.replace(before, after))


def mend(project: Path, limit: str = "9000") -> None:
    change(project, CONTRACT, "lt=1000", f"lt={limit}")


def candidate(project: Path, number: int = 1) -> Path:
    (found,) = [entry.candidate for entry in quarantine(open_project(project)) if entry.id == number]
    return project / "home/candidates" / str(found)


def refusal(project: Path, number: int = 1) -> OrchestratorError:
    """What a replay is refused with, in earnest and tried; nothing is published."""
    before = open_project(project).cut().snapshot
    with pytest.raises(OrchestratorError) as refused:
        replay(gate_of(project), number, why="mended")
    with pytest.raises(type(refused.value)):
        replay(gate_of(project), number, dry_run=True)
    assert open_project(project).cut().snapshot == before
    return refused.value


def test_when_the_contract_is_mended_the_very_candidate_is_published_and_nothing_is_built(project: Path) -> None:
    mend(project)
    built_under = receipt_of_candidate = candidate(project)
    assert built_under.is_dir()
    tried = replay(gate_of(project), 1, dry_run=True)
    assert (tried.is_no, tried.receipt) == (False, None)
    assert not open_project(project).cut().heads.keys() & {TOTALS}

    done = replay(gate_of(project), 1, why=" the limit was wrong ", by="ada")
    assert done.entry.state is QuarantineState.REPLAYED
    found = receipt(open_project(project), TOTALS)
    assert found.candidate == receipt_of_candidate.name
    contract = gate_of(project).assets[AssetKey(TOTALS)].contract.hash()
    assert (found.seal.contract, found.contract_hash) == (contract, contract), "it was judged under the one of now"
    assert open_project(project).read(TOTALS).fetchall() == [("bob", 5000.0)]
    assert read_served(gate_of(project), [found.asset])[found.asset].finding.passed
    (event,) = [event for event in journal(open_project(project)) if event.act == "replay"]
    assert (event.agent, event.outcome, event.reason) == ("person:ada", "published", "the limit was wrong")
    assert [event.outcome for event in journal(open_project(project)) if event.act == "audit"][-1] == "approve"
    assert isinstance(refusal(project), AlreadySettled)
    totals, ranking = build(gate_of(project)).outcomes
    assert isinstance(totals, Unchanged)
    assert totals.why == "same parents, code and contract"
    assert isinstance(ranking, Published)
    assert not list((project / "home/candidates").iterdir())


def test_what_is_rejected_again_waits_with_its_new_verdict_and_is_held_under_the_new_contract(project: Path) -> None:
    mend(project, "2000")
    done = replay(gate_of(project), 1)
    assert done.is_no
    assert done.verdict is not None
    view = quarantine_entry(open_project(project), 1)
    assert (view.entry.state, view.verdict) == (QuarantineState.WAITING, done.verdict)
    assert isinstance(build(gate_of(project), [TOTALS]).outcomes[0], Held)
    mend_again = (project / CONTRACT).read_text().replace("lt=2000", "lt=9000")
    write(project / CONTRACT, mend_again)
    assert not replay(gate_of(project), 1).is_no


def test_what_a_replay_escalates_a_person_can_approve(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=ASKS)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", LARGE)])
    assert isinstance(build(gate_of(project), [TOTALS]).outcomes[0], Rejected)
    mend(project)
    done = replay(gate_of(project), 1)
    assert done.verdict is not None
    assert done.verdict.decision is Decision.ESCALATE
    assert approve(gate_of(project), 1, approver="ada", reason="a large customer").receipt.version == 1


def test_an_escalation_that_is_rejected_when_replayed_cannot_be_approved(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=ASKS)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", (1, "ann", 500, "open"))])
    build(gate_of(project), [TOTALS])
    change(project, CONTRACT, "lt=1000", "lt=300")
    assert replay(gate_of(project), 1).is_no
    with pytest.raises(OrchestratorError, match="its verdict is reject"):
        approve(gate_of(project), 1, approver="ada", reason="fine")


@pytest.mark.parametrize(
    ("file", "before", "after", "error"),
    [
        ("rows.parquet", "PAR1", "PAR2", CandidateDamaged),
        ("manifest.json", '"n_rows":1', '"n_rows":3', SealBroken),
    ],
)
def test_an_edited_candidate_is_refused(
    project: Path, file: str, before: str, after: str, error: type[OrchestratorError]
) -> None:
    mend(project)
    with edited(candidate(project) / file, before, after):
        assert isinstance(refusal(project), error)
    assert not replay(gate_of(project), 1).is_no


def test_other_code_makes_another_candidate(project: Path) -> None:
    change(project, "defs/marts/tables.py", "sum(amount)", "2 * sum(amount)")
    refused = refusal(project)
    assert isinstance(refused, NotReplayable)
    assert f"orchestrator build {TOTALS}" in str(refused)


def test_a_candidate_of_an_older_base_or_of_a_retracted_parent_is_refused(project: Path) -> None:
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", (3, "bob", -0.0, "open"))])
    rollback(gate_of(project), Goal("raw.orders", None), why="wrong")
    mend(project)
    assert isinstance(refusal(project), ParentRetracted)
    land(gate_of(project), "orders", [write_orders(project, "day3.csv", (4, "eve", 7, "open"))])
    assert isinstance(build(gate_of(project)).outcomes[0], Published)
    refused = refusal(project)
    assert isinstance(refused, BaseMoved)
    assert f"version 1 serves now. Nothing was published. Build it again: `orchestrator build {TOTALS}`" in str(refused)


def test_of_two_replays_at_once_one_publishes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mend(project)
    publish_in, raced = accounts.publish_in, []

    def second_first(gate: Gate, publication: Publication) -> Done:
        if not raced:
            raced.append(publication)
            monkeypatch.setattr(accounts, "remove_candidate", lambda *_: None)
            assert not replay(gate_of(project), 1, by="bob").is_no
        return publish_in(gate, publication)

    monkeypatch.setattr(accounts, "publish_in", second_first)
    with pytest.raises(AlreadySettled):
        replay(gate_of(project), 1, by="ada")
    assert len(history(open_project(project), TOTALS)) == 1


def test_a_replayed_landing_accounts_for_its_rows_and_its_files(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=TWICE)
    day1 = write_orders(project, "day1.csv", LARGE, LARGE, (3, "eve", -1, "open"))
    assert isinstance(land(gate_of(project), "orders", [day1]).landed.outcome, Rejected)
    change(project, "defs/orders/contract.py", '["order_id"]', '"none"')
    assert not replay(gate_of(project), 1).is_no
    platform = open_project(project)
    (line,) = ledger(platform)
    assert (line.state, line.n_published, line.n_quarantined, line.version) == (FileState.LANDED, 2, 1, 1)
    assert [(item.kind, item.state) for item in quarantine(platform)] == [
        ("candidate", "replayed"),
        ("rows", "waiting"),
    ]
    assert not list((project / "home/landing/orders").rglob("*.csv"))
    assert isinstance(land(gate_of(project), "orders", [day1]).landed.outcome, Unchanged)


def test_a_landing_that_is_rejected_again_is_held_under_the_new_contract(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=TWICE)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", LARGE, LARGE)])
    change(project, "defs/orders/contract.py", "ge=0", "ge=1")
    assert replay(gate_of(project), 1).is_no
    assert land(gate_of(project), "orders").landed.held == ("day1.csv",)
    assert len(quarantine(open_project(project))) == 1


def test_a_replay_needs_an_entry_and_a_seat(project: Path) -> None:
    with pytest.raises(Misuse, match="nothing numbered 7"):
        replay(gate_of(project), 7)
    change(project, "agents/maker.md", ", replay,", ",")
    assert isinstance(refusal(project), NotPermitted)


def replay_first(project: Path) -> None:
    replay(gate_of(project), 1)


@pytest.mark.parametrize(
    ("module", "function", "when", "is_done"),
    [
        ("gate.publish", "_put_in_place", "after", False),
        ("lake.writer", "replace_quarantine", "after", False),
        ("lake.writer", "reread", "before", True),
        ("gate.cycle.accounts", "remove_candidate", "before", True),
    ],
)
def test_a_killed_replay_is_there_whole_or_not_at_all(
    project: Path, module: str, function: str, when: str, is_done: bool
) -> None:
    mend(project)
    killed = run_killed(project, f"orchestrator_platform.{module}", function, when, replay_first)
    assert killed == -signal.SIGKILL
    if is_done:
        with pytest.raises(AlreadySettled):
            replay(gate_of(project), 1)
    else:
        assert not replay(gate_of(project), 1).is_no
    assert len(history(open_project(project), TOTALS)) == 1
    assert [entry.state for entry in quarantine(open_project(project))] == [QuarantineState.REPLAYED]
