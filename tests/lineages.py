"""A lake in which anything may be published from anything, with the writer alone: for tests of what is taken back.

`raw.log` is landed; every other asset holds the rows of its parents under a stamp of its own.
"""

import shutil
import sys
from collections.abc import Callable
from contextlib import closing
from itertools import count
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent / "lake"))

from publishing import NOW, approve, approved, close_on, event

from orchestrator_platform.gate.release import name_release
from orchestrator_platform.gate.rollback import Rollback, RolledBack, roll_back
from orchestrator_platform.gate.rollback_plan import RollbackPlan, plan_rollback
from orchestrator_platform.lake.commit import Commit
from orchestrator_platform.lake.content import measure_content
from orchestrator_platform.lake.history import (
    read_heads,
    read_ledger,
    read_parts,
    read_quarantine,
    read_receipt,
    read_receipts,
    read_retractions,
)
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import PublishedCut, cut_published
from orchestrator_platform.lake.readers import attach_statement, latest_snapshot
from orchestrator_platform.lake.session import connect
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.operations.rollback import Goal, read_known, read_wish
from orchestrator_platform.records.candidates import AssetKind, ParentRead
from orchestrator_platform.records.keys import AgentName, AssetKey, Version
from orchestrator_platform.records.ledger import FileState, LedgerEntry, QuarantineEntry
from orchestrator_platform.records.receipts import Head, Receipt

LOG = "raw.log"
_stamps = count(1)


class World:
    def __init__(self, root: Path) -> None:
        self.root, self.layout = root, LakeLayout(root / "lake")
        self._cut: PublishedCut | None = None

    def cut(self) -> PublishedCut:
        """Returns what is published. New connections would cost most of what these tests do, so one is kept."""
        newest = latest_snapshot(self.layout.readers)
        if self._cut is None or newest is None or newest != latest_snapshot(self.layout.catalog):
            self._cut = cut_published(self.layout, 5)
        elif self._cut.snapshot != newest:
            root = self._cut.root
            root.execute("DETACH lake")
            root.execute(attach_statement(self.layout, newest))
            self._cut = PublishedCut(self.layout, newest, read_heads(root), root)
        return self._cut

    def head(self, asset: str) -> Head:
        return self.cut().heads[AssetKey(asset)]

    def receipt(self, asset: str) -> Receipt:
        with closing(self.cut().connect()) as connection:
            found = read_receipt(connection, AssetKey(asset))
        assert found is not None
        return found

    def rows(self, asset: str) -> list[tuple[object, ...]]:
        with closing(self.cut().connect()) as connection:
            return sorted(connection.execute(f"SELECT * FROM lake.{asset}").fetchall(), key=repr)

    def land(self, n_rows: int = 2, n_bad: int = 0) -> Version:
        """Lands one file of so many good and bad rows; values go on from the newest that serves."""
        stamp = next(_stamps)
        start = 1 + max((int(str(row[0])) for row in self.rows(LOG)), default=0) if self._is_published(LOG) else 1
        entry = LedgerEntry(
            source="log", asset=AssetKey(LOG), file=f"{stamp}.csv", file_sha256=f"{stamp}", identity=f"{stamp}",
            size_bytes=1, state=FileState.LANDED, n_rows=n_rows + n_bad, n_published=n_rows, n_quarantined=n_bad,
            n_duplicate=0, landed_at=NOW,
        )  # fmt: skip
        sql = f"SELECT {start} + i AS v, {stamp} AS stamp FROM range({n_rows}) AS r(i)"
        return self.publish(LOG, sql, append=self._is_published(LOG), ledger=(entry,))

    def build(self, asset: str, *parents: str, key: tuple[str, ...] = (), append: bool = False) -> Version:
        """Builds an asset from what its parents serve; appending, only from values that it has not seen."""
        stamp = next(_stamps)
        read = " UNION ALL ".join(f"SELECT v FROM lake.{parent}" for parent in parents)
        seen = f"(SELECT coalesce(max(v), 0) FROM lake.{asset})" if append and self._is_published(asset) else "0"
        sql = f"SELECT DISTINCT v, {stamp} AS stamp FROM ({read}) WHERE v > {seen}"
        return self.publish(asset, sql, *parents, key=key, append=append and self._is_published(asset))

    def publish(
        self,
        asset: str,
        sql: str,
        *parents: str,
        key: tuple[str, ...] = (),
        append: bool = False,
        gone: str | None = None,
        ledger: tuple[LedgerEntry, ...] = (),
    ) -> Version:
        heads = [self.head(parent) for parent in parents]
        read = tuple(ParentRead(asset=h.asset, version=h.version, data_version=h.data_version) for h in heads)
        kind = AssetKind.RAW if asset.startswith("raw.") else AssetKind.TABLE
        with closing(self.cut().connect()) as connection:
            head = self.cut().heads.get(AssetKey(asset))
            manifest = close_on(connection, self.root, asset, sql, head, key=key, append=append, gone=gone)
        manifest = manifest.model_copy(update={"parents": read, "kind": kind})
        with open_writer(self.layout, 5) as writer:
            item = approved(self.root, writer, manifest, approve(manifest))
            entries = tuple(entry.model_copy(update={"version": item.receipt.version}) for entry in ledger)
            writer.commit(Commit(events=(event(asset),), approved=(item,), ledger=entries))
        return item.receipt.version

    def readable(self, asset: str) -> dict[Version, tuple[Receipt, list[tuple[object, ...]]]]:
        """Returns the receipt of every version and its rows, in the receipt's columns, read at its own snapshot."""
        found = {}
        with closing(self.cut().connect()) as connection:
            receipts = read_receipts(connection, AssetKey(asset))
        with closing(connect()) as connection:
            for receipt in receipts:
                connection.execute(attach_statement(self.layout, receipt.snapshot))
                names = ", ".join(column.name for column in receipt.columns)
                rows = connection.execute(f"SELECT {names} FROM lake.{asset}").fetchall()
                content = measure_content(connection, f"lake.{asset}", receipt.columns)
                connection.execute("DETACH lake")
                assert str(content) == receipt.data_version, f"{asset}@{receipt.version}"
                found[receipt.version] = receipt, sorted(rows, key=repr)
        return found

    def plan(self, goal: Goal, why: str = "a test") -> RollbackPlan:
        cut = self.cut()
        known = read_known(cut)
        return plan_rollback(known, read_wish(cut, known, goal), why)

    def roll(
        self,
        asset: str,
        to: int | None,
        why: str = "a test",
        *,
        meanwhile: Callable[[], object] = lambda: None,
        seconds: float = 5,
    ) -> RolledBack:
        """Rolls one asset to a version; `meanwhile` happens between the plan and the commit."""
        return self._roll(Goal(asset=asset, version=to), why, meanwhile, seconds)

    def roll_to_release(self, name: str) -> RolledBack:
        return self._roll(Goal(release=name), "a test", lambda: None, 5)

    def release(self, name: str) -> None:
        name_release(
            self.layout, name, AgentName("tester"), "", lock_timeout_seconds=5, now=NOW, event_id=f"r{next(_stamps)}"
        )

    def ledger(self) -> tuple[LedgerEntry, ...]:
        with closing(self.cut().connect()) as connection:
            return read_ledger(connection)

    def quarantine(self) -> tuple[QuarantineEntry, ...]:
        with closing(self.cut().connect()) as connection:
            return read_quarantine(connection)

    def retracted(self) -> dict[str, set[str]]:
        """Returns `asset@version` of what is taken back, with the assets that caused it."""
        found: dict[str, set[str]] = {}
        with closing(self.cut().connect()) as connection:
            for item in read_retractions(connection):
                found.setdefault(f"{item.asset}@{item.version}", set()).add(item.cause)
        return found

    def _is_published(self, asset: str) -> bool:
        return AssetKey(asset) in self.cut().heads

    def _roll(self, goal: Goal, why: str, meanwhile: Callable[[], object], seconds: float) -> RolledBack:
        cut = self.cut()
        known = read_known(cut)
        planned = plan_rollback(known, read_wish(cut, known, goal), why)
        with closing(cut.connect()) as connection:
            parts, entries = read_parts(connection), read_quarantine(connection)
        meanwhile()
        scratch = self.root / f"rollback-{next(_stamps)}"
        scratch.mkdir()
        try:
            return roll_back(
                cut,
                scratch,
                Rollback(planned, known, parts, entries, AgentName("tester"), why),
                lock_timeout_seconds=seconds,
                now=NOW,
                event_id=f"rollback-{next(_stamps)}",
            )
        finally:
            shutil.rmtree(scratch)


def roll_to_the_first(root: Path) -> None:
    """What a child that is to be killed does."""
    World(root).roll(LOG, 1)
