"""The platform as Python sees it: open it, read what is published."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import duckdb

from ..errors import Misuse, UnknownAsset, UnknownVersion, VersionNotKept
from ..gate.context import Gate
from ..lake.history import read_heads, read_receipt, read_releases, read_snapshot_of, read_snapshots
from ..lake.layout import LakeLayout
from ..lake.published import PublishedCut, cut_for_readers
from ..lake.readers import connect_reader
from ..records.diffs import TableDiff
from ..records.keys import AssetKey, Snapshot, Version
from ..records.searches import Found
from ..settings import Settings, load_settings
from ..transforming.statement_check import check_query
from .candidates import PREFIX, CandidateCut, open_candidate, parse_candidate, require_asset
from .diff import diff_states
from .overlay import prepare_home
from .project_assets import load_gate

if TYPE_CHECKING:
    from .search import Searcher


@dataclass(frozen=True)
class Cut:
    """All tables as they were at one snapshot."""

    layout: LakeLayout
    snapshot: Snapshot

    def read(self, asset: str) -> duckdb.DuckDBPyRelation:
        """Returns the table as a lazy relation: `.df()`, `.arrow()`, `.pl()`, or more SQL.

        Raises:
            UnknownAsset: Nothing of that name was published at this snapshot.
        """
        connection = connect_reader(self.layout, self.snapshot)
        key = _known(asset, read_heads(connection))
        return connection.sql(f"SELECT * FROM lake.{key.quoted}")

    def query(self, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyRelation:
        """Returns the result of one SELECT over `schema.table` names.

        Raises:
            StatementRefused: It is not one SELECT, or it reads something else than tables.
        """
        check_query(sql, "the query")
        connection = connect_reader(self.layout, self.snapshot)
        connection.execute("USE lake")
        # The same query prints the same times on every machine.
        connection.execute("SET TimeZone = 'UTC'")
        return connection.sql(sql, params=parameters) if parameters else connection.sql(sql)


class Platform:
    """An opened home. Definitions are loaded when something first needs them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.layout = LakeLayout(settings.home.lake)

    @classmethod
    def open(cls, home: str | Path | None = None, project: str | Path | None = None) -> Self:
        """Opens the home (made where it is missing) of a project, by default the one around the working folder.

        Raises:
            Misuse: There is no project, or the home's format is newer.
        """
        settings = load_settings(Path(home) if home else None, Path(project) if project else None)
        prepare_home(settings)
        return cls(settings)

    @classmethod
    def of(cls, gate: Gate) -> Self:
        """Returns the home of a gate, opened with the definitions that it has."""
        opened = cls(gate.settings)
        opened.gate = gate
        return opened

    @cached_property
    def gate(self) -> Gate:
        return load_gate(self.settings)

    def cut(self) -> PublishedCut:
        """Returns what is published now, with what a crash left undone finished first."""
        return cut_for_readers(self.layout, self.settings.lock_timeout_seconds)

    def at(self, snapshot: int | None = None, *, release: str | None = None) -> Cut:
        """Returns all tables at one snapshot or release, by default the newest: reads of several tables then agree.

        Raises:
            Misuse: There is no such release or snapshot, or both were given.
        """
        if release is not None:
            if snapshot is not None:
                raise Misuse("A snapshot and a release were given, and one read has one point in time. Give one.")
            return Cut(self.layout, release_snapshot(self.cut(), release))
        cut = self.cut()
        return Cut(self.layout, cut.snapshot if snapshot is None else _require_kept(cut, Snapshot(snapshot)))

    def read(self, asset: str, *, version: int | None = None, release: str | None = None) -> duckdb.DuckDBPyRelation:
        """Returns a table, by default the served version, as a lazy relation.

        `candidate:7/marts.orders` is the candidate that waits as number 7 in quarantine, whole and unaudited.

        Raises:
            UnknownAsset: Nothing of that name is published.
            UnknownVersion: The asset has no such version.
            VersionNotKept: The version's rows are not in the lake any more.
            NoCandidate: The number is not that of a candidate of this asset.
            Misuse: There is no such release, or a version and a release were given.
        """
        if asset.startswith(PREFIX):
            return self._read_candidate(asset, version)
        if release is not None:
            if version is not None:
                raise Misuse("A version and a release were given, and one read has one point in time. Give one.")
            return self.at(release=release).read(asset)
        cut = self.cut()
        key = _known(asset, cut.heads)
        if version is None:
            return Cut(self.layout, cut.snapshot).read(key)
        connection = cut.connect()
        try:
            receipt = read_receipt(connection, key, Version(version))
            if receipt is None:
                raise UnknownVersion(asset=key, version=version)
            snapshot = read_snapshot_of(connection, receipt)
        finally:
            connection.close()
        if snapshot is None:
            raise VersionNotKept(asset=key, version=version)
        return Cut(self.layout, snapshot).read(key)

    def candidate(self, number: int) -> CandidateCut:
        """Returns the candidate that waits under this number in quarantine, to be looked at; nobody approved it.

        Raises:
            NoCandidate: There is no such entry, it holds addresses of rows, or its files are gone.
            CandidateDamaged: A file is not what its manifest says.
        """
        return open_candidate(self.cut(), self.settings.home.candidates, number)

    def diff(
        self,
        asset: str,
        *,
        from_version: int | None = None,
        to_version: int | None = None,
        candidate: int | None = None,
    ) -> TableDiff:
        """Returns what differs between two versions, by default the served one and the one before.

        With `candidate` what that candidate would change, by default in the version that it was made on.

        Raises:
            UnknownAsset: Nothing of that name is published, and no candidate was named.
            UnknownVersion: The asset has no such version.
            VersionNotKept: The version's rows are not in the lake any more.
            NoCandidate: The number is not that of a candidate of this asset.
            Misuse: Both a version and a candidate are to be compared with.
        """
        if candidate is not None and to_version is not None:
            raise Misuse("A table is compared with a version or with a candidate, not with both. Leave one out.")
        return diff_states(self, asset, from_version=from_version, to_version=to_version, candidate=candidate)

    def _read_candidate(self, name: str, version: int | None) -> duckdb.DuckDBPyRelation:
        number, asset = parse_candidate(name)
        if version is not None:
            raise Misuse(f"{name!r} is a candidate, and a candidate has no version. Leave the version out.")
        opened = self.candidate(number)
        require_asset(opened, asset)
        return opened.read()

    def query(self, sql: str, parameters: list[Any] | None = None) -> duckdb.DuckDBPyRelation:
        """Returns the result of one SELECT over what is published now."""
        return self.at().query(sql, parameters)

    def search(
        self,
        text: str,
        *,
        asset: str | None = None,
        mode: str = "hybrid",
        where: str | None = None,
        values: Sequence[Any] = (),
        k: int = 10,
        version: int | None = None,
        backend: str = "local",
    ) -> Found:
        """Returns the rows of an embedding that answer best, best first; what the next question needs stays open.

        Args:
            asset: The embedding; may be left out where the project declares only one.
            mode: `hybrid`, `vector` (by meaning) or `text` (by words).
            where: A condition on the columns of the source table, with `?` for the values that are bound to it.
            values: Those values.
            version: A kept version instead of the one that serves.
            backend: `local`, the files of the home, or `weaviate`, the server that the embedding is projected to.

        Raises:
            Misuse: The question cannot be asked, or nothing is there that could answer it; the message says which.
            UnknownVersion: The embedding has no such version.
            VersionNotKept: The version's rows are not in the lake any more.
            TargetFailed: What is published could not be made searchable.
        """
        return self._searcher.search(
            text, asset=asset, mode=mode, where=where, values=values, k=k, version=version, backend=backend
        )

    @cached_property
    def _searcher(self) -> "Searcher":
        from .search import open_searcher

        return open_searcher(self.gate)


def release_snapshot(cut: PublishedCut, name: str) -> Snapshot:
    """Returns the snapshot that a release names.

    Raises:
        Misuse: There is no such release.
    """
    connection = cut.connect()
    try:
        releases = read_releases(connection)
    finally:
        connection.close()
    found = next((release.snapshot for release in releases if release.name == name), None)
    if found is None:
        known = ", ".join(release.name for release in releases) or "none"
        raise Misuse(f"There is no release {name!r}. Known: {known}. Look: `orchestrator releases`.")
    return found


def _require_kept(cut: PublishedCut, snapshot: Snapshot) -> Snapshot:
    connection = cut.connect()
    try:
        if snapshot in read_snapshots(connection):
            return snapshot
    finally:
        connection.close()
    raise Misuse(
        f"The lake has no snapshot {snapshot}: it is not there yet, or not kept any more. Newest: {cut.snapshot}."
    )


def _known(asset: str, heads: Any) -> AssetKey:
    if asset not in heads:
        raise UnknownAsset(name=asset, known=list(heads))
    return AssetKey(asset)
