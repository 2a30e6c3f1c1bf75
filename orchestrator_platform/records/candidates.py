"""A complete proposed next version, closed and immutable: its files, its base, what it was built from."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from pydantic import SerializerFunctionWrapHandler, model_serializer

from .base import Record
from .keys import AgentName, AssetKey, CandidateId, Version
from .slices import Slice

MANIFEST_FORMAT = 1
MANIFEST = "manifest.json"


class AssetKind(StrEnum):
    RAW = "raw"
    TABLE = "table"
    EMBEDDING = "embedding"
    MODEL = "model"


class Form(StrEnum):
    """How the files make the next version out of the base.

    WHOLE replaces everything, APPEND adds, DELTA deletes by key and adds, SLICES replaces the rows
    that hold the listed values of one column.
    """

    WHOLE = "whole"
    APPEND = "append"
    DELTA = "delta"
    SLICES = "slices"


class FileRole(StrEnum):
    """INSERT and DELETE are Parquet; LEDGER and QUARANTINE account for landed files, as JSON lines.

    With REPLAY the rows come out of quarantine: LEDGER and QUARANTINE then tell how known files stand afterwards.
    """

    INSERT = "insert"
    DELETE = "delete"
    LEDGER = "ledger"
    QUARANTINE = "quarantine"
    REPLAY = "replay"


class CandidateFile(Record):
    name: str
    role: FileRole
    sha256: str
    size_bytes: int
    n_rows: int


class SchemaColumn(Record):
    """A column as it stands in the files; `type` is DuckDB's name."""

    name: str
    type: str


class ParentRead(Record):
    """What a build read. `candidate` is set where the parent was built in the same workbench."""

    asset: AssetKey
    version: Version | None
    data_version: str
    candidate: CandidateId | None = None


class Manifest(Record):
    """The candidate's description, written last: a folder without it is no candidate.

    `key` names the columns by which a DELTA deletes (or a SLICES replaces); `n_rows` counts the
    whole next version; `fingerprint` is the identity of all inputs, `data_version` that of the
    content. `slices` are what a candidate of a partitioned table is made anew of.
    """

    format: int = MANIFEST_FORMAT
    id: CandidateId
    asset: AssetKey
    kind: AssetKind
    form: Form
    base_version: Version | None
    parents: tuple[ParentRead, ...]
    columns: tuple[SchemaColumn, ...]
    key: tuple[str, ...] = ()
    files: tuple[CandidateFile, ...]
    n_rows: int
    n_inserted: int
    n_deleted: int
    data_version: str
    fingerprint: str
    code_version: str
    contract_hash: str
    producer: AgentName
    reason: str
    created_at: datetime
    slices: tuple[Slice, ...] = ()

    @model_serializer(mode="wrap")
    def _without_empty_slices(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """A seal holds for the manifest's text, and those of tables without slices never had the field."""
        written: dict[str, Any] = serialize(self)
        if not self.slices:
            written.pop("slices", None)
        return written

    def files_of(self, role: FileRole) -> tuple[CandidateFile, ...]:
        return tuple(file for file in self.files if file.role is role)
