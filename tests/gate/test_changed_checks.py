"""Checks and agent files that change: between two builds, and while one is running."""

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from made_once import MadeOnce
from small_project import DBT_FILES, FILES, gate_of, make_project, open_project, write, write_files, write_orders

from orchestrator_platform.errors import DefinitionError, SealBroken
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle import landing, table_pass
from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.findings import Severity

Make = Callable[..., Path]
PASSES, FAILS = "SELECT 1 WHERE false", "SELECT 1"
ORDER = (1, "ada", 10, "open")


def with_checks(component: str, *checks: str) -> str:
    last = "max_bad_share: 0.5" if component == "orders" else "module: tables.py"
    listed = "".join(f"\n            - {check}" for check in checks)
    return FILES[f"defs/{component}/defs.yaml"].replace(last, f"{last}\n          checks:{listed}")


CHECKED = {"defs/marts/defs.yaml": with_checks("marts", "{name: c, file: c.sql}"), "defs/marts/c.sql": PASSES}


def make_landed(folder: Path) -> None:
    land(gate_of(make_project(folder)), "orders", [write_orders(folder, "a.csv", ORDER)])


def make_landed_with_dbt(folder: Path) -> None:
    land(gate_of(make_project(folder, dbt=True)), "orders", [write_orders(folder, "a.csv", ORDER)])


@pytest.fixture
def make(made_once: MadeOnce) -> Make:
    """Gives a project with one order landed, and then changed so."""

    def make(changes: Mapping[str, str], *, dbt: bool = False) -> Path:
        return write_files(made_once(make_landed_with_dbt if dbt else make_landed), changes)

    return make


def became(project: Path) -> dict[str, str]:
    return {outcome.asset: type(outcome).__name__ for outcome in build(gate_of(project)).outcomes}


def test_two_checks_of_one_name_do_not_load(tmp_path: Path) -> None:
    twice = with_checks("marts", "{name: c, file: good.sql}", "{name: c, file: bad.sql}")
    changes = {"defs/marts/defs.yaml": twice, "defs/marts/good.sql": PASSES, "defs/marts/bad.sql": FAILS}
    with pytest.raises(DefinitionError, match="two checks are called 'c'"):
        gate_of(make_project(tmp_path, changes=changes))


def test_what_a_mended_check_rejected_is_judged_again(make: Make) -> None:
    check = {"defs/marts/defs.yaml": with_checks("marts", "{name: c, file: c.sql}"), "defs/marts/c.sql": FAILS}
    project = make(check)
    assert became(project)["marts.totals"] == "Rejected"
    assert became(project)["marts.totals"] == "Held"
    write(project / "defs/marts/c.sql", PASSES)
    assert became(project)["marts.totals"] == "Published"
    assert became(project)["marts.totals"] == "Unchanged"


def test_a_check_that_became_stricter_judges_what_serves(make: Make) -> None:
    check = {"defs/marts/defs.yaml": with_checks("marts", "{name: c, file: c.sql}"), "defs/marts/c.sql": PASSES}
    project = make(check)
    assert became(project)["marts.totals"] == "Published"
    write(project / "defs/marts/c.sql", FAILS)
    assert became(project)["marts.totals"] == "Rejected"


def test_files_that_a_mended_check_rejected_are_landed(tmp_path: Path) -> None:
    check = {"defs/orders/defs.yaml": with_checks("orders", "{name: c, file: c.sql}"), "defs/orders/c.sql": FAILS}
    project = make_project(tmp_path, changes=check)
    land(gate_of(project), "orders", [write_orders(project, "a.csv", ORDER)])
    assert open_project(project).cut().heads == {}
    write(project / "defs/orders/c.sql", PASSES)
    land(gate_of(project), "orders", [project / "incoming" / "a.csv"])
    assert open_project(project).read("raw.orders").fetchall()


def test_what_a_mended_dbt_test_rejected_is_judged_again(make: Make) -> None:
    test = "dbt/tests/none_open.sql"
    project = make({test: "select * from {{ ref('statuses') }} where status = 'open'"}, dbt=True)
    assert became(project)["marts.statuses"] == "Rejected"
    assert became(project)["marts.statuses"] == "Held"
    write(project / test, "select * from {{ ref('statuses') }} where status = 'lost'")
    assert became(project)["marts.statuses"] == "Published"
    models = DBT_FILES["dbt/models/models.yml"].replace(
        "[unique, not_null]", "[unique, not_null, accepted_values: {values: [paid]}]"
    )
    make_project(project, dbt=True, changes={"dbt/models/models.yml": models})
    assert became(project)["marts.statuses"] == "Rejected"


def kept(outcome: Any) -> str:
    assert isinstance(outcome, Published)
    (finding,) = [found for found in outcome.findings if found.check == "checks_kept"]
    assert finding.severity is Severity.WARN
    return "" if finding.passed else finding.message


def test_a_macro_that_turns_dbts_tests_off_is_seen_in_the_next_version(make: Make) -> None:
    statuses = dedent(DBT_FILES["dbt/models/statuses.sql"])
    project = make({}, dbt=True)
    assert kept(build(gate_of(project), ["marts.statuses"]).outcomes[0]) == ""
    off = "{% macro default__get_where_subquery(relation) %}(select * from {{ relation }} where false){% endmacro %}"
    make_project(
        project,
        dbt=True,
        changes={"dbt/macros/off.sql": off, "dbt/models/statuses.sql": f"{statuses}\nunion all select 'lost', 1"},
    )
    told = kept(build(gate_of(project), ["marts.statuses"]).outcomes[0])
    assert "check rewritten: dbt_unique_statuses_status" in told
    assert "check rewritten: dbt_not_null_statuses_status" in told


def test_a_check_that_is_taken_out_is_seen_in_the_next_version(make: Make) -> None:
    checked = {**CHECKED, "defs/marts/tables.py": FILES["defs/marts/tables.py"].replace("sum(amount)", "max(amount)")}
    project = make(checked)
    assert kept(build(gate_of(project), ["marts.totals"]).outcomes[0]) == ""
    make_project(project, changes={"defs/marts/tables.py": checked["defs/marts/tables.py"].replace("max", "2 * max")})
    assert kept(build(gate_of(project), ["marts.totals"]).outcomes[0]) == "since version 1: check removed: c"


def test_a_dbt_test_that_is_turned_off_or_narrowed_is_seen_in_the_next_version(make: Make) -> None:
    project = make({}, dbt=True)
    assert kept(build(gate_of(project), ["marts.statuses"]).outcomes[0]) == ""
    models = DBT_FILES["dbt/models/models.yml"].replace("[unique, not_null]", "[not_null: {config: {where: 'false'}}]")
    sql = DBT_FILES["dbt/models/statuses.sql"].replace("count(*)", "2 * count(*)")
    make_project(project, dbt=True, changes={"dbt/models/models.yml": models, "dbt/models/statuses.sql": sql})
    said = kept(build(gate_of(project), ["marts.statuses"]).outcomes[0])
    assert "check removed: dbt_unique_statuses_status" in said
    assert "dbt_not_null_statuses_status had the limit 0 and has where false" in said


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise KeyError('x')", "c could not be judged: KeyError"),
        ("pass", r"checks\.py: c\(\) returned NoneType, which is no table"),
        ("return True", r"c\(\) returned bool, which is no table"),
        ("return 'no rows'", r"c\(\) returned str, which is no table"),
        ("raise SystemExit(0)", "c could not be judged: SystemExit"),
    ],
)
def test_a_python_check_that_gives_no_answer_rejects(make: Make, body: str, message: str) -> None:
    check = with_checks("marts", "{name: c, file: checks.py, function: c}")
    project = make({"defs/marts/defs.yaml": check, "defs/marts/checks.py": f"def c(table, parents):\n    {body}\n"})
    (rejected,) = build(gate_of(project), ["marts.totals"]).outcomes
    assert isinstance(rejected, Rejected)
    assert any(re.search(message, finding.message) for finding in rejected.verdict.blocking)
    assert {finding.check for finding in rejected.verdict.blocking} >= {"c"}, "the check itself has a failed finding"


def publish_after(
    project: Path, change: Callable[[Path], object], monkeypatch: pytest.MonkeyPatch, cycle: Any = table_pass
) -> Gate:
    """Returns a gate whose next verdicts are followed by a change on disk, before anything is published."""
    audit = cycle.audit_candidates

    def audit_and_change(*args: Any, **kwargs: Any) -> Any:
        verdicts = audit(*args, **kwargs)
        change(project)
        return verdicts

    monkeypatch.setattr(cycle, "audit_candidates", audit_and_change)
    return gate_of(project)


def edit(name: str) -> Callable[[Path], object]:
    """Appends a line, and gives the file its old size and time back where that is possible."""

    def edited(project: Path) -> None:
        file = project / name
        status = file.stat()
        text = file.read_text()
        file.write_text(text[:-1] + " " if text.endswith("\n") else text + " ")
        os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))

    return edited


@pytest.mark.parametrize(
    "name",
    [
        "defs/marts/contract.py",
        "defs/marts/defs.yaml",
        "defs/marts/c.sql",
        "dbt/models/models.yml",
    ],
)
def test_a_file_edited_after_the_audit_stops_the_publication_of_what_it_declares(
    make: Make, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    project = make(CHECKED, dbt=name.startswith("dbt"))
    gate = publish_after(project, edit(name), monkeypatch)
    with pytest.raises(SealBroken, match=re.escape(f"{project / name} was")) as broken:
        build(gate)
    assert "orchestrator build marts." in str(broken.value)
    assert set(open_project(project).cut().heads) == {"raw.orders"}


def test_a_check_added_after_the_audit_stops_the_publication(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make({}, dbt=True)
    new = "dbt/tests/none_open.sql"
    gate = publish_after(project, lambda folder: write(folder / new, "select 1"), monkeypatch)
    with pytest.raises(SealBroken, match=r"none_open\.sql was not there"):
        build(gate)


def test_a_contract_edited_while_files_are_landed_stops_their_publication(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path)
    file = write_orders(project, "a.csv", ORDER)
    gate = publish_after(project, edit("defs/orders/contract.py"), monkeypatch, landing)
    with pytest.raises(SealBroken, match=r"contract\.py was"):
        land(gate, "orders", [file])
    assert open_project(project).cut().heads == {}
    assert [path.name for path in (project / "home/landing/orders").iterdir()] == ["a.csv"]


def test_an_edit_of_something_else_stops_nothing(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make(CHECKED)

    def change(folder: Path) -> None:
        edit("defs/orders/defs.yaml")(folder)
        write(folder / "defs/marts/__pycache__/contract.pyc", "compiled")
        write(folder / "defs/marts/target/manifest.json", "{}")
        write(folder / "defs/marts/.c.sql.swp", "an editor")

    outcomes = build(publish_after(project, change, monkeypatch)).outcomes
    assert {type(outcome).__name__ for outcome in outcomes} == {"Published"}


def test_a_right_that_is_taken_away_during_a_build_stops_its_publication(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make({})
    audit = table_pass.audit_candidates

    def audit_and_revoke(*args: Any, **kwargs: Any) -> Any:
        verdicts = audit(*args, **kwargs)
        maker = project / "agents" / "maker.md"
        maker.write_text(maker.read_text().replace("may: [land, build, ", "may: ["))
        return verdicts

    monkeypatch.setattr(table_pass, "audit_candidates", audit_and_revoke)
    with pytest.raises(SealBroken, match="the producer's permissions"):
        build(gate_of(project))
    assert set(open_project(project).cut().heads) == {"raw.orders"}
