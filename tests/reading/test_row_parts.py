import gzip
import random
from pathlib import Path

import pyarrow.parquet
import pytest

from orchestrator_platform.reading import row_parts
from orchestrator_platform.reading.read_spec import ColumnSpec, CsvSpec, LimitSpec, ReadSpec
from orchestrator_platform.reading.row_parts import RowParts

from .conftest import Read


def spec(output: Path) -> ReadSpec:
    return ReadSpec(
        task="read",
        files=(),
        columns=(ColumnSpec("a", ("a",)),),
        record_column=None,
        keep_extra=False,
        format=None,
        csv=CsvSpec(",", '"', "utf-8", ("",)),
        limits=LimitSpec(2048, 300, 2**32, 10**7, 2**26),
        output=str(output),
    )


def rows_of(folder: Path) -> list[tuple[str, int]]:
    tables = [pyarrow.parquet.read_table(part) for part in sorted(folder.glob("rows-*.parquet"))]
    return [(row["_file_sha256"], row["_line"]) for table in tables for row in table.to_pylist()]


@pytest.mark.parametrize("seed", range(20))
def test_kept_files_stand_in_order_and_dropped_ones_leave_no_row(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_parts, "_OWN_PART_BYTES", 2_000)
    monkeypatch.setattr(row_parts, "_ROW_GROUP_BYTES", 1_500)
    monkeypatch.setattr(row_parts, "_PART_BYTES", 4_000)
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    expected: list[tuple[str, int]] = []
    safe_at: list[int] = []

    def closed() -> None:
        # What is said to be safe is on disk, whole and nothing else.
        safe_at.append(len(expected))
        assert rows_of(tmp_path) == expected

    parts = RowParts(spec(tmp_path), closed)
    for number in range(30):
        n_rows = chance.choice([0, 1, 5, 30, 200])
        added: list[tuple[str, int]] = []
        while len(added) < n_rows:
            lines = range(len(added) + 1, min(n_rows, len(added) + 1 + chance.randrange(40)) + 1)
            parts.add(f"file {number}", list(lines), [[str(line) for line in lines]])
            added += [(f"file {number}", line) for line in lines]
        if chance.random() < 0.3:
            parts.drop_file()
        else:
            expected += added
            parts.keep_file()
    parts.close()
    assert rows_of(tmp_path) == expected
    assert len(safe_at) > 3
    assert not list(tmp_path.glob("*.partial"))


def test_a_large_file_between_small_ones_keeps_the_order(read: Read, tmp_path: Path) -> None:
    large = b"".join(b'{"a":"%d %s"}\n' % (n, b"x" * 10_000) for n in range(6_000))
    cut = large + b'{"a": 1}\n' + b'{"a": 1, "unknown": 1}\n'
    got = read({"1.ndjson": b'{"a":"first"}', "2.ndjson": large, "3.ndjson": cut, "4.ndjson": b'{"a":"last"}'})
    assert got.column("a")[0] == "first"
    assert got.column("a")[-1] == "last"
    assert [row["_line"] for row in got.rows[1:-1]] == list(range(1, 6_001))
    assert got.files[2].refused is not None
    assert len(list((tmp_path / "output").glob("*.parquet"))) == 3


def test_after_a_crash_no_row_is_missing_and_none_comes_twice(read: Read) -> None:
    large = b"".join(b'{"a":"%d %s"}\n' % (n, b"x" * 10_000) for n in range(4_000))
    hungry = gzip.compress(b'{"a":"' + b"x" * 200_000_000 + b'"}', 1)
    contents = {
        "1.ndjson": b'{"a":"1"}',
        "2.ndjson": large,
        "3.ndjson": b'{"a":"3"}',
        "4.json.gz": hungry,
        "5.ndjson": b'{"a":"5"}',
    }
    got = read(contents, limits={"memory_mb": 300})
    assert [file.refused is not None for file in got.files] == [False, False, False, True, False]
    assert [file.n_written for file in got.files] == [1, 4_000, 1, 0, 1]
    keys = [(row["_file_sha256"], row["_line"]) for row in got.rows]
    assert len(keys) == len(set(keys)) == 4_003
    assert [got.rows[i]["a"] for i in (0, -2, -1)] == ["1", "3", "5"]
