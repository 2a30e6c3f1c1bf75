"""Brings Dagster's event log up to what is published: at the start of every step, and by a job of its own.

What is late is told too: time goes by without a run.
"""

from pathlib import Path

import dagster as dg
from filelock import FileLock

from ..gate.context import Gate
from ..lake.readers import latest_snapshot
from ..projections.dagster_events import NAME, DagsterLog, on_behalf_of, report_served
from ..projections.dagster_quarantine import report_quarantine
from ..projections.outbox import Projection, applied_snapshot, apply_outbox
from .asset_pages import describe_assets
from .freshness import Punctuality, read_freshness
from .waiting_entries import read_entries

__all__ = ["on_behalf_of", "sync_freshness", "sync_versions"]


def sync_versions(gate: Gate, instance: dg.DagsterInstance) -> Projection | None:
    """Reports versions that Dagster never saw; `None` for an instance that forgets everything anyway.

    How far each instance has come is kept with the home where the instance is the home's own, and
    with the instance where it is another.
    """
    if instance.is_ephemeral:
        return None
    home = gate.settings.home
    root = Path(instance.root_directory)
    state = home.projections if root.resolve() == home.dagster.resolve() else root / "orchestrator"
    state.mkdir(parents=True, exist_ok=True)
    newest = latest_snapshot(gate.layout.catalog)
    if newest is not None and applied_snapshot(state, NAME) >= newest:
        return Projection(NAME, newest, 0)
    with FileLock(state / f".{NAME}.lock", timeout=gate.settings.lock_timeout_seconds):
        cut = gate.cut()
        contracts = {asset: declaration.contract for asset, declaration in gate.assets.items()}
        log = DagsterLog(instance, cut, contracts, home.candidates, describe_assets(gate))
        # Told before it counts as told: every entry and every decision comes with a snapshot.
        report_quarantine(instance, read_entries(gate))
        (projection,) = apply_outbox(cut, state, {NAME: log.report})
    if projection.error:
        gate.say(f"Dagster's log is {projection.lag} snapshots behind: {projection.error}")
    return projection


def sync_freshness(gate: Gate, instance: dg.DagsterInstance) -> str:
    """Reports what became late, or fresh again, while no run looked; returns what is late, in words.

    What does not serve yet is left to the check `served`.
    """
    ages = [age for age in read_freshness(gate, gate.assets).values() if age.since is not None]
    report_served(instance, [age.finding for age in ages])
    late = [f"{age.asset} is {age.says}" for age in ages if age.punctuality is Punctuality.LATE]
    return "; ".join(late) or "nothing is late"
