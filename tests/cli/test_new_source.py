from collections.abc import Callable
from pathlib import Path

import pytest
from small_project import make_project, write_orders

pytest.importorskip("orchestrator_platform.reading.propose_source")

Call = Callable[..., object]


def test_a_new_source_is_written_once_and_says_what_comes_next(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    sample = write_orders(folder, "b.csv", (1, "ann", 10, "open"), (2, "bob", 20, "paid"))
    targets = [folder / "defs" / "bills" / name for name in ("defs.yaml", "contract.py")]

    dry = orchestrator(folder, "new", "source", "bills", sample, "--dry-run")
    assert dry.code == 0, dry.err
    assert not targets[0].parent.exists()

    said = orchestrator(folder, "new", "source", "bills", sample)
    assert said.code == 0, said.err
    assert all(target.is_file() for target in targets)
    assert "`orchestrator land bills FILE…`" in said.out
    assert "`orchestrator agents check`" in said.out

    targets[0].write_text("# mine\n")
    again = orchestrator(folder, "new", "source", "bills", sample)
    assert again.code == 2
    assert "is there already" in again.err
    assert targets[0].read_text() == "# mine\n"


def test_a_proposed_source_lands_its_own_sample(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    sample = write_orders(folder, "b.csv", (1, "ann", 10, "open"), (2, "bob", 20, "paid"))
    orchestrator(folder, "new", "source", "bills", sample)
    landed = orchestrator(folder, "land", "bills", sample)
    assert landed.code == 0, landed.out + landed.err
    assert orchestrator(folder, "query", "--json", "select count(*) n from raw.bills").out == '[{"n": 2}]\n'


@pytest.mark.parametrize("name", ["Bad Name", "../out", "", "1st", "x" * 64])
def test_a_name_that_cannot_be_a_sources_is_refused(orchestrator: Call, tmp_path: Path, name: str) -> None:
    folder = make_project(tmp_path)
    sample = write_orders(folder, "b.csv", (1, "ann", 10, "open"))
    said = orchestrator(folder, "new", "source", name, sample)
    assert said.code == 2
    assert "Nothing was written" in said.err
