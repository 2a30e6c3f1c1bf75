"""What a table is pictured by on its page: how the values of a column are shared out, over time or all at once."""

from typing import Literal

from pydantic import Field

from .base import Record

PLOT_NAME = r"^[a-z][a-z0-9_]{0,40}$"


class Plot(Record):
    """Counts the rows by the values of `column`; with `over`, a column of dates or times (or of such as text), for each
    day, week or month.

    `description` is what stands below the picture.
    """

    column: str
    over: str | None = None
    by: Literal["day", "week", "month"] = "day"
    description: str = Field(default="", max_length=500)
