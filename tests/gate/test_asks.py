"""What a manual agent's asset needs is asked for with evidence; only a person's answer starts it."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from killed_run import run_killed
from small_project import FILES, gate_of, make_project, write_orders

from orchestrator_platform.authority.agent_files import Invocation
from orchestrator_platform.errors import AskSettled, Misuse, NotPermitted
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle.asks import Wanted
from orchestrator_platform.lake.published import cut_published
from orchestrator_platform.operations import asks as asks_module
from orchestrator_platform.operations.asks import answered_by_start, approve_ask, ask, deny_ask, read_asks
from orchestrator_platform.operations.build import BuildResult, build
from orchestrator_platform.operations.land import land
from orchestrator_platform.projections.journal import read_journal
from orchestrator_platform.records.asks import AskState, Evidence
from orchestrator_platform.records.keys import AgentName, AssetKey

MAKER = FILES["agents/maker.md"].replace("[land, build,", "[land, ask, build,")
TRAINER = MAKER.replace("maker", "trainer").replace("['*']", "['key:marts/totals']").replace("automatic", "manual")
MANUAL_TOTALS = {
    "agents/trainer.md": TRAINER,
    "agents/maker.md": MAKER.replace("['*']", "['not key:marts/totals']"),
}
TOTALS = AssetKey("marts.totals")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`marts.totals` is made by an agent that only a person starts; it was built once, and a day was landed since."""
    folder = make_project(tmp_path_factory.mktemp("asking"), changes=MANUAL_TOTALS)
    land(gate_of(folder), "orders", [write_orders(folder, "day1.csv", (1, "ada", 10, "open"))])
    build(gate_of(folder), on_behalf_of="person:ada")
    land(gate_of(folder), "orders", [write_orders(folder, "day2.csv", (2, "bob", 20, "open"))])
    shutil.copytree(folder / "home", folder / "saved")
    return folder


@pytest.fixture
def project(prepared: Path) -> Path:
    """The project as it was prepared, at the same place: a home says where it is."""
    shutil.rmtree(prepared / "home")
    shutil.copytree(prepared / "saved", prepared / "home")
    return prepared


def drifted(measured: float, trigger: str = "drift") -> Evidence:
    return Evidence(trigger=trigger, measured=measured, limit=0.2, says=f"input moved by {measured}")


def ask_for(gate: Gate, *evidence: Evidence) -> list[int]:
    asked = ask(gate, AgentName("trainer"), [Wanted(TOTALS, each) for each in evidence], reason="looked at the month")
    return [each.number for each in asked]


def states(folder: Path) -> list[str]:
    return [each.state.value for each in read_asks(gate_of(folder))]


def served(folder: Path) -> int:
    return cut_published(gate_of(folder).layout, 10).heads[TOTALS].version


def test_the_same_cause_asks_once_and_starts_nothing(project: Path) -> None:
    gate = gate_of(project)
    assert ask_for(gate, drifted(0.3)) == [1]
    assert ask_for(gate, drifted(0.3)) == ask_for(gate, drifted(9.0)) == []
    assert ask_for(gate, drifted(0.3), drifted(40, "age"), drifted(50, "age")) == [2, 3]
    assert (states(project), served(project)) == (["open"] * 3, 1)
    (first, *_) = read_asks(gate)
    assert (first.version, first.asked_by, first.evidence.says) == (1, "trainer", "input moved by 0.3")


def test_a_persons_yes_starts_the_work_as_theirs_and_is_recorded(project: Path) -> None:
    ask_for(gate_of(project), drifted(0.3), drifted(40, "age"))
    answered = approve_ask(gate_of(project), 1, by="ada", why="the month is unlike any before")
    assert (answered.ask.state, answered.ask.outcome) == (AskState.DONE, "published version 2")
    assert (answered.ask.answered_by, answered.ask.reason) == ("person:ada", "the month is unlike any before")
    assert served(project) == 2
    assert states(project) == ["done", "overtaken"]
    told = [(event.act, event.agent, event.outcome) for event in read_journal(gate_of(project).settings.home.journal)]
    assert [each for each in told if each[0] in {"ask", "approve"}] == [
        ("ask", "trainer", "asked"),
        ("ask", "trainer", "asked"),
        ("approve", "person:ada", "approved"),
        ("approve", "person:ada", "done"),
    ]
    for again in (approve_ask, deny_ask):
        with pytest.raises(AskSettled, match="it is done"):
            again(gate_of(project), 1, by="ada", why="again")
    with pytest.raises(AskSettled, match="it is overtaken"):
        approve_ask(gate_of(project), 2, by="ada", why="again")
    assert deny_ask(gate_of(project), 2, by="ada", why="trained already").ask.state is AskState.DENIED


def test_what_was_denied_asks_again_only_when_the_measure_has_gone_on_by_the_limit(project: Path) -> None:
    ask_for(gate_of(project), drifted(0.3))
    assert deny_ask(gate_of(project), 1, by="ada", why="known").ask.state is AskState.DENIED
    assert served(project) == 1
    assert ask_for(gate_of(project), drifted(0.3)) == ask_for(gate_of(project), drifted(0.49)) == []
    assert ask_for(gate_of(project), drifted(0.5)) == [2]
    assert states(project) == ["denied", "open"]


def test_no_agent_answers(project: Path) -> None:
    gate = gate_of(project)
    ask_for(gate, drifted(0.3))
    for name in ("trainer", "person:trainer", "maker", "Trainer", "person:TRAINER"):
        for answer in (approve_ask, deny_ask):
            with pytest.raises(NotPermitted, match="only a person can"):
                answer(gate, 1, by=name, why="I would")
    assert (states(project), served(project)) == (["open"], 1)


def test_an_answer_needs_a_reason_and_an_ask(project: Path) -> None:
    ask_for(gate_of(project), drifted(0.3))
    for answer in (approve_ask, deny_ask):
        with pytest.raises(Misuse, match="needs a reason"):
            answer(gate_of(project), 1, by="ada", why="  ")
        with pytest.raises(Misuse, match="Nothing was asked under the number 7"):
            answer(gate_of(project), 7, by="ada", why="yes")


def test_an_agent_that_may_not_ask_asks_nothing(project: Path) -> None:
    with pytest.raises(NotPermitted, match="judge may not ask"):
        ask(gate_of(project), AgentName("judge"), [Wanted(TOTALS, drifted(1))], reason="no")
    assert states(project) == []


def test_a_rejected_training_ends_the_ask_with_its_outcome(project: Path) -> None:
    land(gate_of(project), "orders", [write_orders(project, "huge.csv", (3, "eve", 5000, "open"))])
    ask_for(gate_of(project), drifted(0.3))
    answered = approve_ask(gate_of(project), 1, by="ada", why="try")
    assert answered.result is not None
    assert answered.result.is_no
    assert (answered.ask.state, answered.ask.outcome) == (AskState.DONE, "rejected")
    assert ask_for(gate_of(project), drifted(0.3)) == []


@pytest.mark.parametrize("second", [approve_ask, deny_ask])
def test_while_the_work_goes_on_nobody_answers_again(
    project: Path, monkeypatch: pytest.MonkeyPatch, second: Callable[..., object]
) -> None:
    gate, refused = gate_of(project), []
    ask_for(gate, drifted(0.3))

    def answered_again(*args: Any, **named: Any) -> BuildResult:
        with pytest.raises(AskSettled, match="answered by person:ada, and the work that follows goes on") as raised:
            second(gate_of(project), 1, by="bob", why="me too")
        refused.append(raised.value)
        return build(*args, **named)

    monkeypatch.setattr(asks_module, "build", answered_again)
    done = approve_ask(gate, 1, by="ada", why="do it")
    assert (len(refused), done.ask.answered_by, done.ask.outcome) == (1, "person:ada", "published version 2")


def test_a_start_beside_work_that_goes_on_leaves_the_answer_to_that(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = gate_of(project)
    ask_for(gate, drifted(0.3))

    def started_beside(*args: Any, **named: Any) -> BuildResult:
        answered_by_start(gate, [TOTALS], "bob", "launched", lambda: build(gate, [TOTALS], started=Invocation.MANUAL))
        return build(*args, **named)

    monkeypatch.setattr(asks_module, "build", started_beside)
    done = approve_ask(gate, 1, by="ada", why="do it")
    assert (done.ask.state, done.ask.answered_by, done.ask.outcome) == (AskState.DONE, "person:ada", "unchanged")


def approve_first(folder: Path) -> None:
    approve_ask(gate_of(folder), 1, by="ada", why="do it")


@pytest.mark.parametrize(
    ("function", "when", "left", "version"),
    [
        ("commit_answers", "before", "open", 1),
        ("commit_answers", "after", "approved", 1),
        ("build", "after", "overtaken", 2),
    ],
)
def test_a_crash_loses_no_ask_and_no_answer(project: Path, function: str, when: str, left: str, version: int) -> None:
    ask_for(gate_of(project), drifted(0.3))
    run_killed(project, "orchestrator_platform.operations.asks", function, when, approve_first)
    assert (states(project), served(project)) == ([left], version)
    if left != "overtaken":
        approve_first(project)
        assert (states(project), served(project)) == (["done"], 2)


def test_a_crash_right_after_asking_asks_once(project: Path) -> None:
    run_killed(project, "orchestrator_platform.gate.cycle.asks", "publish_in", "after", ask_once)
    assert states(project) == ["open"]
    assert ask_for(gate_of(project), drifted(0.3)) == []


def ask_once(folder: Path) -> None:
    ask_for(gate_of(folder), drifted(0.3))


def test_a_person_who_starts_the_work_otherwise_has_answered_too(project: Path) -> None:
    ask_for(gate_of(project), drifted(0.3), drifted(40, "age"))
    gate = gate_of(project)
    answered_by_start(
        gate, [TOTALS], "ada", "launched in Dagster", lambda: build(gate, [TOTALS], started=Invocation.MANUAL)
    )
    assert [(each.state, each.answered_by, each.outcome) for each in read_asks(gate)] == [
        (AskState.DONE, "person:ada", "published version 2")
    ] * 2


def test_an_open_ask_lets_nobody_but_a_person_start_it(project: Path) -> None:
    gate = gate_of(project)
    ask_for(gate, drifted(0.3))
    for on_behalf_of in ("", "trainer", "orchestrator", "dagster run 1"):
        with pytest.raises(NotPermitted, match="only a person starts it"):
            build(gate, [TOTALS], on_behalf_of=on_behalf_of)
    build(gate)
    assert (states(project), served(project)) == (["open"], 1)


def test_asks_come_in_the_order_of_their_ids_within_one_commit(project: Path) -> None:
    ids: Callable[[], str] = iter(f"{number:03}" for number in range(100)).__next__
    gate = replace(gate_of(project), new_id=ids)
    ask_for(gate, drifted(1, "a"), drifted(1, "b"), drifted(1, "c"))
    assert [each.evidence.trigger for each in read_asks(gate)] == ["a", "b", "c"]
