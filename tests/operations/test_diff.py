import shutil
from pathlib import Path

import pytest
from small_project import make_project, open_project, write_orders

from orchestrator_platform.errors import Misuse, NoCandidate, UnknownAsset, UnknownVersion, VersionNotKept
from orchestrator_platform.operations import candidates as candidates_module
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.records.diffs import Way
from orchestrator_platform.records.findings import MASK
from orchestrator_platform.settings import load_settings

CUSTOMERS = [(i, f"c{i:02}", 10 * i, "open") for i in range(1, 21)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Totals in two versions, and a third that was rejected; a row of June is in quarantine by its address."""
    folder = make_project(tmp_path_factory.mktemp("made"))
    files = {
        "may.csv": CUSTOMERS,
        "june.csv": [(30, "c03", 5, "paid"), (31, "new", 7, "open"), (32, "bad", -1, "open")],
        "july.csv": [(40, "c04", 5000, "paid")],
    }
    for name, rows in files.items():
        file = write_orders(folder, name, *rows)
        land(open_project(folder).gate, "orders", [file])
        build(open_project(folder).gate)
    return folder


def test_the_served_version_is_compared_with_the_one_before(made: Path) -> None:
    found = open_project(made).diff("marts.totals")
    assert (found.before.name, found.after.name) == ("version 1", "version 2")
    assert (found.grain, found.n_added, found.n_removed, found.n_changed) == (("customer",), 1, 0, 1)
    assert found.changed[0].before == {"total": "30.0"}
    assert found.changed[0].after == {"total": "35.0"}
    assert found.way is Way.FILES


def test_the_first_version_is_compared_with_nothing(made: Path) -> None:
    found = open_project(made).diff("marts.totals", to_version=1)
    assert (found.before.name, found.n_added, found.n_removed) == ("nothing", 20, 0)


def test_versions_are_compared_in_either_direction(made: Path) -> None:
    back = open_project(made).diff("marts.totals", from_version=2, to_version=1)
    assert (back.n_added, back.n_removed, back.n_changed) == (0, 1, 1)
    assert open_project(made).diff("marts.totals", from_version=2, to_version=2).is_empty


def test_personal_data_is_masked(made: Path) -> None:
    found = open_project(made).diff("raw.orders")
    assert found.n_added == 1
    assert {row["customer"] for row in found.added} == {MASK}
    assert "c04" not in found.model_dump_json()


def test_a_candidate_is_compared_with_the_version_that_it_was_made_on(made: Path) -> None:
    found = open_project(made).diff("marts.totals", candidate=2)
    assert (found.before.name, found.after.name) == ("version 2", "candidate 2")
    assert (found.n_added, found.n_removed, found.n_changed, found.way) == (0, 0, 1, Way.FILES)
    assert found.changed[0].after == {"total": "5040.0"}
    older = open_project(made).diff("marts.totals", from_version=1, candidate=2)
    assert (older.n_added, older.n_changed, older.way) == (1, 2, Way.KEYS)


def test_a_candidate_is_read_whole_and_everything_else_as_it_serves(made: Path) -> None:
    platform = open_project(made)
    assert platform.read("candidate:2/marts.totals").count("*").fetchone() == (21,)
    sql = "SELECT max(t.total), (SELECT max(total) FROM marts.totals WHERE customer = 'c03') FROM marts.totals AS t"
    assert platform.candidate(2).query(sql).fetchone() == (5040.0, 35.0)
    assert platform.query(sql).fetchone() == (200.0, 35.0)
    assert platform.candidate(2).query("SELECT count(*) FROM marts.ranking").fetchone() == (21,)
    assert platform.read("marts.totals").filter("total > 1000").fetchall() == []


@pytest.mark.parametrize(
    ("number", "why"),
    [(1, "by their addresses"), (99, "nothing of that number")],
)
def test_what_is_no_candidate_is_said_so(made: Path, number: int, why: str) -> None:
    with pytest.raises(NoCandidate, match=why):
        open_project(made).candidate(number)


def test_a_candidate_whose_files_are_gone_is_said_so(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    shutil.copytree(made, folder)
    platform = Platform(load_settings(folder / "home", folder))
    shutil.rmtree(platform.candidate(2).folder)
    with pytest.raises(NoCandidate, match="not there any more"):
        platform.diff("marts.totals", candidate=2)


def test_a_version_that_is_not_kept_is_said_so(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = candidates_module.receipt_of
    forgotten = {"snapshot": 10_000}
    monkeypatch.setattr(
        "orchestrator_platform.operations.diff.receipt_of",
        lambda *arguments: original(*arguments).model_copy(update=forgotten),
    )
    with pytest.raises(VersionNotKept, match="not kept any more"):
        open_project(made).diff("marts.totals")


def test_misuse_is_told(made: Path) -> None:
    platform = open_project(made)
    with pytest.raises(UnknownAsset):
        platform.diff("marts.nothing")
    with pytest.raises(UnknownVersion, match="no version 9"):
        platform.diff("marts.totals", to_version=9)
    with pytest.raises(Misuse, match="not with both"):
        platform.diff("marts.totals", to_version=1, candidate=2)
    with pytest.raises(NoCandidate, match=r"of marts\.totals, not of marts\.ranking"):
        platform.diff("marts.ranking", candidate=2)
    with pytest.raises(NoCandidate):
        platform.read("candidate:2/marts.ranking")
    with pytest.raises(Misuse, match="no candidate"):
        platform.read("candidate:two/marts.totals")
    with pytest.raises(Misuse, match="no version"):
        platform.read("candidate:2/marts.totals", version=1)
