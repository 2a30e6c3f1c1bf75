"""Says of each asset whether what serves was audited and can be read: the check `served`."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import duckdb

from ..gate.context import Gate
from ..lake.history import read_receipt, read_retractions
from ..records.findings import Finding, Severity
from ..records.keys import AssetKey
from ..records.receipts import Head, Receipt

CHECK = "served"


@dataclass(frozen=True)
class Served:
    """What serves of an asset, and the finding of the check `served` on it; `receipt` is `None` where nothing does."""

    receipt: Receipt | None
    finding: Finding

    @property
    def says(self) -> str:
        if self.receipt is not None and self.receipt.withdrawn:
            return f"version {self.receipt.version} is empty: it was withdrawn"
        return f"version {self.receipt.version} still serves" if self.receipt else "no version of it serves"


def read_served(gate: Gate, assets: Collection[AssetKey]) -> Mapping[AssetKey, Served]:
    """Returns what serves of each asset, all of one published cut."""
    if not assets:
        return {}
    cut = gate.cut()
    connection = cut.connect()
    try:
        return {asset: _read(connection, asset, cut.heads.get(asset)) for asset in assets}
    finally:
        connection.close()


def _read(connection: duckdb.DuckDBPyConnection, asset: AssetKey, head: Head | None) -> Served:
    receipt = read_receipt(connection, asset, head.version) if head else None
    problem = _problem(connection, head, receipt)
    told = f"version {head.version}, judged by {receipt.auditor}" if head and receipt else ""
    finding = Finding(
        asset=asset,
        check=CHECK,
        passed=not problem,
        measured=head.version if head else None,
        engine="python",
        message=problem or told,
    )
    return Served(receipt, finding)


def _problem(connection: duckdb.DuckDBPyConnection, head: Head | None, receipt: Receipt | None) -> str:
    if head is None:
        return "no version serves yet"
    if receipt is None or receipt.candidate != head.candidate:
        return f"version {head.version} serves without a receipt of its own"
    return _taken_back(connection, head) or _unaudited(head, receipt) or _unreadable(connection, head)


def _taken_back(connection: duckdb.DuckDBPyConnection, head: Head) -> str:
    if head.withdrawn:
        return f"version {head.version} is empty: every version that it could return to is retracted"
    if any((item.asset, item.version) == (head.asset, head.version) for item in read_retractions(connection)):
        return f"version {head.version} is retracted and serves all the same"
    return ""


def _unaudited(head: Head, receipt: Receipt) -> str:
    if receipt.producer == receipt.auditor:
        return f"version {head.version} was judged by its own producer, {receipt.producer}"
    blocking = [finding.check for finding in receipt.findings if finding.blocks]
    if blocking or not receipt.findings:
        return f"version {head.version} was published with {', '.join(blocking) or 'no audit'}"
    asked = [f.check for f in receipt.findings if not f.passed and f.severity is Severity.ESCALATE]
    if asked and receipt.approval is None:
        return f"version {head.version} was published although nobody approved {', '.join(asked)}"
    return ""


def _unreadable(connection: duckdb.DuckDBPyConnection, head: Head) -> str:
    try:
        found = connection.execute(f"SELECT count(*) FROM lake.{head.asset.quoted}").fetchone()
    except duckdb.Error as error:
        return f"version {head.version} cannot be read: {error}"
    n_rows = found[0] if found else None
    return "" if n_rows == head.n_rows else f"version {head.version} should have {head.n_rows} rows and has {n_rows}"
