"""The record of a publication, and the head that it makes."""

from datetime import datetime

from .base import Record
from .candidates import AssetKind, Form, ParentRead, SchemaColumn
from .findings import Finding
from .keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from .slices import Slice
from .verdicts import Approval, Seal


class Receipt(Record):
    """Who made a version, who judged it, from what, by what code, with what findings.

    `approval` is there where the auditor asked a person and the person said yes. A version that `restores` an
    earlier one has its content, its makers, its findings and its seal; one that is `withdrawn` is empty.
    `sha256s` are those of `files`, in their order; receipts of format 1 have none.
    `reads_base` says whether the content was made from the base's; `None` is not known. `slices` are those that this
    version made anew; all others are the base's.
    """

    asset: AssetKey
    kind: AssetKind
    version: Version
    snapshot: Snapshot
    candidate: CandidateId
    form: Form
    base_version: Version | None
    parents: tuple[ParentRead, ...]
    columns: tuple[SchemaColumn, ...]
    n_rows: int
    n_inserted: int
    n_deleted: int
    data_version: str
    fingerprint: str
    code_version: str
    contract_hash: str
    producer: AgentName
    auditor: AgentName
    seal: Seal
    findings: tuple[Finding, ...]
    files: tuple[str, ...]
    sha256s: tuple[str, ...] = ()
    reason: str
    published_at: datetime
    approval: Approval | None = None
    restores: Version | None = None
    withdrawn: bool = False
    reads_base: bool | None = None
    slices: tuple[Slice, ...] = ()


class Head(Record):
    """The served version of an asset; a withdrawn one is empty and stands for none."""

    asset: AssetKey
    version: Version
    snapshot: Snapshot
    data_version: str
    fingerprint: str
    n_rows: int
    candidate: CandidateId
    published_at: datetime
    withdrawn: bool = False


def head_of(receipt: Receipt) -> Head:
    """Returns the head that a receipt makes."""
    return Head(
        asset=receipt.asset,
        version=receipt.version,
        snapshot=receipt.snapshot,
        data_version=receipt.data_version,
        fingerprint=receipt.fingerprint,
        n_rows=receipt.n_rows,
        candidate=receipt.candidate,
        published_at=receipt.published_at,
        withdrawn=receipt.withdrawn,
    )
