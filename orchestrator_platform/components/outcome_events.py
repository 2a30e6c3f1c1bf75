"""What became of an asset as Dagster records it: a materialization for what was published, and check results.

A materialization is yielded for published content only; a rejected candidate leaves check results alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from ..gate.context import Gate
from ..gate.outcomes import Escalated, Held, Outcome, Published, Rejected, Unchanged
from ..operations.audit import pending_candidate
from ..operations.embedding_pages import Describe
from ..operations.freshness import Age
from ..operations.served import Served
from ..projections.dagster_pages import in_order, rejection_metadata
from ..projections.dagster_values import (
    FRESHNESS,
    SERVED,
    check_arguments,
    dagster_key,
    receipt_metadata,
    receipt_tags,
)
from ..records.findings import Finding
from ..records.keys import AssetKey
from ..records.receipts import Receipt

StepEvent = dg.MaterializeResult[Any] | dg.AssetCheckResult | dg.AssetObservation


@dataclass(frozen=True)
class Reporting:
    """`served` is what serves afterwards, `ages` how old that is where a freshness is promised. `planned` are the
    checks that the run is to give results for, and `needed_downstream` the assets that later steps of it wait for.
    `describe` says what a version shows besides its receipt, `extra` what this step counted.
    """

    gate: Gate
    served: Mapping[AssetKey, Served]
    ages: Mapping[AssetKey, Age]
    planned: Mapping[AssetKey, frozenset[str]]
    needed_downstream: frozenset[AssetKey]
    describe: Describe
    extra: Mapping[AssetKey, Mapping[str, Any]] = field(default_factory=dict)

    def events(self, outcomes: Sequence[Outcome]) -> Iterator[StepEvent]:
        """Yields for each outcome its materialization, if something serves anew, then its check results."""
        for outcome in outcomes:
            match outcome:
                case Published():
                    yield self._materialization(outcome.receipt)
                    yield from self._findings(outcome.asset, outcome.findings, outcome.receipt.candidate)
                case Unchanged():
                    yield from self._unchanged(outcome)
                case Rejected() | Escalated():
                    yield self._rejection(outcome)
                    yield from self._findings(outcome.asset, outcome.verdict.findings, outcome.manifest.id)
                case Held():
                    yield from self.pending(outcome.asset)
            yield from self.of_served(outcome.asset, frozenset({SERVED, FRESHNESS}))

    def of_served(self, asset: AssetKey, checks: frozenset[str]) -> Iterator[dg.AssetCheckResult]:
        """Yields the results of those of the checks that tell of what serves."""
        if SERVED in checks:
            yield self.result(self.served[asset].finding)
        if FRESHNESS in checks and asset in self.ages:
            yield self.result(self.ages[asset].finding)

    def pending(self, asset: AssetKey) -> Iterator[dg.AssetCheckResult]:
        """Yields the results of the candidate that waits in quarantine, as they were found."""
        waiting = pending_candidate(self.gate, asset)
        if waiting is not None and waiting.verdict is not None:
            yield from self._findings(asset, waiting.verdict.findings, waiting.manifest.id)

    def result(self, finding: Finding, candidate: str | None = None) -> dg.AssetCheckResult:
        return dg.AssetCheckResult(
            asset_key=dagster_key(finding.asset), check_name=finding.check, **check_arguments(finding, candidate)
        )

    def _rejection(self, outcome: Rejected | Escalated) -> dg.AssetObservation:
        """The page of what still serves tells of what was held back since."""
        findings = outcome.verdict.findings
        return dg.AssetObservation(
            dagster_key(outcome.asset),
            metadata=rejection_metadata(outcome.quarantine, outcome.verdict.decision, findings),
        )

    def _unchanged(self, outcome: Unchanged) -> Iterator[StepEvent]:
        """What serves stands: its results are repeated where the run planned them, so that none stays open."""
        receipt = self.served[outcome.asset].receipt
        if receipt is None:
            return
        if outcome.asset in self.needed_downstream:
            # A skipped output would skip the steps that wait for it although other parents changed.
            yield self._materialization(receipt)
        if self.planned.get(outcome.asset, frozenset()) - {SERVED, FRESHNESS}:
            findings = outcome.verdict.findings if outcome.verdict else receipt.findings
            yield from self._findings(outcome.asset, findings, receipt.candidate)

    def _materialization(self, receipt: Receipt) -> dg.MaterializeResult[Any]:
        declaration = self.gate.assets[receipt.asset]
        return dg.MaterializeResult(
            asset_key=dagster_key(receipt.asset),
            metadata=in_order(
                {
                    **receipt_metadata(receipt, declaration.contract),
                    **self.extra.get(receipt.asset, {}),
                    **self.describe(receipt),
                }
            ),
            data_version=dg.DataVersion(receipt.data_version),
            tags=receipt_tags(receipt),
        )

    def _findings(self, asset: AssetKey, findings: Sequence[Finding], candidate: str) -> Iterator[dg.AssetCheckResult]:
        declared = set(self.gate.audit_plan(asset).checks)
        for finding in findings:
            if finding.check in declared:
                yield self.result(finding, candidate)
