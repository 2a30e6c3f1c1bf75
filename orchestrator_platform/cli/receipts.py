"""`orchestrator history` and `orchestrator receipt`: who made a version, who judged it, from what."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from .findings import findings_table
from .json_text import json_lines, json_text
from .place import Place, takes_place
from .text import count, labelled, plural, table, visible

if TYPE_CHECKING:
    from ..records.receipts import Receipt

_FIELDS = {
    "asset", "version", "snapshot", "n_rows", "n_inserted", "n_deleted", "form", "base_version", "data_version",
    "producer", "auditor", "reason", "published_at",
}  # fmt: skip
_HEADERS = ("version", "published at", "rows", "inserted", "deleted", "producer", "auditor", "snapshot", "reason")


@click.command
@click.argument("asset")
@takes_place
def history(place: Place, asset: str) -> None:
    """List the versions of ASSET, newest first."""
    from ..operations.records_of import history as read_history

    receipts = read_history(place.platform(), asset)
    if place.as_json:
        for text in json_lines(receipt.model_dump(mode="json", include=_FIELDS) for receipt in receipts):
            click.echo(text, nl=False)
    else:
        click.echo(table(_HEADERS, [_row(receipt) for receipt in receipts], right=(0, 2, 3, 4, 7)))


@click.command
@click.argument("asset", metavar="ASSET[@VERSION]")
@takes_place
def receipt(place: Place, asset: str) -> None:
    """Show who made and judged a version of ASSET, from what."""
    from ..operations.records_of import receipt as read_receipt

    found = read_receipt(place.platform(), asset)
    click.echo(json_text(found) if place.as_json else "\n".join(_receipt_lines(found)))


def _row(item: "Receipt") -> tuple[Any, ...]:
    return (
        item.version,
        f"{item.published_at:%Y-%m-%d %H:%M:%S}Z",
        count(item.n_rows),
        f"+{count(item.n_inserted)}",
        f"−{count(item.n_deleted)}",
        item.producer,
        item.auditor,
        item.snapshot,
        item.reason,
    )


def _receipt_lines(item: "Receipt") -> Iterator[str]:
    yield labelled(
        (
            ("asset", f"{item.asset}, version {item.version}"),
            ("kind", item.kind),
            ("published at", f"{item.published_at:%Y-%m-%d %H:%M:%S}Z"),
            ("rows", f"{count(item.n_rows)} (+{count(item.n_inserted)} −{count(item.n_deleted)}), {item.form}"),
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
