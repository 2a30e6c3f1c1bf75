"""The self-test of the gate on a small project: what is caught, what is missed, and that nothing is touched."""

import hashlib
from pathlib import Path

import pytest
from small_project import FILES, make_project, open_project, write, write_orders

from orchestrator_platform.errors import Misuse, UnknownAsset
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.selftest import SelfTestOptions, selftest
from orchestrator_platform.records.selftests import Caught, SelfTested

ROWS = [(i, f"customer {i % 30:02}", 10 + i % 7, "paid" if i % 3 else "open") for i in range(1, 61)]
CONTRACT = "defs/marts/contract.py"
KINDS = frozenset(
    {"nulls", "dropped_rows", "shifted_units", "sign_flip", "extra_column", "orphan_keys", "doubled_table"}
)


def publish(folder: Path, name: str, rows: list[tuple[object, ...]]) -> None:
    land(open_project(folder).gate, "orders", [write_orders(folder, name, *rows)])
    build(open_project(folder).gate)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Orders, one of them in quarantine, and tables made of them, in two versions; only to be read."""
    folder = make_project(tmp_path_factory.mktemp("made"))
    publish(folder, "may.csv", [*ROWS, (99, "bad", -1, "open")])
    publish(folder, "june.csv", [(100, "customer 02", 7, "open")])
    return folder


@pytest.fixture(scope="module")
def found(made: Path) -> SelfTested:
    return selftest(open_project(made).gate, (), SelfTestOptions(KINDS))


def caught(found: SelfTested, asset: str, kind: str) -> set[Caught]:
    return {defect.caught for defect in found.defects if (defect.asset, defect.kind) == (asset, kind)}


def files_of(home: Path) -> dict[str, str]:
    """Everything that a home holds, by what is in it."""
    listed = (file for file in sorted(home.rglob("*")) if "cache" not in file.relative_to(home).parts)
    return {
        str(file.relative_to(home)): hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else "folder"
        for file in listed
    }


def test_what_the_contract_promises_is_caught(found: SelfTested) -> None:
    assert caught(found, "marts.totals", "nulls") == {Caught.BLOCKED}
    assert caught(found, "marts.totals", "doubled_table") == {Caught.BLOCKED}
    assert caught(found, "marts.totals", "shifted_units") == {Caught.BLOCKED}
    assert caught(found, "marts.totals", "extra_column") == {Caught.BLOCKED}
    assert caught(found, "marts.ranking", "dropped_rows") == {Caught.BLOCKED}
    assert caught(found, "marts.ranking", "orphan_keys") == {Caught.BLOCKED}


def test_a_raw_table_is_held_to_its_files(found: SelfTested) -> None:
    dropped = [d for d in found.defects if (d.asset, d.kind) == ("raw.orders", "dropped_rows")]
    assert len(dropped) == 2
    assert all({"accounted_for", "landed_in_order"} <= set(d.checks) for d in dropped)
    assert caught(found, "raw.orders", "doubled_table") == {Caught.BLOCKED}


def test_what_no_rule_forbids_is_missed_and_told_how_to_catch(found: SelfTested) -> None:
    missed = {(defect.asset, defect.kind): defect for defect in found.missed}
    flipped = missed["marts.totals", "sign_flip"]
    assert (flipped.columns, flipped.checks) == (("total",), ())
    assert flipped.advice == "bound total from below (`ge: 0`)"
    assert "rows: {same_as: raw.orders}" in missed["marts.totals", "dropped_rows"].advice


def test_a_shrunken_table_that_no_rule_forbids_is_warned_of(found: SelfTested) -> None:
    dropped = [d for d in found.defects if (d.asset, d.kind) == ("marts.totals", "dropped_rows")]
    assert [(d.caught, d.checks) for d in dropped] == [(Caught.WARNED, ("drift_rows",)), (Caught.MISSED, ())]


def test_clean_batches_pass(found: SelfTested) -> None:
    assert {batch.asset for batch in found.clean} == {"raw.orders", "marts.totals", "marts.ranking"}
    assert len(found.clean) == 3 * 10
    assert found.false_alarms == ()
    raw = {batch.batch for batch in found.clean if batch.asset == "raw.orders"}
    assert "without the last 1 files" in raw
    assert "replaced by key, 1" in {batch.batch for batch in found.clean if batch.asset == "marts.totals"}


def test_the_tally_counts_what_was_planted(found: SelfTested) -> None:
    total = found.tally()
    assert total.n_planted == len(found.defects) == sum(t.n_planted for t in found.by_kind().values())
    assert total.n_missed == len(found.missed) > 0
    assert found.holds(total.rate)
    assert not found.holds(total.rate + 0.001)


def test_nothing_of_the_home_is_touched(made: Path) -> None:
    before = files_of(made / "home")
    selftest(open_project(made).gate, ["marts.totals"], SelfTestOptions(frozenset({"nulls", "sign_flip"}), n_clean=1))
    assert files_of(made / "home") == before


def test_a_rule_that_what_serves_breaks_is_a_false_alarm(made: Path, tmp_path: Path) -> None:
    stricter = {CONTRACT: FILES[CONTRACT].replace("lt=1000", "lt=1")}
    folder = make_project(tmp_path, changes=stricter)
    gate = open_project(folder, made / "home").gate
    found = selftest(gate, ["marts.totals"], SelfTestOptions(frozenset({"missing_column"}), n_clean=2))
    assert len(found.false_alarms) == 2
    assert found.tally().rate == 1
    assert not found.holds(0)


def test_a_rule_that_is_taken_away_catches_nothing_any_more(made: Path, tmp_path: Path) -> None:
    looser = {CONTRACT: FILES[CONTRACT].replace("pa.Field(lt=1000)", "pa.Field()")}
    folder = make_project(tmp_path, changes=looser)
    options = SelfTestOptions(frozenset({"shifted_units"}), n_clean=1)
    found = selftest(open_project(folder, made / "home").gate, ["marts.totals"], options)
    assert [defect.advice.split(",")[0] for defect in found.missed] == ["bound total from above (`le`)"] * 2


def test_the_same_seed_plants_the_same_and_columns_bounds_each_kind(made: Path) -> None:
    gate = open_project(made).gate
    options = SelfTestOptions(frozenset({"nulls"}), seed=3, n_columns=1, n_clean=1)
    first, second = (selftest(gate, ["raw.orders"], options) for _ in range(2))
    assert first == second
    assert len(first.defects) == 1


def test_large_and_unpublished_tables_are_left_out_by_name(made: Path) -> None:
    options = SelfTestOptions(frozenset({"extra_column"}), max_rows=50, n_clean=1)
    found = selftest(open_project(made).gate, (), options)
    assert [(item.asset, item.why) for item in found.left_out] == [
        ("raw.orders", "has 61 rows, and 1 to 50 are tested with")
    ]
    assert set(found.by_asset()) == {"marts.totals", "marts.ranking"}


def test_a_home_in_which_nothing_serves_is_misuse(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="has no version that serves"):
        selftest(open_project(make_project(tmp_path)).gate, (), SelfTestOptions())


def test_strange_names_are_refused(made: Path) -> None:
    gate = open_project(made).gate
    with pytest.raises(UnknownAsset):
        selftest(gate, ["marts.nothing"], SelfTestOptions())
    with pytest.raises(Misuse, match="'bit_rot' is no kind of defect"):
        selftest(gate, (), SelfTestOptions(frozenset({"bit_rot"})))


def test_an_interrupted_self_test_leaves_no_folder(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = open_project(made).gate
    write(made / "home" / "workbenches" / ".keep", "")
    monkeypatch.setattr("orchestrator_platform.operations.proposals.audit_candidates", _interrupted)
    with pytest.raises(KeyboardInterrupt):
        selftest(gate, ["marts.totals"], SelfTestOptions())
    assert [file.name for file in (made / "home" / "workbenches").iterdir()] == [".keep"]


def _interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt
