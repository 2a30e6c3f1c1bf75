"""`ci`, `check` and `sample` at the prompt, and an environment in which nothing published is touched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from made_once import MadeOnce
from small_project import AGENT_FILES, DBT_FILES, make_project, write, write_orders

from orchestrator_platform.cli.edge import run

Call = Callable[..., Any]
TABLES = "defs/marts/tables.py"


def make_served(folder: Path) -> None:
    make_project(folder, changes={"agents/referee.md": AGENT_FILES["agents/judge.md"].replace("judge", "referee")})
    for agent, audits in (("judge", "key:raw/*"), ("referee", "group:marts")):
        file = folder / f"agents/{agent}.md"
        write(file, file.read_text(encoding="utf-8").replace("audits: ['*']", f"audits: ['{audits}']"))
    rows = [(n, f"c{n % 4}", n, "open") for n in range(1, 41)]
    for arguments in (["land", "orders", str(write_orders(folder, "a.csv", *rows))], ["build"]):
        assert run(["--project", str(folder), *arguments]) == 0


@pytest.fixture
def folder(made_once: MadeOnce) -> Path:
    return made_once(make_served)


def replace(folder: Path, before: str, after: str, file: str = TABLES) -> None:
    text = (folder / file).read_text(encoding="utf-8")
    assert before in text
    write(folder / file, text.replace(before, after))


def test_a_branch_is_approved_or_rejected_in_words_and_by_exit_code(orchestrator: Call, folder: Path) -> None:
    same = orchestrator(folder, "ci")
    assert same.code == 0, same.err
    assert same.out.startswith("approved: 0 assets changed, 2 checks")
    replace(folder, 'orders.aggregate("customer,', 'orders.filter("customer <> \'c1\'").aggregate("customer,')
    no = orchestrator(folder, "ci", "--junit", "out/ci.xml", "--markdown", "out/ci.md", "--by", "ada")
    assert no.code == 1
    assert "failed   marts.totals  rows_kept  defs/marts/tables.py:7: 1 of 4 rows are gone (25.0%)" in no.out
    markdown = (folder / "out/ci.md").read_text(encoding="utf-8")
    assert "| ❌ | `marts.totals` | code | published | 4 → 3 (−1) | – | `marts.ranking` |" in markdown
    root = ET.parse(folder / "out/ci.xml").getroot()  # noqa: S314  # our own text
    assert [case.attrib["name"] for case in root.iter("testcase") if case.find("failure") is not None] == ["rows_kept"]
    document = json.loads(orchestrator(folder, "ci", "--json").out)
    assert (document["approved"], document["changes"][0]["asset"]) == (False, "marts.totals")
    assert orchestrator(folder, "ci", "--max-rows-lost", "0.3").code == 0
    assert orchestrator(folder, "ci", "--allow", "rows_kept:marts.totals").code == 0
    # What was made can be looked at, and nothing of it is at home.
    made = json.loads(orchestrator(folder, "status", "--json", "--home", ".orchestrator-ci").out)
    home = json.loads(orchestrator(folder, "status", "--json").out)
    assert [(item["asset"], item["version"]) for item in made[1:]] == [("marts.totals", 2), ("marts.ranking", 2)]
    assert {item["version"] for item in home} == {1}


def test_what_cannot_be_asked_is_misuse(orchestrator: Call, folder: Path) -> None:
    for arguments in (["--allow", "everything"], ["--lake", "nowhere"], ["--max-rows-lost", "2"], ["--by", "a b"]):
        assert orchestrator(folder, "ci", *arguments).code == 2


def test_an_overlay_is_made_where_it_is_asked_for_over_any_lake(orchestrator: Call, folder: Path) -> None:
    (folder / ".orchestrator").rename(folder / "elsewhere")
    said = orchestrator(folder, "ci", "--lake", "elsewhere", "--home", "over")
    assert said.code == 0, said.err
    assert (folder / "over/lake/catalog.sqlite").exists()
    assert not (folder / ".orchestrator-ci").exists()


def test_in_the_environment_dev_commands_work_over_the_home_and_leave_it(
    orchestrator: Call, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = orchestrator(folder, "query", "select * from marts.totals order by all", "--json").out
    monkeypatch.setenv("ORCHESTRATOR_ENV", "dev")
    landed = orchestrator(folder, "land", "orders", write_orders(folder, "b.csv", (99, "zoe", 5, "open")))
    assert landed.code == 0, landed.err
    assert orchestrator(folder, "build").code == 0
    assert orchestrator(folder, "gc", "--by", "ada").code == 0
    assert orchestrator(folder, "check", "--quiet").code == 0
    zoe = "select count(*) n from marts.totals where customer = 'zoe'"
    assert orchestrator(folder, "query", zoe, "--json").out == '[{"n": 1}]\n'
    assert orchestrator(folder, "backup", "copy", "--by", "ada").code == 2
    monkeypatch.delenv("ORCHESTRATOR_ENV")
    assert orchestrator(folder, "query", zoe, "--json").out == '[{"n": 0}]\n'
    assert orchestrator(folder, "query", "select * from marts.totals order by all", "--json").out == before
    monkeypatch.setenv("ORCHESTRATOR_ENV", "production")
    assert orchestrator(folder, "status").code == 2


def test_checks_alone_are_selected_by_asset_group_and_agent(orchestrator: Call, folder: Path) -> None:
    def checked(*arguments: str) -> list[str]:
        said = orchestrator(folder, "check", "--json", *arguments)
        assert said.code == 0, said.err
        return [item["asset"] for item in json.loads(said.out)]

    assert checked() == ["raw.orders", "marts.totals", "marts.ranking"]
    assert checked("marts.totals") == ["marts.totals"]
    assert checked("group:raw") == checked("auditor:judge") == ["raw.orders"]
    assert checked("auditor:referee") == checked('key:"marts/*"') == ["marts.totals", "marts.ranking"]
    assert checked("producer:maker", "marts.totals") == ["raw.orders", "marts.totals", "marts.ranking"]
    for wrong in ("marts.nothing", "auditor:nobody", "group:nothing", "key:"):
        assert orchestrator(folder, "check", wrong).code == 2


def test_a_check_that_fails_is_a_no_and_a_failed_test_case(orchestrator: Call, folder: Path) -> None:
    replace(folder, "lt=1000", "lt=100", "defs/marts/contract.py")
    said = orchestrator(folder, "check", "group:marts", "--junit", "check.xml", "--quiet")
    assert said.code == 1
    assert "marts.totals, version 1: reject, says referee" in said.out
    root = ET.parse(folder / "check.xml").getroot()  # noqa: S314  # our own text
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib["type"] == "total_lt_100"
    assert str(failure.text).startswith("defs/marts/contract.py:6\n")
    assert orchestrator(folder, "check", "marts.ranking").code == 0


def test_a_dbt_test_may_have_a_name_that_no_file_can_have(orchestrator: Call, tmp_path: Path) -> None:
    models = DBT_FILES["dbt/models/models.yml"]
    values = ", ".join(["open", *(f"a_status_that_is_never_used_{n}" for n in range(10))])
    listed = f"data_tests: [not_null, {{accepted_values: {{arguments: {{values: [{values}]}}}}}}]"
    changes = {
        "dbt/models/models.yml": models.replace("data_tests: [unique, not_null]", listed),
        "dbt/tests/no_empty_status.sql": "select * from {{ ref('statuses') }} where n_orders = 0",
    }
    folder = make_project(tmp_path, dbt=True, changes=changes)
    orchestrator(folder, "land", "orders", write_orders(folder, "a.csv", (1, "ann", 10, "open")))
    assert orchestrator(folder, "build").code == 0
    checked = orchestrator(folder, "check", "marts.statuses", "--quiet", "--junit", "check.xml")
    assert checked.code == 0, checked.err
    assert "marts.statuses, version 1: approve" in checked.out


def test_a_sample_is_made_and_told_of(orchestrator: Call, folder: Path) -> None:
    planned = orchestrator(folder, "sample", "--rows", "2", "--to", "small", "--dry-run")
    assert planned.code == 0, planned.err
    assert "as it was" not in planned.out
    assert not (folder / "small").exists()
    made = orchestrator(folder, "sample", "--rows", "2", "--to", "small", "--json")
    assert made.code == 0, made.err
    assert {item["asset"]: item["n_rows"] for item in json.loads(made.out)["assets"]} == {
        "raw.orders": 20, "marts.totals": 2, "marts.ranking": 2,
    }  # fmt: skip
    assert orchestrator(folder, "ci", "--lake", "small").code == 0
    assert orchestrator(folder, "sample", "--rows", "2", "--to", "small").code == 2
