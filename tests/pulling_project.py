"""A small project whose source of orders pulls, and what there is to see of a pull."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from small_project import AGENT_FILES, gate_of, make_project

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.pull import pull
from orchestrator_platform.pulling.http_file import Clock
from orchestrator_platform.pulling.pull_state import load_state
from orchestrator_platform.records.pulls import Pulled, PullState

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MAY_PULL = AGENT_FILES["agents/maker.md"].replace("may: [land,", "may: [pull, land,")
SOURCE = """
    type: orchestrator_platform.components.SourceComponent
    attributes:
      name: orders
      asset: raw.orders
      contract: contract.py:Orders
      pattern: {pattern}
      max_bad_share: 0.5
      pull: {pull}
"""


def make_pulling(folder: Path, pull: dict[str, Any], pattern: tuple[str, ...] = ("**/*.csv",), **changes: str) -> Gate:
    """Writes the project and returns its gate at noon."""
    said = SOURCE.format(pull=json.dumps(pull), pattern=json.dumps(list(pattern)))
    make_project(folder, changes={"defs/orders/defs.yaml": said, "agents/maker.md": MAY_PULL, **changes})
    return replace(gate_of(folder), now=lambda: NOON)


def pull_now(gate: Gate, waited: list[float] | None = None) -> Pulled:
    """Pulls the orders; waits are noted, and take no time."""
    clock = Clock(sleep=(waited if waited is not None else []).append, between=lambda _low, high: high)
    return pull(gate, "orders", on_behalf_of="person:ada", clock=clock)


def landing(gate: Gate) -> dict[str, bytes]:
    """Returns everything that is in the source's landing folder, by name."""
    return dict(_files(gate.settings.home.landing / "orders"))


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def state_of(gate: Gate) -> PullState:
    return load_state(gate.settings.home.pulls, "orders")
