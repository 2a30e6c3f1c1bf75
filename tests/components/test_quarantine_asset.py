"""The quarantine is an asset: what waits, since when and why, told again only where it changed."""

from pathlib import Path
from typing import Any

from orchestrator_platform.operations.dagster_sync import sync_versions
from orchestrator_platform.operations.discard import discard
from orchestrator_platform.operations.land import land
from orchestrator_platform.projections.dagster_events import NAME
from orchestrator_platform.projections.dagster_quarantine import quarantine_metadata
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.ledger import QuarantineEntry, QuarantineKind, QuarantineState


def test_what_waits_is_told_with_its_reasons_and_again_only_when_it_changed(kept_shop: Any) -> None:
    shop, gate = kept_shop, kept_shop.gate
    shop.drop("monday.csv", "1,ann,4.5", "2,bob,20", "0,bob,20", "-3,bob,20")
    land(gate, "orders")
    for _ in range(2):
        sync_versions(gate, shop.instance)
        Path(shop.settings.home.projections / f"{NAME}.json").unlink()
    (told,) = shop.materializations("quarantine")
    shown = told.metadata
    assert (shown["waiting"].value, shown["waiting_rows"].value, shown["waiting_candidates"].value) == (1, 2, 0)
    (entry,) = [record.data for record in shown["entries"].records]
    assert (entry["no."], entry["asset"], entry["of"]) == ("1", "raw.orders", "landed files")
    assert entry["reasons"] == "2 × order_id ≥ 1"
    assert "data:image/svg+xml;base64," in shown["by_reason"].value
    assert len(shown["by_reason"].value) > 1000, "what is shorter is shown where it does not fit"
    assert "`replay`" in shown["what_to_do"].value

    discard(gate, 1, why="not wanted", by="ann")
    sync_versions(gate, shop.instance)
    _, settled = shop.materializations("quarantine")
    assert (settled.metadata["waiting"].value, settled.metadata["settled"].value) == (0, 1)
    assert settled.metadata["what_to_do"].value == "Nothing waits."


def test_an_empty_quarantine_is_told_as_empty(kept_shop: Any) -> None:
    kept_shop.drop("monday.csv", "1,ann,4.5")
    land(kept_shop.gate, "orders")
    sync_versions(kept_shop.gate, kept_shop.instance)
    (told,) = kept_shop.materializations("quarantine")
    assert told.metadata["waiting"].value == 0
    assert "by_reason" not in told.metadata


def test_a_page_of_many_entries_stays_small(kept_shop: Any) -> None:
    now = kept_shop.gate.now()
    entries = [
        QuarantineEntry(
            id=number,
            kind=QuarantineKind.ROWS if number % 2 else QuarantineKind.CANDIDATE,
            asset=AssetKey(f"raw.table_{number}"),
            state=QuarantineState.WAITING,
            n_rows=number,
            reasons={f"rule {n} of {number}": n for n in range(30)},
            since=now,
        )
        for number in range(1, 400)
    ]
    shown = quarantine_metadata(entries)
    assert len(shown["entries"].records) == 50
    assert sum(len(str(value)) for value in shown.values()) < 60_000
