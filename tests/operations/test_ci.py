"""What `ci` says of branches that do wrong, each in its own way, over one lake that is only read."""

import hashlib
from pathlib import Path

import pytest
from ci_project import (
    ADA,
    FILES,
    N_BUYERS,
    N_ORDERS,
    check_branch,
    edit,
    failed,
    make_published,
    over,
    report_of,
)
from limited_child import run_limited
from made_once import MadeOnce
from small_project import FILES as SMALL_FILES
from small_project import gate_of, write, write_orders

from orchestrator_platform.errors import Misuse
from orchestrator_platform.operations.ci import CiOptions, run_ci
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.checked import CaseState
from orchestrator_platform.records.contract_changes import Direction

CONTRACT, SPEND, MODELS = "defs/orders/contract.py", "dbt/models/spend.sql", "dbt/models/models.yml"
SOURCE = "defs/orders/defs.yaml"
OWN_CHECK = SMALL_FILES[SOURCE] + "      checks: [{name: none_negative, file: none_negative.sql}]\n"


@pytest.fixture
def folder(made_once: MadeOnce) -> Path:
    """The project with all its tables published, to be changed."""
    return made_once(make_published)


def everything_of(home: Path) -> dict[str, tuple[object, ...]]:
    """Every file and folder with its mode and times, and what is in it."""
    found = {}
    for path in (home, *sorted(home.rglob("*"))):
        stat = path.stat()
        content = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(home))] = (stat.st_mode, stat.st_mtime_ns, stat.st_size, stat.st_ino, content)
    return found


def line_of(file: Path, text: str) -> int:
    return next(n for n, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1) if text in line)


def test_a_branch_that_changes_nothing_is_approved_and_builds_nothing(folder: Path) -> None:
    report = check_branch(folder)
    assert not report.is_no
    assert (report.changes, report.assets) == ((), ())


def test_files_that_were_only_touched_or_written_anew_are_no_change(folder: Path) -> None:
    for file in [*folder.glob("defs/**/*.*"), *folder.glob("dbt/**/*.*"), *folder.glob("agents/*.md")]:
        write(file, file.read_text(encoding="utf-8"))
    assert check_branch(folder).changes == ()


def test_what_is_only_behind_is_not_of_the_branch(folder: Path) -> None:
    land(gate_of(folder), "orders", [write_orders(folder, "more.csv", (900, "ann", 1, "open"))])
    assert check_branch(folder).changes == ()


def rejected_branch(folder: Path) -> None:
    report = check_branch(folder)
    assert report.is_no


def test_the_lake_below_is_never_written_even_by_who_could_not(folder: Path) -> None:
    edit(folder, CONTRACT, "ge=0", "ge=-10")
    home = folder / "home"
    modes = {path: path.stat().st_mode for path in (home, *home.rglob("*"))}
    for path, mode in modes.items():
        path.chmod(mode & ~0o222)
    before = everything_of(home)
    # As anybody whom permissions bind.
    assert run_limited(folder, None, rejected_branch) == ("done", "")
    assert everything_of(home) == before
    for path, mode in modes.items():
        path.chmod(mode)


def test_a_renamed_column_that_is_used_downstream(folder: Path) -> None:
    edit(folder, SPEND, "o.amount", "o.amount as paid")
    edit(folder, MODELS, "- name: amount\n", "- name: paid\n")
    report = check_branch(folder)
    case = failed(report)["marts.by_buyer", "built"]
    assert '"amount" not found' in case.message
    assert case.place == f"dbt/models/by_buyer.sql:{line_of(folder / 'dbt/models/by_buyer.sql', 'sum(amount)')}"
    spend = report_of(report, "marts.spend")
    assert spend.diff is not None
    assert [(c.column, c.verb) for c in spend.diff.schema_changes] == [("paid", "added"), ("amount", "dropped")]
    assert spend.downstream == ("marts.by_buyer",)


def test_a_join_that_fans_out(folder: Path) -> None:
    edit(folder, SPEND, "on o.customer = b.customer", "on o.customer <= b.customer")
    report = check_branch(folder)
    case = failed(report)["marts.spend", "grain_order_id_unique"]
    assert case.n_failing > N_ORDERS
    assert case.place == f"{MODELS}:{line_of(folder / MODELS, '        grain: [order_id]')}"
    spend = report_of(report, "marts.spend")
    assert spend.outcome == "rejected"
    assert spend.diff is not None
    assert spend.diff.n_added > N_ORDERS
    assert "marts.by_buyer" not in {item.asset for item in report.assets}


def test_a_filter_that_drops_a_tenth_of_the_rows(folder: Path) -> None:
    edit(folder, "dbt/models/cleaned.sql", "'orders') }}\n", "'orders') }}\nwhere order_id % 10 <> 0\n")
    report = check_branch(folder)
    # What stands on it loses rows as well, and is not blamed.
    assert set(failed(report)) == {("marts.cleaned", "rows_kept")}
    case = failed(report)["marts.cleaned", "rows_kept"]
    assert case.message.startswith(f"{N_ORDERS // 10} of {N_ORDERS} rows are gone (10.0%), of unchanged parents.")
    assert case.file == "dbt/models/cleaned.sql"
    spend = report_of(report, "marts.spend")
    assert (spend.changed, spend.because_of, spend.outcome) == ((), ("marts.cleaned",), "published")
    assert spend.diff is not None
    assert spend.diff.n_removed == N_ORDERS // 10
    assert not check_branch(folder, "rows_kept:marts.cleaned").is_no


def test_rows_that_a_changed_value_leaves_out_further_down_are_missed(folder: Path) -> None:
    edit(folder, "dbt/models/cleaned.sql", "customer,", "upper(customer) as customer,")
    report = check_branch(folder)
    # What is made of the table that lost them is not blamed.
    assert set(failed(report)) == {("marts.spend", "rows_kept")}
    case = failed(report)["marts.spend", "rows_kept"]
    assert case.message.startswith(f"{N_ORDERS} of {N_ORDERS} rows are gone (100.0%), of marts.cleaned, which kept")
    assert case.file == SPEND


def test_a_filter_is_seen_beside_a_change_of_the_parent(folder: Path) -> None:
    edit(folder, "dbt/models/cleaned.sql", "amount\n", "round(amount + 0.01, 2) as amount\n")
    edit(folder, SPEND, "b.customer\n", "b.customer\nwhere o.order_id % 10 <> 0\n")
    assert set(failed(check_branch(folder))) == {("marts.spend", "rows_kept")}


def test_a_loosened_contract_is_said_to_be_one(folder: Path) -> None:
    edit(folder, CONTRACT, "ge=0", "ge=-10")
    report = check_branch(folder)
    orders = report_of(report, "raw.orders")
    assert (orders.changed, orders.outcome) == (("contract",), "judged")
    assert [(p.direction, p.said) for p in orders.promises] == [
        (Direction.LOOSER, "amount: amount ≥ 0 → amount ≥ -10; -10.0 is let in")
    ]
    assert set(failed(report)) == {("raw.orders", "contract_not_loosened")}
    assert failed(report)["raw.orders", "contract_not_loosened"].place == (
        f"{CONTRACT}:{line_of(folder / CONTRACT, 'amount')}"
    )
    assert orders.notes == ("Quarantine entry 1: 1 of 1 rows would be let in.",)
    allowed = check_branch(folder, "contract_not_loosened")
    assert not allowed.is_no
    assert {c.check for c in allowed.all_cases if c.state is CaseState.ALLOWED} == {"contract_not_loosened"}


def test_a_stricter_contract_is_held_against_the_rows_that_serve(folder: Path) -> None:
    edit(folder, CONTRACT, "ge=0", "ge=0, lt=7")
    report = check_branch(folder)
    assert set(failed(report)) == {("raw.orders", "amount_lt_7")}
    assert failed(report)["raw.orders", "amount_lt_7"].n_failing == N_ORDERS // 7
    assert failed(report)["raw.orders", "amount_lt_7"].line == line_of(folder / CONTRACT, "amount")


def test_a_test_that_is_taken_out_is_a_loosened_contract(folder: Path) -> None:
    edit(folder, MODELS, "        data_tests: [not_null]\n", "")
    report = check_branch(folder)
    case = failed(report)["marts.spend", "contract_not_loosened"]
    assert "dbt_not_null_spend_amount: not checked any more" in case.message
    assert report_of(report, "marts.spend").outcome == "unchanged"


def test_a_check_that_is_rewritten_or_does_not_block_any_more_is_a_loosened_contract(tmp_path: Path) -> None:
    checks = {
        "defs/orders/none_negative.sql": "select * from raw.orders where amount < 0",
        "dbt/tests/none_without_a_buyer.sql": "select * from {{ ref('spend') }} where customer is null",
        "dbt/macros/tests.sql": (
            "{% test small(model, column_name) %}select * from {{ model }} where {{ column_name }} > 9{% endtest %}"
        ),
    }
    make_published(
        tmp_path,
        checks | {"dbt/models/models.yml": FILES[MODELS].replace("[not_null]", "[not_null, small]"), SOURCE: OWN_CHECK},
    )
    assert check_branch(tmp_path).changes == ()
    edit(tmp_path, "defs/orders/none_negative.sql", "< 0", "< 0 and false")
    edit(tmp_path, "dbt/tests/none_without_a_buyer.sql", "is null", "is null and false")
    edit(tmp_path, "dbt/macros/tests.sql", "> 9", "> 9 and false")
    report = check_branch(tmp_path)
    assert [promise.said for promise in report_of(report, "marts.spend").promises] == [
        "dbt_none_without_a_buyer: says something else",
        "dbt_small_spend_amount: says something else",
    ]
    assert set(failed(report)) == {(asset, "contract_not_loosened") for asset in ("raw.orders", "marts.spend")}
    edit(tmp_path, "defs/orders/none_negative.sql", "< 0 and false", "< 0")
    edit(tmp_path, SOURCE, "none_negative.sql}", "none_negative.sql, severity: warn}")
    said = failed(check_branch(tmp_path))["raw.orders", "contract_not_loosened"].message
    assert "none_negative: blocks → warns" in said


def test_an_auditor_that_is_removed(folder: Path) -> None:
    edit(folder, "agents/judge.md", "audits: ['*']", "audits: ['not key:marts/spend']")
    report = check_branch(folder)
    assert [case.place for case in failed(report).values()] == [
        f"agents/judge.md:{line_of(folder / 'agents/judge.md', 'audits:')}"
    ]
    assert failed(report)["project", "agents"].message == (
        "no agent audits marts.spend: what serves was audited by judge. Add a selection of it to the `audits` of"
        " one agent."
    )


def test_an_auditor_whose_file_is_removed(folder: Path) -> None:
    (folder / "agents/judge.md").unlink()
    cases = [case for case in check_branch(folder).all_cases if case.state is CaseState.FAILED]
    assert len(cases) == 5
    assert all("audited by judge, whose file is gone" in case.message for case in cases)


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("defs/orders/defs.yaml", "pattern:", "patern:", "Extra inputs are not permitted"),
        (CONTRACT, "ge=0", "ge=", "invalid syntax"),
        ("dbt/models/by_buyer.sql", "ref('spend')", "ref('spent')", "spent"),
    ],
)
def test_what_keeps_the_project_from_loading_is_a_failed_check_with_its_file(
    folder: Path, file: str, before: str, after: str, said: str
) -> None:
    edit(folder, file, before, after)
    report = check_branch(folder)
    case = failed(report)["project", "definitions"]
    assert said in case.message
    assert case.file == file


def test_a_table_that_is_new_is_built_and_one_that_is_gone_is_told(folder: Path) -> None:
    (folder / "dbt/models/by_buyer.sql").rename(folder / "dbt/models/per_buyer.sql")
    edit(folder, MODELS, "name: by_buyer", "name: per_buyer")
    report = check_branch(folder)
    assert [(c.asset, c.what) for c in report.changes] == [
        ("marts.per_buyer", ("new",)),
        ("marts.by_buyer", ("removed",)),
    ]
    made = report_of(report, "marts.per_buyer")
    assert made.diff is not None
    assert (made.outcome, made.diff.n_added) == ("published", N_BUYERS)
    assert report.notes == ("marts.by_buyer is not declared any more; version 1 of it would serve on.",)


def test_what_is_allowed_must_be_there(folder: Path) -> None:
    for allowed in ("everything", "rows_kept:marts.nothing"):
        with pytest.raises(Misuse, match="allowed"):
            check_branch(folder, allowed)


def test_nothing_is_laid_over_a_folder_that_is_a_home_of_its_own_or_over_nothing(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="is a home of its own"):
        run_ci(over(folder, place=folder / "home"), CiOptions(), ADA)
    with pytest.raises(Misuse, match="Nothing is published in"):
        run_ci(over(folder, lake=tmp_path), CiOptions(), ADA)
