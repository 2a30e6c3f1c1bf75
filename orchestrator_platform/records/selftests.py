"""What a self-test of the gate found out: which planted defects it caught, and whether it approved clean batches."""

from collections.abc import Iterable
from enum import StrEnum

from .base import Record
from .keys import AssetKey


class Caught(StrEnum):
    """BLOCKED: the verdict was not approve. WARNED: approved with a warning that the served content does not get."""

    BLOCKED = "blocked"
    WARNED = "warned"
    MISSED = "missed"


class PlantedDefect(Record):
    """One defect and what became of it; `checks` found it, `advice` says which check would where none did."""

    asset: AssetKey
    kind: str
    columns: tuple[str, ...]
    caught: Caught
    checks: tuple[str, ...] = ()
    advice: str = ""


class CleanBatch(Record):
    """One batch without a defect; `checks` are those that failed it where it was not approved."""

    asset: AssetKey
    batch: str
    approved: bool
    checks: tuple[str, ...] = ()


class LeftOut(Record):
    asset: AssetKey
    why: str


class Tally(Record):
    """How many defects of one kind, or of one asset, were caught."""

    n_planted: int
    n_blocked: int
    n_warned: int

    @property
    def n_missed(self) -> int:
        return self.n_planted - self.n_blocked - self.n_warned

    @property
    def rate(self) -> float:
        """The share of what was planted that was blocked or warned of; nothing planted is nothing caught."""
        return (self.n_blocked + self.n_warned) / self.n_planted if self.n_planted else 0.0


class SelfTested(Record):
    """Everything that one run of the self-test found out."""

    seed: int
    defects: tuple[PlantedDefect, ...]
    clean: tuple[CleanBatch, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def false_alarms(self) -> tuple[CleanBatch, ...]:
        return tuple(batch for batch in self.clean if not batch.approved)

    @property
    def missed(self) -> tuple[PlantedDefect, ...]:
        return tuple(defect for defect in self.defects if defect.caught is Caught.MISSED)

    def tally(self) -> Tally:
        return tally(self.defects)

    def by_kind(self) -> dict[str, Tally]:
        kinds = dict.fromkeys(defect.kind for defect in self.defects)
        return {kind: tally(defect for defect in self.defects if defect.kind == kind) for kind in kinds}

    def by_asset(self) -> dict[AssetKey, Tally]:
        assets = dict.fromkeys(batch.asset for batch in self.clean)
        return {asset: tally(defect for defect in self.defects if defect.asset == asset) for asset in assets}

    def holds(self, at_least: float) -> bool:
        """Whether enough was caught, of something, and no clean batch was held up."""
        return bool(self.defects) and self.tally().rate >= at_least and not self.false_alarms


def tally(defects: Iterable[PlantedDefect]) -> Tally:
    """Returns how many of the defects were caught."""
    found = [defect.caught for defect in defects]
    return Tally(n_planted=len(found), n_blocked=found.count(Caught.BLOCKED), n_warned=found.count(Caught.WARNED))
