"""Finds what waits in quarantine by its number, and compares a candidate with what the lake recorded of it."""

from pathlib import Path

import duckdb

from ...authority.acts import Act
from ...errors import AlreadySettled, BaseMoved, CandidateDamaged, Misuse, SealBroken
from ...lake.history import read_events_of, read_quarantine_entry, read_versions_of
from ...lake.published import PublishedCut
from ...records.candidates import Manifest
from ...records.declarations import AssetDeclaration, ModelBuild, SourceBuild
from ...records.events import Event
from ...records.keys import AssetKey, CandidateId
from ...records.ledger import QuarantineEntry, QuarantineState
from ..candidate import load_manifest
from ..context import Gate
from ..seal import Judged, check_seal, read_in_force


def find_entry(connection: duckdb.DuckDBPyConnection, number: int) -> QuarantineEntry:
    """Returns the entry of that number; raises Misuse where there is none."""
    entry = read_quarantine_entry(connection, number)
    if entry is None:
        raise Misuse(f"There is nothing numbered {number} in quarantine. Look: `orchestrator quarantine list`.")
    return entry


def require_waiting(entry: QuarantineEntry) -> None:
    """Raises AlreadySettled where somebody decided on the entry before."""
    if entry.state is not QuarantineState.WAITING:
        raise AlreadySettled(number=entry.id, state=entry.state)


def last_audit(connection: duckdb.DuckDBPyConnection, candidate: CandidateId) -> Event | None:
    """Returns the newest audit of a candidate as the lake has it: the verdict beside the files is a copy for people."""
    audits = [event for event in read_events_of(connection, candidate) if event.act == Act.AUDIT]
    return audits[-1] if audits else None


def load_as_audited(
    connection: duckdb.DuckDBPyConnection, candidates: Path, declaration: AssetDeclaration, entry: QuarantineEntry
) -> Manifest:
    """Returns the manifest of a candidate that waits, it and every file as they were when it was judged.

    Raises:
        CandidateDamaged: A file is missing or differs from the manifest.
        SealBroken: The manifest is not the one that was judged.
    """
    assert entry.candidate is not None
    again = make_again(declaration, anew=True)
    try:
        manifest = load_manifest(candidates, entry.candidate)
    except CandidateDamaged as error:
        raise CandidateDamaged(
            candidate=error.candidate, file=error.file, problem=error.problem, again=again
        ) from error
    given = last_audit(connection, entry.candidate)
    sealed, found = str(given.inputs.get("seal")) if given else "never judged", manifest.digest()
    if sealed != found:
        raise SealBroken(asset=entry.asset, what="the manifest", sealed=sealed, found=found, again=again)
    return manifest


def require_on_head(cut: PublishedCut, declaration: AssetDeclaration, manifest: Manifest) -> None:
    """Raises BaseMoved where another version serves than the one that the candidate was built on."""
    head = cut.heads.get(manifest.asset)
    served = head.version if head else None
    if manifest.base_version != served:
        raise BaseMoved(asset=manifest.asset, base=manifest.base_version, head=served, again=make_again(declaration))


def check_seal_now(gate: Gate, cut: PublishedCut, connection: duckdb.DuckDBPyConnection, judged: Judged) -> None:
    """Asks early what is asked again under the lock.

    Raises:
        BaseMoved, SealBroken: What was judged is not what is in force.
    """
    read = {parent.candidate for parent in judged.manifest.parents if parent.candidate is not None}
    in_force = read_in_force(gate, (judged,))
    check_seal(judged, (judged,), cut.heads, in_force, read_versions_of(connection, read))


def group_beside(gate: Gate, declaration: AssetDeclaration) -> tuple[AssetKey, ...]:
    """Returns the other assets that are published together with this one or not at all."""
    if declaration.atomic is None:
        return ()
    same = (other.key for other in gate.assets.values() if other.atomic == declaration.atomic)
    return tuple(key for key in same if key != declaration.key)


def make_again(declaration: AssetDeclaration, *, anew: bool = False) -> str:
    """What brings another candidate; a table whose inputs are the same is built anew only where that is asked for."""
    build = declaration.build
    if isinstance(build, SourceBuild):
        return f"orchestrator land {build.name}"
    if isinstance(build, ModelBuild):
        return f"orchestrator train{' --rebuild' if anew else ''} {declaration.key}"
    return f"orchestrator build{' --rebuild' if anew else ''} {declaration.key}"
