"""Extensions come from their wheels, and each state of their files is checked by DuckDB once."""

import os
import shutil
from pathlib import Path

import duckdb
import pytest

from orchestrator_platform.lake import session


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of an extension in a wheel of its own, for a user for whom nothing was checked yet."""
    session._verified_extension.cache_clear()  # as in a new process
    real = session._verified_extension("fts")
    package = tmp_path / "wheels" / "duckdb_extension_copied"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    copied = Path(shutil.copyfile(real, package / "fts.duckdb_extension"))
    monkeypatch.syspath_prepend(package.parent)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return copied


def find() -> Path:
    session._verified_extension.cache_clear()  # as in a new process
    return session._verified_extension("copied")


def test_what_was_checked_is_noted_and_not_checked_again(extension: Path, tmp_path: Path) -> None:
    assert find() == extension
    (note,) = (tmp_path / "cache" / "orchestrator" / "checked-extensions").iterdir()
    told = note.stat().st_mtime_ns
    assert find() == extension
    assert note.stat().st_mtime_ns == told


def test_a_file_that_was_changed_is_checked_again(extension: Path) -> None:
    find()
    times = extension.stat().st_atime_ns, extension.stat().st_mtime_ns
    content = bytearray(extension.read_bytes())
    content[len(content) // 2] ^= 1
    with extension.open("r+b") as file:
        file.write(content)
    os.utime(extension, ns=times)
    with pytest.raises(duckdb.Error, match="signature"):
        find()


def test_a_user_without_a_folder_for_it_has_every_process_check(
    extension: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert find() == extension
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.delenv("HOME")
    assert find() == extension
