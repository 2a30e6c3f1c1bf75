import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from orchestrator_platform.reading.read_files import FileRead, FileToRead, count_records, read_files
from orchestrator_platform.records.contracts import Column
from orchestrator_platform.records.declarations import SourceOptions

SOURCE = "raw.things"


@dataclass(frozen=True)
class Reading:
    """What came out: a result per file, the rows by name of the column, and the recount."""

    files: tuple[FileRead, ...]
    rows: list[dict[str, Any]]
    counted: dict[str, int]

    @property
    def file(self) -> FileRead:
        (file,) = self.files
        return file

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]


Read = Callable[..., Reading]


def files_in(folder: Path, contents: Mapping[str, bytes]) -> list[FileToRead]:
    files = []
    for name, content in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files.append(FileToRead(path, name, hashlib.sha256(name.encode() + content).hexdigest()))
    return files


def rows_in(output: Path) -> list[dict[str, Any]]:
    parts = sorted(map(str, output.glob("*.parquet")))
    if not parts:
        return []
    relation = duckdb.connect().read_parquet(parts)
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def run(
        contents: Mapping[str, bytes],
        columns: Sequence[str] = ("a",),
        *,
        paths: Mapping[str, str] | None = None,
        **options: Any,
    ) -> Reading:
        files = files_in(tmp_path / "landing", contents)
        declared = SourceOptions(columns=dict(paths or {}), **options)
        output = tmp_path / "output"
        result = read_files(SOURCE, files, [Column(name=c, type="VARCHAR") for c in columns], declared, output)
        counted = count_records(files, declared)
        for file in result:
            # It adds up for every file of every test: rows are written, rejected, or refused with the file.
            if file.refused is None:
                assert file.n_rows == file.n_written + len(file.rejected)
                assert counted[file.sha256] == file.n_rows
            else:
                assert (file.n_written, file.rejected) == (0, ())
                assert file.n_rows >= 1
        assert not list(output.glob("*.partial"))
        return Reading(result, rows_in(output), counted)

    return run
