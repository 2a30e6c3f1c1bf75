"""What is asked of the gate, and the few acts that every pass through it shares."""

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...authority.agent_files import Invocation
from ...lake.published import PublishedCut
from ...records.candidates import Manifest
from ...records.events import Event
from ...records.keys import AgentName, AssetKey, CandidateId
from ...records.verdicts import Verdict
from ..audit import Bench
from ..context import Gate
from ..publish import Done, Publication, publish
from ..seal import Judged, read_in_force
from ..workbench import Workbench

VERDICT = "verdict.json"


@dataclass(frozen=True)
class Order:
    """What is asked, by which agent, on behalf of whom and why; `started` says whether a person did."""

    goal: frozenset[AssetKey]
    agent: AgentName
    reason: str
    on_behalf_of: str = ""
    rebuild: bool = False
    started: Invocation = Invocation.AUTOMATIC


def bench_of(gate: Gate, cut: PublishedCut, workbench: Workbench) -> Bench:
    """Returns what the auditors need for candidates of this workbench."""
    return Bench(
        cut=cut,
        candidates=gate.settings.home.candidates,
        scratch=workbench.folder,
        dbt=gate.dbt,
        variables=gate.variables,
        principals=gate.principals,
        seats=gate.seats,
    )


def publish_in(gate: Gate, publication: Publication) -> Done:
    """Publishes with the gate's own lake, candidates, clock and ids; raises what `publish` raises."""
    return publish(
        gate.layout,
        gate.settings.home.candidates,
        publication,
        partial(read_in_force, gate, publication.judged),
        lock_timeout_seconds=gate.settings.lock_timeout_seconds,
        now=gate.now(),
        event_id=gate.new_id(),
    )


def judged_in(gate: Gate, manifest: Manifest, verdict: Verdict) -> Judged:
    """Returns the candidate with its verdict and everything that had to be found out about it."""
    plan = gate.audit_plan(manifest.asset)
    return Judged(manifest, verdict, plan.declaration, frozenset(plan.checks))


def judged_events(gate: Gate, order: Order, manifest: Manifest, verdict: Verdict) -> Iterable[Event]:
    """Yields what the producer and the auditor of one candidate did."""
    yield Event(
        id=gate.new_id(),
        at=manifest.created_at,
        agent=manifest.producer,
        act="build",
        subject=manifest.asset,
        outcome="closed",
        reason=manifest.reason,
        on_behalf_of=order.agent,
        inputs={parent.asset: parent.version or f"candidate {parent.candidate}" for parent in manifest.parents},
        details={"candidate": manifest.id, "n_rows": manifest.n_rows, "form": manifest.form},
    )
    failed = {finding.check: finding.n_failing for finding in verdict.findings if not finding.passed}
    yield Event(
        id=gate.new_id(),
        at=verdict.audited_at,
        agent=verdict.auditor,
        act="audit",
        subject=manifest.asset,
        outcome=verdict.decision,
        reason=f"candidate {manifest.id} was proposed",
        on_behalf_of=order.agent,
        inputs={"candidate": manifest.id, "seal": verdict.seal.manifest},
        details={"n_checks": len(verdict.findings), "failed": failed, "verdict": verdict.digest()},
    )


def keep_verdict(candidates: Path, verdict: Verdict) -> None:
    """Puts the verdict beside a candidate that is to wait, for people to look at and to answer."""
    (candidates / verdict.candidate / VERDICT).write_text(verdict.canonical_json() + "\n", encoding="utf-8")


def remove_candidate(candidates: Path, candidate: CandidateId) -> None:
    """Removes the folder of a candidate that is published or not wanted any more."""
    shutil.rmtree(candidates / candidate, ignore_errors=True)
