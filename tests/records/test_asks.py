"""How asks stand follows from events alone, whatever their order and whatever else is among them."""

from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.records.asks import AskState, Evidence, asks_of, is_news
from orchestrator_platform.records.events import Event
from orchestrator_platform.records.keys import AgentName, AssetKey, Version

AT = datetime(2030, 1, 1, tzinfo=UTC)
MODEL = AssetKey("models.late")
NUMBERS = st.integers(min_value=0, max_value=6)


def event(act: str, outcome: str, *, inputs: dict[str, object], details: dict[str, object] | None = None) -> Event:
    agent = AgentName("trainer" if act == "ask" else "person:ada")
    return Event(
        id="x", at=AT, agent=agent, act=act, subject=MODEL, outcome=outcome, inputs=inputs, details=details or {}
    )


def evidence(measured: float, trigger: str = "drift") -> Evidence:
    return Evidence(trigger=trigger, measured=measured, limit=1, says="")


def asked(measured: float, version: int = 1) -> Event:
    said = {"evidence": evidence(measured).model_dump(mode="json")}
    return event("ask", "asked", inputs={"version": version}, details=said)


def answered(number: int, state: str) -> Event:
    return event("approve", state, inputs={"ask": number})


EVENTS = st.lists(
    st.one_of(
        st.floats(min_value=1, max_value=9).map(asked),
        st.builds(answered, NUMBERS, st.sampled_from(["approved", "denied", "done"])),
        st.builds(lambda n: event("approve", "approved", inputs={"quarantine": n}), NUMBERS),
        st.builds(lambda n: event("ask", "asked", inputs={"n": n}), NUMBERS),
    ),
    max_size=12,
)


@given(EVENTS, EVENTS)
@settings(max_examples=80, deadline=None)
def test_a_number_is_a_place_that_nothing_later_changes(first: list[Event], later: list[Event]) -> None:
    before, after = asks_of(first), asks_of([*first, *later])
    assert [ask.number for ask in after] == list(range(1, len(after) + 1))
    assert [(ask.asked_at, ask.evidence) for ask in before] == [
        (ask.asked_at, ask.evidence) for ask in after[: len(before)]
    ]


def test_an_approval_of_a_candidate_is_no_answer_to_an_ask() -> None:
    (ask,) = asks_of([asked(2), event("approve", "approved", inputs={"quarantine": 1, "candidate": "c"})])
    assert ask.state is AskState.OPEN


def test_what_is_asked_about_another_version_or_rule_is_news() -> None:
    asks = asks_of([asked(2)])
    assert not is_news(asks, MODEL, Version(1), evidence(9))
    assert is_news(asks, MODEL, Version(2), evidence(2))
    assert is_news(asks, MODEL, Version(1), evidence(2, "age"))
    assert is_news(asks, AssetKey("models.other"), Version(1), evidence(2))


def test_an_answered_ask_covers_its_evidence_until_the_limit_is_gone_through_once_more() -> None:
    for state in ("denied", "done"):
        asks = asks_of([asked(2), answered(1, "approved"), answered(1, state)])
        assert [is_news(asks, MODEL, Version(1), evidence(measured)) for measured in (2, 2.99, 3)] == [
            False, False, True,
        ]  # fmt: skip


def test_another_version_overtakes_only_what_still_waits() -> None:
    asks = asks_of([asked(2), asked(3), answered(2, "denied")])
    assert [ask.seen_from(Version(2)).state.value for ask in asks] == ["overtaken", "denied"]
    assert [ask.seen_from(Version(1)).state.value for ask in asks] == ["open", "denied"]
