"""What an asset's page tells of a version beside its receipt: what changed, what failed last, history, pictures.

Reads nothing. Every text and table is bounded: a page is loaded with each of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import dagster as dg

from ..records.findings import Finding
from ..records.ledger import QuarantineEntry, QuarantineKind
from ..records.receipts import Receipt
from ..records.verdicts import Decision
from .bar_pictures import draw_columns
from .dagster_values import rows_text
from .model_pictures import draw_series
from .pictures import as_markdown

LAST_REJECTION = "last_rejection"
# What people look for first; a page shows its entries in the order in which they were given.
_FIRST = (
    "version",
    "published_at",
    "changed",
    LAST_REJECTION,
    "producer",
    "auditor",
    "approved_by",
    "reason",
    "parents",
    "inserted",
    "deleted",
    "warnings",
)
_LAST = ("columns_made_from", "receipt", "snapshot", "candidate")
_MOST_VERSIONS, _MOST_NAMES, _MOST_TEXT, _LEAST_TEXT = 20, 6, 300, 1001


def in_order(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the same metadata, answers to what people ask first before pictures and tables, and these before ids."""
    seen = (*_FIRST, *(name for name in metadata if name == "landed" or name.startswith("plot_")))
    first = {name: metadata[name] for name in seen if name in metadata}
    last = {name: metadata[name] for name in _LAST if name in metadata}
    middle = {name: value for name, value in metadata.items() if name not in first and name not in last}
    return {**first, **middle, **last}


def change_metadata(receipt: Receipt, before: Receipt | None, entries: Sequence[QuarantineEntry]) -> dict[str, Any]:
    """Returns since when the version serves, what it changes in the one before it, and what was rejected last.

    Args:
        entries: Of this asset in quarantine, in the order of their numbers.
    """
    return {
        "published_at": dg.MetadataValue.timestamp(receipt.published_at),
        "changed": "; ".join(_changes(receipt, before)),
        LAST_REJECTION: _last_rejection([entry for entry in entries if entry.kind is QuarantineKind.CANDIDATE]),
    }


def history_metadata(receipts: Sequence[Receipt]) -> dict[str, Any]:
    """Returns the versions, newest first, as a table, and pictures of what each of them wrote and how far it moved."""
    shown = receipts[:_MOST_VERSIONS]
    oldest_first = list(reversed(shown))
    labels = [f"@{receipt.version}" for receipt in oldest_first]
    written = {
        "inserted": [receipt.n_inserted for receipt in oldest_first],
        "deleted": [receipt.n_deleted for receipt in oldest_first],
    }
    said = f"rows that each of the last {len(shown)} versions inserted and deleted"
    return {
        "history": _table([_line(receipt) for receipt in shown]),
        "publications": picture_metadata(draw_columns(labels, written), said, f"{said[0].upper()}{said[1:]}."),
    }


def drift_metadata(receipts: Sequence[Receipt], checks: Sequence[str]) -> dict[str, Any]:
    """Returns how far each version moved from the one before it, as shares of the limits; nothing where none did."""
    oldest_first = list(reversed(receipts[:_MOST_VERSIONS]))
    lines = {check: [_of_limit(receipt, check) for receipt in oldest_first] for check in checks}
    known = {check: values for check, values in lines.items() if any(value for value in values if value)}
    if not known:
        return {}
    picture = draw_series([f"@{receipt.version}" for receipt in oldest_first], known)
    says = "Drift of each version from the one before it, as a share of its limit: beyond 1 it is worth a warning."
    return {"drift_over_versions": picture_metadata(picture, "drift over versions", says)}


def landed_metadata(days: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Returns the rows of each landing day, by what became of them; nothing where nothing was landed.

    Args:
        days: Rows by what became of them, by day.
    """
    labels = sorted(days)
    names = [name for name in ("published", "quarantined", "duplicate") if any(days[day].get(name) for day in labels)]
    if not names:
        return {}
    series = {name: [days[day].get(name, 0) for day in labels] for name in names}
    said = "rows by the day on which they were landed"
    return {"landed": picture_metadata(draw_columns(labels, series), said, f"{said[0].upper()}{said[1:]}.")}


def rejection_metadata(entry: int | None, decision: Decision, findings: Sequence[Finding]) -> dict[str, Any]:
    """Returns what an observation of a candidate that was held back shows on the page of what still serves."""
    blamed = [f for f in findings if (f.blocks if decision is Decision.REJECT else not f.passed)]
    why = _named([f"{f.check} ({rows_text(f.n_failing)})" if f.n_failing else f.check for f in blamed])
    where = f"entry {entry}" if entry is not None else "a candidate"
    what = "rejected" if decision is Decision.REJECT else "waits for a person"
    return {LAST_REJECTION: f"{where}, {what}: {why or 'its audit gave no finding'}"[:_MOST_TEXT]}


def lineage_metadata(columns: Mapping[str, Sequence[tuple[str, str]]]) -> dict[str, Any]:
    """Returns from which columns of which tables each column is made, for people and for tools.

    The open-source pages leave Dagster's own key out, so a table says the same under another one.
    """
    if not columns:
        return {}
    made = {name: [f"{table}.{column}" for table, column in sources] for name, sources in columns.items()}
    rows = [
        {"column": name, "made from": _named(sources) or "constants, or the number of rows"}
        for name, sources in made.items()
    ]
    depends = {
        name: [
            dg.TableColumnDep(asset_key=dg.AssetKey(table.split(".")), column_name=column) for table, column in sources
        ]
        for name, sources in columns.items()
    }
    return {
        "dagster/column_lineage": dg.TableColumnLineage(deps_by_column=depends),
        "columns_made_from": _table(rows),
    }


def picture_metadata(picture: str, says: str, text: str) -> dg.MarkdownMetadataValue:
    """Returns a picture with its words, as a page renders it behind a link.

    What has less than a thousand characters a page shows in its cell instead, which is narrower than the picture.
    """
    lacking = _LEAST_TEXT - len(as_markdown(picture, says))
    padded = picture.replace("</svg>", f"{' ' * max(lacking, 0)}</svg>")
    return dg.MetadataValue.md(f"{as_markdown(padded, says)}\n\n{text}")


def _changes(receipt: Receipt, before: Receipt | None) -> Iterator[str]:
    if receipt.withdrawn:
        yield f"it became empty: {receipt.reason}"
        return
    if receipt.restores is not None:
        yield f"the content of version {receipt.restores} again: {receipt.reason}"
        return
    if before is None:
        yield f"the first version, with {rows_text(receipt.n_rows)}"
        return
    yield f"+{receipt.n_inserted:,} −{receipt.n_deleted:,} rows since version {before.version}"
    yield from _columns_changed(receipt, before)
    parents = {parent.asset: parent.version for parent in before.parents}
    moved = [
        f"{parent.asset}@{parents.get(parent.asset) or 'none'} → @{parent.version or 'new'}"
        for parent in receipt.parents
        if parent.version != parents.get(parent.asset)
    ]
    if moved:
        yield f"read newer {_named(moved)}"
    if receipt.code_version != before.code_version:
        yield "its code changed"
    if receipt.contract_hash != before.contract_hash:
        yield "its contract changed"


def _columns_changed(receipt: Receipt, before: Receipt) -> Iterator[str]:
    now, then = ({column.name: column.type for column in each.columns} for each in (receipt, before))
    added, dropped = [name for name in now if name not in then], [name for name in then if name not in now]
    retyped = [f"{name} {then[name]} → {now[name]}" for name in now if name in then and now[name] != then[name]]
    for what, names in (("added", added), ("dropped", dropped), ("retyped", retyped)):
        if names:
            yield f"columns {what}: {_named(names)}"


def _last_rejection(candidates: Sequence[QuarantineEntry]) -> str:
    if not candidates:
        return "none of its candidates was ever held back"
    entry = candidates[-1]
    why = _named([f"{name} ({rows_text(count)})" if count else name for name, count in entry.reasons.items()])
    return f"entry {entry.id} of {_day(entry.since)}, {entry.state}: {why}"


def _line(receipt: Receipt) -> dict[str, str]:
    return {
        "version": str(receipt.version),
        "published": _day(receipt.published_at),
        "rows": f"{receipt.n_rows:,}",
        "change": f"+{receipt.n_inserted:,} −{receipt.n_deleted:,}",
        "why": receipt.reason[:80],
        "made by": str(receipt.producer),
        "judged by": str(receipt.auditor),
        "data version": receipt.data_version,
    }


def _of_limit(receipt: Receipt, check: str) -> float | None:
    found = next((finding for finding in receipt.findings if finding.check == check), None)
    if found is None or not isinstance(found.measured, (int, float)) or not isinstance(found.limit, (int, float)):
        return None
    return found.measured / found.limit if found.limit > 0 else None


def _named(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _day(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M}Z"


def _table(rows: Sequence[Mapping[str, str]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name) for name in rows[0]])
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=schema)
