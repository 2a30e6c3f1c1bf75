from pathlib import Path

import pytest
from small_project import FILES, gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import NotPermitted
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land

TAKEN = {"land": "maker", "build": "maker", "publish": "maker", "audit": "judge", "quarantine": "judge"}


@pytest.mark.parametrize("act", TAKEN)
def test_an_act_that_is_taken_from_an_agent_publishes_nothing(tmp_path: Path, act: str) -> None:
    agent, landed = TAKEN[act], act == "build"
    text = FILES[f"agents/{agent}.md"]
    taken = text.replace(f"[{act}, ", "[").replace(f" {act},", "")
    assert taken != text
    folder = make_project(tmp_path, changes={f"agents/{agent}.md": taken})
    file = write_orders(folder, "a.csv", (1, "ann", 10, "open"))
    gate = gate_of(folder)
    if landed:
        land(gate, "orders", [file])
    with pytest.raises(NotPermitted, match=f"{agent} may not {act}"):
        build(gate) if landed else land(gate, "orders", [file])
    assert set(open_project(folder).cut().heads) == ({"raw.orders"} if landed else set())
