"""What was told is noted channel by channel, so that nothing that ends a telling makes it begin anew."""

import json
import resource
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from orchestrator_platform.errors import AlertNotSent, StorageFailed
from orchestrator_platform.projections.alerting.messages import Message
from orchestrator_platform.projections.alerting.told import FILE, Telling
from orchestrator_platform.records.alerts import About, Cause, Channel, Log, Webhook

NOW = datetime(2030, 1, 2, tzinfo=UTC)
HOOK, OTHER = Webhook(url_variable="A"), Webhook(url_variable="B")


@dataclass
class Receiver:
    """Takes what it is sent, in place of a network; what is in `ends` ends the sending there."""

    ends: dict[str, BaseException] = field(default_factory=dict)
    took: list[tuple[str, list[str]]] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)

    def send(self, channel: Channel, message: Message) -> str:
        self.tried.append(message.id)
        if channel.name in self.ends:
            raise self.ends[channel.name]
        self.took.append((channel.name, [cause.id for cause in message.causes]))
        return ""


def causes(*numbers: int) -> list[Cause]:
    return [Cause(id=f"late:{n}", about=About.LATE, subject="marts.totals", says="", look="") for n in numbers]


def telling(folder: Path, receiver: Receiver) -> Telling:
    return Telling(folder, receiver, "shop")  # type: ignore[arg-type]


def test_a_telling_that_is_killed_at_a_channel_tells_those_before_it_nothing_twice(tmp_path: Path) -> None:
    receiver = Receiver({OTHER.name: KeyboardInterrupt()})
    with pytest.raises(KeyboardInterrupt):
        telling(tmp_path, receiver).tell(causes(1), [HOOK, OTHER, Log()], NOW)
    receiver.ends.clear()
    telling(tmp_path, receiver).tell(causes(1), [HOOK, OTHER, Log()], NOW)
    assert receiver.took == [(HOOK.name, ["late:1"]), (OTHER.name, ["late:1"]), ("log", ["late:1"])]


def test_what_failed_comes_with_what_is_new_and_what_ended_is_told_anew_where_it_comes_back(tmp_path: Path) -> None:
    receiver = Receiver({HOOK.name: AlertNotSent(channel=HOOK.name, problem="down")})
    telling(tmp_path, receiver).tell(causes(1), [HOOK], NOW)
    receiver.ends.clear()
    for lasting in ([1, 2], [2], [1, 2]):
        telling(tmp_path, receiver).tell(causes(*lasting), [HOOK], NOW)
    assert [ids for _, ids in receiver.took] == [["late:1", "late:2"], ["late:1"]]


def test_a_channel_that_is_new_is_told_everything_and_one_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    receiver = Receiver()
    telling(tmp_path, receiver).tell(causes(1), [HOOK], NOW)
    told = telling(tmp_path, receiver).tell(causes(1), [OTHER], NOW)
    assert [(each.channel, each.sent_at) for each in told] == [(OTHER.name, NOW)]
    assert {each["channel"] for each in json.loads((tmp_path / FILE).read_text())} == {OTHER.name}


def test_the_same_causes_have_the_same_id_whatever_their_order() -> None:
    one, other = (Message("shop", tuple(causes(*numbers)), NOW) for numbers in ((1, 2), (2, 1)))
    assert one.id == other.id != Message("shop", tuple(causes(1)), NOW).id


def test_what_is_sent_again_has_the_same_id_and_what_came_back_another(tmp_path: Path) -> None:
    receiver = Receiver({HOOK.name: AlertNotSent(channel=HOOK.name, problem="down")})
    minutes = [NOW + timedelta(minutes=number) for number in range(5)]
    telling(tmp_path, receiver).tell(causes(1), [HOOK], minutes[0])
    receiver.ends = {HOOK.name: KeyboardInterrupt()}
    with pytest.raises(KeyboardInterrupt):
        telling(tmp_path, receiver).tell(causes(1), [HOOK], minutes[1])
    receiver.ends.clear()
    for number, lasting in enumerate(([1], [], [1]), start=2):
        telling(tmp_path, receiver).tell(causes(*lasting), [HOOK], minutes[number])
    first, second, third, back = receiver.tried
    assert first == second == third != back


def test_two_tests_of_a_channel_are_two_messages() -> None:
    one, other = (Message("shop", (), NOW + timedelta(minutes=number), is_test=True) for number in (0, 1))
    assert one.id != other.id


def test_on_a_full_disk_people_are_told_all_the_same(tmp_path: Path) -> None:
    receiver = Receiver()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        with pytest.raises(StorageFailed, match=r"alerts\.json"):
            telling(tmp_path, receiver).tell(causes(1), [HOOK], NOW)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert receiver.took == [(HOOK.name, ["late:1"])]
