"""A process is killed at each stage; the next one finishes, with nothing lost and nothing doubled."""

import signal
from pathlib import Path

import pytest
from killed_run import land_and_build, run_killed
from small_project import make_project, open_project, write_orders

from orchestrator_platform.operations.records_of import journal, ledger
from orchestrator_platform.records.ledger import FileState

PACKAGE = "orchestrator_platform"
STAGES = [
    ("operations.land", "_copy", "after"),
    ("gate.intake", "archive_file", "after"),
    ("gate.cycle.landing", "land_files", "after"),
    ("gate.cycle.landing", "close_candidate", "after"),
    ("gate.cycle.landing", "audit_candidates", "after"),
    ("gate.cycle.landing", "publish_in", "before"),
    ("gate.publish", "_put_in_place", "after"),
    ("lake.writer", "insert_ledger", "after"),
    ("lake.writer", "reread", "before"),
    ("lake.writer", "replace_readers_copy", "before"),
    ("gate.cycle.landing", "publish_in", "after"),
    ("gate.intake", "_remove", "before"),
    ("gate.intake", "_move_aside", "before"),
    ("gate.intake", "_move_aside", "after"),
    ("gate.cycle.landing", "remove_candidate", "before"),
    ("operations.land", "project", "before"),
    ("gate.cycle.table_pass", "build_python_stage", "after"),
    ("gate.cycle.table_pass", "close_candidate", "after"),
    ("gate.cycle.table_pass", "publish_in", "before"),
    ("gate.cycle.table_pass", "publish_in", "after"),
    ("operations.build", "project", "before"),
]


@pytest.mark.parametrize(("module", "function", "when"), STAGES)
def test_a_killed_run_loses_nothing(tmp_path: Path, module: str, function: str, when: str) -> None:
    project = make_project(tmp_path)
    write_orders(project, "day1.csv", (1, "ada", 10, "open"), (2, "bob", 3, "paid"), (3, "eve", -1, "open"))
    write_orders(project, "day2.csv", (4, "ada", 1, "open"))
    assert run_killed(project, f"{PACKAGE}.{module}", function, when) == -signal.SIGKILL

    # Nothing unaudited can be read, and the next run needs no repair.
    assert set(open_project(project).cut().heads) <= {"raw.orders", "marts.totals", "marts.ranking"}
    land_and_build(project)

    platform = open_project(project)
    orders = platform.query("SELECT order_id, _file, _line FROM raw.orders ORDER BY _landed_seq").fetchall()
    assert orders == [(1, "day1.csv", 1), (2, "day1.csv", 2), (4, "day2.csv", 1)]
    assert sorted(platform.read("marts.totals").fetchall()) == [("ada", 11.0), ("bob", 3.0)]
    landed = [entry for entry in ledger(platform) if entry.state is FileState.LANDED]
    assert [(e.file, e.n_rows, e.n_published, e.n_quarantined) for e in landed] == [
        ("day1.csv", 3, 2, 1),
        ("day2.csv", 1, 1, 0),
    ]
    assert not list((project / "home/landing").rglob("*.csv")), "what is accounted for has left landing"
    published = [event.subject for event in journal(platform) if event.act == "publish"]
    assert published.count("raw.orders@1") == 1
