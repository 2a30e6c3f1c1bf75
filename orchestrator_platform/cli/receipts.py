"""`orchestrator history` and `orchestrator receipt`: who made a version, who judged it, from what."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from .findings import findings_table
from .json_text import json_lines, json_text
from .place import Place, takes_place
from .text import count, labelled, plural, table, visible

if TYPE_CHECKING:
    from ..records.receipts import Receipt

    Causes = Mapping[int, Sequence[str]]

_FIELDS = {
    "asset", "version", "snapshot", "n_rows", "n_inserted", "n_deleted", "form", "base_version", "data_version",
    "producer", "auditor", "reason", "published_at", "restores", "withdrawn",
}  # fmt: skip
_HEADERS = (
    "version", "published at", "rows", "inserted", "deleted", "producer", "auditor", "snapshot", "standing", "reason",
)  # fmt: skip


@click.command
@click.argument("asset")
@takes_place
def history(place: Place, asset: str) -> None:
    """List the versions of ASSET, newest first."""
    from ..operations.records_of import history as read_history
    from ..operations.records_of import retractions

    platform = place.platform()
    receipts = read_history(platform, asset)
    causes: dict[int, list[str]] = {}
    for item in retractions(platform, asset):
        causes.setdefault(item.version, []).append(item.cause)
    if place.as_json:
        for text in json_lines(_as_json(receipt, causes) for receipt in receipts):
            click.echo(text, nl=False)
    else:
        click.echo(table(_HEADERS, [_row(receipt, causes) for receipt in receipts], right=(0, 2, 3, 4, 7), whole=(1,)))


@click.command
@click.argument("asset", metavar="ASSET[@VERSION]")
@takes_place
def receipt(place: Place, asset: str) -> None:
    """Show who made and judged a version of ASSET, from what."""
    from ..operations.records_of import receipt as read_receipt
    from ..operations.records_of import retractions
    from ..operations.tuning_report import read_evidence

    platform = place.platform()
    found = read_receipt(platform, asset)
    evidence = read_evidence(platform.settings.home, found.asset, found.version)
    causes = [item.cause for item in retractions(platform, found.asset) if item.version == found.version]
    if place.as_json:
        click.echo(json_text(found.model_dump(mode="json") | {"retracted_by": causes, "tunings": evidence}))
    else:
        click.echo("\n".join(_receipt_lines(found, _standing(found, {found.version: causes}))))
        for each in evidence:
            best = each.tuning.proposed
            told = best.settings.told if best is not None else "nothing"
            click.echo(f"index settings were measured, proposed is {told}: {each.report}")


def _as_json(item: "Receipt", causes: "Causes") -> dict[str, Any]:
    return item.model_dump(mode="json", include=_FIELDS) | {"retracted_by": causes.get(item.version, [])}


def _standing(item: "Receipt", causes: "Causes") -> str:
    """Returns what a person must know of a version besides that it was published; mostly nothing."""
    if item.withdrawn:
        return "withdrawn"
    restores = f"restores {item.restores}" if item.restores is not None else ""
    retracted = _retracted(item, causes.get(item.version, ()))
    return ", ".join(part for part in (restores, retracted) if part)


def _retracted(item: "Receipt", causes: Sequence[str]) -> str:
    others = [cause for cause in causes if cause != item.asset]
    if not causes:
        return ""
    return f"retracted with {', '.join(others)}" if others else "retracted"


def _row(item: "Receipt", causes: "Causes") -> tuple[Any, ...]:
    return (
        item.version,
        f"{item.published_at:%Y-%m-%d %H:%M:%S}Z",
        count(item.n_rows),
        f"+{count(item.n_inserted)}",
        f"−{count(item.n_deleted)}",
        item.producer,
        item.auditor,
        item.snapshot,
        _standing(item, causes),
        item.reason,
    )


def _receipt_lines(item: "Receipt", standing: str) -> Iterator[str]:
    yield labelled(
        (
            ("asset", f"{item.asset}, version {item.version}"),
            ("kind", item.kind),
            ("published at", f"{item.published_at:%Y-%m-%d %H:%M:%S}Z"),
            ("rows", f"{count(item.n_rows)} (+{count(item.n_inserted)} −{count(item.n_deleted)}), {item.form}"),
            ("standing", standing),
            ("base version", item.base_version or "none"),
            ("snapshot", item.snapshot),
            ("producer", item.producer),
            ("auditor", item.auditor),
            *(
                (("approved by", item.approval.approver), ("approved why", item.approval.reason))
                if item.approval
                else ()
            ),
            ("reason", item.reason),
            ("candidate", item.candidate),
            ("data version", item.data_version),
            ("code version", item.code_version),
            ("contract", item.contract_hash),
            ("fingerprint", item.fingerprint),
            ("seal", item.seal.manifest),
        )
    )
    for parent in item.parents:
        version = f"version {parent.version}" if parent.version is not None else f"candidate {parent.candidate}"
        yield f"built from   {visible(parent.asset)}, {visible(version)}, data version {visible(parent.data_version)}"
    yield f"\n{plural(len(item.findings), 'finding')}"
    yield findings_table(item.findings)
