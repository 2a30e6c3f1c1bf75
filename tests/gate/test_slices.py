"""Slices of a table through the gate: built from their own rows, judged, published and held one by one."""

import random
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

import pytest
from killed_run import run_killed
from made_once import MadeOnce
from sliced_project import (
    DAILY,
    FIRSTS,
    a_sale_on,
    build_daily,
    day,
    make_sliced,
    receipts_of,
    rows_of,
    sell,
    slices_of,
)
from small_project import gate_of, write_files

from orchestrator_platform.errors import DefinitionError, Misuse
from orchestrator_platform.gate import candidate
from orchestrator_platform.gate.cycle import table_pass
from orchestrator_platform.gate.outcomes import Held, Published, Rejected, Unchanged, Waiting
from orchestrator_platform.gate.plan import Need
from orchestrator_platform.operations import slices as slices_operation
from orchestrator_platform.operations.build import build, plan
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.slices import passes_of, read_slices
from orchestrator_platform.records.candidates import Form
from orchestrator_platform.records.keys import AssetKey, Version


def sold_on_six_days(folder: Path) -> None:
    make_sliced(folder)
    sell(folder, "a.csv", a_sale_on(1, 2, 3, 4, 5, 6))


def built_on_six_days(folder: Path) -> None:
    sold_on_six_days(folder)
    build(gate_of(folder))


@pytest.fixture
def sold(made_once: MadeOnce) -> Path:
    return made_once(sold_on_six_days)


@pytest.fixture
def built(made_once: MadeOnce) -> Path:
    return made_once(built_on_six_days)


def test_slices_are_published_in_bounded_batches_and_say_which_they_are(sold: Path) -> None:
    outcomes = build_daily(sold).outcomes
    assert [type(outcome) for outcome in outcomes] == [Published, Published]
    first, second = receipts_of(gate_of(sold))
    assert slices_of([first, second]) == [[1, 2, 3, 4], [5, 6]]
    assert (first.form, second.form, second.n_inserted, second.n_deleted) == (Form.WHOLE, Form.SLICES, 2, 0)
    assert len({item.data_version for item in (*first.slices, *second.slices)}) == 6
    assert [str(row[0]) for row in rows_of(gate_of(sold))] == [day(n) for n in range(1, 7)]


def test_only_the_slice_whose_rows_changed_is_built_again(built: Path) -> None:
    sell(built, "b.csv", [(7, "bob", 5.0, day(3))])
    assert [item.why for item in plan(gate_of(built), [DAILY])] == [f"to be built: {day(3)}"]
    build_daily(built)
    newest = receipts_of(gate_of(built))[-1]
    assert (slices_of([newest]), newest.n_inserted, newest.n_deleted) == ([[3]], 1, 1)
    assert rows_of(gate_of(built))[2][1:] == (2, 15.0)


def test_nothing_is_built_and_no_parent_is_looked_through_where_nothing_changed(
    built: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def looked(*arguments: object, **named: object) -> None:
        raise AssertionError("a parent was looked through")

    monkeypatch.setattr("orchestrator_platform.gate.slices.measure_parents", looked)
    assert all(isinstance(outcome, Unchanged) for outcome in build(gate_of(built)).outcomes)


def test_a_slice_with_the_same_content_is_not_published_and_not_built_twice(built: Path) -> None:
    n_versions = len(receipts_of(gate_of(built), FIRSTS))
    sell(built, "b.csv", [(7, "ann", 5.0, day(2)), (8, "bob", 5.0, day(5))])
    (outcome, *rest) = build(gate_of(built), [FIRSTS]).outcomes
    assert isinstance(outcome, Unchanged | Published)
    assert slices_of(receipts_of(gate_of(built), FIRSTS)[n_versions:]) == [[5]]
    assert {item.need for item in read_slices(gate_of(built), FIRSTS)} == {Need.CURRENT}
    assert len(rest) <= 1
    assert [type(each) for each in build(gate_of(built), [FIRSTS]).outcomes] == [Unchanged]


def test_a_rejected_slice_stops_no_other_and_is_held(sold: Path) -> None:
    sell(sold, "bad.csv", [(9, "eve", 5000.0, day(2))])
    outcomes = build_daily(sold).outcomes
    (rejected,) = [outcome for outcome in outcomes if isinstance(outcome, Rejected)]
    assert [item.name for item in rejected.manifest.slices] == [day(2)]
    assert [str(row[0]) for row in rows_of(gate_of(sold))] == [day(n) for n in (1, 3, 4, 5, 6)]
    needs = {item.name: item.need for item in read_slices(gate_of(sold), DAILY)}
    assert {name for name, need in needs.items() if need is Need.HELD} == {day(2)}
    (again,) = build_daily(sold).outcomes
    assert isinstance(again, Held)
    assert day(2) in again.why
    sell(sold, "more.csv", a_sale_on(7))
    assert [type(each) for each in build_daily(sold).outcomes] == [Published]


def test_where_nothing_of_a_batch_is_let_in_the_rest_is_not_tried(tmp_path: Path) -> None:
    make_sliced(tmp_path)
    sell(tmp_path, "bad.csv", a_sale_on(*range(1, 10), amount=5000.0))
    *rejected, waiting = build_daily(tmp_path).outcomes
    assert [type(each) for each in rejected] == [Rejected] * 4
    assert isinstance(waiting, Waiting)
    assert day(9) in waiting.why


def test_a_table_of_whose_slices_nothing_is_read_says_so(tmp_path: Path) -> None:
    make_sliced(tmp_path)
    sell(tmp_path, "a.csv", [(1, "ann", 10.0, "2023-12-31")])
    (waiting,) = build_daily(tmp_path).outcomes
    assert isinstance(waiting, Waiting)
    assert "in one of its slices" in waiting.why


def test_a_build_that_inserts_into_another_slice_is_rejected(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only = table_pass.only_slices

    def with_a_stray(partition: object, relation: str, names: tuple[str, ...]) -> str:
        stray = f"SELECT DATE '{day(1)}' AS day, 7::BIGINT AS n_orders, 7.0::DOUBLE AS total"
        return f"(FROM {only(partition, relation, names)} UNION ALL {stray})"  # type: ignore[arg-type]

    sell(built, "b.csv", [(7, "bob", 5.0, day(3))])
    before = rows_of(gate_of(built))
    monkeypatch.setattr(table_pass, "only_slices", with_a_stray)
    (rejected,) = build_daily(built).outcomes
    assert isinstance(rejected, Rejected)
    assert "1 rows inserted into other slices" in _finding(rejected).message
    assert rows_of(gate_of(built)) == before


def test_a_build_that_deletes_another_slice_is_rejected(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    compare = candidate.compare_slices

    def deleting_more(*arguments: object) -> object:
        found = compare(*arguments)  # type: ignore[arg-type]
        return replace(found, deleted=f"(SELECT DISTINCT day FROM lake.{DAILY.quoted} WHERE day <= DATE '{day(3)}')")

    sell(built, "b.csv", [(7, "bob", 5.0, day(3))])
    monkeypatch.setattr(candidate, "compare_slices", deleting_more)
    (rejected,) = build_daily(built).outcomes
    assert isinstance(rejected, Rejected)
    assert "2 rows deleted from other slices" in _finding(rejected).message


def test_a_row_that_is_of_no_slice_is_rejected_not_lost(tmp_path: Path) -> None:
    make_sliced(tmp_path)
    tables = (tmp_path / "defs/daily/tables.py").read_text()
    stray = tables.replace(
        'count(*) AS n_orders, sum(amount) AS total")',
        'count(*) AS n_orders, sum(amount) AS total").union(orders.aggregate("NULL::DATE, 0, 0.0"))',
    )
    (tmp_path / "defs/daily/tables.py").write_text(stray)
    sell(tmp_path, "a.csv", a_sale_on(1))
    (rejected,) = build_daily(tmp_path).outcomes
    assert isinstance(rejected, Rejected)
    assert "inserted into other slices, or into none" in _finding(rejected).message


def test_a_build_that_was_killed_between_slices_goes_on_where_it_stopped(sold: Path) -> None:
    code = run_killed(sold, slices_operation.__name__, "build_batch", "after", build_daily)
    assert code == -9
    assert slices_of(receipts_of(gate_of(sold))) == [[1, 2, 3, 4]]
    build_daily(sold)
    assert slices_of(receipts_of(gate_of(sold))) == [[1, 2, 3, 4], [5, 6]]


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 9))])
def test_slices_built_in_random_batches_equal_a_full_build(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)  # noqa: S311  # which batches there are is no secret
    stepwise, at_once = make_sliced(tmp_path / "stepwise"), make_sliced(tmp_path / "at_once")
    rows = [(n, rng.choice("abcde"), float(rng.randint(1, 9)), day(rng.randint(1, 7))) for n in range(24)]
    for step in range(3):
        some = [row for place, row in enumerate(rows) if place % 3 == step]
        sell(stepwise, f"{step}.csv", some)
        build(gate_of(stepwise), [DAILY, FIRSTS] if step == 0 else [rng.choice([DAILY, FIRSTS])])
    sell(at_once, "all.csv", rows)
    build(gate_of(stepwise))
    build(gate_of(at_once))
    for asset in (DAILY, FIRSTS, AssetKey("marts.summary")):
        assert rows_of(gate_of(stepwise), asset) == rows_of(gate_of(at_once), asset)


def test_a_table_that_reads_one_in_slices_is_built_after_the_last_of_them(sold: Path) -> None:
    gate = gate_of(sold)
    passes = [sorted(goal) for goal in passes_of(gate, list(gate.assets))]
    assert passes.index(["marts.daily"]) < passes.index(["marts.summary"])
    assert ["marts.firsts"] in passes
    build(gate)
    assert rows_of(gate_of(sold), AssetKey("marts.summary")) == [(6, 6)]
    assert len(receipts_of(gate_of(sold), AssetKey("marts.summary"))) == 1


def test_a_row_that_breaks_the_expression_of_slices_keeps_nothing_else_from_being_built(sold: Path) -> None:
    build(gate_of(sold))
    tables = sold / "defs/daily/tables.py"
    beside = """

        @python_table(key="marts.beside", parents={"orders": "raw.orders"}, contract="contract.py:Beside")
        def beside(orders):
            return orders.aggregate("count(*) AS n")
    """
    promised = """

        class Beside(pa.DataFrameModel):
            n: int

            class Config:
                strict = True
                metadata = {"grain": "none"}
    """
    for file, text in ((tables, beside), (tables.with_name("contract.py"), promised)):
        write_files(sold, {str(file.relative_to(sold)): file.read_text(encoding="utf-8") + dedent(text)})
    before = rows_of(gate_of(sold))
    sell(sold, "odd.csv", [(99, "ann", 5.0, "a secret")])
    for asked in (build(gate_of(sold)), build(gate_of(sold), rebuild=True, reason="a test")):
        found = {outcome.asset: outcome for outcome in asked.outcomes}
        assert isinstance(found[AssetKey("marts.beside")], Published | Unchanged)
        waits = found[DAILY]
        assert isinstance(waits, Waiting)
        assert "says `status` of raw.orders, which cannot be computed of every row: ConversionException" in waits.why
        assert "secret" not in waits.why
    assert rows_of(gate_of(sold)) == before
    write_files(sold, {"defs/daily/tables.py": tables.read_text().replace('"status"', '"try_cast(status as date)"')})
    build(gate_of(sold))
    planned = {item.asset: item.need for item in plan(gate_of(sold))}
    assert planned[DAILY] is Need.CURRENT


def test_slices_asked_for_by_name_are_built_and_no_others(sold: Path) -> None:
    build(gate_of(sold), [DAILY], slices=[day(2), day(5)])
    assert slices_of(receipts_of(gate_of(sold))) == [[2, 5]]
    with pytest.raises(Misuse, match="has no slice '2024-04-30'"):
        build(gate_of(sold), [DAILY], slices=["2024-04-30"])
    with pytest.raises(Misuse, match=r"one table at a time.*marts.daily, marts.firsts"):
        build(gate_of(sold), ["marts.summary"], slices=[day(2)])


def test_a_slice_that_was_rolled_back_is_not_built_again(built: Path) -> None:
    sell(built, "b.csv", [(7, "bob", 5.0, day(3))])
    build_daily(built)
    rollback(gate_of(built), Goal(DAILY, Version(2)), why="a mistake")
    assert rows_of(gate_of(built))[2][1:] == (1, 10.0)
    (held,) = build_daily(built).outcomes
    assert isinstance(held, Held)
    assert "rolled back" in held.why


def test_a_slice_whose_rows_are_gone_is_emptied(built: Path) -> None:
    sell(built, "b.csv", a_sale_on(7))
    build_daily(built)
    rollback(gate_of(built), Goal(AssetKey("raw.orders"), Version(1)), why="the wrong file")
    build(gate_of(built))
    assert [str(row[0]) for row in rows_of(gate_of(built))] == [day(n) for n in range(1, 7)]


def test_other_columns_are_built_for_all_slices_at_once(built: Path) -> None:
    contract, tables = (built / "defs/daily" / name for name in ("contract.py", "tables.py"))
    contract.write_text(contract.read_text().replace("    total: float = pa.Field(lt=1000)\n", "    most: float\n"))
    tables.write_text(tables.read_text().replace("sum(amount) AS total", "max(amount) AS most"))
    (published,) = build_daily(built).outcomes
    assert isinstance(published, Published)
    assert (published.receipt.form, len(published.receipt.slices)) == (Form.WHOLE, 6)


def test_a_rebuild_of_all_slices_publishes_what_is_other_only(built: Path) -> None:
    assert [type(outcome) for outcome in build(gate_of(built), [DAILY], rebuild=True).outcomes] == [Unchanged]


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ('"unit": "week"', "unit"),
        ('"by": "n_orders"', "is BIGINT, and must be DATE"),
        ('"reads": {"raw.kev": "status"}', "is not made from it"),
        ('"reads": {"raw.orders": "(SELECT 1)"}', "partition.reads.raw.orders"),
        ('"start": None', "needs `start"),
    ],
)
def test_slices_that_cannot_be_are_refused_with_their_file(tmp_path: Path, said: str, complaint: str) -> None:
    make_sliced(tmp_path)
    tables = (tmp_path / "defs/daily/tables.py").read_text()
    wrong = tables.replace('"reads": {"raw.orders": "status"}}', f'"reads": {{"raw.orders": "status"}}, {said}}}')
    write_files(tmp_path, {"defs/daily/tables.py": wrong})
    with pytest.raises(DefinitionError, match=complaint) as error:
        gate_of(tmp_path)
    assert error.value.file.endswith("tables.py")


def _finding(rejected: Rejected) -> object:
    return next(finding for finding in rejected.verdict.findings if finding.check == "slices")
