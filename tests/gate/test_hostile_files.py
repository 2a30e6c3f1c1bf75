"""Landings that nobody wishes for: each is published right, quarantined with an address, or refused with a message."""

import gzip
import os
import time
from pathlib import Path

import pytest
from small_project import FILES, gate_of, make_project, open_project, orders_csv, write

from orchestrator_platform.gate.outcomes import Published
from orchestrator_platform.operations.land import LandResult, land
from orchestrator_platform.operations.records_of import ledger, quarantine_entry
from orchestrator_platform.records.ledger import FileState

GOOD = (1, "ada", 10, "open")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    bounded = FILES["defs/orders/defs.yaml"].rstrip().replace('["**/*.csv"]', '["**/*.csv", "**/*.csv.gz"]')
    return make_project(
        tmp_path, changes={"defs/orders/defs.yaml": bounded + "\n          limits: {size_bytes: 20000000}\n"}
    )


def drop(project: Path, name: str, content: bytes) -> Path:
    """Puts a file into landing that was written an hour ago."""
    file = write(project / "home/landing/orders" / name, "")
    file.write_bytes(content)
    hour_ago = time.time() - 3600
    os.utime(file, (hour_ago, hour_ago))
    return file


def landed(project: Path) -> LandResult:
    drop(project, "good.csv", orders_csv(GOOD).encode())
    result = land(gate_of(project), "orders")
    assert isinstance(result.landed.outcome, Published)
    return result


def states(project: Path) -> dict[str, tuple[FileState, int, int]]:
    found = ledger(open_project(project))
    return {entry.file: (entry.state, entry.n_published, entry.n_quarantined) for entry in found}


def test_two_thousand_tiny_files_are_one_landing_and_a_few_seconds_of_work(project: Path) -> None:
    for number in range(2_000):
        drop(project, f"{number % 20}/{number}.csv", orders_csv((number + 2, "ada", 1, "open")).encode())
    began = time.process_time()
    landed(project)
    assert time.process_time() - began < 30
    assert open_project(project).query("SELECT count(*), count(DISTINCT _file) FROM raw.orders").fetchall() == [
        (2_001, 2_001)
    ]
    found = states(project)
    assert len(found) == 2_001
    assert set(found.values()) == {(FileState.LANDED, 1, 0)}


def test_a_gzip_bomb_and_empty_files_are_refused_by_address_and_the_rest_is_published(project: Path) -> None:
    drop(project, "bomb.csv.gz", gzip.compress(orders_csv().encode() + b"0" * 100_000_000, 1))
    drop(project, "empty.csv", b"")
    drop(project, "hollow.csv.gz", gzip.compress(b""))
    drop(project, "header.csv", orders_csv().encode())
    landed(project)
    assert states(project) == {
        "good.csv": (FileState.LANDED, 1, 0),
        "header.csv": (FileState.LANDED, 0, 0),
        "bomb.csv.gz": (FileState.REFUSED, 0, 1),
        "empty.csv": (FileState.REFUSED, 0, 1),
        "hollow.csv.gz": (FileState.REFUSED, 0, 1),
    }
    addresses = {(row.file, row.line): row.reason for row in quarantine_entry(open_project(project), 1).rows}
    assert addresses == {
        ("bomb.csv.gz", None): "more than 20000000 bytes when decompressed",
        ("empty.csv", None): "no header: the file is empty",
        ("hollow.csv.gz", None): "no header: the file is empty",
    }


def test_links_in_landing_are_neither_followed_nor_removed(project: Path, tmp_path: Path) -> None:
    outside = write(tmp_path / "outside" / "secret.csv", orders_csv((9, "eve", 1, "paid")))
    folder = project / "home/landing/orders"
    folder.mkdir(parents=True)
    links = {"file.csv": outside, "folder": outside.parent, "loop": folder, "gone.csv": tmp_path / "nowhere"}
    for name, target in links.items():
        (folder / name).symlink_to(target)
    result = landed(project)
    assert dict(result.landed.waiting) == dict.fromkeys(
        links, "a symbolic link: links are not followed, copy the file instead"
    )
    assert states(project) == {"good.csv": (FileState.LANDED, 1, 0)}
    assert sorted(path.name for path in folder.iterdir()) == sorted(links)
    assert outside.exists()
