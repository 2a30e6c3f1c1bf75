"""`dg scaffold defs` writes what `orchestrator new` does, and `dg` knows what was written."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from dagster.components.component_scaffolding import scaffold_object
from small_project import AGENT_FILES, write, write_files

from orchestrator_platform.errors import Misuse
from orchestrator_platform.operations.new_embedding import propose_new_embedding
from orchestrator_platform.operations.new_model import Learned, propose_new_model
from orchestrator_platform.operations.new_table import propose_new_table
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.settings import Settings, load_settings

PYPROJECT = """
[tool.orchestrator]
defs = "shop/defs"

[tool.dg]
directory_type = "project"

[tool.dg.project]
root_module = "shop"
defs_module = "shop.defs"
code_location_target_module = "orchestrator_platform.definitions"
registry_modules = ["orchestrator_platform.components"]
"""
FILES = {**AGENT_FILES, "pyproject.toml": PYPROJECT, "shop/__init__.py": "", "shop/defs/__init__.py": ""}
PACKAGE = "orchestrator_platform.components"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(project=write_files(tmp_path, FILES), environment={})


def scaffold(settings: Settings, component: str, name: str, **params: str) -> Path:
    folder = settings.project.defs / name
    scaffold_object(folder, f"{PACKAGE}.{component}", json.dumps(params), "yaml", settings.project.root)
    return folder


def test_every_file_is_that_of_the_command(settings: Settings) -> None:
    proposed = {
        "PythonTableComponent": propose_new_table(settings, "totals", None, "python"),
        "EmbeddingComponent": propose_new_embedding(settings, "notes", folder=settings.project.defs / "notes"),
        "ModelComponent": propose_new_model(settings, "late", Learned(), settings.project.defs / "late"),
    }
    for component, new in proposed.items():
        scaffold(settings, component, new.name)
        assert {file: file.read_text(encoding="utf-8") for file in new.files} == new.files
    scaffold(settings, "DbtTablesComponent", "tables")
    sample = write(settings.project.root / "bills.csv", "bill_id,amount\n1,2.5\n")
    scaffold(settings, "SourceComponent", "bills", samples=str(sample))
    scaffold(settings, "SourceComponent", "parcels")
    scaffold(settings, "PythonTableComponent", "paid", parent="raw.bills")
    assert set(load_gate(settings).assets) == {
        "raw.bills", "raw.parcels", "marts.totals", "marts.paid", "marts.notes", "embeddings.notes", "features.late",
        "models.late",
    }  # fmt: skip


def test_what_does_not_load_leaves_no_folder_behind(settings: Settings) -> None:
    with pytest.raises(Misuse, match=r"raw\.nothing"):
        scaffold(settings, "PythonTableComponent", "paid", parent="raw.nothing")
    assert not (settings.project.defs / "paid").exists()


def dg(settings: Settings, *arguments: str) -> str:
    home = settings.project.root / "dagster"
    home.mkdir(exist_ok=True)
    path = os.pathsep.join([str(settings.project.root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [Path(sys.executable).with_name("dg"), *arguments],
        cwd=settings.project.root,
        env={**os.environ, "DAGSTER_HOME": str(home), "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_dg_scaffolds_checks_and_lists(settings: Settings) -> None:
    dg(settings, "scaffold", "defs", f"{PACKAGE}.PythonTableComponent", "totals")
    assert (settings.project.defs / "totals/contract.py").is_file()
    dg(settings, "check", "defs")
    listed = json.loads(dg(settings, "list", "defs", "--json"))
    assert "marts/totals" in json.dumps(listed)
