"""What the registry is to hold of a model: a version for each that was published, read from the lake."""

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ...lake.history import read_receipts, read_retractions, read_snapshot_of
from ...lake.published import PublishedCut
from ...lake.readers import connect_reader
from ...records.keys import AssetKey, Snapshot
from ...records.model_rows import ARTEFACT
from ...records.receipts import Head, Receipt

PREFIX = "orchestrator."
ASSET, CANDIDATE = f"{PREFIX}asset", f"{PREFIX}candidate"
# On the champion: the version of the lake that it stands for, and the candidate that served before.
SERVES, BEFORE = f"{PREFIX}serves", f"{PREFIX}before"
STATE, PUBLISHED, RETRACTED = f"{PREFIX}state", "published", "retracted"
ARTEFACT_FILE, FORMAT_FILE, RECEIPT_FILE = "model.skops", "MLmodel", "receipt.json"


@dataclass(frozen=True)
class Entry:
    """One version of a model that was built and judged. `snapshot` is where its artefact can be read, if anywhere."""

    receipt: Receipt
    snapshot: Snapshot | None
    is_retracted: bool

    @property
    def tags(self) -> dict[str, str]:
        """What its receipt says, as the registry shows it."""
        receipt = self.receipt
        return {
            ASSET: receipt.asset,
            CANDIDATE: receipt.candidate,
            f"{PREFIX}version": str(receipt.version),
            f"{PREFIX}snapshot": str(receipt.snapshot),
            f"{PREFIX}producer": receipt.producer,
            f"{PREFIX}auditor": receipt.auditor,
            f"{PREFIX}approved_by": receipt.approval.approver if receipt.approval else "",
            f"{PREFIX}data_version": receipt.data_version,
            f"{PREFIX}code_version": receipt.code_version,
            f"{PREFIX}files_sha256": ",".join(receipt.sha256s),
            f"{PREFIX}published_at": receipt.published_at.isoformat(),
            STATE: RETRACTED if self.is_retracted else PUBLISHED,
        }

    @property
    def metrics(self) -> dict[str, float]:
        """What its auditor measured."""
        return {
            finding.check: float(finding.measured)
            for finding in self.receipt.findings
            if isinstance(finding.measured, int | float) and not isinstance(finding.measured, bool)
        }


@dataclass(frozen=True)
class Wanted:
    """What the registry should say: the entries oldest first, the champion, and the one that served before it."""

    entries: Sequence[Entry]
    champion: Entry
    before: Entry | None


def wanted_of(cut: PublishedCut, asset: AssetKey, head: Head) -> Wanted:
    """Returns what the registry is to hold with this head."""
    with closing(cut.connect()) as connection:
        receipts = [receipt for receipt in read_receipts(connection, asset) if receipt.version <= head.version]
        retracted = {item.version for item in read_retractions(connection) if item.asset == asset}
        built = {
            receipt.version: Entry(receipt, read_snapshot_of(connection, receipt), receipt.version in retracted)
            for receipt in reversed(receipts)
            if receipt.restores is None and not receipt.withdrawn
        }
    served = [receipt.restores or receipt.version for receipt in receipts if not receipt.withdrawn]
    champion = built[served[0]]
    before = next((built[version] for version in served if version != served[0] and version in built), None)
    return Wanted(tuple(built.values()), champion, before)


def read_artefact(cut: PublishedCut, entry: Entry) -> bytes:
    """Returns the artefact of an entry that the lake still keeps."""
    assert entry.snapshot is not None
    with closing(connect_reader(cut.layout, entry.snapshot)) as connection:
        row = connection.execute(f"SELECT {ARTEFACT} FROM lake.{entry.receipt.asset.quoted}").fetchone()
    assert row is not None
    return bytes(row[0])


def write_model(folder: Path, artefact: bytes, entry: Entry, allowed_types: Sequence[str]) -> None:
    """Writes the artefact as MLflow's scikit-learn flavour has it, with the receipt beside."""
    from importlib.metadata import version

    folder.mkdir(parents=True, exist_ok=True)
    (folder / ARTEFACT_FILE).write_bytes(artefact)
    (folder / RECEIPT_FILE).write_text(entry.receipt.canonical_json() + "\n", encoding="utf-8")
    flavours = {
        "python_function": {
            "loader_module": "mlflow.sklearn",
            "model_path": ARTEFACT_FILE,
            "predict_fn": "predict_proba",
        },
        "sklearn": {
            "pickled_model": ARTEFACT_FILE,
            "serialization_format": "skops",
            "skops_trusted_types": sorted(allowed_types),
            "sklearn_version": version("scikit-learn"),
        },
    }
    # JSON is YAML, and needs no order of its own.
    said = {
        "flavors": flavours,
        "model_uuid": entry.receipt.candidate,
        "utc_time_created": str(entry.receipt.published_at),
    }
    (folder / FORMAT_FILE).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
