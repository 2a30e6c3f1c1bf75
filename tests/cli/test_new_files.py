"""`orchestrator new …` writes what loads and works at once, and never over what is there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from small_project import make_project, write, write_orders

from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.settings import load_settings

Call = Callable[..., Any]
NOTHING = {"pyproject.toml": '[tool.orchestrator]\nregistry = "off"\n'}


@pytest.fixture
def empty(orchestrator: Call, tmp_path: Path) -> Path:
    """A project with two agents and nothing else, made by commands."""
    folder = tmp_path / "my project"
    write(folder / "pyproject.toml", NOTHING["pyproject.toml"])
    for arguments in (["maker", "--produces", "*"], ["judge", "--audits", "*"]):
        said = orchestrator(folder, "new", "agent", *arguments)
        assert said.code == 0, said.err
    return folder


def assets(folder: Path) -> set[str]:
    return {str(key) for key in load_gate(load_settings(project=folder, environment={})).assets}


def test_agents_of_an_empty_project_are_sound(orchestrator: Call, empty: Path) -> None:
    checked = orchestrator(empty, "agents", "check")
    assert (checked.code, "2 agents, 0 assets: no problem." in checked.out) == (0, True)


@pytest.mark.parametrize(
    ("arguments", "made"),
    [
        (["table", "totals"], {"marts.totals"}),
        (["table", "class", "--python"], {"marts.class"}),
        (["table", "staging.totals", "--dbt"], {"staging.totals"}),
        (["embedding", "notes"], {"marts.notes", "embeddings.notes"}),
        (["model", "late"], {"features.late", "models.late"}),
    ],
)
def test_what_is_new_builds_on_an_empty_project(
    orchestrator: Call, empty: Path, arguments: list[str], made: set[str]
) -> None:
    said = orchestrator(empty, "new", *arguments)
    assert said.code == 0, said.err
    assert assets(empty) == made
    built = orchestrator(empty, "build")
    assert built.code == 0, built.out + built.err
    serving = {asset for asset in made if not asset.startswith("models.")}
    listed = json.loads(orchestrator(empty, "status", "--json").out)
    assert {each["asset"] for each in listed if each["state"] == "current"} == serving


@pytest.mark.slow
def test_a_model_that_is_new_can_be_trained(orchestrator: Call, empty: Path) -> None:
    orchestrator(empty, "new", "model", "late")
    orchestrator(empty, "build")
    trained = orchestrator(empty, "train", "models.late", "--by", "ada", "--why", "the first one", "--trials", "1")
    assert trained.code == 0, trained.out + trained.err


@pytest.mark.parametrize("how", ["--python", "--dbt"])
def test_a_table_of_another_one_has_its_columns(orchestrator: Call, tmp_path: Path, how: str) -> None:
    folder = make_project(tmp_path, dbt=True)
    said = orchestrator(folder, "new", "table", "copied", "--from", "raw.orders", how)
    assert said.code == 0, said.err
    again = orchestrator(folder, "new", "table", "twice", "--from", "marts.copied", how)
    assert again.code == 0, again.err
    orchestrator(folder, "land", "orders", write_orders(folder, "b.csv", (1, "ann", 10, "open")))
    built = orchestrator(folder, "build", "marts.copied", "marts.twice")
    assert built.code == 0, built.out + built.err
    rows = orchestrator(folder, "query", "--json", "SELECT * FROM marts.twice")
    assert json.loads(rows.out) == [{"order_id": 1, "customer": "ann", "amount": 10.0, "status": "open"}]


def test_an_embedding_of_a_table_asks_it_for_its_own_titles(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    refused = orchestrator(folder, "new", "embedding", "orders", "--of", "raw.orders")
    assert (refused.code, "promises no key" in refused.err) == (2, True)
    refused = orchestrator(folder, "new", "embedding", "customers", "--of", "marts.totals")
    assert (refused.code, "no column of text" in refused.err) == (2, True)
    said = orchestrator(folder, "new", "embedding", "customers", "--of", "marts.totals", "--text", "customer")
    assert said.code == 0, said.err
    assert "embeddings.customers" in assets(folder)


def test_a_model_asks_for_what_the_table_does_not_say(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    orchestrator(folder, "new", "model", "first")
    asked = ["new", "model", "second", "--examples", "features.first"]
    for more, problem in (
        ([], "does not say which column is the target"),
        (["--target", "nothing"], "has no column 'nothing'"),
        (["--target", "late"], "--classes"),
    ):
        said = orchestrator(folder, *asked, *more)
        assert (said.code, problem in said.err) == (2, True)
    said = orchestrator(folder, *asked, "--target", "late", "--classes", "no,yes")
    assert said.code == 0, said.err
    assert "category: [vendor]" in (folder / "defs/second_model/defs.yaml").read_text()


@pytest.mark.parametrize(
    "arguments",
    [["table", "orders_again"], ["embedding", "notes"], ["model", "late"], ["agent", "helper"]],
)
def test_nothing_is_written_over_and_a_dry_run_writes_nothing(
    orchestrator: Call, tmp_path: Path, arguments: list[str]
) -> None:
    folder = make_project(tmp_path)
    dry = orchestrator(folder, "new", *arguments, "--dry-run", "--json")
    told = json.loads(dry.out)
    assert (dry.code, told["written"], told[arguments[0]]) == (0, False, arguments[1])
    written = {Path(file) for file in told["files"]}
    assert not any(file.exists() for file in written)

    first = next(iter(sorted(written)))
    write(first, "mine\n")
    again = orchestrator(folder, "new", *arguments)
    assert (again.code, "is there already" in again.err) == (2, True)
    assert first.read_text() == "mine\n"
    assert not any(file.exists() for file in written - {first})


@pytest.mark.parametrize("kind", ["table", "embedding", "model", "agent"])
@pytest.mark.parametrize("name", ["Bad Name", "../out", "", "1st", "a.b.c", "x" * 64])
def test_a_name_that_cannot_be_is_refused(orchestrator: Call, tmp_path: Path, kind: str, name: str) -> None:
    folder = tmp_path / "p"
    write(folder / "pyproject.toml", NOTHING["pyproject.toml"])
    said = orchestrator(folder, "new", kind, name)
    assert (said.code, "Nothing was written" in said.err) == (2, True)


def test_what_the_project_would_not_load_with_is_not_written(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    agent = folder / "agents/maker.md"
    agent.write_text(agent.read_text().replace("['*']", "['group:raw or group:marts']"))
    said = orchestrator(folder, "new", "table", "elsewhere.totals")
    assert (said.code, "no agent produces elsewhere.totals" in said.err) == (2, True)
    assert not (folder / "defs/totals").exists()
    said = orchestrator(folder, "new", "agent", "second", "--produces", "*")
    assert said.code == 2
    assert not (folder / "agents/second.md").exists()


def test_a_project_that_lacks_agents_gets_them_one_by_one(orchestrator: Call, tmp_path: Path) -> None:
    folder = make_project(tmp_path)
    for name in ("maker", "judge", "orchestrator"):
        (folder / "agents" / f"{name}.md").unlink()
    first = orchestrator(folder, "new", "agent", "maker", "--produces", "*")
    assert (first.code, "no agent audits marts." in first.out) == (0, True)
    second = orchestrator(folder, "new", "agent", "judge", "--audits", "*", "--json")
    assert (second.code, json.loads(second.out)["problem"]) == (0, "")
    assert orchestrator(folder, "agents", "check").code == 0
