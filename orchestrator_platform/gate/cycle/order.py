"""What is asked of the gate, and the few acts that every pass through it shares."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ...authority.acts import Act
from ...authority.agent_files import Invocation
from ...lake.published import PublishedCut
from ...records.candidates import Manifest
from ...records.declarations import AssetDeclaration, FrameBuild, LedgerBuild, SourceBuild
from ...records.events import Event
from ...records.keys import AgentName, AssetKey, CandidateId
from ...records.ledger import QuarantineEntry
from ...records.receipts import Head
from ...records.slices import slices_fingerprint
from ...records.verdicts import VERDICT, Decision, Verdict
from ..audit import Bench
from ..compact import compact_if_many
from ..context import Gate
from ..contracts_kept import keep_contract
from ..fingerprint import beside_fingerprint, raw_fingerprint, slices_now, table_fingerprint
from ..outcomes import Counts
from ..plan import served_beside
from ..publish import Done, Publication, publish
from ..quarantine import quarantine_candidate
from ..seal import Judged, read_in_force
from ..withhold import blamed_for
from ..workbench import Workbench


@dataclass(frozen=True)
class Order:
    """What is asked, by which agent, on behalf of whom and why; `started` says whether a person did.

    `named` are the assets that were asked for by name: nothing else of an order trains a model. `slices` are those of
    a partitioned table that is ordered alone; they are built `together`, whatever their audit says, or may be ordered
    again in parts.
    """

    goal: frozenset[AssetKey]
    agent: AgentName
    reason: str
    on_behalf_of: str = ""
    rebuild: bool = False
    started: Invocation = Invocation.AUTOMATIC
    named: frozenset[AssetKey] = frozenset()
    slices: tuple[str, ...] = ()
    together: bool = False


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
    """Publishes with the gate's own lake, candidates, clock and ids; raises what `publish` raises. Tables that lie in
    many files by then are compacted.
    """
    for item in publication.judged:
        # Before the receipt that names it by its hash: what a version promised can then be compared for ever.
        keep_contract(gate.settings.home.evidence, item.declaration.contract)
    done = publish(
        gate.layout,
        gate.settings.home.candidates,
        publication,
        partial(read_in_force, gate, publication.judged),
        lock_timeout_seconds=gate.settings.lock_timeout_seconds,
        now=gate.now(),
        event_id=gate.new_id(),
    )
    for receipt in done.receipts:
        compact_if_many(gate, receipt.asset)
    return done


def judged_in(gate: Gate, manifest: Manifest, verdict: Verdict) -> Judged:
    """Returns the candidate with its verdict and everything that had to be found out about it."""
    plan = gate.audit_plan(manifest.asset)
    fingerprint = fingerprint_now(plan.declaration, manifest)
    return Judged(manifest, verdict, plan.declaration, frozenset(plan.checks), fingerprint=fingerprint)


def fingerprint_now(declaration: AssetDeclaration, manifest: Manifest, files: Iterable[str] = ()) -> str:
    """Returns the fingerprint of what a candidate was made from, with the contract and checks in force.

    Args:
        files: The sha256 of the landed files that a raw candidate holds.
    """
    if isinstance(declaration.build, SourceBuild):
        hashes = sorted(files)
        return raw_fingerprint(declaration, hashes) if hashes else manifest.fingerprint
    if manifest.slices:
        return slices_fingerprint(slices_now(declaration, manifest.slices))
    if declaration.partition is not None or isinstance(declaration.build, LedgerBuild | FrameBuild):
        return manifest.fingerprint
    read = {parent.asset: parent.data_version for parent in manifest.parents}
    fits = set(declaration.required_parents) <= read.keys() <= set(declaration.parents)
    return table_fingerprint(declaration, read) if fits else manifest.fingerprint


def entry_for(gate: Gate, heads: Mapping[AssetKey, Head], manifest: Manifest, verdict: Verdict) -> QuarantineEntry:
    """Returns the entry for a candidate that is not let in.

    What only the tests of other tables reject is held until one of those is published anew.
    """
    entry = quarantine_candidate(0, manifest, verdict, gate.now())
    plan = gate.audit_plan(verdict.asset)
    if not blamed_for(verdict, plan):
        return entry
    beside = served_beside(plan.beside, heads)
    return entry.model_copy(update={"fingerprint": beside_fingerprint(entry.fingerprint, beside)})


def judged_events(
    gate: Gate, order: Order, manifest: Manifest, verdict: Verdict, counts: Counts | None = None
) -> Iterable[Event]:
    """Yields what the producer and the auditor of one candidate did."""
    made = counts.model_dump(mode="json", exclude_defaults=True) if counts else {}
    on_behalf_of = order.on_behalf_of or order.agent
    yield Event(
        id=gate.new_id(),
        at=manifest.created_at,
        agent=manifest.producer,
        act="build",
        subject=manifest.asset,
        outcome="closed",
        reason=manifest.reason,
        on_behalf_of=on_behalf_of,
        inputs={parent.asset: parent.version or f"candidate {parent.candidate}" for parent in manifest.parents},
        details={
            "candidate": manifest.id,
            "n_rows": manifest.n_rows,
            "form": manifest.form,
            **({"slices": [item.name for item in manifest.slices]} if manifest.slices else {}),
            **made,
        },
    )
    yield audit_event(gate, manifest, verdict, f"candidate {manifest.id} was proposed", on_behalf_of)


def audit_event(gate: Gate, manifest: Manifest, verdict: Verdict, reason: str, on_behalf_of: str) -> Event:
    """Returns what the auditor of a candidate did."""
    failed = {finding.check: finding.n_failing for finding in verdict.findings if not finding.passed}
    return Event(
        id=gate.new_id(),
        at=verdict.audited_at,
        agent=verdict.auditor,
        act="audit",
        subject=manifest.asset,
        outcome=verdict.decision,
        reason=reason,
        on_behalf_of=on_behalf_of,
        inputs={"candidate": manifest.id, "seal": verdict.seal.manifest},
        details={"n_checks": len(verdict.findings), "failed": failed, "verdict": verdict.digest()},
    )


def replay_event(gate: Gate, order: Order, entry: QuarantineEntry, verdict: Verdict, **details: object) -> Event:
    """Returns what became of an entry that was brought to its audit again."""
    outcomes = {Decision.APPROVE: "published", Decision.REJECT: "rejected", Decision.ESCALATE: "escalated"}
    return Event(
        id=gate.new_id(),
        at=gate.now(),
        agent=order.agent,
        act=Act.REPLAY,
        subject=entry.asset,
        outcome=outcomes[verdict.decision],
        reason=order.reason,
        on_behalf_of=order.on_behalf_of,
        inputs={"quarantine": entry.id, "candidate": verdict.candidate},
        details=details,
    )


def keep_verdict(candidates: Path, verdict: Verdict) -> None:
    """Puts the verdict beside a candidate that is to wait, for people to look at and to answer."""
    (candidates / verdict.candidate / VERDICT).write_text(verdict.canonical_json() + "\n", encoding="utf-8")


def remove_candidate(candidates: Path, candidate: CandidateId) -> None:
    """Removes the folder of a candidate that is published or not wanted any more."""
    shutil.rmtree(candidates / candidate, ignore_errors=True)
