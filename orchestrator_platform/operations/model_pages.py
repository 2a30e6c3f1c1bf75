"""What Dagster shows of a version of a model, and of its monitor, besides the receipt, whoever published it."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from ..audits.model_names import HOLDOUT_FILE, metric_checks, slice_checks
from ..audits.model_portrait import MODULE
from ..gate.context import Gate
from ..lake.history import read_receipts
from ..lake.published import PublishedCut
from ..learning.fresh_process import ProcessLimits, run_fresh
from ..projections.dagster_models import (
    metrics_metadata,
    monitor_metadata,
    portrait_metadata,
    search_metadata,
    slices_metadata,
)
from ..records.base import sha256_of
from ..records.declarations import AssetDeclaration, ModelBuild, MonitorBuild
from ..records.models import ModelOptions
from ..records.portraits import Portrait
from ..records.receipts import Receipt
from ..storage import write_whole
from .models import open_version
from .monitor_asks import read_monitor

_MOST_VERSIONS = 40
_LIMITS = ProcessLimits(timeout_seconds=300)
_CALIBRATION = "calibration"


def describe_model(gate: Gate, declaration: AssetDeclaration, receipt: Receipt) -> Mapping[str, Any]:
    """Returns the auditor's metrics over versions and slices; for the version that serves also how it answers."""
    build = declaration.build
    assert isinstance(build, ModelBuild)
    cut = gate.cut_for_readers()
    with closing(cut.connect()) as connection:
        until = [each for each in read_receipts(connection, receipt.asset) if each.version <= receipt.version]
    names = [*metric_checks(build.options), _CALIBRATION]
    slices = dict(zip(slice_checks(build.options), (part.name for part in build.options.slices), strict=True))
    shown = {
        **metrics_metadata(until[:_MOST_VERSIONS][::-1], names),
        **slices_metadata(receipt, slices),
    }
    if not _serves(cut, receipt):
        return shown
    return {**shown, "champion": int(receipt.version), **_seen(gate, declaration, receipt, build.options)}


def describe_monitor(gate: Gate, declaration: AssetDeclaration, receipt: Receipt) -> Mapping[str, Any]:
    """Returns what the monitor that serves measured; of an earlier version nothing."""
    build = declaration.build
    assert isinstance(build, MonitorBuild)
    cut = gate.cut_for_readers()
    return monitor_metadata(read_monitor(cut, declaration, build)) if _serves(cut, receipt) else {}


def read_portrait(gate: Gate, declaration: AssetDeclaration, receipt: Receipt) -> Portrait:
    """Returns how a version answers what was held out, measured in a fresh process; once for each content.

    Raises:
        VersionNotKept: The lake does not hold it, or the examples that it learned from, any more.
        ProcessFailed: It cannot be loaded, or does not answer.
    """
    build = declaration.build
    assert isinstance(build, ModelBuild)
    made_of = [receipt.data_version, build.options.model_dump(mode="json")]
    kept = gate.settings.home.cache / "portraits" / f"{sha256_of(made_of)[:32]}.json"
    try:
        return Portrait.model_validate_json(kept.read_bytes())
    except (OSError, ValueError):
        portrait = _portray(gate, declaration, receipt, build.options)
    write_whole(kept, portrait.canonical_json().encode())
    return portrait


def _portray(gate: Gate, declaration: AssetDeclaration, receipt: Receipt, options: ModelOptions) -> Portrait:
    with open_version(gate, declaration, receipt) as bench:
        bench.write()
        thresholds = bench.seen.row.thresholds
        threshold = thresholds.get("positive", 0.5) if isinstance(thresholds, dict) else 0.5
        task = {"options": options.model_dump(mode="json"), "threshold": threshold}
        assert (bench.judged / HOLDOUT_FILE).is_file()
        answer = run_fresh(MODULE, bench.judged, task, _LIMITS, gate.say)
    return Portrait.model_validate({name: answer[name] for name in Portrait.model_fields})


def _seen(gate: Gate, declaration: AssetDeclaration, receipt: Receipt, options: ModelOptions) -> Mapping[str, Any]:
    try:
        with open_version(gate, declaration, receipt) as bench:
            row = bench.seen.view.connection.execute(f"SELECT search FROM {bench.seen.view.next}").fetchone()
        search = search_metadata(str(row[0])) if row else {}
        return {**search, **portrait_metadata(read_portrait(gate, declaration, receipt))}
    except Exception as error:  # noqa: BLE001  # what is shown of a publication never makes it look undone
        gate.say(f"{receipt.asset}@{receipt.version} is shown without pictures: {error}")
        return {"calibration_curve": f"{options.name} could not be looked at. {type(error).__name__}: {error}"}


def _serves(cut: PublishedCut, receipt: Receipt) -> bool:
    head = cut.heads.get(receipt.asset)
    return head is not None and not head.withdrawn and head.version == receipt.version
