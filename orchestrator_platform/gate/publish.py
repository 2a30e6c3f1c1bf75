"""Publishes approved candidates: files put in place outside the lock, one transaction inside it.

This is the one place where new content is published. It checks every seal under the lock.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from ..authority.agent_files import Principal
from ..authority.permissions import require_distinct
from ..errors import AlreadyLanded, CandidateDamaged, ParentRetracted, SealBroken
from ..lake.layout import LakeLayout
from ..lake.writer import Approved, Commit, LakeWriter, Quarantined, open_writer
from ..records.candidates import CandidateFile, FileRole, Manifest
from ..records.declarations import AssetDeclaration, DbtBuild, PythonBuild
from ..records.events import Event
from ..records.keys import AgentName, AssetKey, Snapshot, Version
from ..records.ledger import FileState, LedgerEntry, QuarantineEntry
from ..records.receipts import Head, Receipt
from ..records.verdicts import Verdict, seal_of

_PUT_IN_PLACE = (FileRole.INSERT, FileRole.DELETE)
_BUILT_IN_FULL = frozenset({"table", "view"})


@dataclass(frozen=True)
class Judged:
    """A candidate, its verdict, and the declaration in force now."""

    manifest: Manifest
    verdict: Verdict
    declaration: AssetDeclaration


@dataclass(frozen=True)
class Publication:
    """Everything that one publication makes true together. Quarantine entries get their numbers in it."""

    judged: tuple[Judged, ...]
    agent: AgentName
    reason: str
    on_behalf_of: str = ""
    ledger: tuple[LedgerEntry, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Done:
    """What became true: receipts of what serves now, entries of what waits in quarantine."""

    receipts: tuple[Receipt, ...]
    quarantined: tuple[QuarantineEntry, ...]


@dataclass(frozen=True)
class Placed:
    """A file in the lake's folder, as it was when its bytes were hashed."""

    path: Path
    role: FileRole
    sha256: str
    signature: tuple[int, int, int]


def publish(
    layout: LakeLayout,
    candidates: Path,
    publication: Publication,
    principals: Mapping[AgentName, Principal],
    *,
    lock_timeout_seconds: float,
    now: datetime,
    event_id: str,
) -> Done:
    """Makes the publication true in one snapshot, or not at all.

    Raises:
        SealBroken: A verdict does not hold for what would be published.
        NotPermitted: Producer and auditor are the same agent.
        BaseMoved: Another publication of an asset came first.
        AlreadyLanded: Another landing accounted for a file first.
        ParentRetracted: A parent that was read has been rolled back since.
        CandidateDamaged: A candidate's file is missing or differs.
    """
    placed = {item.manifest.asset: _put_in_place(layout, candidates, item.manifest) for item in publication.judged}
    try:
        with open_writer(layout, lock_timeout_seconds) as writer:
            heads, retracted = writer.heads(), writer.retracted() if publication.judged else frozenset()
            for item in publication.judged:
                check_seal(item, publication.judged, heads, principals)
                _check_retracted(item.manifest, retracted)
                for file in placed[item.manifest.asset]:
                    _require_untouched(item.manifest, file)
            _require_new_files(writer, publication.ledger)
            return _commit(writer, publication, placed, event_id, now)
    finally:
        # Keys to delete are no part of the lake; rows that did not get in are collected as orphans.
        for file in (file for files in placed.values() for file in files if file.role is FileRole.DELETE):
            file.path.unlink(missing_ok=True)


def _require_new_files(writer: LakeWriter, ledger: Sequence[LedgerEntry]) -> None:
    new = [entry for entry in ledger if entry.state is not FileState.DUPLICATE]
    if not new:
        return
    known = writer.known_files()
    again = [entry.file for entry in new if (entry.source, entry.file_sha256) in known]
    if again:
        raise AlreadyLanded(files=again)


def _commit(
    writer: LakeWriter,
    publication: Publication,
    placed: Mapping[AssetKey, tuple[Placed, ...]],
    event_id: str,
    now: datetime,
) -> Done:
    snapshot = writer.next_snapshot()
    receipts = tuple(
        _receipt(item, placed[item.manifest.asset], snapshot, publication.judged, now) for item in publication.judged
    )
    first_id = writer.next_quarantine_id()
    quarantined = tuple(
        replace(item, entry=item.entry.model_copy(update={"id": first_id + i}))
        for i, item in enumerate(publication.quarantined)
    )
    approved = tuple(
        Approved(
            manifest=item.manifest,
            verdict=item.verdict,
            placed=tuple((file.path, file.role) for file in placed[item.manifest.asset]),
            receipt=receipt,
        )
        for item, receipt in zip(publication.judged, receipts, strict=True)
    )
    versions = {receipt.asset: receipt.version for receipt in receipts}
    ledger = tuple(
        entry.model_copy(update={"version": versions.get(entry.asset)}) if entry.n_published else entry
        for entry in publication.ledger
    )
    event = _event(publication, receipts, [item.entry for item in quarantined], event_id, now)
    events = (event, *publication.events)
    writer.commit(Commit(events=events, approved=approved, ledger=ledger, quarantined=quarantined))
    return Done(receipts, tuple(item.entry for item in quarantined))


def _event(
    publication: Publication,
    receipts: Sequence[Receipt],
    quarantined: Sequence[QuarantineEntry],
    event_id: str,
    now: datetime,
) -> Event:
    subject = ", ".join(f"{receipt.asset}@{receipt.version}" for receipt in receipts)
    return Event(
        id=event_id,
        at=now,
        agent=publication.agent,
        act="publish" if receipts else "quarantine",
        subject=subject or ", ".join(sorted({entry.asset for entry in quarantined})) or "ledger",
        outcome="published" if receipts else "recorded",
        reason=publication.reason,
        on_behalf_of=publication.on_behalf_of,
        inputs={receipt.asset: {p.asset: p.version for p in receipt.parents} for receipt in receipts},
        details={
            "versions": {receipt.asset: receipt.version for receipt in receipts},
            "n_rows": {receipt.asset: receipt.n_rows for receipt in receipts},
            "auditors": {receipt.asset: receipt.auditor for receipt in receipts},
            "n_files": len(publication.ledger),
            "quarantined": {str(entry.id): entry.n_rows for entry in quarantined},
        },
    )


def check_seal(
    item: Judged,
    together: Sequence[Judged],
    heads: Mapping[AssetKey, Head],
    principals: Mapping[AgentName, Principal],
) -> None:
    """Compares everything that the verdict was sealed to with what holds now.

    Raises:
        SealBroken: Something differs; the message names it.
        NotPermitted: Producer and auditor are the same agent.
    """
    manifest, verdict, declared = item.manifest, item.verdict, item.declaration
    require_distinct(manifest.producer, verdict.auditor)
    producer, auditor = principals.get(manifest.producer), principals.get(verdict.auditor)
    now = seal_of(
        manifest,
        producer.permissions_hash() if producer else "missing",
        auditor.permissions_hash() if auditor else "missing",
    )
    pairs = (
        ("the producer", manifest.producer, declared.producer),
        ("the auditor", verdict.auditor, declared.auditor),
        ("the asset", verdict.asset, manifest.asset),
        ("the candidate", verdict.seal.manifest, now.manifest),
        ("the contract", verdict.seal.contract, declared.contract.hash()),
        ("the code", manifest.code_version, declared.code_version),
        ("the producer's permissions", verdict.seal.producer_permissions, now.producer_permissions),
        ("the auditor's permissions", verdict.seal.auditor_permissions, now.auditor_permissions),
    )
    for what, sealed, found in pairs:
        if sealed != found:
            raise SealBroken(asset=manifest.asset, what=what, sealed=sealed, found=found)
    _check_parents(manifest, together, heads)


def _check_parents(manifest: Manifest, together: Sequence[Judged], heads: Mapping[AssetKey, Head]) -> None:
    beside = {other.manifest.asset: other.manifest for other in together}
    for parent in manifest.parents:
        if parent.candidate is not None:
            other = beside.get(parent.asset)
            head = heads.get(parent.asset)
            found = other.id if other else (head.candidate if head else None)
            if found != parent.candidate:
                raise SealBroken(
                    asset=manifest.asset,
                    what=f"the parent {parent.asset}",
                    sealed=f"candidate {parent.candidate}",
                    found=f"candidate {found}",
                )
        elif parent.version is not None:
            head = heads.get(parent.asset)
            if head is None or head.version < parent.version:
                raise SealBroken(
                    asset=manifest.asset,
                    what=f"the parent {parent.asset}",
                    sealed=f"version {parent.version}",
                    found=f"version {head.version if head else 'none'}",
                )


def _check_retracted(manifest: Manifest, retracted: frozenset[tuple[AssetKey, Version]]) -> None:
    for parent in manifest.parents:
        if parent.version is not None and (parent.asset, parent.version) in retracted:
            raise ParentRetracted(asset=manifest.asset, parent=parent.asset, version=parent.version)


def _reads_base(item: Judged) -> bool:
    """Whether the content was made from the base's: a table that is built in full only differs from it."""
    if item.manifest.base_version is None:
        return False
    match item.declaration.build:
        case PythonBuild():
            return False
        case DbtBuild(materialized=materialized):
            return materialized not in _BUILT_IN_FULL
        case _:
            return True


def _receipt(
    item: Judged, placed: Sequence[Placed], snapshot: Snapshot, together: Sequence[Judged], now: datetime
) -> Receipt:
    manifest, verdict = item.manifest, item.verdict
    versions = {other.manifest.asset: _next_version(other.manifest) for other in together}
    parents = tuple(
        parent.model_copy(update={"version": versions[parent.asset]})
        if parent.candidate is not None and parent.asset in versions
        else parent
        for parent in manifest.parents
    )
    return Receipt(
        asset=manifest.asset,
        kind=manifest.kind,
        version=_next_version(manifest),
        snapshot=snapshot,
        candidate=manifest.id,
        form=manifest.form,
        base_version=manifest.base_version,
        parents=parents,
        columns=manifest.columns,
        n_rows=manifest.n_rows,
        n_inserted=manifest.n_inserted,
        n_deleted=manifest.n_deleted,
        data_version=manifest.data_version,
        fingerprint=manifest.fingerprint,
        code_version=manifest.code_version,
        contract_hash=manifest.contract_hash,
        producer=manifest.producer,
        auditor=verdict.auditor,
        seal=verdict.seal,
        findings=verdict.findings,
        files=tuple(file.path.name for file in placed),
        sha256s=tuple(file.sha256 for file in placed),
        reason=manifest.reason,
        published_at=now,
        reads_base=_reads_base(item),
    )


def _next_version(manifest: Manifest) -> Version:
    return Version((manifest.base_version or 0) + 1)


def _put_in_place(layout: LakeLayout, candidates: Path, manifest: Manifest) -> tuple[Placed, ...]:
    folder = layout.data / manifest.asset.schema / manifest.asset.name
    folder.mkdir(parents=True, exist_ok=True)
    return tuple(
        _place(
            candidates / manifest.id / file.name,
            folder / f"{manifest.id}-{os.urandom(4).hex()}-{file.name}",
            file,
            manifest,
        )
        for file in manifest.files
        if file.role in _PUT_IN_PLACE
    )


def _place(source: Path, target: Path, file: CandidateFile, manifest: Manifest) -> Placed:
    """Copies and hashes in one pass, so that the bytes in the lake are the bytes that were judged."""
    digest = hashlib.sha256()
    try:
        with source.open("rb") as reading, target.open("xb") as writing:
            while chunk := reading.read(4 << 20):
                digest.update(chunk)
                writing.write(chunk)
            writing.flush()
            os.fsync(writing.fileno())
    except FileNotFoundError as error:
        target.unlink(missing_ok=True)
        raise CandidateDamaged(candidate=manifest.id, file=file.name, problem="is missing") from error
    if digest.hexdigest() != file.sha256:
        target.unlink()
        raise CandidateDamaged(
            candidate=manifest.id, file=file.name, problem="has other bytes than those that were judged"
        )
    target.chmod(0o444)
    return Placed(target, file.role, file.sha256, _signature(target))


def _signature(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


def _require_untouched(manifest: Manifest, file: Placed) -> None:
    if not file.path.exists() or _signature(file.path) != file.signature:
        raise CandidateDamaged(
            candidate=manifest.id, file=file.path.name, problem="was changed between being put in place and the commit"
        )
