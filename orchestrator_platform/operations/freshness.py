"""Says of each asset that promises a freshness whether what serves keeps the promise. Publishes and blocks nothing.

A raw table is as old as the last landing that brought rows. A table is as old as the moment until which it
is known to be current: now, where it is made from all that its inputs give; else the moment when the first
input went on without it.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property

import duckdb

from ..gate.context import Gate
from ..gate.cycle.order import Order
from ..gate.cycle.tables import known_inputs, plan_tables
from ..gate.fingerprint import table_fingerprint
from ..gate.plan import KnownInputs, Need, Planned
from ..lake.history import read_last_landings, read_receipt, read_receipts
from ..lake.published import PublishedCut
from ..records.candidates import AssetKind, ParentRead
from ..records.declarations import AssetDeclaration
from ..records.findings import Finding, Severity
from ..records.freshness import Freshness
from ..records.keys import AssetKey
from ..records.receipts import Head, Receipt
from .build import ORCHESTRATOR

CHECK = "freshness"


class Punctuality(StrEnum):
    FRESH = "fresh"
    LATE = "late"


@dataclass(frozen=True)
class Age:
    """`since` is when what serves was last known to be new; `None` where nothing serves."""

    asset: AssetKey
    promise: Freshness
    since: datetime | None
    now: datetime

    @property
    def punctuality(self) -> Punctuality:
        late = self.since is None or self.promise.is_late(self.since, self.now)
        return Punctuality.LATE if late else Punctuality.FRESH

    @property
    def says(self) -> str:
        promised = f"promised every {self.promise.warn_after}"
        if self.since is None:
            return f"nothing serves yet, {promised}"
        return f"{_length(self.now - self.since)} old, {promised}"

    @property
    def finding(self) -> Finding:
        """The check `freshness`: measured and limit are seconds."""
        return Finding(
            asset=self.asset,
            check=CHECK,
            passed=self.punctuality is Punctuality.FRESH,
            severity=Severity.WARN,
            measured=None if self.since is None else int((self.now - self.since).total_seconds()),
            limit=int(self.promise.warn_after.length().total_seconds()),
            engine="python",
            message=self.says,
        )


def read_freshness(gate: Gate, assets: Collection[AssetKey]) -> Mapping[AssetKey, Age]:
    """Returns the age of those of the assets that promise one, by the gate's clock."""
    if not any(gate.assets[asset].freshness for asset in assets):
        return {}
    cut = gate.cut_for_readers()
    known = known_inputs(gate, cut)
    return measure_freshness(gate, cut, known, plan_all(gate, cut, known), assets)


def plan_all(gate: Gate, cut: PublishedCut, known: KnownInputs) -> Mapping[AssetKey, Planned]:
    """Returns what each table of the project needs."""
    goal = frozenset(key for key, declaration in gate.assets.items() if declaration.kind is not AssetKind.RAW)
    return {item.asset: item for item in plan_tables(gate, Order(goal, ORCHESTRATOR, ""), cut, known)}


def measure_freshness(
    gate: Gate,
    cut: PublishedCut,
    known: KnownInputs,
    planned: Mapping[AssetKey, Planned],
    assets: Collection[AssetKey],
) -> Mapping[AssetKey, Age]:
    """Returns the age, at the gate's clock, of those of the assets that promise one."""
    connection, now = cut.connect(), gate.now()
    try:
        ages = _Ages(gate.assets, cut.heads, known, planned, connection, now)
        promises = [(asset, gate.assets[asset].freshness) for asset in assets]
        return {asset: Age(asset, promise, ages.since(asset), now) for asset, promise in promises if promise}
    finally:
        connection.close()


@dataclass
class _Ages:
    assets: Mapping[AssetKey, AssetDeclaration]
    heads: Mapping[AssetKey, Head]
    known: KnownInputs
    planned: Mapping[AssetKey, Planned]
    connection: duckdb.DuckDBPyConnection
    now: datetime

    def since(self, asset: AssetKey) -> datetime | None:
        head = self.heads.get(asset)
        if head is None:
            return None
        if self.assets[asset].kind is AssetKind.RAW:
            return self._landings.get(asset, head.published_at)
        return self._overtaken_at(asset) or self.now

    @cached_property
    def _landings(self) -> Mapping[AssetKey, datetime]:
        return read_last_landings(self.connection)

    def _overtaken_at(self, asset: AssetKey) -> datetime | None:
        """When the first input of a served table went on without it; `None` where none did.

        A change of its own code or contract has no time in the lake: it counts from the publication.
        """
        item, head = self.planned.get(asset), self.heads.get(asset)
        if item is None or item.need is Need.CURRENT or head is None:
            return None
        # What only a person builds anew keeps nothing late that is made of what serves of it.
        parents = [p for p in self.assets[asset].parents if p not in self.planned or not self._waits(p)]
        moments = [self._left_behind_at(asset, head), *(self._overtaken_at(parent) for parent in parents)]
        return min((moment for moment in moments if moment), default=head.published_at)

    def _waits(self, asset: AssetKey) -> bool:
        return self.planned[asset].need is Need.UNSTARTED

    def _left_behind_at(self, asset: AssetKey, head: Head) -> datetime | None:
        """When a parent's content last became another than any that is known to give what serves."""
        declaration = self.assets[asset]
        made = read_receipt(self.connection, asset, head.version)
        read = {parent.asset: parent for parent in made.parents} if made else {}
        given = dict.fromkeys(declaration.required_parents, "") | {p: read[p].data_version for p in read}
        since = None
        for receipt in self._published_after(read.values()):
            given[receipt.asset] = receipt.data_version
            is_current = self.known.is_current(asset, table_fingerprint(declaration, given), head)
            since = None if is_current else since or receipt.published_at
        return since

    def _published_after(self, read: Collection[ParentRead]) -> list[Receipt]:
        newer = [
            receipt
            for parent in read
            for receipt in read_receipts(self.connection, parent.asset)
            if parent.version is not None and receipt.version > parent.version
        ]
        return sorted(newer, key=lambda receipt: receipt.published_at)


def _length(age: timedelta) -> str:
    minutes = int(age.total_seconds()) // 60
    days, hours = divmod(minutes // 60, 24)
    if days:
        return f"{days} d {hours} h"
    return f"{hours} h {minutes % 60} min" if hours else f"{minutes} min"
