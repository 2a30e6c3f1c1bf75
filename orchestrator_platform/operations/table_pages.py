"""What Dagster's page shows of any asset's version besides its receipt: what changed, history, what its rows look like.

Only the version that serves has pictures and tables: those of an earlier one say what nobody reads any more.
"""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

from ..audits.drift import CHECKS as DRIFT_CHECKS
from ..gate.context import Gate
from ..lake.history import read_quarantine, read_receipts, read_stored_ledger
from ..lake.published import PublishedCut
from ..projections.bar_pictures import draw_columns, draw_counts
from ..projections.dagster_pages import (
    change_metadata,
    drift_metadata,
    history_metadata,
    landed_metadata,
    lineage_metadata,
    picture_metadata,
)
from ..records.declarations import AssetDeclaration, DbtBuild, SourceBuild
from ..records.receipts import Receipt
from .column_lineage import read_column_lineage
from .plots import Counted, count_plots

_MOST_VERSIONS = 20


def describe_table(gate: Gate, declaration: AssetDeclaration, receipt: Receipt) -> Mapping[str, Any]:
    """Returns what every asset's page shows of a version; of one that serves with its pictures."""
    cut = gate.cut_for_readers()
    with closing(cut.connect()) as connection:
        receipts = read_receipts(connection, receipt.asset, until=receipt.version, limit=_MOST_VERSIONS)
        entries = [entry for entry in read_quarantine(connection) if entry.asset == receipt.asset]
    before = next((each for each in receipts if each.version == receipt.base_version), None)
    shown = change_metadata(receipt, before or next(iter(receipts[1:]), None), entries)
    head = cut.heads.get(receipt.asset)
    if head is None or head.withdrawn or head.version != receipt.version:
        return shown
    return {**shown, **_pictured(gate, cut, declaration, receipts)}


def _pictured(
    gate: Gate, cut: PublishedCut, declaration: AssetDeclaration, receipts: tuple[Receipt, ...]
) -> Mapping[str, Any]:
    try:
        return {
            **_landed(cut, declaration),
            **_plots(cut, declaration),
            **history_metadata(receipts),
            **drift_metadata(receipts, DRIFT_CHECKS),
            **_lineage(gate, declaration),
        }
    except Exception as error:  # noqa: BLE001  # what is shown of a publication never makes it look undone
        gate.say(f"{declaration.key} is shown without pictures: {error}")
        return {"pictures": f"They could not be drawn. {type(error).__name__}: {error}"[:500]}


def _landed(cut: PublishedCut, declaration: AssetDeclaration) -> Mapping[str, Any]:
    if not isinstance(declaration.build, SourceBuild):
        return {}
    days: dict[str, dict[str, int]] = {}
    with closing(cut.connect()) as connection:
        for line in read_stored_ledger(connection, declaration.build.name):
            day = days.setdefault(f"{line.landed_at:%Y-%m-%d}", {})
            for name, n in (
                ("published", line.n_published),
                ("quarantined", line.n_quarantined),
                ("duplicate", line.n_duplicate),
            ):
                day[name] = day.get(name, 0) + n
    return landed_metadata(days)


def _plots(cut: PublishedCut, declaration: AssetDeclaration) -> Mapping[str, Any]:
    if not declaration.plots:
        return {}
    counted, broken = count_plots(cut, declaration.key, declaration.plots)
    drawn = {f"plot_{each.name}": _plot(each) for each in counted}
    return {**drawn, **{f"plot_{name}": f"It could not be counted: {why}"[:300] for name, why in broken.items()}}


def _plot(counted: Counted) -> Any:
    plot = counted.plot
    if plot.over is None:
        says = f"rows by {plot.column}"
        picture = draw_counts({value: sum(counts) for value, counts in counted.series.items()})
    else:
        says = f"shares of {plot.column} by {plot.by} of {plot.over}"
        picture = draw_columns(counted.labels, counted.series, shares=True)
    return picture_metadata(picture, says, plot.description or f"{says[0].upper()}{says[1:]}.")


def _lineage(gate: Gate, declaration: AssetDeclaration) -> Mapping[str, Any]:
    if not isinstance(declaration.build, DbtBuild):
        return {}
    return lineage_metadata(read_column_lineage(gate, declaration))
