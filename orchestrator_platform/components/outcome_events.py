"""What became of an asset as Dagster records it: a materialization for what was published, and check results.

A materialization is yielded for published content only; a rejected candidate leaves check results alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import dagster as dg

from ..gate.context import Gate
from ..gate.outcomes import Escalated, Held, Outcome, Published, Rejected, Unchanged
from ..gate.plan import Need
from ..operations.audit import pending_candidate
from ..operations.embedding_pages import Describe
from ..operations.freshness import Age
from ..operations.served import Served
from ..operations.slices import read_slices
from ..projections.dagster_pages import in_order, rejection_metadata
from ..projections.dagster_values import (
    FRESHNESS,
    SERVED,
    check_arguments,
    dagster_key,
    receipt_metadata,
    receipt_tags,
    slice_arguments,
)
from ..records.findings import Finding
from ..records.keys import AssetKey
from ..records.receipts import Receipt

StepEvent = dg.MaterializeResult[Any] | dg.AssetMaterialization | dg.AssetCheckResult | dg.AssetObservation


@dataclass(frozen=True)
class Reporting:
    """`served` is what serves afterwards, `ages` how old that is where a freshness is promised. `planned` are the
    checks that the run is to give results for, and `needed_downstream` the assets that later steps of it wait for.
    `describe` says what a version shows besides its receipt, `extra` what this step counted; `slices` are those that
    the run was launched for.
    """

    gate: Gate
    served: Mapping[AssetKey, Served]
    ages: Mapping[AssetKey, Age]
    planned: Mapping[AssetKey, frozenset[str]]
    needed_downstream: frozenset[AssetKey]
    describe: Describe
    extra: Mapping[AssetKey, Mapping[str, Any]] = field(default_factory=dict)
    slices: tuple[str, ...] = ()

    def events(self, outcomes: Sequence[Outcome]) -> Iterator[StepEvent]:
        """Yields for each asset its materializations, if something serves anew, then its check results.

        Of a table in slices there may be several outcomes; its checks then tell of what was rejected, else of the last.
        """
        for asset in dict.fromkeys(outcome.asset for outcome in outcomes):
            own = [outcome for outcome in outcomes if outcome.asset == asset]
            for outcome in own:
                if isinstance(outcome, Published):
                    yield from self._materializations(outcome.receipt)
            if self.gate.assets[asset].partition is not None:
                yield from self._slices(asset, own)
            yield from self._told(next((each for each in own if isinstance(each, Rejected | Escalated)), own[-1]))
            yield from self.of_served(asset, frozenset({SERVED, FRESHNESS}))

    def _told(self, outcome: Outcome) -> Iterator[StepEvent]:
        match outcome:
            case Published():
                yield from self._findings(outcome.asset, outcome.findings, outcome.receipt.candidate)
            case Unchanged():
                yield from self._unchanged(outcome)
            case Rejected() | Escalated():
                yield self._rejection(outcome)
                yield from self._findings(outcome.asset, outcome.verdict.findings, outcome.manifest.id)
            case Held():
                yield from self.pending(outcome.asset)

    def _slices(self, asset: AssetKey, outcomes: Sequence[Outcome]) -> Iterator[StepEvent]:
        """Slices that the run was launched for and that stand as they are: a backfill waits for every one of them."""
        receipt = self.served[asset].receipt
        if receipt is None:
            return
        shown = {each.name for outcome in outcomes if isinstance(outcome, Published) for each in outcome.receipt.slices}
        if set(self.slices) - shown:
            known = {item.name: item for item in read_slices(self.gate, asset)}
            for name in self.slices:
                found = known.get(name)
                if name not in shown and (found is None or found.need is Need.CURRENT):
                    n_rows, version = (found.n_rows, found.data_version) if found else (0, "")
                    yield dg.AssetMaterialization(
                        dagster_key(asset), partition=name, **slice_arguments(n_rows, version, receipt)
                    )
        if asset in self.needed_downstream:
            yield self._materialization(receipt)

    def _materializations(self, receipt: Receipt) -> Iterator[StepEvent]:
        if self.gate.assets[receipt.asset].partition is None:
            yield self._materialization(receipt)
        for item in receipt.slices:
            yield dg.AssetMaterialization(
                dagster_key(receipt.asset),
                partition=item.name,
                **slice_arguments(item.n_rows, item.data_version, receipt),
            )

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
        if outcome.asset in self.needed_downstream and self.gate.assets[outcome.asset].partition is None:
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
