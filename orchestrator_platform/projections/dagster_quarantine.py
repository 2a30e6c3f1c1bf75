"""What waits in quarantine, as an asset of Dagster's: numbers, tables and pictures. Reads nothing of the lake."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ..records.base import sha256_of
from ..records.ledger import QuarantineEntry, QuarantineKind, QuarantineState
from .bar_pictures import draw_columns, draw_counts
from .dagster_pages import picture_metadata

QUARANTINE = dg.AssetKey(["quarantine"])
_MOST_ENTRIES, _MOST_REASONS = 50, 6
_SETTLED = (QuarantineState.APPROVED, QuarantineState.REPLAYED, QuarantineState.DISCARDED)
_TO_DO = """\
Launch a job (Jobs, then Launchpad), which acts as you and keeps your reason:

- `replay` judges an entry again, once its contract, check or approval rule is mended; nothing is landed or built anew.
- `approve` publishes a candidate about which an auditor asked a person.
- `discard` closes an entry for good. Its rows stay counted; nothing of it is published.

At a prompt: `orchestrator quarantine show NUMBER` shows rows and findings, `orchestrator quarantine replay NUMBER`
and `discard NUMBER --why TEXT` decide.
"""


def quarantine_version(entries: Sequence[QuarantineEntry]) -> str:
    """Returns the data version of what is in quarantine: it changes with every entry, and with every decision."""
    return sha256_of([[entry.id, entry.state, entry.n_rows, entry.reasons] for entry in entries])[:32]


def quarantine_metadata(entries: Sequence[QuarantineEntry]) -> dict[str, Any]:
    """Returns what the asset's page shows of all entries there ever were, in the order of their numbers."""
    waiting = [entry for entry in entries if entry.state is QuarantineState.WAITING]
    shown: dict[str, Any] = {}
    if waiting:
        shown["entries"] = _table([_line(entry) for entry in waiting[-_MOST_ENTRIES:]])
        shown["by_reason"] = _by_reason(waiting)
        shown["oldest_since"] = dg.MetadataValue.timestamp(min(entry.since for entry in waiting))
    shown |= {
        "waiting": len(waiting),
        "waiting_rows": sum(entry.n_rows for entry in waiting if entry.kind is not QuarantineKind.CANDIDATE),
        "waiting_candidates": sum(entry.kind is QuarantineKind.CANDIDATE for entry in waiting),
        "settled": len(entries) - len(waiting),
        "what_to_do": dg.MetadataValue.md(_TO_DO if waiting else "Nothing waits."),
    }
    if entries:
        shown["by_day"] = _by_day(entries)
    return shown


def report_quarantine(instance: dg.DagsterInstance, entries: Sequence[QuarantineEntry]) -> bool:
    """Reports what is in quarantine where it differs from what Dagster was told last; returns whether it did."""
    version = quarantine_version(entries)
    records = instance.fetch_materializations(QUARANTINE, limit=1).records
    last = records[0].asset_materialization if records else None
    if last is not None and (last.tags or {}).get("dagster/data_version") == version:
        return False
    instance.report_runless_asset_event(
        dg.AssetMaterialization(
            QUARANTINE,
            metadata=quarantine_metadata(entries),
            tags={"dagster/data_version": version, "dagster/data_version_is_user_provided": "true"},
        )
    )
    return True


def _line(entry: QuarantineEntry) -> dict[str, str]:
    what = {QuarantineKind.ROWS: "landed files", QuarantineKind.RETRACTED: "a version rolled back"}
    return {
        "no.": str(entry.id),
        "asset": str(entry.asset),
        "reasons": _reasons(entry.reasons),
        "rows": f"{entry.n_rows:,}",
        "of": what.get(entry.kind, "a candidate"),
        "since": f"{entry.since:%Y-%m-%d %H:%M}Z",
    }


def _reasons(reasons: Mapping[str, int]) -> str:
    named = [f"{count:,} × {name}" if count else name for name, count in list(reasons.items())[:_MOST_REASONS]]
    return ", ".join(named) + (" …" if len(reasons) > _MOST_REASONS else "")


def _by_reason(waiting: Sequence[QuarantineEntry]) -> dg.MarkdownMetadataValue:
    counts: Counter[str] = Counter()
    for entry in waiting:
        for name, count in (entry.reasons or {entry.kind.value: entry.n_rows}).items():
            counts[f"{entry.asset}: {name}"] += max(count, 1)
    said = "rows that wait, by asset and reason"
    told = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(5))
    return picture_metadata(
        draw_counts(counts),
        f"{said}: {told}",
        f"R{said[1:]}. A check that is of a whole table and not of single rows counts as one. Every entry is in the"
        " table `entries`, with its number, by which the jobs `replay`, `approve` and `discard` know it.",
    )


def _by_day(entries: Sequence[QuarantineEntry]) -> dg.MarkdownMetadataValue:
    days = sorted({f"{entry.since:%Y-%m-%d}" for entry in entries})
    states = (QuarantineState.WAITING, *_SETTLED)
    counts = Counter((f"{entry.since:%Y-%m-%d}", entry.state) for entry in entries)
    series = {
        state.value: [counts[day, state] for day in days] for state in states if any(counts[d, state] for d in days)
    }
    said = "entries by the day on which they came, and what became of them"
    return picture_metadata(draw_columns(days, series), said, f"E{said[1:]}.")


def _table(rows: Sequence[Mapping[str, str]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name) for name in rows[0]])
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=schema)
