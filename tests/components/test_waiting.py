"""A tick is long where it is told that its services are stopped, and ends then."""

import pytest

from orchestrator_platform.components.waiting import Patience
from orchestrator_platform.operations.file_events import FileEvents
from orchestrator_platform.settings import STOPPING_VARIABLE


class Clock:
    """Goes on by what is slept."""

    def __init__(self) -> None:
        self.now, self.stopped_at, self.stop = 0.0, float("inf"), lambda: None

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self.now >= self.stopped_at:
            self.stop()


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_tick_fits_between_two_of_the_daemon_where_nobody_says_that_services_are_stopped(clock, monkeypatch):
    monkeypatch.delenv(STOPPING_VARIABLE, raising=False)
    assert not any(Patience(clock=clock, sleep=clock.sleep).until(lambda: False))
    assert 4 < clock.now < 5


def test_a_tick_takes_long_where_it_is_told_and_ends_when_services_are_stopped(clock, monkeypatch, tmp_path):
    file = tmp_path / "stopping"
    monkeypatch.setenv(STOPPING_VARIABLE, str(file))
    assert not any(Patience(clock=clock, sleep=clock.sleep).until(lambda: False))
    assert clock.now > 10
    clock.now, clock.stopped_at, clock.stop = 0.0, 3.0, file.touch
    assert not any(Patience(clock=clock, sleep=clock.sleep).until(lambda: False))
    assert 3 <= clock.now < 4


def test_a_clock_that_is_set_back_while_a_tick_waits_ends_it(clock, monkeypatch, tmp_path):
    monkeypatch.setenv(STOPPING_VARIABLE, str(tmp_path / "stopping"))
    looks = Patience(clock=clock, sleep=clock.sleep).until(lambda: False)
    next(looks)
    clock.now -= 86_400
    assert len(list(looks)) <= 1
    assert clock.now < 0


def test_who_waits_for_files_is_woken_by_one_and_by_the_end(monkeypatch, tmp_path):
    file = tmp_path / "stopping"
    monkeypatch.setenv(STOPPING_VARIABLE, str(file))
    patience = Patience(seconds=3600)
    with FileEvents(tmp_path / "landing") as events:
        (tmp_path / "landing" / "one.csv").touch()
        patience.rest(events, 3600)
        file.touch()
        patience.rest(events, 3600)
