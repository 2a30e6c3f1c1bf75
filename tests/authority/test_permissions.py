"""An agent does only what its file and its seat allow; only people approve."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from orchestrator_platform.authority.acts import Act, Needs
from orchestrator_platform.authority.agent_files import Invocation, Principal
from orchestrator_platform.authority.permissions import (
    Permission,
    Person,
    permission,
    person,
    person_beside,
    require,
    require_distinct,
    require_start,
)
from orchestrator_platform.authority.seats import Seats
from orchestrator_platform.errors import Misuse, NotPermitted
from orchestrator_platform.records.keys import AgentName, AssetKey

RAW, MART = AssetKey("raw.orders"), AssetKey("marts.orders")
SEATS = {
    RAW: Seats(AgentName("maker"), AgentName("judge")),
    MART: Seats(AgentName("judge"), AgentName("other")),
}
ALL = tuple(act for act in Act if act is not Act.APPROVE)


def agent(
    name: str,
    may: tuple[Act, ...] = (),
    escalates: tuple[Act, ...] = (),
    never: tuple[Act, ...] = (),
    invocation: Invocation = Invocation.AUTOMATIC,
) -> Principal:
    return Principal(
        name=AgentName(name),
        description="x",
        produces=(),
        audits=(),
        may=may,
        escalates=escalates,
        never=never,
        invocation=invocation,
        context_budget=1,
        file=f"agents/{name}.md",
    )


def test_a_producer_builds_what_it_produces_and_nothing_else() -> None:
    maker = agent("maker", may=ALL)
    assert permission(maker, Act.BUILD, RAW, SEATS) is Permission.ALLOWED
    assert permission(maker, Act.BUILD, MART, SEATS) is Permission.FORBIDDEN
    assert permission(maker, Act.BUILD, AssetKey("raw.unknown"), SEATS) is Permission.FORBIDDEN
    assert permission(maker, Act.BUILD, None, SEATS) is Permission.FORBIDDEN


def test_an_auditor_audits_what_it_audits_and_never_builds_it() -> None:
    judge = agent("judge", may=ALL)
    assert permission(judge, Act.AUDIT, RAW, SEATS) is Permission.ALLOWED
    assert permission(judge, Act.BUILD, RAW, SEATS) is Permission.FORBIDDEN
    assert permission(judge, Act.AUDIT, MART, SEATS) is Permission.FORBIDDEN


def test_no_agent_with_every_permission_may_both_build_and_audit_an_asset() -> None:
    for name, asset in itertools.product(("maker", "judge", "other"), SEATS):
        able = agent(name, may=ALL)
        allowed = {act for act in (Act.BUILD, Act.AUDIT) if permission(able, act, asset, SEATS) is Permission.ALLOWED}
        assert len(allowed) <= 1


def test_either_seat_may_discard_and_a_stranger_may_not() -> None:
    for name, expected in {"maker": "allowed", "judge": "allowed", "other": "forbidden"}.items():
        assert permission(agent(name, may=ALL), Act.DISCARD, RAW, SEATS) == expected


def test_an_act_without_a_seat_needs_only_to_be_listed() -> None:
    assert permission(agent("anyone", may=(Act.PLAN,)), Act.PLAN, None, {}) is Permission.ALLOWED
    assert permission(agent("anyone"), Act.PLAN, None, {}) is Permission.FORBIDDEN


acts = st.lists(st.sampled_from(list(Act)), max_size=6).map(tuple)


@given(acts, acts, acts, st.sampled_from(list(Act)), st.sampled_from([RAW, MART, None]))
def test_never_wins_over_escalates_over_may_and_the_unlisted_is_forbidden(
    may: tuple[Act, ...], escalates: tuple[Act, ...], never: tuple[Act, ...], act: Act, asset: AssetKey | None
) -> None:
    given_permission = permission(agent("maker", may, escalates, never), act, asset, SEATS)
    if act in never or act not in (*may, *escalates) or act is Act.APPROVE:
        assert given_permission is Permission.FORBIDDEN
    elif act in escalates:
        assert given_permission is not Permission.ALLOWED
    if given_permission is not Permission.FORBIDDEN and act.needs is Needs.PRODUCER:
        assert asset == RAW


def test_what_is_forbidden_is_refused_with_the_reason() -> None:
    with pytest.raises(NotPermitted, match=r"maker may not gc anything: agents/maker.md lists `gc` under `never`"):
        require(agent("maker", never=(Act.GC,)), Act.GC, None, SEATS)
    with pytest.raises(NotPermitted, match=r"neither under `may` nor under `escalates`"):
        require(agent("maker"), Act.BUILD, RAW, SEATS)
    with pytest.raises(NotPermitted, match=r"needs the producer's seat, which judge has"):
        require(agent("maker", may=ALL), Act.BUILD, MART, SEATS)
    with pytest.raises(NotPermitted, match="nobody has a seat"):
        require(agent("maker", may=ALL), Act.BUILD, RAW, {})


def test_what_is_escalated_is_done_only_with_a_persons_approval() -> None:
    maker = agent("maker", escalates=(Act.ROLLBACK,))
    with pytest.raises(NotPermitted, match="a person must approve it first"):
        require(maker, Act.ROLLBACK, RAW, SEATS)
    require(maker, Act.ROLLBACK, RAW, SEATS, approved_by=person("ada"))


def test_no_agent_approves_and_no_approval_lifts_a_prohibition() -> None:
    maker = agent("maker", escalates=(Act.ROLLBACK,), never=(Act.GC,))
    mighty = agent("judge", may=tuple(Act))
    with pytest.raises(NotPermitted, match=r"judge may not approve raw\.orders: only a person can"):
        require(maker, Act.ROLLBACK, RAW, SEATS, approved_by=mighty)
    with pytest.raises(NotPermitted, match="never"):
        require(maker, Act.GC, None, SEATS, approved_by=person("ada"))
    with pytest.raises(NotPermitted, match="producer's seat"):
        require(maker.model_copy(update={"name": "other"}), Act.ROLLBACK, RAW, SEATS, approved_by=person("ada"))


def test_a_person_approves_and_takes_back_but_holds_no_seat() -> None:
    ada = person("ada")
    assert {act for act in Act if permission(ada, act, RAW, SEATS) is Permission.FORBIDDEN} == {
        Act.PULL,
        Act.LAND,
        Act.BUILD,
        Act.TRAIN,
        Act.SCORE,
        Act.PUBLISH,
        Act.PROMOTE,
        Act.AUDIT,
        Act.QUARANTINE,
    }


@pytest.mark.parametrize("name", ["ada", "person:ada", "ada.lovelace@example.org", "A-1_b+c"])
def test_a_person_is_named_with_a_prefix(name: str) -> None:
    assert person(name).name == "person:" + name.removeprefix("person:")


@pytest.mark.parametrize("name", ["", "person:", "a b", "ada\n", "person:person:ada", "-ada", "a" * 64, "a:b", "a/b"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(Misuse, match="no person's name"):
        person(name)


def test_neither_an_agent_passes_for_a_person_nor_a_person_for_an_agent() -> None:
    with pytest.raises(ValidationError, match="no agent's name"):
        agent("person:ada")
    with pytest.raises(ValidationError, match="no person's name"):
        Person(name=AgentName("maker"))


def test_a_manual_agent_is_started_only_by_a_person() -> None:
    manual, automatic = agent("manual", invocation=Invocation.MANUAL), agent("auto")
    require_start(manual, Invocation.MANUAL)
    require_start(automatic, Invocation.AUTOMATIC)
    require_start(automatic, Invocation.MANUAL)
    with pytest.raises(NotPermitted, match="only a person starts it"):
        require_start(manual, Invocation.AUTOMATIC)


@pytest.mark.parametrize(("producer", "auditor"), [("maker", "maker"), ("", ""), ("maker", ""), ("", "judge")])
def test_seats_that_are_not_held_by_two_are_refused(producer: str, auditor: str) -> None:
    with pytest.raises(NotPermitted):
        require_distinct(producer, auditor)


def test_two_different_agents_pass() -> None:
    require_distinct("maker", "judge", RAW)


def test_a_slip_in_an_agents_name_makes_no_person() -> None:
    agents = {AgentName("data-engineer"): None}
    for name in ("data-enginer", "Data-Engineer2"):
        with pytest.raises(Misuse, match="data-engineer is nearly that"):
            person_beside(name, agents)
    assert person_beside("person:data-enginer", agents).name == "person:data-enginer"
    assert person_beside("ada", agents).name == "person:ada"
