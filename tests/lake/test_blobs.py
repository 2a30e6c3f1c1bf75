"""Values of some megabytes in a table: the lake keeps them as any others, and its catalog none of them."""

import hashlib
from pathlib import Path

import duckdb
from publishing import close, publish, rows

from orchestrator_platform.lake.layout import LakeLayout

T = "models.t"


def blob(salt: str, n_hashes: int = 150_000) -> str:
    """Returns the query of one row with a BLOB that cannot be compressed, 16 bytes for each hash."""
    return (
        f"SELECT 't' AS model, from_hex(string_agg(md5('{salt}' || i), '' ORDER BY i)) AS artefact"
        f" FROM range({n_hashes}) AS r(i)"
    )


def sha256_of(salt: str) -> str:
    row = duckdb.execute(blob(salt)).fetchone()
    assert row is not None
    return hashlib.sha256(row[1]).hexdigest()


def test_megabytes_in_a_column_stay_out_of_the_catalog_and_come_back_whole(tmp_path: Path) -> None:
    first = publish(tmp_path, close(tmp_path, T, blob("a"), key=("model",)))
    publish(tmp_path, close(tmp_path, T, blob("b"), key=("model",)))
    for snapshot, salt in ((first, "a"), (None, "b")):
        ((_, artefact),) = rows(tmp_path, T, snapshot)
        assert isinstance(artefact, bytes)
        assert len(artefact) == 2_400_000
        assert hashlib.sha256(artefact).hexdigest() == sha256_of(salt)
    layout = LakeLayout(tmp_path / "lake")
    assert layout.catalog.stat().st_size < 1_000_000
    assert layout.readers.stat().st_size < 1_000_000


def test_the_same_bytes_are_the_same_content(tmp_path: Path) -> None:
    publish(tmp_path, close(tmp_path, T, blob("a"), key=("model",)))
    same = close(tmp_path, T, blob("a"), key=("model",))
    other = close(tmp_path, T, blob("b"), key=("model",))
    assert (same.n_inserted, same.n_deleted) == (0, 0)
    assert same.data_version != other.data_version
