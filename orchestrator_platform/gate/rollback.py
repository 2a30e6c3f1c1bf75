"""Takes versions back, or brings them forward again: prepared outside the lock, one transaction inside it.

Versions only grow: what is restored gets a number of its own, with the content, the makers and the seal of the
version that it restores. Nothing is published here that was not judged and published before.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from ..errors import LineageMoved
from ..lake.commit import Commit, Quarantined
from ..lake.earlier import Between, EarlierContent, withdrawn_version, write_earlier_content
from ..lake.layout import LakeLayout
from ..lake.published import PublishedCut
from ..lake.restoring import Restored
from ..lake.writer import LakeWriter, open_writer
from ..records.candidates import AssetKind, Form
from ..records.events import Event
from ..records.keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from ..records.ledger import QuarantineEntry, QuarantineKind, QuarantineState
from ..records.receipts import Receipt
from ..records.replays import Part
from ..records.retractions import Retraction
from ..records.verdicts import Seal
from .rollback_plan import NO_SNAPSHOT, Known, RollbackPlan, Step


@dataclass(frozen=True)
class Rollback:
    """A plan with who asked for it and why. `parts` are the landed rows that raw versions brought."""

    plan: RollbackPlan
    known: Known
    parts: tuple[Part, ...]
    entries: tuple[QuarantineEntry, ...]
    agent: AgentName
    why: str


@dataclass(frozen=True)
class RolledBack:
    """What became true: receipts of what serves now, entries that stand for a raw table's retracted rows."""

    receipts: tuple[Receipt, ...]
    entries: tuple[QuarantineEntry, ...]
    settled: tuple[QuarantineEntry, ...]


def roll_back(
    cut: PublishedCut,
    scratch: Path,
    rollback: Rollback,
    *,
    lock_timeout_seconds: float,
    now: datetime,
    event_id: str,
) -> RolledBack:
    """Makes the plan true in one snapshot, or not at all. `cut` is what the plan was made from.

    Raises:
        LineageMoved: Something that the plan rests on was published or rolled back meanwhile; plan anew.
        CommitMismatch: An earlier version cannot be read as its receipt says.
    """
    with closing(cut.connect()) as connection:
        contents = {
            step.asset: _prepare(connection, cut.layout, scratch, rollback.known, step)
            for step in rollback.plan.steps
            if step.restores is not None
        }
    committing = False
    try:
        with open_writer(cut.layout, lock_timeout_seconds) as writer:
            _require_unmoved(writer, rollback.plan)
            commit, done = _commit(writer, rollback, contents, now, event_id)
            committing = True
            writer.commit(commit)
            return done
    finally:
        if not committing:
            for path in (path for content in contents.values() for path in content.files):
                path.unlink(missing_ok=True)


def _prepare(
    connection: duckdb.DuckDBPyConnection, layout: LakeLayout, scratch: Path, known: Known, step: Step
) -> EarlierContent:
    assert step.restores is not None
    shown = known.shown_at((step.asset, step.restores))
    assert shown is not None, "the plan names only what can be read"
    version, snapshot = shown
    receipts = known.lineage.receipts
    passed = [receipts[step.asset, Version(v)] for v in range(version + 1, step.serves + 1)]
    between = Between(
        head=receipts[step.asset, step.serves],
        earlier=receipts[step.asset, step.restores],
        now=known.snapshot,
        then=snapshot,
        n_changed=sum(receipt.n_inserted + receipt.n_deleted for receipt in passed),
    )
    name = f"{step.asset}-{step.becomes}-{os.urandom(4).hex()}"
    return write_earlier_content(connection, layout, between, scratch, name)


def _require_unmoved(writer: LakeWriter, plan: RollbackPlan) -> None:
    for receipt in writer.receipts_after(plan.snapshot):
        if {receipt.asset, *(parent.asset for parent in receipt.parents)} & plan.watched:
            raise LineageMoved(subject=plan.subject, asset=receipt.asset)
    # The content is the same, and none of the rows has the id that it had.
    for asset in writer.compacted_after(plan.snapshot) & {step.asset for step in plan.steps}:
        raise LineageMoved(subject=plan.subject, asset=asset)
    moved = {item.identity for item in writer.retractions()} ^ {item.identity for item in plan.before}
    if moved:
        raise LineageMoved(subject=plan.subject, asset=min(moved)[0])


def _commit(
    writer: LakeWriter, rollback: Rollback, contents: Mapping[AssetKey, EarlierContent], now: datetime, event_id: str
) -> tuple[Commit, RolledBack]:
    snapshot = writer.next_snapshot()
    restored = tuple(_restored(rollback, step, contents.get(step.asset), snapshot, now) for step in rollback.plan.steps)
    entries = _new_entries(rollback, writer.next_quarantine_id(), now)
    settled = _settled_entries(rollback)
    numbers = {entry.asset: entry.id for entry in entries}
    retractions = tuple(_numbered(rollback, item, snapshot, numbers) for item in rollback.plan.after)
    receipts = tuple(item.receipt for item in restored)
    commit = Commit(
        events=(_event(rollback, receipts, entries, event_id, now),),
        restored=restored,
        quarantined=tuple(Quarantined(entry) for entry in entries),
        settled=settled,
        retractions=retractions,
    )
    return commit, RolledBack(receipts, entries, settled)


def _restored(
    rollback: Rollback, step: Step, content: EarlierContent | None, snapshot: Snapshot, now: datetime
) -> Restored:
    receipts = rollback.known.lineage.receipts
    head = receipts[step.asset, step.serves]
    ours = {
        "version": step.becomes,
        "snapshot": snapshot,
        "candidate": CandidateId(f"rollback-{snapshot}-{step.asset}"),
        "base_version": step.serves,
        "reason": rollback.why,
        "published_at": now,
    }
    if content is None:
        return Restored(head.model_copy(update=_nothing(head) | ours))
    change = {
        "restores": step.restores,
        "form": content.form,
        "n_inserted": content.n_inserted,
        "n_deleted": content.n_deleted,
        "files": tuple(path.name for path in content.files),
        "sha256s": content.sha256s,
    }
    assert step.restores is not None
    receipt = receipts[step.asset, step.restores].model_copy(update=change | ours)
    return Restored(receipt, content.rowids, content.files)


def _nothing(head: Receipt) -> dict[str, object]:
    """What the receipt of an empty version says: the columns stay, nothing was made and nothing was judged."""
    return {
        "form": Form.WHOLE,
        "parents": (),
        "n_rows": 0,
        "n_inserted": 0,
        "n_deleted": head.n_rows,
        "data_version": withdrawn_version(head),
        "fingerprint": "",
        "code_version": "",
        "seal": Seal(manifest="", contract="", producer_permissions="", auditor_permissions=""),
        "findings": (),
        "files": (),
        "sha256s": (),
        "restores": None,
        "withdrawn": True,
        "reads_base": False,
    }


def _new_entries(rollback: Rollback, first_id: int, now: datetime) -> tuple[QuarantineEntry, ...]:
    """One entry per raw table for the rows of all its versions that are taken back now."""
    before, after = _nodes(rollback.plan.before), _nodes(rollback.plan.after)
    receipts = rollback.known.lineage.receipts
    raw = {asset for asset, version in rollback.plan.retracted if receipts[asset, version].kind is AssetKind.RAW}
    n_rows = {
        asset: sum(p.n_rows for p in rollback.parts if p.asset == asset and p.serves(before) and not p.serves(after))
        for asset in raw
    }
    return tuple(
        QuarantineEntry(
            id=first_id + number,
            kind=QuarantineKind.RETRACTED,
            asset=asset,
            n_rows=n_rows[asset],
            reasons={rollback.why: n_rows[asset]},
            since=now,
        )
        for number, asset in enumerate(sorted(n_rows))
    )


def _settled_entries(rollback: Rollback) -> tuple[QuarantineEntry, ...]:
    """The entries whose rows return, with these versions or with others: closed, or with what stays retracted."""
    returned, after = set(rollback.plan.returned), _nodes(rollback.plan.after)
    held: dict[int, set[tuple[AssetKey, Version]]] = {}
    for item in rollback.plan.before:
        if item.entry is not None:
            held.setdefault(item.entry, set()).add((item.asset, item.version))
    settled = []
    for entry in rollback.entries:
        nodes = held.get(entry.id, set())
        left = sum(part.n_rows for part in rollback.parts if part.touches(nodes) and not part.serves(after))
        is_waiting = entry.state is QuarantineState.WAITING
        if not nodes & returned and (not nodes or not is_waiting or left == entry.n_rows):
            continue
        still = {"n_rows": left, "reasons": dict.fromkeys(entry.reasons, left)}
        change = still if left else {"state": QuarantineState.REPLAYED}
        settled.append(entry.model_copy(update=change))
    return tuple(settled)


def _nodes(retractions: Sequence[Retraction]) -> frozenset[tuple[AssetKey, Version]]:
    return frozenset((item.asset, item.version) for item in retractions)


def _numbered(rollback: Rollback, item: Retraction, snapshot: Snapshot, entries: Mapping[AssetKey, int]) -> Retraction:
    if item.snapshot != NO_SNAPSHOT:
        return item
    is_new = (item.asset, item.version) in rollback.plan.retracted
    entry = entries.get(item.asset) if is_new and item.is_direct else None
    return item.model_copy(update={"snapshot": snapshot, "entry": entry})


def _event(
    rollback: Rollback, receipts: Sequence[Receipt], entries: Sequence[QuarantineEntry], event_id: str, now: datetime
) -> Event:
    plan = rollback.plan
    return Event(
        id=event_id,
        at=now,
        agent=rollback.agent,
        act="rollback",
        subject=plan.subject,
        outcome="restored" if receipts else "recorded",
        reason=rollback.why,
        details={
            "versions": {receipt.asset: receipt.version for receipt in receipts},
            "restores": {step.asset: step.restores for step in plan.steps},
            "withdrawn": [step.asset for step in plan.steps if step.restores is None],
            "n_rows": {receipt.asset: receipt.n_rows for receipt in receipts},
            "retracted": [f"{asset}@{version}" for asset, version in plan.retracted],
            "returned": [f"{asset}@{version}" for asset, version in plan.returned],
            "quarantined": {str(entry.id): entry.n_rows for entry in entries},
        },
    )
