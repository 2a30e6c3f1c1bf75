"""Pages whose example is a project of its own, written down and run word for word."""

import importlib.util
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sliced_project import FILES, a_sale_on
from small_project import write, write_files, write_orders

from orchestrator_platform.cli.edge import run

DOCS = Path(__file__).resolve().parents[2] / "docs"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def write_page(page: str, folder: Path) -> list[list[str]]:
    """Writes the page's files and returns the arguments of its commands."""
    commands = []
    for language, file, text in FENCE.findall((DOCS / page).read_text(encoding="utf-8")):
        if file:
            write(folder / file, text)
        elif language == "console":
            commands += [shlex.split(line.removeprefix("$ orchestrator ")) for line in text.splitlines()]
    return commands


def load(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"page_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_page_on_existing_projects_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = write_page("existing-dagster-project.md", tmp_path)
    write(tmp_path / "orders.csv", "1,ann,10.5\n2,bob,2\n3,ann,7\n")
    module = load(tmp_path / "definitions.py")
    more = load(tmp_path / "more.py")
    resources = {"io_manager": module.GatedIOManager(project=str(tmp_path))}
    with dg.DagsterInstance.ephemeral() as instance:
        made = dg.materialize(
            [module.orders, module.customers, more.best_customers], instance=instance, resources=resources
        )
    assert made.success
    monkeypatch.chdir(tmp_path)
    for arguments in commands:
        assert run(arguments) == 0, arguments
    said = capsys.readouterr().out
    assert re.search(r"ann +17\.5", said)
    assert re.search(r"auditor +checker", said)
    assert run(["query", "SELECT customer FROM marts.best_customers"]) == 0
    assert re.search(r"^ann$", capsys.readouterr().out, re.MULTILINE)


def test_the_page_on_slices_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(tmp_path, {name: text for name, text in FILES.items() if not name.startswith("defs/daily")})
    contract = tmp_path / "defs/orders/contract.py"
    contract.write_text(contract.read_text().replace("status: str", "ordered_on: str"))
    commands = write_page("partitions.md", tmp_path)
    monkeypatch.chdir(tmp_path)
    file = write_orders(tmp_path, "a.csv", *a_sale_on(1, 2, 4))
    file.write_text(file.read_text().replace("status", "ordered_on"))
    assert run(["land", "orders", str(file)]) == 0
    capsys.readouterr()
    said = []
    for arguments in commands:
        assert run(arguments) == 0, arguments
        said.append(capsys.readouterr().out)
    assert "to be built: 3 slices: 2024-05-01, 2024-05-02, 2024-05-04" in said[0]
    assert re.search(r"2024-05-02 +stale +0", said[1])
    assert "2024-05-04" not in said[1]
    assert "2 slices: 2024-05-01, 2024-05-02, 2 rows (+2 −0)" in said[2]
    assert "version 1 → 2, 2024-05-04, 3 rows (+1 −0)" in said[3]
