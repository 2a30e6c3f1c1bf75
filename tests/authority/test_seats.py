"""Every asset gets one producer and one auditor, two different agents, or nothing loads."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.authority.agent_files import Invocation, Principal, load_agent_files
from orchestrator_platform.authority.lint import lint_agents
from orchestrator_platform.authority.seats import Seats, take_seats
from orchestrator_platform.authority.selections import Selectable
from orchestrator_platform.errors import AgentFileError
from orchestrator_platform.records.keys import AgentName, AssetKey

RAW, MART = AssetKey("raw.orders"), AssetKey("marts.orders")
ASSETS = (Selectable(RAW, "raw"), Selectable(MART, "marts", ("dbt",), (RAW,)))


def write_agent(folder: Path, name: str, produces: str = "", audits: str = "", extra: str = "") -> Path:
    """Writes an agent whose `produces` items begin on line 5, one selection per line of the argument."""
    items = {"produces": produces, "audits": audits}
    lists = [
        line for role, text in items.items() for line in (f"{role}:", *(f"  - '{one}'" for one in text.splitlines()))
    ]
    lists = [line + " []" if line.endswith(":") and not items[line[:-1]] else line for line in lists]
    head = [f"name: {name}", "description: Tests.", *lists, "may: []", "escalates: []", "never: []"]
    file = folder / f"{name}.md"
    text = ["---", *head, "invocation: automatic", "context_budget: 1", *([extra] if extra else []), "---", "Prompt."]
    file.write_text("\n".join(text), encoding="utf-8")
    return file


def seats_in(folder: Path, assets: tuple[Selectable, ...] = ASSETS) -> dict[AssetKey, Seats]:
    return dict(take_seats(load_agent_files(folder), assets))


def refusal(folder: Path) -> AgentFileError:
    with pytest.raises(AgentFileError) as caught:
        seats_in(folder)
    return caught.value


def test_every_asset_gets_its_two_seats(tmp_path: Path) -> None:
    write_agent(tmp_path, "maker", "group:raw\nkey:marts/*")
    write_agent(tmp_path, "judge", "", "*")
    assert seats_in(tmp_path) == {key: Seats(AgentName("maker"), AgentName("judge")) for key in (RAW, MART)}


def test_two_agents_may_audit_each_other(tmp_path: Path) -> None:
    write_agent(tmp_path, "one", "group:raw", "group:marts")
    write_agent(tmp_path, "two", "group:marts", "group:raw")
    assert seats_in(tmp_path)[RAW] == Seats(AgentName("one"), AgentName("two"))
    assert seats_in(tmp_path)[MART] == Seats(AgentName("two"), AgentName("one"))


def test_an_agent_that_selects_an_asset_twice_takes_its_seat_once(tmp_path: Path) -> None:
    write_agent(tmp_path, "maker", "*\ngroup:raw")
    write_agent(tmp_path, "judge", "", "*")
    assert seats_in(tmp_path)[RAW].producer == "maker"


@pytest.mark.parametrize(
    ("produces", "audits", "missing"), [("*", "group:raw", "audits"), ("group:raw", "*", "produces")]
)
def test_an_asset_with_an_empty_seat_does_not_load(tmp_path: Path, produces: str, audits: str, missing: str) -> None:
    write_agent(tmp_path, "maker", produces)
    write_agent(tmp_path, "judge", "", audits)
    error = refusal(tmp_path)
    assert error.problem == f"no agent {missing} marts.orders"
    assert error.file == str(tmp_path)


def test_two_producers_are_refused_with_both_places(tmp_path: Path) -> None:
    first = write_agent(tmp_path, "maker", "*")
    write_agent(tmp_path, "judge", "", "*")
    second = write_agent(tmp_path, "rival", "group:raw")
    error = refusal(tmp_path)
    assert (error.file, error.line) == (str(second), 5)
    assert f"maker ({first}:5)" in error.problem


def test_two_auditors_are_refused(tmp_path: Path) -> None:
    write_agent(tmp_path, "maker", "*")
    write_agent(tmp_path, "judge", "", "*")
    second = write_agent(tmp_path, "rival", "", "group:raw\ngroup:marts")
    error = refusal(tmp_path)
    assert (error.file, error.line) == (str(second), 6)


def test_one_agent_in_both_seats_is_refused_at_its_audits(tmp_path: Path) -> None:
    both = write_agent(tmp_path, "maker", "*", "group:raw")
    write_agent(tmp_path, "judge", "", "group:marts")
    error = refusal(tmp_path)
    assert (error.file, error.line) == (str(both), 7)
    assert error.problem == "maker both produces and audits raw.orders"


def test_a_dangling_selection_is_refused_at_its_line(tmp_path: Path) -> None:
    write_agent(tmp_path, "judge", "", "*")
    file = write_agent(tmp_path, "maker", "*\ngroup:rwa")
    error = refusal(tmp_path)
    assert (error.file, error.line) == (str(file), 6)
    assert "selects no asset" in error.problem


def test_an_empty_platform_loads_with_selections_that_dangle(tmp_path: Path) -> None:
    write_agent(tmp_path, "maker", "group:raw")
    assert seats_in(tmp_path, ()) == {}
    assert lint_agents(tmp_path, ()) == ()


def test_two_principals_of_one_name_are_refused(tmp_path: Path) -> None:
    write_agent(tmp_path, "maker", "*")
    write_agent(tmp_path, "judge", "", "*")
    principals = load_agent_files(tmp_path)
    with pytest.raises(AgentFileError, match="also the agent of"):
        take_seats([*principals, principals[0]], ASSETS)


def test_the_linter_reports_all_problems_of_all_files_in_order(tmp_path: Path) -> None:
    write_agent(tmp_path, "judge", "", "group:raw", extra="color: red")
    write_agent(tmp_path, "maker", "group:raw\ngroup:rwa")
    write_agent(tmp_path, "rival", "group:raw", extra="")
    (tmp_path / "torn.md").write_text("---\nname: torn\n", encoding="utf-8")
    found = [(Path(problem.file).name, problem.line, problem.message) for problem in lint_agents(tmp_path, ASSETS)]
    assert [(file, line) for file, line, _ in found] == [
        ("judge.md", 12),
        ("maker.md", 6),
        ("rival.md", 5),
        ("torn.md", 1),
    ]
    assert not any("no agent" in message for *_, message in found), "the unread files may take the empty seats"


def test_the_linter_reports_every_empty_seat_once_all_files_are_read(tmp_path: Path) -> None:
    write_agent(tmp_path, "idle")
    messages = {problem.message for problem in lint_agents(tmp_path, ASSETS)}
    assert messages == {f"no agent {role} {key}" for role in ("produces", "audits") for key in (RAW, MART)}


selections = st.lists(
    st.sampled_from(
        ["*", "group:raw", "group:marts", "not group:raw", "key:raw/orders", "+key:marts/orders", "kind:dbt", "group:x"]
    ),
    max_size=2,
).map(tuple)


def principal(name: str, produces: tuple[str, ...], audits: tuple[str, ...]) -> Principal:
    return Principal(
        name=AgentName(name),
        description="x",
        produces=produces,
        audits=audits,
        may=(),
        escalates=(),
        never=(),
        invocation=Invocation.AUTOMATIC,
        context_budget=1,
    )


@settings(max_examples=600, deadline=None)
@given(st.lists(st.tuples(selections, selections), max_size=4), st.sampled_from([ASSETS, ASSETS[:1], ()]))
def test_nothing_loads_with_an_asset_unseated_or_judged_by_its_producer(
    lists: list[tuple[tuple[str, ...], tuple[str, ...]]], assets: tuple[Selectable, ...]
) -> None:
    principals = [principal(f"agent-{n}", *pair) for n, pair in enumerate(lists)]
    try:
        seats = take_seats(principals, assets)
    except AgentFileError:
        if assets:
            return
        raise
    names = {one.name for one in principals}
    assert set(seats) == {asset.key for asset in assets}
    for held in seats.values():
        assert held.producer != held.auditor
        assert {held.producer, held.auditor} <= names


@settings(max_examples=150, deadline=None)
@given(lists=st.lists(st.tuples(selections, selections), min_size=1, max_size=3))
def test_the_linter_is_silent_exactly_when_files_load(
    tmp_path_factory: pytest.TempPathFactory, lists: list[tuple[tuple[str, ...], tuple[str, ...]]]
) -> None:
    folder = tmp_path_factory.mktemp("agents")
    for n, (produces, audits) in enumerate(lists):
        write_agent(folder, f"agent-{n}", "\n".join(produces), "\n".join(audits))
    problems = lint_agents(folder, ASSETS)
    if problems:
        error = refusal(folder)
        assert (error.file, error.line or 0, error.problem) == (problems[0].file, problems[0].line, problems[0].message)
    else:
        assert all(held.producer != held.auditor for held in seats_in(folder).values())
