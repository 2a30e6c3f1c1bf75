"""Files that meet under one name, in one landing folder or in two: none is lost, none counts for another."""

import os
from pathlib import Path

import pytest
from small_project import FILES, gate_of, make_project, open_project, orders_csv, write, write_orders

from orchestrator_platform.errors import Misuse
from orchestrator_platform.gate import intake
from orchestrator_platform.gate.cycle import landing
from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import ledger
from orchestrator_platform.reading.landing_files import LandedFile, arrival_of, identity_of
from orchestrator_platform.records.ledger import FileState

ADA, BOB = (1, "ada", 10, "open"), (2, "bob", 3, "paid")


def order_ids(project: Path) -> list[int]:
    found = open_project(project).query("SELECT order_id FROM raw.orders ORDER BY _landed_seq").fetchall()
    return [row[0] for row in found]


def test_a_file_that_waits_in_landing_is_landed_before_one_of_its_name(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    waiting = write(tmp_path / "home/landing/orders/a.csv", orders_csv(ADA))
    os.utime(waiting, (1e9, 1e9))
    assert isinstance(land(gate_of(project), "orders", [write_orders(project, "a.csv", BOB)]).landed.outcome, Published)
    assert order_ids(project) == [1, 2]


def test_a_file_that_is_still_growing_is_not_overwritten(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    growing = write(tmp_path / "home/landing/orders/a.csv", orders_csv(ADA))
    with pytest.raises(Misuse, match=r"another a\.csv that is not landed yet: .*still be growing"):
        land(gate_of(project), "orders", [write_orders(project, "a.csv", BOB)])
    assert growing.read_text() == orders_csv(ADA)


def test_a_mended_file_takes_the_place_of_one_whose_candidate_was_rejected(tmp_path: Path) -> None:
    share = "max_bad_share: 0.5"
    checked = FILES["defs/orders/defs.yaml"].replace(share, share + "\n          checks: [{name: n, file: no_bob.sql}]")
    no_bob = "SELECT * FROM raw.orders WHERE customer = 'bob'"
    project = make_project(tmp_path, changes={"defs/orders/defs.yaml": checked, "defs/orders/no_bob.sql": no_bob})
    rejected = land(gate_of(project), "orders", [write_orders(project, "a.csv", BOB)]).landed
    assert isinstance(rejected.outcome, Rejected)
    assert rejected.held == ("a.csv",)
    assert isinstance(land(gate_of(project), "orders", [write_orders(project, "a.csv", ADA)]).landed.outcome, Published)
    assert order_ids(project) == [1]


def test_a_file_dated_in_the_future_is_landed_when_it_is_named(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    file = write_orders(project, "a.csv", ADA)
    os.utime(file, (4e9, 4e9))
    land(gate_of(project), "orders", [file])
    assert order_ids(project) == [1]


def test_two_sources_may_get_the_same_bytes(tmp_path: Path) -> None:
    other = FILES["defs/orders/defs.yaml"].replace("name: orders", "name: other").replace("raw.orders", "raw.other")
    changes = {"defs/other/defs.yaml": other, "defs/other/contract.py": FILES["defs/orders/contract.py"]}
    project = make_project(tmp_path, changes=changes)
    file = write_orders(project, "a.csv", ADA)
    for source in ("orders", "other"):
        assert isinstance(land(gate_of(project), source, [file]).landed.outcome, Published)
    assert [(entry.source, entry.n_published) for entry in ledger(open_project(project))] == [
        ("orders", 1),
        ("other", 1),
    ]


def test_a_second_arrival_with_the_same_inode_size_and_time_has_its_own_line_in_the_ledger(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    landed = write(tmp_path / "home/landing/orders/a.csv", orders_csv(ADA))
    os.utime(landed, (1e9, 1e9))
    again = tmp_path / "again.csv"
    os.link(landed, again)
    land(gate_of(project), "orders")
    again.rename(landed)
    land(gate_of(project), "orders")
    states = [(entry.file, entry.state, entry.n_duplicate) for entry in ledger(open_project(project))]
    assert states == [("a.csv", FileState.LANDED, 0), ("a.csv", FileState.DUPLICATE, 1)]
    assert not landed.exists()


def test_hard_links_of_one_file_are_counted_once_each_and_leave_landing(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    landed = write(tmp_path / "home/landing/orders/a.csv", orders_csv(ADA))
    os.utime(landed, (1e9, 1e9))
    for name in ("b.csv", "c.csv"):
        os.link(landed, landed.with_name(name))
    for _ in range(2):
        land(gate_of(project), "orders")
        states = {entry.file: entry.state for entry in ledger(open_project(project))}
        assert states == {
            "a.csv": FileState.LANDED,
            "b.csv": FileState.DUPLICATE,
            "c.csv": FileState.DUPLICATE,
        }
        assert len(ledger(open_project(project))) == len(states)
        assert list(landed.parent.iterdir()) == []


def test_a_file_that_a_crash_left_in_landing_gets_no_second_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path)
    landed = write(tmp_path / "home/landing/orders/a.csv", orders_csv(ADA))
    os.utime(landed, (1e9, 1e9))
    with monkeypatch.context() as patched:
        patched.setattr(landing, "retire", lambda files: None)
        land(gate_of(project), "orders")
    assert landed.exists()
    land(gate_of(project), "orders")
    assert [entry.state for entry in ledger(open_project(project))] == [FileState.LANDED]
    assert not landed.exists()


def taken(path: Path) -> intake.TakenFile:
    status = path.stat()
    landed = LandedFile(path, path.name, status.st_size, status.st_mtime_ns, identity_of(status), arrival_of(status))
    return intake.TakenFile(landed, "sha")


def test_another_file_of_the_same_size_and_time_is_not_retired(tmp_path: Path) -> None:
    file, newer = write(tmp_path / "a.csv", "old"), write(tmp_path / "b.csv", "new")
    for path in (file, newer):
        os.utime(path, (1e9, 1e9))
    accounted = taken(file)
    newer.replace(file)
    intake.retire([accounted])
    assert file.read_text() == "new"


def test_a_file_that_takes_the_name_of_a_hard_link_while_another_is_retired_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.csv", "old")
    link = tmp_path / "b.csv"
    os.link(file, link)
    accounted = [taken(file), taken(link)]
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        if self == file:
            write(tmp_path / "c.csv", "new").replace(link)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    intake.retire(accounted)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"b.csv": "new"}


def test_a_file_that_comes_in_while_another_is_retired_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write(tmp_path / "a.csv", "old")
    accounted = taken(file)
    rename = Path.rename

    def late(self: Path, target: Path) -> Path:
        if self == file:
            write(tmp_path / "b.csv", "new").replace(file)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", late)
    intake.retire([accounted])
    assert [path.read_text() for path in tmp_path.iterdir()] == ["new"]
    assert file.exists()
