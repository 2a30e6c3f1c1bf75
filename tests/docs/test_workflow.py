"""The workflow for pull requests and the hook before a commit: their own lines are run, on a project with a sample."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml
from ci_project import ADA, edit, make_published
from made_once import MadeOnce
from small_project import gate_of, write

from orchestrator_platform.operations.sample import export_sample

PROJECT = Path(__file__).resolve().parents[2]
WORKFLOW = PROJECT / "docs/workflows/pull-request.yml"
HOOKS = PROJECT / ".pre-commit-hooks.yaml"


def steps() -> dict[str, Any]:
    (job,) = yaml.safe_load(WORKFLOW.read_text(encoding="utf-8"))["jobs"].values()
    return {step["name"]: step for step in job["steps"] if "run" in step}


def with_sample(folder: Path) -> None:
    make_published(folder)
    export_sample(gate_of(folder), folder / "lake", 5, ADA, root="marts.buyers")
    with tarfile.open(folder / "lake.tar.gz", "w:gz") as packed:
        packed.add(folder / "lake", "lake")


@pytest.fixture
def checkout(made_once: MadeOnce) -> Path:
    return made_once(with_sample)


def run(line: str, folder: Path, commands: Path) -> subprocess.CompletedProcess[str]:
    """Runs a line as a runner does: in a shell that stops at the first failure, with the environment's own commands."""
    found = {"PATH": f"{commands}:{Path(sys.executable).parent}:{os.environ['PATH']}", "GITHUB_ACTOR": "ada-lovelace"}
    environment = {**os.environ, **found, "PULL_REQUEST": "7"}
    return subprocess.run(
        ["bash", "-eo", "pipefail", "-c", line],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def commands(tmp_path: Path) -> Path:
    """What a runner has and this machine may lack: `gh` notes what it is asked, and posts the file as it is."""
    gh = write(tmp_path / "commands/gh", '#!/bin/sh\necho "$@" >> "$0.asked"\n')
    gh.chmod(0o755)
    return gh.parent


def test_the_steps_of_the_workflow_reject_a_branch_and_leave_its_reports(checkout: Path, commands: Path) -> None:
    # On a runner the lake comes from elsewhere, and so from another folder than it was made in.
    (checkout / "lake").rename(checkout / "gone")
    edit(checkout, "dbt/models/cleaned.sql", "'orders') }}", "'orders') }} where order_id % 3 <> 0")
    told = steps()
    for name in ("Fetch the lake", "Lint"):
        done = run(told[name]["run"], checkout, commands)
        assert done.returncode == 0, done.stderr
    done = run(told["Audit what the branch changes"]["run"], checkout, commands)
    assert done.returncode == 1, done.stderr
    suites = ET.parse(checkout / "reports/ci.xml").getroot()  # noqa: S314  # our own text
    assert int(suites.attrib["failures"]) >= 1
    assert (checkout / "reports/ci.md").read_text(encoding="utf-8").startswith("## ❌ Rejected")
    assert run(told["Comment"]["run"], checkout, commands).returncode == 0
    assert "pr comment 7 --body-file reports/ci.md" in (commands / "gh.asked").read_text(encoding="utf-8")


def test_what_the_workflow_names_is_there(checkout: Path, commands: Path) -> None:
    assert {"Install", "Fetch the lake", "Lint", "Audit what the branch changes", "Comment"} == steps().keys()
    assert steps()["Install"]["run"] == "python -m pip install --quiet uv && uv pip install --system --quiet ."


def test_the_hook_before_a_commit_lets_a_good_one_through_and_stops_a_bad_one(checkout: Path, commands: Path) -> None:
    (hook,) = yaml.safe_load(HOOKS.read_text(encoding="utf-8"))
    assert run(hook["entry"], checkout, commands).returncode == 0
    edit(checkout, "defs/orders/contract.py", '"grain": "none"', '"grain": ["order"]')
    stopped = run(hook["entry"], checkout, commands)
    assert stopped.returncode == 1
    assert "defs/orders/contract.py:12: names 'order', which is no column of Orders" in stopped.stdout
