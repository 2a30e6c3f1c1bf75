"""Judges a candidate that waits once more, as it is: under the contract, checks and permissions of now."""

from collections.abc import Mapping
from contextlib import closing

import duckdb

from ...errors import NotReplayable, ParentRetracted
from ...lake.history import read_retractions, read_versions_of
from ...lake.published import PublishedCut
from ...records.candidates import Manifest
from ...records.declarations import AssetDeclaration
from ...records.events import Event
from ...records.keys import AssetKey
from ...records.ledger import QuarantineEntry, QuarantineState
from ...records.receipts import Head
from ...records.verdicts import Decision, Verdict
from ..audit import audit_candidates
from ..candidate import verify_files
from ..context import Gate
from ..publish import Publication
from ..seal import Judged
from ..workbench import open_workbench
from .accounts import accounts_of, publish_waiting
from .order import (
    Order,
    audit_event,
    bench_of,
    entry_for,
    fingerprint_now,
    judged_in,
    keep_verdict,
    publish_in,
    replay_event,
)
from .replayed import Replayed
from .waiting import check_seal_now, group_beside, load_as_audited, make_again, require_on_head


def replay_candidate(
    gate: Gate,
    cut: PublishedCut,
    declaration: AssetDeclaration,
    entry: QuarantineEntry,
    order: Order,
    *,
    dry_run: bool,
) -> Replayed:
    """Audits the very same files again and publishes them if their auditor lets them in.

    What is rejected or escalated stays in quarantine, with the new verdict beside it.

    Raises:
        NotReplayable: Its code or its seats changed, or it is published together with others or not at all.
        BaseMoved, SealBroken, CandidateDamaged, ParentRetracted: It can no longer be published as it is.
        AlreadySettled: Somebody else decided on it meanwhile.
    """
    with closing(cut.connect()) as connection:
        manifest = load_as_audited(connection, gate.settings.home.candidates, declaration, entry)
        require_on_head(cut, declaration, manifest)
        _require_same_makers(gate, declaration, entry, manifest)
        _require_parents(connection, manifest)
        verdict = _judge(gate, cut, manifest)
        judged = judged_in(gate, manifest, verdict)
        check_seal_now(gate, cut, connection, judged)
    if dry_run:
        return Replayed(entry, verdict)
    events = (replay_event(gate, order, entry, verdict), _audited(gate, manifest, verdict, order))
    if verdict.decision is not Decision.APPROVE:
        return Replayed(_put_back(gate, cut, entry, judged, order, events), verdict)
    receipt = publish_waiting(
        gate,
        entry,
        judged,
        events,
        state=QuarantineState.REPLAYED,
        reason=order.reason,
        on_behalf_of=order.on_behalf_of,
    )
    return Replayed(entry.model_copy(update={"state": QuarantineState.REPLAYED}), verdict, receipt)


def _require_same_makers(gate: Gate, declaration: AssetDeclaration, entry: QuarantineEntry, manifest: Manifest) -> None:
    again = f"Make it again: `{make_again(declaration)}`."
    beside = group_beside(gate, declaration)
    for changed, why in (
        (manifest.code_version != declaration.code_version, "the code that built it is not the code of now"),
        (manifest.producer != declaration.producer, f"{manifest.producer} made it and is not its producer any more"),
        (bool(beside), f"it is published together with {', '.join(beside[:5])} or not at all"),
    ):
        if changed:
            raise NotReplayable(number=entry.id, asset=entry.asset, why=why, fix=again)


def _require_parents(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> None:
    """Asks early what is asked again under the lock."""
    retracted = {(item.asset, item.version) for item in read_retractions(connection)}
    beside = [parent.candidate for parent in manifest.parents if parent.candidate is not None]
    published = read_versions_of(connection, beside)
    for parent in manifest.parents:
        version = parent.version if parent.candidate is None else published.get(parent.candidate)
        if version is not None and (parent.asset, version) in retracted:
            raise ParentRetracted(asset=manifest.asset, parent=parent.asset, version=version)


def _judge(gate: Gate, cut: PublishedCut, manifest: Manifest) -> Verdict:
    gate.say(f"auditing the candidate of {manifest.asset} again")
    plan = gate.audit_plan(manifest.asset)
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
        (verdict,) = audit_candidates(bench_of(gate, cut, workbench), [(manifest, plan)], verify_files, now=gate.now())
    return verdict


def _put_back(
    gate: Gate,
    cut: PublishedCut,
    entry: QuarantineEntry,
    judged: Judged,
    order: Order,
    events: tuple[Event, ...],
) -> QuarantineEntry:
    """The entry waits on, with the reasons of now and held under the contract of now."""
    verdict = judged.verdict
    changes = _changes(gate, cut.heads, judged)
    keep_verdict(gate.settings.home.candidates, verdict)
    publish_in(
        gate,
        Publication(
            judged=(),
            agent=order.agent,
            reason=order.reason,
            on_behalf_of=order.on_behalf_of,
            events=events,
            settled=((entry.id, changes),),
        ),
    )
    return entry.model_copy(update=changes)


def _changes(gate: Gate, heads: Mapping[AssetKey, Head], judged: Judged) -> dict[str, object]:
    files = accounts_of(gate.settings.home.candidates, judged.manifest).files
    fingerprint = fingerprint_now(judged.declaration, judged.manifest, files)
    made_now = judged.manifest.model_copy(update={"fingerprint": fingerprint})
    now = entry_for(gate, heads, made_now, judged.verdict)
    return {"reasons": now.reasons, "fingerprint": now.fingerprint}


def _audited(gate: Gate, manifest: Manifest, verdict: Verdict, order: Order) -> Event:
    return audit_event(gate, manifest, verdict, f"candidate {manifest.id} was replayed", order.agent)
