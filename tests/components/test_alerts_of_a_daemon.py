"""A running daemon tells people of what became late, waits for a person, or could not be copied: each cause once, and
again only where it ended and came back.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import SensorInstigatorData
from receivers import Hook, hook
from served_home import ServedHome, serve, wait_until

from orchestrator_platform.gate.context import Gate, utc_now
from orchestrator_platform.operations.approve import approve
from orchestrator_platform.operations.dev import write_dagster_home
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.settings import Settings, load_settings

SENSOR, LAGGING, HEADER = "alerts", "lagging:local:embeddings.names", "order_id,customer,amount\n"
ALERTS = """
type: orchestrator_platform.components.AlertsComponent
attributes:
  project: shop
  channels: [{{kind: webhook, url: '{url}', key_variable: ALERTS_KEY}}]
"""
NAMES = """
type: orchestrator_platform.components.EmbeddingComponent
attributes: {asset: embeddings.names, source: marts.names, key: [customer], text: [customer], title: customer}
"""
CHANGES = {
    "shop/defs/names/defs.yaml": NAMES,
    "shop/defs/best/defs.yaml": """
type: orchestrator_platform.components.PythonTableComponent
attributes:
  module: best.py
  checks: [{name: no_large, file: large.py, function: large, severity: escalate}]
""",
    "shop/defs/best/large.py": """
def large(table, parents):
    return table.filter("total BETWEEN 100 AND 300")
""",
}
PROMISE = "  freshness: {warn_after: {count: 2, period: day}}\n"


@pytest.fixture
def received() -> Iterator[Hook]:
    with hook() as received:
        yield received


@pytest.fixture
def served(tmp_path: Path, shop_files: Any, received: Hook, monkeypatch: pytest.MonkeyPatch) -> Iterator[ServedHome]:
    """A home whose orders came in three days ago, with something in the way of its serving copies."""
    project = shop_files(
        tmp_path / "project", {**CHANGES, "shop/defs/alerts/defs.yaml": ALERTS.format(url=received.url)}
    )
    with (project / "shop/defs/orders/defs.yaml").open("a", encoding="utf-8") as orders:
        orders.write(PROMISE)
    monkeypatch.setenv("ALERTS_KEY", "a-secret-of-the-receiver")
    settings = load_settings(home=tmp_path / "home", project=project, environment={})
    ann = tmp_path / "ann.csv"
    ann.write_text(f"{HEADER}1,ann,200\n", encoding="utf-8")
    land(replace(silent(settings), now=lambda: utc_now() - timedelta(days=3)), "orders", [ann])
    block(settings)
    with (
        dg.DagsterInstance.from_config(str(write_dagster_home(settings))) as instance,
        serve(settings, instance) as home,
    ):
        yield home


def silent(settings: Settings) -> Gate:
    """A gate that tells nobody, so that whatever is told is told by the daemon."""
    return replace(load_gate(settings), alerts=None)


def block(settings: Settings) -> None:
    copies = settings.home.projections / "local"
    if copies.exists():
        copies.rename(copies.with_name("aside"))
    copies.parent.mkdir(exist_ok=True)
    copies.write_text("in the way", encoding="utf-8")


def unblock(settings: Settings) -> None:
    (settings.home.projections / "local").unlink()


def told(received: Hook) -> list[tuple[str, str]]:
    """Returns the id of every cause that was told, with the id of its message."""
    pairs = zip(received.bodies, received.headers, strict=True)
    return [(each["id"], headers["webhook-id"]) for body, headers in pairs for each in json.loads(body)["alerts"]]


def about(received: Hook) -> list[str]:
    return sorted(cause.partition(":")[0] for cause, _ in told(received))


def tick(home: ServedHome, times: int = 1) -> None:
    """Lets the minute between two ticks be over, and waits until the sensor has looked again."""
    for _ in range(times):
        before = home.ticks(SENSOR)
        wait_until(lambda: _is_due(home) and home.ticks(SENSOR) > before)  # noqa: B023 - it is called in the loop


def ticked(home: ServedHome, noted: Path) -> bytes:
    """Returns what is noted of those that were told, once the sensor has looked again."""
    tick(home)
    return noted.read_bytes()


def _is_due(home: ServedHome) -> bool:
    for state in home.instance.all_instigator_state():
        data = state.instigator_data
        if state.name == SENSOR and isinstance(data, SensorInstigatorData):
            over = SensorInstigatorData(
                cursor=data.cursor, min_interval=data.min_interval, sensor_type=data.sensor_type
            )
            home.instance.update_instigator_state(state.with_data(over))
    return True


def drop(home: ServedHome, name: str, rows: str) -> None:
    (home.landing("orders") / name).write_text(f"{HEADER}{rows}\n", encoding="utf-8")


@pytest.mark.slow
def test_each_cause_is_told_once_and_again_where_it_came_back(served: ServedHome, received: Hook) -> None:
    settings = served.settings
    wait_until(lambda: about(received) == ["escalated", "lagging", "late"], 120)
    tick(served, 3)
    assert about(received) == ["escalated", "lagging", "late"]
    first = dict(told(received))

    # All three end: the daemon notices, and tells nobody.
    (number,) = (int(cause.partition(":")[2]) for cause in first if cause.startswith("escalated:"))
    approve(silent(settings), number, approver="ada", reason="ann buys a lot")
    unblock(settings)
    drop(served, "bob.csv", "2,bob,5\n3,ann,300")
    noted = settings.home.projections / "alerts.json"
    wait_until(lambda: served.rows().get("embeddings.names") == 2, 120)
    wait_until(lambda: json.loads(ticked(served, noted)) == [], 120)
    assert len(told(received)) == 3

    # All three come back, two of them under the names that they had.
    block(settings)
    drop(served, "cy.csv", "4,cy,300")
    wait_until(lambda: about(received) == ["escalated", "escalated", "lagging", "lagging", "late"], 120)
    rollback(silent(settings), Goal("raw.orders", 1), why="they were of another shop", by="ada")
    wait_until(lambda: ticked(served, noted) and about(received).count("late") == 2, 120)
    tick(served, 3)
    assert about(received) == sorted(["escalated", "lagging", "late"] * 2)
    again = dict(told(received)[3:])
    assert {LAGGING, *(cause for cause in first if cause.startswith("late:"))} <= again.keys()
    assert set(first.values()).isdisjoint(again.values()), "else a receiver takes them for sent twice"
