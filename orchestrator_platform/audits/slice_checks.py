"""Whether a candidate of a partitioned table touches the slices that it says it replaces, and no others."""

from collections.abc import Sequence
from datetime import UTC

from ..records.candidates import Form
from ..records.declarations import AssetDeclaration
from ..records.findings import Finding
from ..records.slices import Partition, names_in_words
from ..sql import identifier, literal
from .candidate_view import CandidateView, deleted_relation

SLICES_CHECK = "slices"


def check_names(declaration: AssetDeclaration) -> tuple[str, ...]:
    """Returns the names of the checks that a table gets for being in slices."""
    return (SLICES_CHECK,) if declaration.partition is not None else ()


def check_slices(view: CandidateView, partition: Partition) -> Finding:
    """Returns how many rows are of other slices than the candidate's, among those inserted and those deleted.

    Of a whole table that names no slices, as what serves is judged, every row must be of a slice that there can be.
    """
    names = tuple(item.name for item in view.manifest.slices)
    known = partition.names(view.manifest.created_at.astimezone(UTC).date())
    problems = [
        (len(unknown), f"{names_in_words(unknown)} cannot be: {_there_can_be(known)}")
        for unknown in [[name for name in names if name not in known]]
        if unknown
    ]
    named = bool(names) or view.manifest.form is Form.SLICES
    inserted = _outside(view, view.delta, partition, names if named else known)
    if inserted:
        problems.append((inserted, f"{inserted} rows inserted into other slices, or into none"))
    gone = deleted_relation(view.manifest, view.folder)
    deleted = _outside(view, gone, partition, names) if named and _deletes(view) else 0
    if deleted:
        problems.append((deleted, f"{deleted} rows deleted from other slices"))
    said = f"only {names_in_words(names)} changed" if names else "every row is of a slice"
    return Finding(
        asset=view.asset,
        check=SLICES_CHECK,
        passed=not problems,
        measured=sum(number for number, _ in problems),
        limit=0,
        n_failing=sum(number for number, _ in problems),
        message="; ".join(text for _, text in problems) or said,
    )


def _deletes(view: CandidateView) -> bool:
    """A table that was not in slices before is replaced as a whole, by slices."""
    if view.base is None:
        return False
    before = view.base_receipt
    return view.manifest.form is not Form.WHOLE or before is None or bool(before.slices)


def _outside(view: CandidateView, relation: str, partition: Partition, names: Sequence[str]) -> int:
    name = f"CAST({identifier(partition.by)} AS VARCHAR)"
    listed = ", ".join(map(literal, names)) or "NULL"
    row = view.connection.execute(
        f"SELECT count(*) FROM {relation} WHERE ({name} IN ({listed})) IS NOT TRUE"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _there_can_be(known: Sequence[str]) -> str:
    return f"the slices are {known[0]} to {known[-1]}" if known else "there is none yet"
