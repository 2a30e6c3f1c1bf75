"""What a project says of routing: for which rows which scores answer, and what stands in for them where they cannot."""

from typing import Self

from pydantic import Field, model_validator

from .base import Record
from .keys import AssetKey

ROUTE, OUTCOME, ANSWERED_BY, CAUSE = "route", "outcome", "answered_by", "cause"
ANSWERED, FALLBACK, ABSTAINED, MISSING = "answered", "fallback", "abstained", "missing"
OUTCOMES = (ANSWERED, FALLBACK, ABSTAINED, MISSING)
# Name, type and meaning of each column after the key, in order.
ROUTING_COLUMNS = (
    (ROUTE, "VARCHAR", "The route that the row takes; NULL where none is for it."),
    (OUTCOME, "VARCHAR", "answered, fallback (another than the first answered), abstained (none was sure), missing."),
    (ANSWERED_BY, "VARCHAR", "The scores that answered; NULL where none did."),
    (CAUSE, "VARCHAR", "Why those before it did not: each with missing, slow or unsure."),
    ("predicted", "VARCHAR", "The class that was called."),
    ("confidence", "DOUBLE", "The probability of it."),
    ("model_version", "INTEGER", "The published version of the model that answered."),
)


class Route(Record):
    """Rows that meet `where` and no earlier route's, and the scores that answer for them, the first that can.

    One cannot that has no row for it (its model is not published, or was taken back), whose model was audited to answer
    slower than `max_latency_ms`, or whose confidence is below `abstain_below`.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _-]*$", max_length=100)
    where: str = ""
    scores: tuple[AssetKey, ...] = Field(min_length=1)
    abstain_below: float = Field(default=0.0, ge=0, le=1)
    max_latency_ms: float | None = Field(default=None, gt=0)


class RoutingOptions(Record):
    """Routing, as its component declares it. `where` says which rows of the examples are to be answered for."""

    examples: AssetKey
    key: tuple[str, ...] = Field(min_length=1)
    where: str = ""
    routes: tuple[Route, ...] = Field(min_length=1)

    @property
    def scores(self) -> tuple[AssetKey, ...]:
        """All scores that a route names, each once."""
        return tuple(dict.fromkeys(asset for route in self.routes for asset in route.scores))

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [route.name for route in self.routes]
        if len(set(names)) != len(names):
            raise ValueError("two routes have the same name")
        for route in self.routes:
            if len(set(route.scores)) != len(route.scores):
                raise ValueError(f"route {route.name!r} names the same scores twice")
        for place, route in enumerate(self.routes[:-1]):
            if not route.where:
                raise ValueError(f"route {route.name!r} is for all rows: {names[place + 1]!r} after it is for none")
        return self
