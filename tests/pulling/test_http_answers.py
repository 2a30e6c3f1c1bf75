"""How long a server asks to wait."""

import datetime as dt
from email.utils import format_datetime

import pytest

from orchestrator_platform.http_answers import asked_wait


@pytest.mark.parametrize(("said", "seconds"), [("7", 7.0), ("0.5", 0.5), ("-3", 0.0)])
def test_seconds_are_taken_as_they_are_and_none_is_in_the_past(said: str, seconds: float) -> None:
    assert asked_wait(said) == seconds


def test_a_date_is_so_many_seconds_away() -> None:
    later = format_datetime(dt.datetime.now(dt.UTC) + dt.timedelta(seconds=60), usegmt=True)
    waited = asked_wait(later)
    assert waited is not None
    assert 50 < waited <= 60


@pytest.mark.parametrize("said", [None, "", "nan", "inf", "-inf", "soon", "Mon, 99 Foo 2024 00:00:00 GMT"])
def test_what_cannot_be_waited_is_not_asked_for(said: str | None) -> None:
    assert asked_wait(said) is None
