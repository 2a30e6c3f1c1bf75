"""The commands on a small project, from landing to what is read back."""

import csv
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
from small_project import make_project, write, write_orders

from orchestrator_platform.lake.session import load_statements

Call = Callable[..., object]


def test_files_are_landed_built_and_read_back(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    file = write_orders(folder, "a.csv", (1, "ann", 10, "open"), (2, "bob", 20, "paid"), (3, "ann", -5, "open"))
    before = file.read_bytes(), file.stat().st_mtime_ns

    planned = orchestrator(folder, "land", "orders", file.parent, "--dry-run")
    assert planned.code == 0
    assert "1 file would be copied into landing\n  a.csv" in planned.out
    assert not list((folder / ".orchestrator" / "landing").rglob("*.csv"))

    landed = orchestrator(folder, "land", "orders", file.parent)
    assert landed.code == 0, landed.err
    assert "raw.orders  published  version none → 1, 2 rows (+2 −0)" in landed.out
    assert "1 row in quarantine: 1 × amount ≥ 0; look: `orchestrator quarantine show 1`" in landed.out
    assert (file.read_bytes(), file.stat().st_mtime_ns) == before

    plan = json.loads(orchestrator(folder, "build", "--dry-run", "--json").out)
    assert [(item["asset"], item["need"]) for item in plan] == [("marts.totals", "stale"), ("marts.ranking", "stale")]

    built = orchestrator(folder, "build", "--why", "the first time", "--by", "ada")
    assert built.code == 0, built.err
    assert built.out.startswith("marts.totals   published  version none → 1, 2 rows (+2 −0)\nmarts.ranking  published")

    again = orchestrator(folder, "build")
    assert (again.code, again.out, again.err) == (0, "Nothing changed. 2 tables up to date.\n", "")
    assert orchestrator(folder, "query", "--json", "select count(*) n from raw.orders").out == '[{"n": 2}]\n'
    event = json.loads(orchestrator(folder, "journal", "--json").out)[-1]
    assert (event["act"], event["reason"], event["on_behalf_of"]) == ("publish", "the first time", "person:ada")


def test_a_build_of_one_table_says_what_above_it_was_not_asked_for_and_is_behind(
    orchestrator: Call, tmp_path: Path
) -> None:
    folder = make_project(tmp_path)
    orchestrator(folder, "land", "orders", write_orders(folder, "a.csv", (1, "ann", 10, "open")))
    orchestrator(folder, "build")
    orchestrator(folder, "land", "orders", write_orders(folder, "b.csv", (2, "bob", 5, "open")))
    for dry in ((), ("--dry-run",)):
        built = orchestrator(folder, "build", "marts.ranking", *dry)
        assert built.code == 0, built.err
        assert built.err == "not asked for, and behind: marts.totals. `orchestrator build` builds all that changed.\n"
    assert orchestrator(folder, "build", "marts.totals").err == ""


def test_a_plan_says_what_changed(orchestrator: Call, tmp_path: Path) -> None:
    def why() -> str:
        plan = json.loads(orchestrator(folder, "build", "marts.totals", "--dry-run", "--json").out)
        return str(plan[0]["why"])

    folder = make_project(tmp_path)
    orchestrator(folder, "land", "orders", write_orders(folder, "a.csv", (1, "ann", 10, "open")))
    assert why() == "it is new"
    orchestrator(folder, "build")
    assert why() == "same parents, code and contract"
    orchestrator(folder, "land", "orders", write_orders(folder, "b.csv", (2, "bob", 5, "open")))
    assert why() == "raw.orders changed"
    tables, contract = (folder / "defs" / "marts" / name for name in ("tables.py", "contract.py"))
    tables.write_text(tables.read_text() + "\nMORE = 1\n")
    assert why() == "raw.orders changed; its code changed"
    orchestrator(folder, "build")
    contract.write_text(contract.read_text().replace("lt=1000", "lt=2000"))
    assert why() == "its contract changed"


def test_a_file_landed_twice_is_a_duplicate_and_publishes_nothing(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    file = write_orders(folder, "a.csv", (1, "ann", 10, "open"))
    orchestrator(folder, "land", "orders", file)
    os.utime(file, (1, 1))  # another arrival, even where the file system gives it the same inode
    again = json.loads(orchestrator(folder, "land", "orders", file, "--json").out)
    assert (again["outcome"], again["version"]) == ("unchanged", 1)
    assert again["why"] == "the same bytes were landed before"
    assert [(entry["state"], entry["n_duplicate"]) for entry in again["files"]] == [("duplicate", 1)]


def test_a_landing_that_is_rejected_says_no(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    component = folder / "defs" / "orders" / "defs.yaml"
    write(component, component.read_text() + "  checks: [{name: nobody_is_eve, file: eve.sql}]\n")
    write(component.with_name("eve.sql"), "select * from raw.orders where customer = 'eve'")
    file = write_orders(folder, "a.csv", (1, "ann", 1, "open"), (2, "eve", 2, "open"))
    landed = orchestrator(folder, "land", "orders", file)
    assert landed.code == 1
    assert re.search(
        r"raw\.orders  rejected   .*no version serves yet; look: `orchestrator quarantine show 1`", landed.out
    )
    again = orchestrator(folder, "land", "orders")
    assert again.out == "raw.orders  unchanged  no new files\nwaiting in landing: a.csv: its candidate was rejected\n"


def test_a_file_that_is_refused_whole_says_no(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    file = write_orders(folder, "a.csv", (1, "ann", -1, "open"), (2, "bob", -2, "open"), (3, "eve", 3, "open"))
    landed = orchestrator(folder, "land", "orders", file)
    assert landed.code == 1
    assert re.search(r"a\.csv +3 +0 +3 +0 +refused", landed.out)
    assert "the files hold no row that could be published" in landed.out


def test_two_files_of_one_name_are_refused_before_either_is_copied(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    files = [write_orders(folder, f"{place}/a.csv", (1, place, 10, "open")) for place in ("north", "south")]
    said = orchestrator(folder, "land", "orders", *files)
    assert said.code == 2
    assert "would both be a.csv in landing" in said.err
    assert not list((folder / ".orchestrator" / "landing").rglob("*.csv"))
    missing = orchestrator(folder, "land", "orders", files[0], folder / "nowhere")
    assert missing.code == 2
    assert not list((folder / ".orchestrator" / "landing").rglob("*.csv"))
    assert orchestrator(folder, "land", "orders", folder / "incoming").code == 0


def test_of_many_files_only_those_not_published_whole_are_listed(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    for number in range(15):
        write_orders(folder, f"{number:02}.csv", (number, "ann", 10, "open"), (number, "bob", 20, "paid"))
    write_orders(folder, "bad.csv", (90, "ann", -1, "open"), (91, "bob", 2, "paid"))
    planned = orchestrator(folder, "land", "orders", folder / "incoming", "--dry-run").out
    assert planned.endswith("\n  09.csv\n  … and 6 more\n")
    landed = orchestrator(folder, "land", "orders", folder / "incoming").out
    assert [line.split()[1] for line in landed.splitlines() if line.startswith("orders ")] == ["bad.csv"]
    assert "16 files: 32 rows = 31 published + 1 quarantined + 0 duplicate" in landed


def test_status_says_what_serves_and_why_not_more(orchestrator: Call, told: Path) -> None:
    said = orchestrator(told, "status", "--json")
    found = {item["asset"]: item for item in json.loads(said.out)}
    assert list(found) == ["raw.orders", "marts.totals", "marts.ranking"]
    totals = found["marts.totals"]
    assert {"asset", "kind", "version", "n_rows", "state", "producer", "auditor"} <= set(totals)
    assert (totals["version"], totals["n_rows"], totals["state"]) == (1, 2, "rejected")
    assert (totals["producer"], totals["auditor"]) == ("maker", "judge")
    text = orchestrator(told, "status").out
    assert re.search(r"marts\.totals +table +1 +2 +rejected +maker +judge", text)


def test_a_rejection_says_what_failed_what_serves_and_where_to_look(orchestrator: Call, told: Path) -> None:
    said = orchestrator(told, "build")
    assert said.code == 1
    assert "held" in said.out
    assert "version 1 still serves" in said.out
    entries = json.loads(orchestrator(told, "quarantine", "list", "--json").out)
    assert [(entry["id"], entry["kind"]) for entry in entries] == [(1, "rows"), (2, "candidate")]
    shown = orchestrator(told, "quarantine", "show", 2).out
    assert "total < 1000" in shown
    assert '"total": "5000.0"' in shown


def test_the_ledger_adds_up(orchestrator: Call, told: Path) -> None:
    text = orchestrator(told, "ledger").out
    assert text.endswith("2 files: 4 rows = 3 published + 1 quarantined + 0 duplicate\n")
    entries = json.loads(orchestrator(told, "ledger", "orders", "--json").out)
    first = {name: entries[0][name] for name in ("source", "file", "n_rows", "n_published", "n_quarantined", "version")}
    assert first == {
        "source": "orders", "file": "may.csv", "n_rows": 3, "n_published": 2, "n_quarantined": 1, "version": 1,
    }  # fmt: skip
    assert (
        orchestrator(told, "ledger", "raw.orders", "--json").out == orchestrator(told, "ledger", "orders", "--json").out
    )


@pytest.mark.parametrize("as_json", [(), ("--json",)])
def test_a_source_that_is_not_there_is_misuse_for_the_ledger_as_for_a_landing(
    orchestrator: Call, told: Path, as_json: tuple[str, ...]
) -> None:
    said = orchestrator(told, "ledger", "nope", *as_json)
    assert said.code == 2
    assert "There is no source 'nope'. Known: orders." in said.out + said.err
    assert said == orchestrator(told, "land", "nope", *as_json)


def test_of_a_source_that_was_never_landed_the_ledger_says_so(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    assert orchestrator(folder, "ledger", "orders").out == "Nothing has been landed of orders yet.\n"
    assert orchestrator(folder, "ledger", "orders", "--json").out == "[]\n"


def test_a_quarantined_row_is_found_by_file_and_line(orchestrator: Call, told: Path) -> None:
    view = json.loads(orchestrator(told, "quarantine", "show", 1, "--json").out)
    assert [(row["file"], row["line"], row["rule"]) for row in view["rows"]] == [("may.csv", 3, "amount ≥ 0")]
    assert re.search(r"may\.csv +3 +amount ≥ 0", orchestrator(told, "quarantine", "show", 1).out)


def test_history_and_receipt_say_who_made_and_judged(orchestrator: Call, told: Path) -> None:
    versions = json.loads(orchestrator(told, "history", "raw.orders", "--json").out)
    assert [(item["version"], item["n_inserted"]) for item in versions] == [(2, 1), (1, 2)]
    receipt = json.loads(orchestrator(told, "receipt", "raw.orders@1", "--json").out)
    assert (receipt["version"], receipt["producer"], receipt["auditor"]) == (1, "maker", "judge")
    text = orchestrator(told, "receipt", "marts.totals").out
    assert "built from   raw.orders, version 1" in text
    assert re.search(r"grain_customer_unique +yes +error", text)


def test_any_kept_snapshot_can_be_queried(orchestrator: Call, told: Path) -> None:
    snapshot = json.loads(orchestrator(told, "history", "raw.orders", "--json").out)[1]["snapshot"]
    sql = "select count(*) as n from raw.orders"
    assert orchestrator(told, "query", sql, "--snapshot", snapshot, "--json").out == '[{"n": 2}]\n'
    assert orchestrator(told, "query", sql, "--json").out == '[{"n": 3}]\n'


def test_what_lies_in_a_cell_is_whole_in_data_and_harmless_in_text(orchestrator: Call, told: Path) -> None:
    sql = "select customer from raw.orders where order_id = 4"
    assert json.loads(orchestrator(told, "query", sql, "--json").out) == [{"customer": "e\x1b[2Jve"}]
    rows = list(csv.reader(io.StringIO(orchestrator(told, "query", sql, "--csv").out)))
    assert rows == [["customer"], ["e\x1b[2Jve"]]
    for arguments in (["query", sql], ["quarantine", "show", 2]):
        text = orchestrator(told, *arguments).out
        assert "\x1b" not in text
        assert "[2Jve" in text


@pytest.mark.parametrize(
    "sql", ["selec 1", "select nothing from raw.orders", "from nowhere", "drop table raw.orders", "", "select 'x'::int"]
)
def test_wrong_sql_is_a_short_message(orchestrator: Call, told: Path, sql: str) -> None:
    said = orchestrator(told, "query", sql)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("error: ")
    assert "Traceback" not in said.err
    assert len(said.err) < 700


@pytest.mark.parametrize(
    "arguments",
    [
        ["query", "select 1", "--snapshot", "99999"],
        ["query", "select 1", "--json", "--csv"],
        ["receipt", "raw.orders@9"],
        ["receipt", "raw.nothing"],
        ["history", "Not A Name"],
        ["quarantine", "show", "99"],
        ["land", "nothing"],
        ["build", "marts.nothing"],
        ["build", "--by", "no such\nperson"],
    ],
)
def test_what_is_not_there_is_misuse(orchestrator: Call, told: Path, arguments: list[str]) -> None:
    said = orchestrator(told, *arguments)
    assert said.code == 2, said.err
    assert said.out == ""
    assert said.err.count("\n") == 1 or "--json" in arguments


def test_connect_prints_statements_that_any_duckdb_runs(orchestrator: Call, told: Path) -> None:
    statements = json.loads(orchestrator(told, "connect", "--json").out)
    with duckdb.connect(config={"autoinstall_known_extensions": "false"}) as other:
        for statement in load_statements():
            other.execute(statement)
        for statement in statements:
            if not statement.startswith("INSTALL"):
                other.execute(statement)
        assert other.execute("SELECT count(*) FROM raw.orders").fetchall() == [(3,)]


def test_agents_are_listed_with_their_assets(orchestrator: Call, told: Path) -> None:
    found = {item["name"]: item for item in json.loads(orchestrator(told, "agents", "--json").out)}
    assert found["maker"]["produces"] == ["raw.orders", "marts.totals", "marts.ranking"]
    assert found["judge"]["audits"] == found["maker"]["produces"]
    assert found["judge"]["may"] == ["audit", "quarantine", "discard"]
    assert orchestrator(told, "agents", "check").out == "3 agents, 3 assets: no problem.\n"


def test_agents_are_checked_where_an_agent_file_keeps_the_project_from_loading(
    orchestrator: Call, tmp_path: Path
) -> None:
    folder = make_project(tmp_path)
    judge = folder / "agents" / "judge.md"
    write(judge, judge.read_text().replace("audits: ['*']", "audits: []"))
    write(folder / "agents" / "maker.md", (folder / "agents" / "maker.md").read_text().replace("context", "contxt"))
    assert orchestrator(folder, "status").code == 2
    said = orchestrator(folder, "agents", "check")
    assert said.code == 1
    assert re.search(r"maker\.md:\d+: ", said.out)
    found = json.loads(orchestrator(folder, "agents", "check", "--json").out)
    assert len(found["problems"]) >= 1


def test_agents_are_checked_where_a_component_is_wrong(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path, changes={"defs/orders/defs.yaml": "type: ["})
    said = orchestrator(folder, "agents", "check")
    assert said.code == 1
    assert "The seats were not checked: " in said.out
    assert "defs/orders/defs.yaml" in said.out


def test_an_interrupted_query_ends_at_once(told: Path) -> None:
    sql = "select sum(a.range * b.range) from range(1000000) a, range(1000000) b"
    command = [sys.executable, "-c", _SAYS_WHEN_IT_RUNS, "query", sql]
    with subprocess.Popen(
        command,
        cwd=told,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Tests that run in the background of a shell inherit SIGINT ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - no thread runs before exec
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        time.sleep(0.5)  # the query itself cannot be awaited: it says nothing
        process.send_signal(signal.SIGINT)
        try:
            _, err = process.communicate(timeout=30)
        finally:
            process.kill()
    assert process.returncode == 130
    assert err.startswith("error: interrupted.")


_SAYS_WHEN_IT_RUNS = """
from orchestrator_platform.cli import main, results
fetch = results._rows
def said(*arguments):
    print("running", flush=True)
    return fetch(*arguments)
results._rows = said
main()
"""


@pytest.mark.parametrize(
    "command",
    [
        "status", "build", "land orders", "ledger", "query 'select 1'", "connect", "history a.b", "receipt a.b",
        "check a.b", "quarantine list", "quarantine show 1", "journal", "agents", "agents check", "new source x y.csv",
        "dev",
    ],
)  # fmt: skip
def test_outside_of_a_project_a_command_says_so_and_does_nothing(
    orchestrator: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.delenv("ORCHESTRATOR_PROJECT", raising=False)
    write(tmp_path / "y.csv", "a\n1\n")
    said = orchestrator(tmp_path, *shlex.split(command))
    assert said.code == 2
    assert f"{tmp_path} is not inside a project" in said.err
    assert "[tool.orchestrator]" in said.err
    assert "--project" in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["y.csv"]


@pytest.mark.parametrize("command", ["dev", "serve models.spam"])
def test_what_prints_no_result_has_no_option_for_its_form(orchestrator: Call, tmp_path: Path, command: str) -> None:
    said = orchestrator(make_project(tmp_path), *shlex.split(command), "--json")
    assert (said.code, said.out) == (2, "")
    assert "No such option" in said.err
    assert "--json" in said.err


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[tool.orchestrator]\nagnts = 'agents'", "'agnts'"),
        ("[tool.orchestrator]\ndefs = 3", "'defs'"),
        ("[tool.orchestrator.retetion]\ndays = 3", "'retetion'"),
        ("[tool]\norchestrator = 3", "'tool.orchestrator'"),
    ],
)
def test_a_setting_that_is_not_known_is_not_passed_over(
    orchestrator: Call, tmp_path: Path, written: str, said: str
) -> None:
    folder = make_project(tmp_path)
    write(folder / "pyproject.toml", written)
    for command in ("lint", "gc --dry-run", "status"):
        told = orchestrator(folder, *shlex.split(command))
        assert told.code == 2, told
        assert f"cannot have {said} as it stands" in told.err


def test_a_group_by_itself_prints_its_help(orchestrator: Call, tmp_path: Path) -> None:
    said = orchestrator(make_project(tmp_path), "model")
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith("Usage: orchestrator model")


def test_a_folder_that_is_named_must_be_a_project_itself(orchestrator: Call, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project")
    said = orchestrator(project, "status", "--project", project / "defs")
    assert said.code == 2
    assert f"{project / 'defs'} is not a project" in said.err


def test_a_command_works_anywhere_inside_a_project(orchestrator: Call, tmp_path: Path) -> None:
    project = make_project(tmp_path)
    assert orchestrator(project / "defs" / "orders", "status").code == 0
    assert (project / ".orchestrator").is_dir()


@pytest.mark.parametrize("command", ["agents", "journal"])
def test_a_long_list_fits_into_a_hundred_columns_and_json_is_whole(
    orchestrator: Call, told: Path, command: str
) -> None:
    shown, whole = orchestrator(told, command).out, orchestrator(told, command, "--json").out
    assert max(map(len, shown.splitlines())) <= 100
    assert "…" in shown
    assert "…" not in whole


def test_what_people_type_most_does_not_wait_for_pandas(orchestrator: Call, tmp_path: Path) -> None:
    """A bound parameter, or an import in the wrong place, would load it into every command."""
    folder = make_project(tmp_path)
    orchestrator(folder, "land", "orders", write_orders(folder, "a.csv", (1, "ann", 5_000, "open")))
    assert "rejected" in orchestrator(folder, "build").out
    run = "import sys\nfrom orchestrator_platform.cli.edge import run\nassert run(['status']) == 0\n"
    ask = "print(*sorted({'pandas', 'numpy', 'dagster', 'dbt'} & set(sys.modules)))"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", run + ask], cwd=folder, capture_output=True, text=True, check=True
    )
    assert told.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("group", [(), ("quarantine",), ("new",), ("projections",)])
def test_help_says_of_every_command_what_it_does_in_whole_sentences(
    orchestrator: Call, tmp_path: Path, group: tuple[str, ...]
) -> None:
    said = orchestrator(tmp_path, *group, "--help").out
    listed = said.split("-h, --help", 1)[1]
    assert "..." not in listed
    assert max(map(len, said.splitlines())) <= 80


def test_help_lists_every_command_once_by_what_it_is_for(orchestrator: Call, tmp_path: Path) -> None:
    listed = orchestrator(tmp_path, "--help").out.split("-h, --help", 1)[1]
    names = re.findall(r"^  ([a-z]+)  ", listed, re.MULTILINE)
    assert len(names) == len(set(names)) >= 39
    assert listed.index("Bring in and build:") < listed.index("\n  land ") < listed.index("Decide:")
