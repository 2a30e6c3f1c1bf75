"""Publishes approved candidates: files put in place outside the lock, one transaction inside it.

This is the one place where new content is published. It checks every seal under the lock.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import assert_never

from ..authority.acts import Act
from ..errors import AlreadyLanded, AlreadySettled, CandidateDamaged, ParentRetracted
from ..lake.commit import Approved, Commit, Quarantined, RowsReplayed
from ..lake.layout import LakeLayout
from ..lake.writer import LakeWriter, open_writer
from ..records.candidates import CandidateFile, FileRole, Form, Manifest
from ..records.declarations import (
    DbtBuild,
    EmbeddingBuild,
    FeaturesBuild,
    FrameBuild,
    LedgerBuild,
    ModelBuild,
    MonitorBuild,
    PythonBuild,
    RoutingBuild,
    ScoresBuild,
    SourceBuild,
)
from ..records.events import Event
from ..records.keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from ..records.ledger import FileState, LedgerEntry, QuarantineEntry, QuarantineState
from ..records.receipts import Receipt
from .fingerprint import slices_now
from .seal import InForce, Judged, check_seal
from .signing import signed_events

_PUT_IN_PLACE = (FileRole.INSERT, FileRole.DELETE)
_BUILT_IN_FULL = frozenset({"table", "view"})


@dataclass(frozen=True)
class Publication:
    """Everything that one publication makes true together. Quarantine entries get their numbers in it.

    `agent` signs for files that are accounted for where nothing is published or put aside, and no event tells
    of it. `settled` are entries that waited, by number, with what changes in them.
    """

    judged: tuple[Judged, ...]
    agent: AgentName
    reason: str
    on_behalf_of: str = ""
    ledger: tuple[LedgerEntry, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    events: tuple[Event, ...] = ()
    settled: tuple[tuple[int, Mapping[str, object]], ...] = ()
    replayed: tuple[RowsReplayed, ...] = ()


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
    in_force: Callable[[], InForce],
    *,
    lock_timeout_seconds: float,
    now: datetime,
    event_id: str,
) -> Done:
    """Makes the publication true in one snapshot, or not at all.

    Args:
        in_force: Reads what holds now; called under the lock.

    Raises:
        SealBroken: A verdict does not hold for what would be published.
        NotPermitted: Producer and auditor are the same agent, or the producer may not publish.
        BaseMoved: Another publication of an asset came first.
        AlreadyLanded: Another landing accounted for a file first.
        AlreadySettled: An entry of the quarantine that this settles does not wait any more.
        ParentRetracted: A parent that was read has been rolled back since.
        CandidateDamaged: A candidate's file is missing or differs.
    """
    placed = {item.manifest.asset: _put_in_place(layout, candidates, item.manifest) for item in publication.judged}
    try:
        with open_writer(layout, lock_timeout_seconds) as writer:
            heads, now_in_force = writer.heads(), in_force()
            retracted = writer.retracted() if publication.judged else frozenset()
            settled = _settled_entries(writer, publication)
            published = _published_parents(writer, publication.judged)
            for item in publication.judged:
                check_seal(item, publication.judged, heads, now_in_force, published)
                _check_retracted(item.manifest, published, retracted)
                for file in placed[item.manifest.asset]:
                    _require_untouched(item.manifest, file)
            _require_new_files(writer, publication.ledger)
            return _commit(writer, publication, placed, published, settled, event_id, now)
    finally:
        # Keys to delete are no part of the lake; rows that did not get in are collected as orphans.
        for file in (file for files in placed.values() for file in files if file.role is FileRole.DELETE):
            file.path.unlink(missing_ok=True)


def _settled_entries(writer: LakeWriter, publication: Publication) -> tuple[QuarantineEntry, ...]:
    """The entries that this settles, as they stand afterwards."""
    settled = []
    for number, changes in publication.settled:
        entry = writer.quarantine_entry(number)
        if entry is None or entry.state is not QuarantineState.WAITING:
            raise AlreadySettled(number=number, state=entry.state if entry else "gone")
        settled.append(entry.model_copy(update=dict(changes)))
    return tuple(settled)


def _published_parents(writer: LakeWriter, judged: Sequence[Judged]) -> Mapping[CandidateId, Version]:
    """The versions of parents that were candidates when they were read, and are published since."""
    beside = {item.manifest.id for item in judged}
    read = {parent.candidate for item in judged for parent in item.manifest.parents if parent.candidate is not None}
    return writer.versions_of(read - beside)


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
    published: Mapping[CandidateId, Version],
    settled: Sequence[QuarantineEntry],
    event_id: str,
    now: datetime,
) -> Done:
    snapshot = writer.next_snapshot()
    versions_of = {**published, **{item.manifest.id: _next_version(item.manifest) for item in publication.judged}}
    receipts = tuple(
        _receipt(item, placed[item.manifest.asset], snapshot, versions_of, now) for item in publication.judged
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
            approval=item.approval,
        )
        for item, receipt in zip(publication.judged, receipts, strict=True)
    )
    versions = {receipt.asset: receipt.version for receipt in receipts}
    ledger = tuple(
        entry.model_copy(update={"version": versions.get(entry.asset)}) if entry.n_published else entry
        for entry in publication.ledger
    )
    answered = {str(entry.id): entry.state for entry in settled if entry.state is not QuarantineState.WAITING}
    template = Event(
        id=event_id,
        at=now,
        agent=publication.agent,
        act=Act.LAND,
        subject="ledger",
        outcome="recorded",
        reason=publication.reason,
        on_behalf_of=publication.on_behalf_of,
        details={"n_files": len(ledger), **({"settled": answered} if answered else {})},
    )
    signed = () if _is_told(publication) else signed_events(template, receipts, quarantined)
    events = (*signed, *publication.events)
    writer.commit(
        Commit(
            events=events,
            approved=approved,
            ledger=ledger,
            quarantined=quarantined,
            settled=tuple(settled),
            replayed=publication.replayed,
        )
    )
    return Done(receipts, tuple(item.entry for item in quarantined))


def _is_told(publication: Publication) -> bool:
    """Whether the publication's own events say all that there is to sign for."""
    return bool(publication.events) and not publication.judged and not publication.quarantined


def _check_retracted(
    manifest: Manifest, published: Mapping[CandidateId, Version], retracted: frozenset[tuple[AssetKey, Version]]
) -> None:
    for parent in manifest.parents:
        version = parent.version if parent.candidate is None else published.get(parent.candidate)
        if version is not None and (parent.asset, version) in retracted:
            raise ParentRetracted(asset=manifest.asset, parent=parent.asset, version=version)


def _reads_base(item: Judged) -> bool:
    """Whether the content was made from the base's: a table that is built in full only differs from it."""
    if item.manifest.base_version is None:
        return False
    if item.declaration.partition is not None:
        # The slices that were not built are the base's.
        return item.manifest.form is not Form.WHOLE
    match item.declaration.build:
        case (
            PythonBuild()
            | LedgerBuild()
            | FrameBuild()
            | EmbeddingBuild()
            | FeaturesBuild()
            | ModelBuild()
            | MonitorBuild()
            | ScoresBuild()
            | RoutingBuild()
        ):
            return False
        case DbtBuild(materialized=materialized):
            return materialized not in _BUILT_IN_FULL
        case SourceBuild():
            return True
        case _:
            assert_never(item.declaration.build)


def _receipt(
    item: Judged,
    placed: Sequence[Placed],
    snapshot: Snapshot,
    versions_of: Mapping[CandidateId, Version],
    now: datetime,
) -> Receipt:
    manifest, verdict = item.manifest, item.verdict
    parents = tuple(
        parent.model_copy(update={"version": versions_of[parent.candidate]})
        if parent.candidate is not None and parent.candidate in versions_of
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
        fingerprint=item.fingerprint or manifest.fingerprint,
        code_version=manifest.code_version,
        contract_hash=verdict.seal.contract,
        producer=manifest.producer,
        auditor=verdict.auditor,
        seal=verdict.seal,
        findings=verdict.findings,
        files=tuple(file.path.name for file in placed),
        sha256s=tuple(file.sha256 for file in placed),
        reason=manifest.reason,
        published_at=now,
        approval=item.approval,
        reads_base=_reads_base(item),
        slices=slices_now(item.declaration, manifest.slices),
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
    except OSError as error:
        target.unlink(missing_ok=True)
        error.filename = error.filename or str(target)
        raise
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
