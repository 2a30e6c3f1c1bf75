import os
import socket
import sys
import threading
from pathlib import Path

import pytest

from orchestrator_platform.reading import landing_files
from orchestrator_platform.reading.landing_files import FilesFound, find_landed_files, matches_pattern
from orchestrator_platform.reading.open_files import is_open_for_writing
from orchestrator_platform.records.declarations import SourceOptions

NOW = 1_800_000_000.0


def put(folder: Path, name: str | bytes, *, age_seconds: float = 60, content: bytes = b"x") -> Path:
    path = Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name))))  # noqa: PTH118  # bytes
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    os.utime(path, (NOW - age_seconds, NOW - age_seconds))
    return path


def find(folder: Path, **options: object) -> FilesFound:
    return find_landed_files(folder, SourceOptions.model_validate(options), now=NOW, settle_seconds=2)


def names(found: FilesFound) -> list[str]:
    return [file.name for file in found.ready]


def test_a_settled_file_is_ready_with_its_identity(tmp_path: Path) -> None:
    path = put(tmp_path, "day=1/orders.csv", content=b"abc")
    (file,) = find(tmp_path).ready
    status = path.stat()
    assert (file.name, file.path, file.size_bytes) == ("day=1/orders.csv", path, 3)
    assert file.identity == f"{status.st_dev}:{status.st_ino}:3:{status.st_mtime_ns}"


def test_another_arrival_of_the_same_name_has_another_identity(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    before = find(tmp_path).ready[0].identity
    put(tmp_path, "a.csv", age_seconds=30)
    assert find(tmp_path).ready[0].identity != before


def test_a_file_that_was_just_written_waits(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", age_seconds=1)
    found = find(tmp_path)
    assert names(found) == []
    assert found.waiting[0][0] == "a.csv"
    assert "1.0 s ago" in found.waiting[0][1]


def test_a_file_from_the_future_waits(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", age_seconds=-100)
    assert "future" in find(tmp_path).waiting[0][1]


@pytest.mark.parametrize(
    "name",
    [
        ".a.csv",
        "a.csv.tmp",
        "a.csv.part",
        "a.csv.PARTIAL",
        "a.csv.crdownload",
        "a.csv.filepart",
        "a.csv~",
        ".a.csv.x8Kq2z",
    ],
)
def test_temporary_names_wait(tmp_path: Path, name: str) -> None:
    put(tmp_path, name)
    found = find(tmp_path)
    assert names(found) == []
    assert [waiting for waiting, _ in found.waiting] == [name]


def test_a_hidden_folder_waits_as_one(tmp_path: Path) -> None:
    put(tmp_path, ".git/objects/a.csv")
    assert [name for name, _ in find(tmp_path).waiting] == [".git"]


def test_files_that_do_not_match_are_ignored(tmp_path: Path) -> None:
    put(tmp_path, "a.csv")
    put(tmp_path, "read me.txt")
    found = find(tmp_path, pattern=("**/*.csv",))
    assert (names(found), found.ignored) == (["a.csv"], ("read me.txt",))


def test_links_are_not_followed(tmp_path: Path) -> None:
    put(tmp_path / "elsewhere", "a.csv")
    landing = tmp_path / "landing"
    landing.mkdir()
    (landing / "file.csv").symlink_to(tmp_path / "elsewhere" / "a.csv")
    (landing / "folder").symlink_to(tmp_path / "elsewhere")
    (landing / "round").symlink_to(landing)
    found = find(landing)
    assert names(found) == []
    assert [name for name, why in found.waiting if "link" in why] == ["file.csv", "folder", "round"]


def test_what_is_no_regular_file_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s.csv"))
        assert [why for _, why in find(tmp_path).waiting] == ["not a regular file"] * 2


def test_the_order_is_by_name_or_by_time(tmp_path: Path) -> None:
    put(tmp_path, "b.csv", age_seconds=90)
    put(tmp_path, "a.csv", age_seconds=60)
    put(tmp_path, "c.csv", age_seconds=90)
    assert names(find(tmp_path)) == ["a.csv", "b.csv", "c.csv"]
    assert names(find(tmp_path, order="modified")) == ["b.csv", "c.csv", "a.csv"]


def test_hostile_names_are_read_as_names(tmp_path: Path) -> None:
    hostile = ['it\'s "quoted".csv', "two\nlines.csv", "; DROP TABLE x; --.csv", "{a}$b*?[c].csv", "ß\u202etxt.csv"]
    for name in hostile:
        put(tmp_path, name)
    put(tmp_path, b"latin-\xe9.csv")
    found = find(tmp_path, pattern=("**/*.csv",))
    assert set(names(found)) == {*hostile, "latin-\\xe9.csv"}
    assert all(file.path.read_bytes() == b"x" for file in found.ready)


def test_a_missing_folder_holds_nothing(tmp_path: Path) -> None:
    assert find(tmp_path / "nowhere") == FilesFound((), (), ())


@pytest.mark.parametrize(
    ("name", "pattern", "fits"),
    [
        ("a.csv", "**/*.csv", True),
        ("x/y/a.csv", "**/*.csv", True),
        ("x/a.csv", "*.csv", False),
        ("x/a.csv", "x/*.csv", True),
        ("x/y/a.csv", "x/**", True),
        ("x", "x/**", False),
        ("x/y/z/a.csv", "x/**/z/*.csv", True),
        ("x/z/a.csv", "x/**/z/*.csv", True),
        ("a.CSV", "*.csv", False),
        ("a\nb.csv", "*.csv", True),
        ("a.csv", "./*.csv", True),
    ],
)
def test_patterns(name: str, pattern: str, fits: bool) -> None:
    assert matches_pattern(name, [pattern]) is fits


def test_a_pattern_with_many_stars_does_not_stall() -> None:
    assert not matches_pattern("/".join("a" * 60), ["/".join(["**", "a"] * 20) + "/b"])


def closed(folder: Path, *, closed_seconds: float | None = 0.3) -> FilesFound:
    return find_landed_files(folder, SourceOptions(), now=NOW, settle_seconds=2, closed_seconds=closed_seconds)


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who has a file open")


@needs_linux
def test_a_file_that_nobody_has_open_is_whole_sooner(tmp_path: Path) -> None:
    put(tmp_path, "a.csv", age_seconds=0.5)
    assert names(closed(tmp_path)) == ["a.csv"]
    put(tmp_path, "a.csv", age_seconds=0.2)
    assert names(closed(tmp_path)) == []


@needs_linux
@pytest.mark.parametrize("age_seconds", [0.5, 3600])
def test_a_file_that_somebody_writes_to_waits_however_long_it_rests(tmp_path: Path, age_seconds: float) -> None:
    path = put(tmp_path, "a.csv", age_seconds=age_seconds)
    with path.open("rb+"):
        assert closed(tmp_path).waiting == (("a.csv", "somebody has it open for writing"),)
    assert names(closed(tmp_path)) == ["a.csv"]


@needs_linux
def test_a_writer_that_comes_while_it_is_asked_harms_nobody(tmp_path: Path) -> None:
    path = put(tmp_path, "a.csv")
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            with path.open("rb+"):
                pass

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert {is_open_for_writing(path) for _ in range(2000)} <= {True, False}
    finally:
        stop.set()
        writer.join()
    assert is_open_for_writing(path) is False


def test_where_nobody_can_tell_time_alone_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing_files, "is_open_for_writing", lambda _: None)
    put(tmp_path, "a.csv", age_seconds=0.5)
    assert "waits for 2 s" in closed(tmp_path).waiting[0][1]
    put(tmp_path, "a.csv", age_seconds=2.5)
    assert names(closed(tmp_path)) == ["a.csv"]
