"""A small project that was built once, and its home as it was then, for each test that damages or copies it."""

import shutil
from pathlib import Path

import pytest
from small_project import gate_of, make_project, write_orders

from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.settings import Settings


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, Path]:
    """A project with two versions, a candidate that was rejected, and a copy of its home."""
    folder = make_project(tmp_path_factory.mktemp("healthy"))
    for name, row in (("may.csv", (1, "ann", 10, "open")), ("june.csv", (2, "bob", 5000, "open"))):
        land(gate_of(folder), "orders", [write_orders(folder, name, row)])
        build(gate_of(folder))
    settings = gate_of(folder).settings
    shutil.copytree(settings.home.root, folder / "saved")
    return settings, folder / "saved"


@pytest.fixture
def settings(built: tuple[Settings, Path]) -> Settings:
    settings, saved = built
    shutil.rmtree(settings.home.root)
    shutil.copytree(saved, settings.home.root)
    return settings
