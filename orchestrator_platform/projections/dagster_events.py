"""Tells Dagster's event log of versions and rejections that no run of it made. Any number of times, with one result.

A publication made inside a run is that run's to record; it is reported here only where the run ended
without doing so.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from dagster._core.storage.asset_check_execution_record import COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES

from ..lake.history import read_quarantine, read_receipt
from ..lake.published import PublishedCut
from ..records.contracts import Contract
from ..records.events import Event
from ..records.findings import Finding
from ..records.keys import AssetKey, Version
from ..records.receipts import Receipt
from ..records.verdicts import VERDICT, Decision, Verdict
from .dagster_pages import in_order, rejection_metadata
from .dagster_values import (
    CANDIDATE,
    CANDIDATE_TAG,
    SERVED,
    check_arguments,
    dagster_key,
    receipt_metadata,
    receipt_tags,
    slice_arguments,
)

NAME = "dagster"
_RUN = "dagster run "
_PUBLISHING = frozenset({"publish", "rollback"})


def on_behalf_of(run_id: str) -> str:
    """Returns how a publication names the run that it is part of."""
    return f"{_RUN}{run_id}"


@dataclass(frozen=True)
class DagsterLog:
    """Dagster's event log as a target of the outbox. `candidates` is where rejected ones wait with their verdicts,
    `describe` says what a version shows besides its receipt.
    """

    instance: dg.DagsterInstance
    cut: PublishedCut
    contracts: Mapping[AssetKey, Contract]
    candidates: Path
    describe: Callable[[Receipt], Mapping[str, Any]]

    def report(self, events: Sequence[Event]) -> None:
        """Reports what the log does not hold yet, in the order in which it happened.

        Raises:
            BlockingIOError: A run that is still going has yet to record its own publication.
        """
        publications = [event for event in events if event.act in _PUBLISHING]
        newest = {asset: version for event in publications for asset, version in _versions(event)}
        for event in events:
            if event.act in _PUBLISHING:
                for asset, version in _versions(event):
                    self._report_version(event, asset, version, with_checks=newest[asset] == version)
            elif event.act == "audit" and event.outcome != Decision.APPROVE:
                self._report_rejection(event)

    def _report_version(self, event: Event, asset: AssetKey, version: Version, *, with_checks: bool) -> None:
        receipt = self._receipt(asset, version)
        if receipt is None or self._is_recorded(receipt):
            return
        run = self._run_of(event)
        if run is not None and not run.is_finished:
            raise BlockingIOError(f"run {run.run_id} has yet to record {asset}@{version}")
        if receipt.slices and receipt.restores is None and not receipt.withdrawn:
            self._report_slices(receipt)
        else:
            self._report_whole(receipt)
        if with_checks:
            served = Finding(asset=asset, check=SERVED, passed=not receipt.withdrawn, measured=version, engine="python")
            self._report_checks(asset, (*receipt.findings, served), receipt.candidate)

    def _report_slices(self, receipt: Receipt) -> None:
        for item in receipt.slices:
            shown = slice_arguments(item.n_rows, item.data_version, receipt)
            self.instance.report_runless_asset_event(
                dg.AssetMaterialization(dagster_key(receipt.asset), partition=item.name, **shown)
            )

    def _report_whole(self, receipt: Receipt) -> None:
        asset = receipt.asset
        self.instance.report_runless_asset_event(
            dg.AssetMaterialization(
                dagster_key(asset),
                description=f"{receipt.reason} (outside Dagster)",
                metadata=in_order({**receipt_metadata(receipt, self.contracts.get(asset)), **self.describe(receipt)}),
                tags={
                    "dagster/data_version": receipt.data_version,
                    "dagster/data_version_is_user_provided": "true",
                    **receipt_tags(receipt),
                },
            )
        )

    def _report_rejection(self, event: Event) -> None:
        candidate = str(event.inputs.get("candidate", ""))
        try:
            verdict = Verdict.model_validate_json((self.candidates / candidate / VERDICT).read_bytes())
        except (OSError, ValueError):
            return  # it does not wait any more
        if verdict.findings and not self._is_judged(verdict):
            shown = rejection_metadata(self._entry_of(candidate), verdict.decision, verdict.findings)
            self.instance.report_runless_asset_event(dg.AssetObservation(dagster_key(verdict.asset), metadata=shown))
            self._report_checks(verdict.asset, verdict.findings, candidate)

    def _report_checks(self, asset: AssetKey, findings: Sequence[Finding], candidate: str) -> None:
        target = self._target(asset)
        for finding in findings:
            self.instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(
                    dagster_key(asset),
                    finding.check,
                    target_materialization_data=target,
                    **check_arguments(finding, candidate),
                )
            )

    def _target(self, asset: AssetKey) -> AssetCheckEvaluationTargetMaterializationData | None:
        records = self.instance.fetch_materializations(dagster_key(asset), limit=1).records
        return next(
            (
                AssetCheckEvaluationTargetMaterializationData(
                    storage_id=record.storage_id, run_id=record.run_id, timestamp=record.timestamp
                )
                for record in records
            ),
            None,
        )

    def _is_recorded(self, receipt: Receipt) -> bool:
        key, cursor = dagster_key(receipt.asset), None
        while True:
            page = self.instance.fetch_materializations(key, limit=100, cursor=cursor)
            for record in page.records:
                made = record.asset_materialization
                if made is not None and (made.tags or {}).get(CANDIDATE_TAG) == receipt.candidate:
                    return True
            if not page.has_more:
                return False
            cursor = page.cursor

    def _is_judged(self, verdict: Verdict) -> bool:
        key = dg.AssetCheckKey(dagster_key(verdict.asset), verdict.findings[0].check)
        shown = (found.metadata.get(CANDIDATE) for found in _evaluations(self.instance, key, limit=20))
        return any(value is not None and value.value == verdict.candidate for value in shown)

    def _run_of(self, event: Event) -> dg.DagsterRun | None:
        if not event.on_behalf_of.startswith(_RUN):
            return None
        return self.instance.get_run_by_id(event.on_behalf_of.removeprefix(_RUN))

    def _entry_of(self, candidate: str) -> int | None:
        connection = self.cut.connect()
        try:
            return next((entry.id for entry in read_quarantine(connection) if entry.candidate == candidate), None)
        finally:
            connection.close()

    def _receipt(self, asset: AssetKey, version: Version) -> Receipt | None:
        connection = self.cut.connect()
        try:
            return read_receipt(connection, asset, version)
        finally:
            connection.close()


def report_served(instance: dg.DagsterInstance, findings: Sequence[Finding]) -> int:
    """Reports checks of what serves whose answer is another than the last one recorded; returns how many."""
    changed = [finding for finding in findings if _last_answer(instance, finding) is not finding.passed]
    for finding in changed:
        instance.report_runless_asset_event(
            dg.AssetCheckEvaluation(dagster_key(finding.asset), finding.check, **check_arguments(finding))
        )
    return len(changed)


def _last_answer(instance: dg.DagsterInstance, finding: Finding) -> bool | None:
    key = dg.AssetCheckKey(dagster_key(finding.asset), finding.check)
    return next((found.passed for found in _evaluations(instance, key, limit=1)), None)


def _evaluations(instance: dg.DagsterInstance, key: dg.AssetCheckKey, limit: int) -> Iterator[dg.AssetCheckEvaluation]:
    """Yields the newest results of a check; one that a run has planned, and not made yet, is none."""
    history = instance.event_log_storage.get_asset_check_execution_history(
        key, limit=limit, status=COMPLETED_ASSET_CHECK_EXECUTION_RECORD_STATUSES
    )
    for record in history:
        if record.evaluation is not None:
            yield record.evaluation


def _versions(event: Event) -> Iterator[tuple[AssetKey, Version]]:
    for asset, version in event.details.get("versions", {}).items():
        yield AssetKey(asset), Version(version)
