"""A person lets in what an auditor asked about, once, and nothing else."""

from pathlib import Path

import pytest
from asking_project import ASKS, RAW_ASKS, edited
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import (
    AlreadySettled,
    BaseMoved,
    CandidateDamaged,
    Misuse,
    NotApprovable,
    NotPermitted,
    OrchestratorError,
    SealBroken,
)
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle import accounts
from orchestrator_platform.gate.outcomes import Escalated, Held, Published, Unchanged
from orchestrator_platform.gate.publish import Done, Publication
from orchestrator_platform.operations.approve import approve, plan_approval
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import history, journal, ledger, quarantine, receipt
from orchestrator_platform.operations.served import read_served
from orchestrator_platform.operations.status import State, read_status
from orchestrator_platform.records.ledger import FileState, QuarantineState

SMALL, LARGE = (1, "ada", 10, "open"), (2, "bob", 500, "open")
TOTALS, RANKING = "marts.totals", "marts.ranking"


def asking(folder: Path) -> Path:
    """A project in which the totals of a large order wait for a person, as number 1."""
    project = make_project(folder, changes=ASKS)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", SMALL, LARGE)])
    totals = build(gate_of(project)).outcomes[0]
    assert isinstance(totals, Escalated)
    assert totals.quarantine == 1
    return project


@pytest.fixture
def project(made_once: MadeOnce) -> Path:
    return made_once(asking)


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, for tests that leave it as it is."""
    return asking(tmp_path_factory.mktemp("waiting"))


def heads(project: Path) -> dict[str, int]:
    return {asset: head.version for asset, head in open_project(project).cut().heads.items()}


def candidate(project: Path) -> Path:
    return project / "home/candidates" / str(quarantine(open_project(project))[0].candidate)


def refusal(project: Path, name: str = "ada", why: str = "checked with bob") -> OrchestratorError:
    """What an approval of number 1 is refused with; a dry run says the same, and nothing is published."""
    before = heads(project)
    with pytest.raises(OrchestratorError) as refused:
        approve(gate_of(project), 1, approver=name, reason=why)
    if why.strip():
        with pytest.raises(type(refused.value)):
            plan_approval(gate_of(project), 1, approver=name)
    assert heads(project) == before
    return refused.value


def test_what_a_person_approves_is_published_once_and_what_stands_on_it_comes_with_the_next_build(
    project: Path,
) -> None:
    assert heads(project) == {"raw.orders": 1}
    done = approve(gate_of(project), 1, approver="ada", reason=" checked with bob ")
    assert (done.receipt.asset, done.receipt.version) == (TOTALS, 1)
    assert sorted(open_project(project).read(TOTALS).fetchall()) == [("ada", 10.0), ("bob", 500.0)]

    found = receipt(open_project(project), TOTALS)
    assert found.approval is not None
    assert (found.approval.approver, found.approval.reason) == ("person:ada", "checked with bob")
    assert (found.producer, found.auditor) == ("maker", "judge"), "the seats are who made and who judged it"
    (event,) = [event for event in journal(open_project(project)) if event.act == "approve"]
    assert (event.agent, event.subject, event.reason) == ("person:ada", TOTALS, "checked with bob")
    assert event.inputs["verdict"] == found.approval.verdict
    assert read_served(gate_of(project), [found.asset])[found.asset].finding.passed

    refused = refusal(project)
    assert isinstance(refused, AlreadySettled)
    assert "approved" in str(refused)
    assert [entry.state for entry in quarantine(open_project(project))] == [QuarantineState.APPROVED]

    totals, ranking = build(gate_of(project)).outcomes
    assert isinstance(totals, Unchanged)
    assert isinstance(ranking, Published)
    assert not list((project / "home/candidates").iterdir())


def test_of_two_approvals_at_once_one_publishes(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_in, raced = accounts.publish_in, []

    def second_first(gate: Gate, publication: Publication) -> Done:
        if not raced:
            raced.append(publication)
            monkeypatch.setattr(accounts, "remove_candidate", lambda *_: None)
            approve(gate_of(project), 1, approver="bob", reason="first")
        return publish_in(gate, publication)

    monkeypatch.setattr(accounts, "publish_in", second_first)
    with pytest.raises(AlreadySettled):
        approve(gate_of(project), 1, approver="ada", reason="second")
    (found,) = history(open_project(project), TOTALS)
    assert found.approval is not None
    assert found.approval.approver == "person:bob"


def test_until_it_is_approved_its_inputs_are_not_built_again(waiting: Path) -> None:
    totals = build(gate_of(waiting), [TOTALS]).outcomes[0]
    assert isinstance(totals, Held)
    assert "orchestrator approve 1" in totals.why
    status = {item.asset: item for item in read_status(gate_of(waiting))}
    assert status[TOTALS].state is State.ESCALATED
    assert "orchestrator approve 1" in status[TOTALS].why


@pytest.mark.parametrize(
    ("file", "before", "after", "error"),
    [
        ("rows.parquet", "PAR1", "PAR2", CandidateDamaged),
        ("manifest.json", '"n_rows":2', '"n_rows":3', SealBroken),
        ("verdict.json", '"no_large"', '"no_tiny"', SealBroken),
    ],
)
def test_what_was_edited_after_the_verdict_is_not_published(
    waiting: Path, file: str, before: str, after: str, error: type[OrchestratorError]
) -> None:
    with edited(candidate(waiting) / file, before, after):
        refused = refusal(waiting)
    assert isinstance(refused, error)
    assert f"orchestrator build --rebuild {TOTALS}" in str(refused)


def test_an_approval_does_not_hold_for_another_contract(waiting: Path) -> None:
    with edited(waiting / "defs/marts/contract.py", "lt=1000", "lt=900"):
        refused = refusal(waiting)
    assert isinstance(refused, SealBroken)
    assert "the contract" in str(refused)


def test_a_member_of_an_atomic_group_is_not_published_without_the_others(waiting: Path) -> None:
    with edited(waiting / "defs/marts/defs.yaml", "module: tables.py", "module: tables.py\n  atomic: true"):
        refused = refusal(waiting)
    assert isinstance(refused, NotApprovable)
    assert RANKING in str(refused)


@pytest.mark.parametrize("name", ["judge", "person:orchestrator"])
def test_an_agent_cannot_approve(waiting: Path, name: str) -> None:
    refused = refusal(waiting, name)
    assert isinstance(refused, NotPermitted)
    assert "only a person can" in str(refused)


def test_an_approval_needs_a_reason_a_name_and_an_entry(waiting: Path) -> None:
    assert isinstance(refusal(waiting, why="  "), Misuse)
    assert isinstance(refusal(waiting, name="no name"), Misuse)
    with pytest.raises(Misuse, match="nothing numbered 7"):
        approve(gate_of(waiting), 7, approver="ada", reason="why not")


def test_a_rejected_candidate_cannot_be_approved_even_if_its_verdict_is_rewritten(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=ASKS)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", (2, "bob", 5000, "open"))])
    build(gate_of(project), [TOTALS])
    assert isinstance(refusal(project), NotApprovable)
    with edited(candidate(project) / "verdict.json", '"decision":"reject"', '"decision":"escalate"'):
        assert isinstance(refusal(project), NotApprovable)


def test_an_approval_is_void_once_another_version_serves(project: Path) -> None:
    with edited(project / "defs/marts/large.py", "100", "10000"):
        assert isinstance(build(gate_of(project), [TOTALS]).outcomes[0], Published)
    assert isinstance(refusal(project), BaseMoved)


def test_an_approved_landing_accounts_for_its_rows_and_its_files(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=RAW_ASKS)
    bad = (3, "eve", -1, "open")
    landed = land(gate_of(project), "orders", [write_orders(project, "day1.csv", SMALL, LARGE, bad)])
    assert isinstance(landed.landed.outcome, Escalated)
    again = land(gate_of(project), "orders")
    assert "orchestrator approve 1" in dict(again.landed.waiting)["day1.csv"]
    approve(gate_of(project), 1, approver="ada", reason="a large order indeed")
    platform = open_project(project)
    (entry,) = ledger(platform)
    assert (entry.state, entry.n_published, entry.n_quarantined, entry.version) == (FileState.LANDED, 2, 1, 1)
    assert [item.kind for item in quarantine(platform)] == ["candidate", "rows"]
    assert not list((project / "home/landing/orders").rglob("*.csv"))


def test_files_whose_escalation_was_overtaken_are_judged_again(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=RAW_ASKS)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", LARGE)])
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", SMALL)])
    assert isinstance(refusal(project), BaseMoved)
    assert isinstance(land(gate_of(project), "orders").landed.outcome, Escalated)
    approve(gate_of(project), 2, approver="ada", reason="over what serves now")
    assert open_project(project).read("raw.orders").count("*").fetchall() == [(2,)]
