"""Audits again without publishing: the candidate that waits in quarantine, else the version that serves."""

from dataclasses import dataclass

import duckdb

from ..errors import CandidateDamaged, Misuse, UnknownAsset
from ..gate.audit import ServedRecords, audit_candidates, audit_served
from ..gate.candidate import load_manifest, verify_files
from ..gate.context import Gate
from ..gate.cycle.order import bench_of
from ..gate.workbench import open_workbench
from ..lake.history import read_ledger, read_quarantine, read_quarantined_rows, read_receipt
from ..lake.published import PublishedCut
from ..records.candidates import Manifest
from ..records.declarations import SourceBuild
from ..records.keys import AssetKey, CandidateId
from ..records.ledger import QuarantineEntry, QuarantineKind, QuarantineState
from ..records.verdicts import VERDICT, Verdict
from .storing import stores


@dataclass(frozen=True)
class Pending:
    """A candidate that was rejected or escalated and still waits; `verdict` is the one that put it there."""

    entry: QuarantineEntry
    manifest: Manifest
    verdict: Verdict | None


@dataclass(frozen=True)
class AuditedAgain:
    """A verdict that publishes nothing. `pending` is the entry judged; `None` means what serves."""

    subject: str
    verdict: Verdict
    pending: QuarantineEntry | None = None


def pending_candidate(gate: Gate, asset: AssetKey) -> Pending | None:
    """Returns the newest candidate of the asset that waits, `None` where a later version overtook it."""
    cut = gate.cut()
    return _pending(gate, cut, asset)


@stores
def audit_again(gate: Gate, asset: str) -> AuditedAgain:
    """Judges the pending candidate of an asset, or else its served version, and publishes nothing.

    A candidate is judged over what serves now. What serves is judged as a whole, as if it were a
    first version: rules over every row, a raw table's accounting over every file ever landed, and
    nothing to have drifted from.

    Raises:
        UnknownAsset: The project declares no such asset.
        Misuse: Nothing waits and nothing serves.
        NotPermitted: The auditor may not judge it.
    """
    if asset not in gate.assets:
        raise UnknownAsset(name=asset, known=list(gate.assets))
    key = AssetKey(asset)
    cut = gate.cut()
    pending = _pending(gate, cut, key)
    if pending is not None:
        return _audit_pending(gate, cut, pending)
    return _audit_served(gate, cut, key)


def _audit_pending(gate: Gate, cut: PublishedCut, pending: Pending) -> AuditedAgain:
    manifest = pending.manifest
    gate.say(f"auditing the candidate of {manifest.asset} that waits as {pending.entry.id} in quarantine")
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
        (verdict,) = audit_candidates(
            bench_of(gate, cut, workbench), [(manifest, gate.audit_plan(manifest.asset))], verify_files, now=gate.now()
        )
    return AuditedAgain(f"candidate {manifest.id}", verdict, pending.entry)


def _audit_served(gate: Gate, cut: PublishedCut, asset: AssetKey) -> AuditedAgain:
    head = cut.heads.get(asset)
    if head is None:
        raise Misuse(
            f"There is nothing to audit: no version of {asset} serves and no candidate of it waits."
            " Look: `orchestrator status`."
        )
    gate.say(f"auditing version {head.version} of {asset}, which serves")
    connection = cut.connect()
    try:
        receipt = read_receipt(connection, asset, head.version)
        records = served_records(gate, connection, asset)
    finally:
        connection.close()
    assert receipt is not None
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
        verdict = audit_served(bench_of(gate, cut, workbench), receipt, gate.audit_plan(asset), records, now=gate.now())
    return AuditedAgain(f"version {head.version}", verdict)


def served_records(gate: Gate, connection: duckdb.DuckDBPyConnection, asset: AssetKey) -> ServedRecords:
    """Returns what became of every file and rejected row; nothing where the asset is no raw table."""
    build = gate.assets[asset].build
    if not isinstance(build, SourceBuild):
        return ServedRecords()
    entries = [e for e in read_quarantine(connection) if e.asset == asset and e.kind is QuarantineKind.ROWS]
    return ServedRecords(
        ledger=tuple(entry for entry in read_ledger(connection, build.name) if entry.asset == asset),
        rejected=tuple(row for entry in entries for row in read_quarantined_rows(connection, entry.id)),
    )


def _pending(gate: Gate, cut: PublishedCut, asset: AssetKey) -> Pending | None:
    connection = cut.connect()
    try:
        entries = read_quarantine(connection)
    finally:
        connection.close()
    head = cut.heads.get(asset)
    for entry in reversed(entries):
        waits = entry.kind is QuarantineKind.CANDIDATE and entry.state is QuarantineState.WAITING
        if not waits or entry.asset != asset or entry.candidate is None:
            continue
        try:
            manifest = load_manifest(gate.settings.home.candidates, entry.candidate)
        except CandidateDamaged:
            return None
        if manifest.base_version != (head.version if head else None):
            return None
        return Pending(entry, manifest, _kept_verdict(gate, entry.candidate))
    return None


def _kept_verdict(gate: Gate, candidate: CandidateId) -> Verdict | None:
    try:
        return Verdict.model_validate_json((gate.settings.home.candidates / candidate / VERDICT).read_bytes())
    except (OSError, ValueError):
        return None
