"""What a build would build: changed, and neither rejected nor waiting for somebody."""

from pathlib import Path

import pytest
from small_project import gate_of, make_project, write_orders

from orchestrator_platform.gate.outcomes import Rejected
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.stale import StaleAssets


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_project(tmp_path_factory.mktemp("stale"))


def test_a_new_version_makes_everything_on_top_of_it_stale_until_it_is_built(project: Path) -> None:
    gate = gate_of(project)
    stale = StaleAssets(gate)
    assert stale.read() == {}, "nothing can be built of nothing"
    land(gate, "orders", [write_orders(project, "may.csv", (1, "ann", 10, "open"))])
    found = stale.read()
    assert list(found) == ["marts.totals", "marts.ranking"]
    assert stale.read() is found, "it is worked out once for each state"
    build(gate)
    assert stale.read() == {}

    land(gate, "orders", [write_orders(project, "again.csv", (1, "ann", 10, "open"))])
    assert stale.read() == {}, "the same bytes publish nothing"

    land(gate, "orders", [write_orders(project, "june.csv", (2, "bob", 5000, "open"))])
    tried = stale.read()["marts.totals"]
    assert any(isinstance(outcome, Rejected) for outcome in build(gate).outcomes)
    assert stale.read() == {}, "what was rejected is not asked for again"

    land(gate, "orders", [write_orders(project, "july.csv", (2, "bob", -4500, "open"), (3, "cy", 5, "open"))])
    assert stale.read()["marts.totals"].inputs != tried.inputs
    assert list(stale.read()) == ["marts.totals", "marts.ranking"]
