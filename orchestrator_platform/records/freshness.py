"""How old what serves may become: a promise of a source or table, in dbt's words. It blocks nothing."""

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import Field

from .base import Record


class Period(StrEnum):
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"


class Span(Record):
    """A length of time as dbt writes it: `{count: 2, period: day}`."""

    count: int = Field(gt=0)
    period: Period

    def length(self) -> timedelta:
        return timedelta(**{f"{self.period.value}s": self.count})

    def __str__(self) -> str:
        return f"{self.count} {self.period.value}{'' if self.count == 1 else 's'}"


class Freshness(Record):
    """`freshness: {warn_after: {count: 2, period: day}}`."""

    warn_after: Span

    def is_late(self, since: datetime, now: datetime) -> bool:
        """Whether more time than promised has gone by."""
        return now - since > self.warn_after.length()
