"""What may happen to a home: files that are gone, cut or changed. Each maker takes a home."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from orchestrator_platform.settings import Home

Damage = Callable[[Home], object]


def served_file(home: Home, asset: str = "raw.orders") -> Path:
    """Returns a Parquet file of what serves."""
    return next((home.lake / "data" / asset.replace(".", "/")).glob("*.parquet"))


def flip_a_bit(file: Path) -> None:
    """Changes one bit a third into the file; what protects it from writing is lifted."""
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 1
    _overwrite(file, bytes(content))


def cut(file: Path) -> None:
    """Leaves the first half of the file."""
    _overwrite(file, file.read_bytes()[: file.stat().st_size // 2])


def fill_with_noise(file: Path) -> None:
    """Leaves a file of the same size that holds nothing of what it held."""
    _overwrite(file, b"\xa5" * file.stat().st_size)


def _overwrite(file: Path, content: bytes) -> None:
    file.chmod(0o644)
    file.write_bytes(content)


def candidate_manifest(home: Home) -> Path:
    """Returns the manifest of a candidate that waits."""
    return next(home.candidates.glob("*/manifest.json"))


def lose_the_table(home: Home) -> None:
    served_file(home).unlink()


def cut_the_table(home: Home) -> None:
    cut(served_file(home))


def flip_a_bit_of_the_table(home: Home) -> None:
    flip_a_bit(served_file(home))


def cut_the_catalog(home: Home) -> None:
    cut(home.lake / "catalog.sqlite")


def fill_the_catalog_with_noise(home: Home) -> None:
    fill_with_noise(home.lake / "catalog.sqlite")


def lose_the_catalog(home: Home) -> None:
    (home.lake / "catalog.sqlite").unlink()


def cut_the_readers_copy(home: Home) -> None:
    cut(home.lake / "readers.sqlite")


def fill_the_readers_copy_with_noise(home: Home) -> None:
    fill_with_noise(home.lake / "readers.sqlite")


def scratch_the_readers_copy(home: Home) -> None:
    """Fills what names the tables of the lake with noise, and leaves what names its snapshots."""
    copy = home.lake / "readers.sqlite"
    with closing(sqlite3.connect(copy)) as catalog:
        (page,) = catalog.execute("SELECT rootpage FROM sqlite_master WHERE name = 'ducklake_table'").fetchone()
        (size,) = catalog.execute("PRAGMA page_size").fetchone()
    content = bytearray(copy.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    _overwrite(copy, bytes(content))


def lose_the_readers_copy(home: Home) -> None:
    (home.lake / "readers.sqlite").unlink()


def cut_a_manifest(home: Home) -> None:
    cut(candidate_manifest(home))


def lose_a_manifest(home: Home) -> None:
    candidate_manifest(home).unlink()


def edit_a_manifest(home: Home) -> None:
    manifest = candidate_manifest(home)
    _overwrite(manifest, manifest.read_bytes().replace(b'"n_rows":', b'"n_rows": 1', 1))


def cut_the_marker(home: Home) -> None:
    cut(home.marker)


def lose_the_archive(home: Home) -> None:
    for file in (file for file in home.archive.rglob("*") if file.is_file()):
        file.unlink()
