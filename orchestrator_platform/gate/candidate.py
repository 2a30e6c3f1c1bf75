"""Closes what a workbench built into a candidate: Parquet files, hashed, and a manifest written last."""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb

from ..errors import CandidateDamaged, Misuse
from ..lake.content import Content, hash_algorithm, hash_file, measure_content
from ..records.candidates import (
    MANIFEST,
    AssetKind,
    CandidateFile,
    FileRole,
    Form,
    Manifest,
    ParentRead,
    SchemaColumn,
)
from ..records.keys import AgentName, AssetKey, CandidateId
from ..records.receipts import Head
from ..records.slices import Partition, Slice, slices_fingerprint
from ..sql import identifier, literal, read_columns
from ..storage import writing
from ..transforming.workbench import close_columns_sql
from .delta import Delta, find_delta
from .slice_delta import compare_slices, measured


@dataclass(frozen=True)
class Draft:
    """What a build gives to be closed.

    `relation` is the whole next version, as text that can stand after FROM. An incremental build
    also gives `part` (rows to insert) and `gone` (keys whose base rows go). An `append` adds
    `relation` to the base. Of a partitioned table `relation` holds the rows of `slices`, and nothing else.
    """

    asset: AssetKey
    kind: AssetKind
    relation: str
    key: tuple[str, ...]
    parents: tuple[ParentRead, ...]
    fingerprint: str
    code_version: str
    contract_hash: str
    producer: AgentName
    reason: str
    part: str | None = None
    gone: str | None = None
    append: bool = False
    attachments: tuple[tuple[Path, FileRole, int], ...] = ()
    partition: Partition | None = None
    slices: tuple[Slice, ...] = ()
    together: bool = False


@dataclass(frozen=True)
class Closed:
    """A closed candidate, and whether its content is what serves already; `same` are slices of which that is true."""

    manifest: Manifest
    unchanged: bool
    same: tuple[Slice, ...] = ()


def close_candidate(
    connection: duckdb.DuckDBPyConnection,
    draft: Draft,
    base: Head | None,
    candidates: Path,
    *,
    candidate_id: CandidateId,
    now: datetime,
) -> Closed:
    """Writes the candidate's folder.

    Nothing in the folder changes afterwards; without the manifest the folder counts as absent.

    Raises:
        Misuse: A column has a type that the lake cannot keep, or that cannot hold what a log already has.
        StorageFailed: The folder cannot be written; it is removed.
    """
    folder = candidates / candidate_id
    folder.mkdir(parents=True)
    try:
        with writing(folder):
            return _close(connection, draft, base, folder, candidate_id, now)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _close(
    connection: duckdb.DuckDBPyConnection,
    draft: Draft,
    base: Head | None,
    folder: Path,
    candidate_id: CandidateId,
    now: datetime,
) -> Closed:
    described = connection.execute(f"DESCRIBE SELECT * FROM {draft.relation}").fetchall()
    select = close_columns_sql(draft.asset, described)
    columns = read_columns(connection, f"(SELECT {select} FROM {draft.relation})")
    closer = _Closer(connection, folder, columns, select)
    base_relation = f"lake.{draft.asset.quoted}" if base else None
    content_of_base = _base_content(connection, base, base_relation)
    write = closer.write if draft.partition is None else closer.write_slices
    written = write(draft, base_relation, content_of_base)
    manifest = Manifest(
        id=candidate_id,
        asset=draft.asset,
        kind=draft.kind,
        form=written.form,
        base_version=base.version if base else None,
        parents=draft.parents,
        columns=columns,
        key=written.key,
        files=(*written.files, *(_attach(folder, *attachment) for attachment in draft.attachments)),
        n_rows=written.content.n_rows,
        n_inserted=written.n_inserted,
        n_deleted=written.n_deleted,
        data_version=str(written.content),
        fingerprint=slices_fingerprint(written.slices) if written.slices else draft.fingerprint,
        code_version=draft.code_version,
        contract_hash=draft.contract_hash,
        producer=draft.producer,
        reason=draft.reason,
        created_at=now,
        slices=written.slices,
    )
    write_manifest(folder, manifest)
    serves = base is not None and not base.withdrawn
    return Closed(manifest, serves and written.content == content_of_base, written.same)


@dataclass(frozen=True)
class _Written:
    form: Form
    files: tuple[CandidateFile, ...]
    key: tuple[str, ...]
    content: Content
    n_inserted: int
    n_deleted: int
    slices: tuple[Slice, ...] = ()
    same: tuple[Slice, ...] = ()


class _Closer:
    """Writes the Parquet files of one candidate."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, folder: Path, columns: Sequence[SchemaColumn], select: str
    ) -> None:
        self.connection, self.folder, self.columns, self.select = connection, folder, tuple(columns), select

    def write(self, draft: Draft, base: str | None, content: Content | None) -> _Written:
        if base is None or content is None or not self._same_columns(base):
            return self._whole(self._appended(draft, base) if base and draft.append else draft.relation, base)
        if draft.append:
            return self._append(draft.relation, content)
        if draft.part is not None and (draft.gone is None or not draft.key):
            return self._append(draft.part, content)
        if draft.part is not None and draft.gone is not None:
            return self._delta(Delta(draft.part, draft.gone), base, content, draft.key)
        if not draft.key:
            return self._whole(draft.relation, base)
        # The comparison reads it several times, and must see the same rows each time.
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE _next AS SELECT {self.select} FROM {draft.relation}")
        delta = find_delta(self.connection, "_next", base, self.columns, draft.key)
        return self._whole("_next", base) if delta is None else self._delta(delta, base, content, draft.key)

    def _same_columns(self, base: str) -> bool:
        present = read_columns(self.connection, base)
        return sorted((c.name, c.type) for c in present) == sorted((c.name, c.type) for c in self.columns)

    def _appended(self, draft: Draft, base: str) -> str:
        """The base under the new columns, plus the rows: what is appended never replaces what is there."""
        present = {column.name.lower(): column.type for column in read_columns(self.connection, base)}
        self._require_same_values(draft.asset, base, present)
        listed = ", ".join(
            f"CAST({identifier(c.name) if c.name.lower() in present else 'NULL'} AS {c.type}) AS {identifier(c.name)}"
            for c in self.columns
        )
        names = ", ".join(identifier(column.name) for column in self.columns)
        return f"(SELECT {listed} FROM {base} UNION ALL SELECT {names} FROM {draft.relation})"

    def _require_same_values(self, asset: AssetKey, base: str, present: Mapping[str, str]) -> None:
        for column in self.columns:
            before = present.get(column.name.lower(), column.type)
            if before == column.type:
                continue
            name = identifier(column.name)
            there_and_back = f"TRY_CAST(TRY_CAST({name} AS {column.type}) AS {before})"
            n_lost = _count(self.connection, f"{base} WHERE {name} IS DISTINCT FROM {there_and_back}")
            if n_lost:
                raise Misuse(
                    f"{asset}: column {column.name} cannot go from {before} to {column.type}: {n_lost} of its served"
                    " values would be lost. Nothing was closed. Keep the type, or give the column a new name."
                )

    def _whole(self, relation: str, base: str | None) -> _Written:
        files = self._copy("rows", relation, FileRole.INSERT)
        content = self._measure(files)
        n_deleted = _count(self.connection, base) if base else 0
        return _Written(Form.WHOLE, files, (), content, content.n_rows, n_deleted)

    def _append(self, relation: str, base: Content) -> _Written:
        files = self._copy("rows", relation, FileRole.INSERT)
        added = self._measure(files)
        return _Written(Form.APPEND, files, (), base.plus(added), added.n_rows, 0)

    def _delta(self, delta: Delta, base: str, content: Content, key: tuple[str, ...]) -> _Written:
        inserted = self._copy("rows", delta.inserted, FileRole.INSERT)
        matched = " AND ".join(f"b.{identifier(k)} = g.{identifier(k)}" for k in key)
        deleted = self._copy("keys", delta.deleted_keys, FileRole.DELETE, every_column=False)
        gone = f"(SELECT b.* FROM {base} AS b SEMI JOIN {delta.deleted_keys} AS g ON {matched})"
        removed = measure_content(self.connection, gone, self.columns)
        added = self._measure(inserted)
        return _Written(
            Form.DELTA,
            (*inserted, *deleted),
            key,
            content.plus(added).minus(removed),
            added.n_rows,
            removed.n_rows,
        )

    def write_slices(self, draft: Draft, base: str | None, content: Content | None) -> _Written:
        """The slices whose rows differ from the base's; without a base, or with other columns, all of them."""
        partition = draft.partition
        assert partition is not None
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE _next AS SELECT {self.select} FROM {draft.relation}")
        slices = measured(self.connection, "_next", self.columns, partition.by, draft.slices)
        if base is None or content is None or draft.together:
            return replace(self._whole("_next", base), slices=slices)
        if not self._same_columns(base):
            raise Misuse(
                f"{draft.asset}: its columns are others than those that serve, so that no single slice can be replaced."
                f" Nothing was closed. Build them all at once: `orchestrator build {draft.asset} --rebuild`."
            )
        found = compare_slices(self.connection, base, "_next", self.columns, partition.by, slices)
        inserted = self._copy("rows", found.inserted, FileRole.INSERT)
        deleted = self._copy("keys", found.deleted, FileRole.DELETE, every_column=False)
        added = self._measure(inserted)
        return _Written(
            Form.SLICES,
            (*inserted, *deleted),
            (partition.by,),
            content.plus(added).minus(found.removed),
            added.n_rows,
            found.removed.n_rows,
            found.changed,
            found.same,
        )

    def _copy(
        self, name: str, relation: str, role: FileRole, *, every_column: bool = True
    ) -> tuple[CandidateFile, ...]:
        path = self.folder / f"{name}.parquet"
        listed = self.select if every_column else "*"
        copied = self.connection.execute(
            f"COPY (SELECT {listed} FROM {relation}) TO {literal(str(path))}"
            " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
        ).fetchone()
        n_rows = int(copied[0]) if copied else 0
        if n_rows == 0:
            path.unlink()
            return ()
        return (describe_file(path, role, n_rows),)

    def _measure(self, files: Sequence[CandidateFile]) -> Content:
        if not files:
            return measure_content(self.connection, self._empty(), self.columns)
        listed = ", ".join(literal(str(self.folder / file.name)) for file in files)
        return measure_content(self.connection, f"read_parquet([{listed}])", self.columns)

    def _empty(self) -> str:
        listed = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in self.columns)
        return f"(SELECT {listed} LIMIT 0)"


def _base_content(connection: duckdb.DuckDBPyConnection, base: Head | None, relation: str | None) -> Content | None:
    """The base's content as this DuckDB hashes it; measured anew where another one wrote it."""
    if base is None or relation is None:
        return None
    content = Content.parse(base.data_version)
    if content.algorithm == hash_algorithm():
        return content
    return measure_content(connection, relation, read_columns(connection, relation))


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    assert row is not None
    return int(row[0])


def _attach(folder: Path, source: Path, role: FileRole, n_rows: int) -> CandidateFile:
    target = folder / source.name
    source.replace(target)
    return describe_file(target, role, n_rows)


def describe_file(path: Path, role: FileRole, n_rows: int) -> CandidateFile:
    """Makes a written file read-only and returns its entry in the manifest."""
    path.chmod(0o444)
    return CandidateFile(
        name=path.name, role=role, sha256=hash_file(path), size_bytes=path.stat().st_size, n_rows=n_rows
    )


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes the manifest last and in one rename, so that a folder with one is whole."""
    partial = folder / f"{MANIFEST}.partial"
    with partial.open("w", encoding="utf-8") as file:
        file.write(manifest.canonical_json() + "\n")
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / MANIFEST)


def load_manifest(candidates: Path, candidate: CandidateId) -> Manifest:
    """Reads a candidate's manifest and compares every file with it.

    Raises:
        CandidateDamaged: The manifest or a file is missing, or its bytes differ.
    """
    folder = candidates / candidate
    try:
        manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValueError) as error:
        # What pydantic says of it goes on for lines, and quotes the file.
        why = error.strerror if isinstance(error, OSError) else "it is no manifest"
        raise CandidateDamaged(candidate=candidate, file=MANIFEST, problem=f"cannot be read ({why})") from error
    verify_files(candidates, manifest)
    return manifest


def verify_files(candidates: Path, manifest: Manifest) -> None:
    """Raises CandidateDamaged where a file is missing or its bytes are not the manifest's."""
    for file in manifest.files:
        path = candidates / manifest.id / file.name
        if not path.is_file():
            raise CandidateDamaged(candidate=manifest.id, file=file.name, problem="is missing")
        if hash_file(path) != file.sha256:
            raise CandidateDamaged(
                candidate=manifest.id, file=file.name, problem="has other bytes than its manifest says"
            )
