"""Where vectors are kept between builds, and how a lost store is filled again: out of every version of the lake that
is kept, and of candidates that wait.
"""

import shutil
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..audits.candidate_view import delta_relation
from ..audits.embedding_checks import OF_VECTORS
from ..errors import CandidateDamaged
from ..lake.history import read_quarantine, read_receipts, read_snapshot_of
from ..lake.published import PublishedCut
from ..lake.readers import attach_statement
from ..learning.kept_vectors import KeptVectors, new_segment
from ..records.candidates import MANIFEST, Manifest
from ..records.embedders import EmbedderIdentity
from ..records.embeddings import EMBEDDER, N_TOKENS, TEXT_HASH, TRUNCATED, VECTOR
from ..records.keys import AssetKey
from ..records.verdicts import VERDICT, Verdict
from ..sql import literal

_SEED, _EARLIER = "_seed", "_earlier"


@dataclass(frozen=True)
class VectorsKept:
    """What a home holds of the vectors of one embedder. `assets` are the embeddings that it may have made."""

    cache: Path
    candidates: Path
    identity: EmbedderIdentity
    assets: Sequence[AssetKey]

    @property
    def store(self) -> KeptVectors:
        return KeptVectors(self.cache / "vectors" / self.identity.hash())

    def forget(self) -> None:
        """Leaves a store that is empty, and stays so until something is embedded."""
        with self.store.lock:
            shutil.rmtree(self.store.folder, ignore_errors=True)
            self.store.folder.mkdir(parents=True)

    def fill(self, connection: duckdb.DuckDBPyConnection, cut: PublishedCut) -> None:
        """Fills a store that is not there; `connection` has the lake attached."""
        store = self.store
        if store.folder.is_dir():
            return
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE {_SEED} ({TEXT_HASH} VARCHAR, {N_TOKENS} INTEGER, {TRUNCATED} BOOLEAN,"
            f" {VECTOR} FLOAT[])"
        )
        self._gather(connection, cut)
        filling = KeptVectors(store.folder.with_name(f"{store.folder.name}.{uuid.uuid4().hex}.partial"))
        filling.folder.mkdir(parents=True)
        found = connection.execute(f"SELECT count(*) FROM {_SEED}").fetchone()
        if found and found[0]:
            with new_segment(filling.folder) as segment:
                connection.execute(f"COPY {_SEED} TO {literal(str(segment))} (FORMAT parquet, COMPRESSION zstd)")
        with store.lock:
            if store.folder.exists():
                shutil.rmtree(filling.folder)
            else:
                filling.folder.rename(store.folder)

    def _gather(self, connection: duckdb.DuckDBPyConnection, cut: PublishedCut) -> None:
        for statement in _earlier_snapshots(connection, cut, self.assets):
            connection.execute(statement)
            for asset in self.assets:
                self._take(connection, f"{_EARLIER}.{asset.quoted}")
            connection.execute(f"DETACH {_EARLIER}")
        for manifest in self._waiting(connection):
            self._take(connection, delta_relation(manifest, self.candidates / manifest.id))

    def _take(self, connection: duckdb.DuckDBPyConnection, relation: str) -> None:
        try:
            connection.execute(
                f"INSERT INTO {_SEED} SELECT DISTINCT ON ({TEXT_HASH}) {TEXT_HASH}, {N_TOKENS}, {TRUNCATED}, {VECTOR}"
                f" FROM {relation} ANTI JOIN {_SEED} USING ({TEXT_HASH})"
                f" WHERE {EMBEDDER} = {literal(self.identity.hash())}"
            )
        except (duckdb.CatalogException, duckdb.BinderException):
            # It was not there yet, or was no embedding then.
            return

    def _waiting(self, connection: duckdb.DuckDBPyConnection) -> Iterator[Manifest]:
        """Yields candidates in quarantine that no check of their vectors speaks against."""
        for entry in read_quarantine(connection):
            if not entry.waits or entry.asset not in self.assets or entry.candidate is None:
                continue
            folder = self.candidates / entry.candidate
            try:
                verdict = Verdict.model_validate_json((folder / VERDICT).read_bytes())
                manifest = Manifest.model_validate_json((folder / MANIFEST).read_bytes())
            except (OSError, ValueError, CandidateDamaged):
                continue
            failed = {finding.check for finding in verdict.findings if not finding.passed}
            if not failed & OF_VECTORS and all((folder / file.name).is_file() for file in manifest.files):
                yield manifest


def _earlier_snapshots(
    connection: duckdb.DuckDBPyConnection, cut: PublishedCut, assets: Sequence[AssetKey]
) -> Iterator[str]:
    """Yields a statement that attaches each snapshot in which a version of these assets is kept, newest first."""
    receipts = [receipt for asset in assets for receipt in read_receipts(connection, asset)]
    snapshots = {found for receipt in receipts if (found := read_snapshot_of(connection, receipt)) is not None}
    for snapshot in sorted(snapshots, reverse=True):
        yield attach_statement(cut.layout, snapshot, alias=_EARLIER)
