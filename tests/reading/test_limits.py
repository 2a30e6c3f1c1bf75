import gzip
import json
import os
from pathlib import Path

import pytest
import zstandard

from orchestrator_platform.errors import ReaderFailed
from orchestrator_platform.reading import child_process
from orchestrator_platform.reading.child_process import run_reader
from orchestrator_platform.reading.read_files import FileToRead, _read_spec, count_records, read_files
from orchestrator_platform.records.contracts import Column
from orchestrator_platform.records.declarations import ReadLimits, SourceOptions

from .conftest import Read, rows_in

COLUMN = Column(name="a", type="VARCHAR")
LINES = b"".join(b'{"a":"%d"}\n' % n for n in range(1_000))


def rule(reading: object, place: int = 0) -> str:
    refused = reading.files[place].refused  # type: ignore[attr-defined]
    assert refused is not None
    assert refused.line is None
    return str(refused.rule)


def test_compressed_files_are_read_whatever_they_are_made_of(read: Read) -> None:
    members = gzip.compress(LINES) + gzip.compress(LINES) + b"\0" * 100
    frames = zstandard.compress(LINES) + zstandard.compress(LINES)
    streamed = zstandard.ZstdCompressor().compressobj()
    got = read(
        {
            "1.ndjson.gz": members,
            "2.ndjson.zst": frames,
            "3.jsonl": LINES,
            "4.json.zst": streamed.compress(b'{"a":"x"}') + streamed.flush(),
            "5.ndjson.gz": b"",
        }
    )
    assert [file.n_written for file in got.files] == [2_000, 2_000, 1_000, 1, 0]


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_a_cut_off_file_is_refused_and_counts_what_could_be_read_and_one_more(read: Read, suffix: str) -> None:
    lines = b"".join(b'{"a":"%s"}\n' % os.urandom(20).hex().encode() for _ in range(20_000))
    whole = gzip.compress(lines) if suffix == "gz" else zstandard.compress(lines)
    got = read({f"a.ndjson.{suffix}": whole[: len(whole) // 2], f"b.ndjson.{suffix}": whole})
    assert rule(got) == "compression"
    assert 5_000 < got.files[0].n_rows < 15_000
    assert got.counted[got.files[0].sha256] == got.files[0].n_rows
    assert got.files[1].n_written == len(got.rows) == 20_000


@pytest.mark.parametrize("suffix", ["gz", "zst"])
def test_damaged_compression_is_refused(read: Read, suffix: str) -> None:
    whole = gzip.compress(LINES) if suffix == "gz" else zstandard.ZstdCompressor(write_checksum=True).compress(LINES)
    damaged = whole[:60] + bytes([whole[60] ^ 0xFF]) + whole[61:]
    garbage = whole + b"garbage"
    got = read({f"a.ndjson.{suffix}": damaged, f"b.ndjson.{suffix}": garbage})
    assert (rule(got, 0), rule(got, 1)) == ("compression", "compression")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.ndjson.gz", LINES),
        ("a.ndjson", gzip.compress(LINES)),
        ("a.csv", b"PAR1" + LINES),
        ("a.parquet", LINES),
        ("a.txt", LINES),
        ("a.gz", gzip.compress(LINES)),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_refused(read: Read, name: str, content: bytes) -> None:
    assert rule(read({name: content})) == "format"


def test_a_declared_format_makes_any_name_readable(read: Read) -> None:
    assert len(read({"export": LINES, "dump.bin": gzip.compress(LINES)}, format="ndjson").rows) == 2_000


@pytest.mark.parametrize("suffix", ["gz", "zst"])
@pytest.mark.parametrize("kind", ["ndjson", "json", "csv"])
def test_a_compression_bomb_meets_the_size_limit_in_little_memory(read: Read, kind: str, suffix: str) -> None:
    zeros = b"0" * 300_000_000
    bomb = gzip.compress(zeros, 1) if suffix == "gz" else zstandard.compress(zeros)
    limits = {"size_bytes": 50_000_000, "memory_mb": 400, "field_bytes": 100_000_000}
    assert rule(read({f"a.{kind}.{suffix}": bomb}, limits=limits)) == "size"


def test_more_rows_than_allowed_refuse_the_file(read: Read) -> None:
    got = read({"a.ndjson": LINES, "b.ndjson": LINES[:100]}, limits={"n_rows": 500})
    assert rule(got) == "rows"
    assert len(got.rows) == got.files[1].n_written


def test_a_file_that_takes_too_much_memory_is_refused_and_the_others_are_read(read: Read) -> None:
    hungry = b"[" + b",".join([b"[]"] * 3_000_000) + b"]"
    got = read(
        {"1.json": b'{"a":"1"}', "2.json": b'{"a":' + hungry + b"}", "3.json": b'{"a":"3"}'}, limits={"memory_mb": 100}
    )
    assert rule(got, 1) in {"memory", "reader"}
    assert got.column("a") == ["1", "3"]
    assert [file.n_rows for file in got.files] == [1, 1, 1]


def test_a_file_that_stalls_is_refused_and_the_others_are_read(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        path = tmp_path / f"{number}.ndjson"
        if number == 1:
            os.mkfifo(path)
        else:
            path.write_bytes(b'{"a":"%d"}' % number)
        files.append(FileToRead(path, path.name, f"{number}" * 64))
    options = SourceOptions(limits=ReadLimits(timeout_seconds=4))
    seen: list[tuple[int, int]] = []
    got = read_files(
        "raw.x", files, [COLUMN], options, tmp_path / "o",
        on_progress=lambda n, of: seen.append((n, of)),
    )  # fmt: skip
    assert [file.refused.rule if file.refused else None for file in got] == [None, "time", None]
    assert [row["a"] for row in rows_in(tmp_path / "o")] == ["0", "2"]
    assert seen[-1] == (3, 3)
    assert count_records(files, options) == {"0" * 64: 1, "1" * 64: 1, "2" * 64: 1}


def test_a_file_that_is_not_there_is_a_fault_and_not_its_own(tmp_path: Path) -> None:
    missing = FileToRead(tmp_path / "gone.ndjson", "gone.ndjson", "0" * 64)
    with pytest.raises(ReaderFailed, match=r"gone\.ndjson"):
        read_files("raw.x", [missing], [COLUMN], SourceOptions(), tmp_path / "o")


def test_a_disk_that_is_full_is_a_fault_and_refuses_no_file(tmp_path: Path) -> None:
    landed = tmp_path / "a.ndjson"
    landed.write_bytes(LINES)
    (tmp_path / "rows-00001.parquet.partial").symlink_to("/dev/full")
    spec = _read_spec("read", "raw.x", [FileToRead(landed, "a.ndjson", "0" * 64)], [COLUMN], SourceOptions(), tmp_path)
    with pytest.raises(ReaderFailed, match=r"rows-00001.*No space left"):
        run_reader(spec, "raw.x")


def test_a_process_that_cannot_start_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    landed = tmp_path / "a.ndjson"
    landed.write_bytes(LINES)
    monkeypatch.setattr(child_process, "_CHILD", "orchestrator_platform.reading.gone")
    with pytest.raises(ReaderFailed, match=r"did not start.*No module named"):
        read_files("raw.x", [FileToRead(landed, "a.ndjson", "0" * 64)], [COLUMN], SourceOptions(), tmp_path / "o")


def broken_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, condition: str) -> None:
    """A child with a defect: it raises for some files."""
    (tmp_path / "broken_child.py").write_text(
        "from orchestrator_platform.reading import child\n"
        "whole = child._read_file\n"
        "def broken(file, *rest):\n"
        f"    if {condition}: raise RuntimeError('a defect')\n"
        "    return whole(file, *rest)\n"
        "child._read_file = broken\n"
        "child.main()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(child_process, "_CHILD", "broken_child")


def some_files(tmp_path: Path) -> list[FileToRead]:
    files = [FileToRead(tmp_path / f"{n}.ndjson", f"{n}.ndjson", str(n) * 64) for n in range(7)]
    for number, file in enumerate(files):
        file.path.write_bytes(b'{"a":"%d"}' % number)
    return files


def test_an_unforeseen_error_refuses_the_file_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_child(tmp_path, monkeypatch, "file.name in ('2.ndjson', '3.ndjson')")
    got = read_files("raw.x", some_files(tmp_path), [COLUMN], SourceOptions(), tmp_path / "o")
    assert [file.refused.rule if file.refused else "" for file in got] == ["", "", "reader", "reader", "", "", ""]
    assert [row["a"] for row in rows_in(tmp_path / "o")] == ["0", "1", "4", "5", "6"]


def test_an_error_on_file_after_file_is_a_fault_and_refuses_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_child(tmp_path, monkeypatch, "True")
    with pytest.raises(ReaderFailed, match=r"(?s)file after file.*a defect"):
        read_files("raw.x", some_files(tmp_path), [COLUMN], SourceOptions(), tmp_path / "o")


def test_the_child_does_without_heavy_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "watched_child.py").write_text(
        "import sys\n"
        "from orchestrator_platform.reading import child\n"
        "whole = child._read_files\n"
        "def watched(*task):\n"
        "    whole(*task)\n"
        f"    open({str(tmp_path / 'modules')!r}, 'w').write(' '.join(sys.modules))\n"
        "child._read_files = watched\n"
        "child.main()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(child_process, "_CHILD", "watched_child")
    assert read_files("raw.x", some_files(tmp_path), [COLUMN], SourceOptions(), tmp_path / "o")[6].n_written == 1
    loaded = set((tmp_path / "modules").read_text().split())
    assert "pyarrow" in loaded
    assert not {"pandas", "pydantic", "duckdb", "polars"} & loaded


def test_a_file_full_of_rejected_rows_is_refused_as_a_whole(read: Read) -> None:
    assert rule(read({"a.ndjson": b"oops\n" * 100_001})) == "rejected rows"


def test_quarantine_holds_no_payload(read: Read) -> None:
    payload = "Geheim-4711"
    got = read(
        {
            "a.ndjson": f'{{"a":"{payload}" oops}}\n["{payload}"]\n{{"{payload}":1,"{payload}":2}}\n'.encode(),
            "b.csv": f'a\n{payload},{payload}\n"{payload}"{payload}\n'.encode(),
            "c.json": f'["{payload}", {{"a": {payload}}}]'.encode(),
        },
        record_column="r",
    )
    addresses = [a for file in got.files for a in (*file.rejected, *([file.refused] if file.refused else []))]
    assert len(addresses) == 5
    assert payload not in json.dumps([address.model_dump() for address in addresses])
