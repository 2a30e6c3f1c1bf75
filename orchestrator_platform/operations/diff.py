"""What changed between two versions of a table, or would change with a candidate: the use case behind `diff`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import duckdb

from ..audits.candidate_view import deleted_relation, delta_relation
from ..errors import UnknownAsset
from ..lake.changed_files import Pinned, read_changed_files
from ..lake.diff import compare_states
from ..lake.history import read_receipts
from ..lake.published import PublishedCut
from ..lake.state import Change, State, nothing_like
from ..records.candidates import Form
from ..records.contracts import Contract
from ..records.diffs import DiffSide, TableDiff
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from .candidates import (
    CandidateCut,
    attach_candidate,
    attach_version,
    open_candidate,
    receipt_of,
    require_asset,
)

if TYPE_CHECKING:
    from .platform import Platform

# Past this share of touched rows, joining both versions whole costs less than taking the change apart.
_CHANGE_BELOW = 0.5
_BEFORE, _AFTER = "diff_before", "diff_after"


@dataclass(frozen=True)
class _Side:
    """One state with its name; `receipt` or `candidate` says where it comes from, neither says: from nothing."""

    side: DiffSide
    state: State
    receipt: Receipt | None = None
    candidate: CandidateCut | None = None


def diff_states(
    platform: "Platform",
    asset: str,
    *,
    from_version: int | None = None,
    to_version: int | None = None,
    candidate: int | None = None,
) -> TableDiff:
    """Returns how a table differs from an earlier state of it; writes nothing.

    By default the served version is compared with the one before. A candidate is compared with the version
    that it was made on. The first version, like a first candidate, is compared with nothing.

    Raises:
        UnknownAsset: Nothing of that name is published, and no candidate was named.
        UnknownVersion: The asset has no such version.
        VersionNotKept: The version's rows are not in the lake any more.
        NoCandidate: The number is not that of a candidate of this asset.
    """
    cut = platform.cut()
    opened = open_candidate(cut, platform.settings.home.candidates, candidate) if candidate is not None else None
    if opened is not None:
        require_asset(opened, asset)
    elif asset not in cut.heads:
        raise UnknownAsset(name=asset, known=list(cut.heads))
    contract = _contract(platform, AssetKey(asset))
    connection = cut.connect()
    try:
        connection.execute("SET TimeZone = 'UTC'")
        reader = _Reader(connection, cut, AssetKey(asset), contract)
        after = reader.candidate(opened) if opened else reader.version(to_version or cut.heads[AssetKey(asset)].version)
        before = reader.before(after, from_version)
        return reader.compare(before, after)
    finally:
        connection.close()


def _contract(platform: "Platform", asset: AssetKey) -> Contract | None:
    declaration = platform.gate.assets.get(asset)
    return declaration.contract if declaration else None


class _Reader:
    """Opens the states of one asset on one connection and compares them."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        cut: PublishedCut,
        asset: AssetKey,
        contract: Contract | None,
    ) -> None:
        self.connection, self.cut, self.asset, self.contract = connection, cut, asset, contract
        self.key = (contract.grain or ()) if contract else ()

    def version(self, version: int, alias: str = _AFTER) -> _Side:
        receipt = receipt_of(self.connection, self.asset, version)
        attach_version(self.connection, self.cut, receipt, alias)
        state = State(
            relation=f"{alias}.{self.asset.quoted}",
            columns=receipt.columns,
            n_rows=receipt.n_rows,
            data_version=receipt.data_version,
            # What passed the contract that holds now has its key in every row, and once.
            is_keyed=self.contract is not None and receipt.contract_hash == self.contract.hash(),
        )
        return _Side(DiffSide(version=receipt.version, n_rows=receipt.n_rows), state, receipt=receipt)

    def candidate(self, candidate: CandidateCut) -> _Side:
        manifest = candidate.manifest
        relation = attach_candidate(self.connection, candidate)
        state = State(relation, manifest.columns, manifest.n_rows, manifest.data_version)
        return _Side(DiffSide(candidate=candidate.entry.id, n_rows=manifest.n_rows), state, candidate=candidate)

    def before(self, after: _Side, version: int | None) -> _Side:
        """The state to compare with: the version asked for, else the one that `after` came from."""
        if version is None and after.candidate is not None:
            version = after.candidate.manifest.base_version
        elif version is None and after.receipt is not None and after.receipt.version > 1:
            version = after.receipt.version - 1
        if version is None:
            return _Side(DiffSide(), nothing_like(after.state))
        return self.version(version, _BEFORE)

    def compare(self, before: _Side, after: _Side) -> TableDiff:
        found = compare_states(
            self.connection, before.state, after.state, self.key, self._is_shown, self._change(before, after)
        )
        return TableDiff(asset=self.asset, before=before.side, after=after.side, **vars(found))

    def _is_shown(self, name: str) -> bool:
        """A column that no contract knows may hold anything."""
        column = self.contract.column(name) if self.contract else None
        return column is not None and not column.pii

    def _change(self, before: _Side, after: _Side) -> Callable[[], Change | None] | None:
        if before.receipt is not None and after.candidate is not None:
            return self._change_of(after.candidate, before.receipt)
        if before.receipt is None or after.receipt is None:
            return None
        touched = self._n_touched(before.side, after.side)
        if touched is None or (self.key and touched > _CHANGE_BELOW * (before.side.n_rows + after.side.n_rows)):
            return None
        was = Pinned(self.asset, _BEFORE, before.receipt.snapshot)
        now = Pinned(self.asset, _AFTER, after.receipt.snapshot)
        return lambda: read_changed_files(self.connection, was, now, after.state)

    def _change_of(self, candidate: CandidateCut, base: Receipt) -> Callable[[], Change | None] | None:
        manifest, folder = candidate.manifest, candidate.folder
        if manifest.form is Form.WHOLE or manifest.base_version != base.version:
            return None
        change = Change(delta_relation(manifest, folder), deleted_relation(manifest, folder, _BEFORE))
        return lambda: change

    def _n_touched(self, before: DiffSide, after: DiffSide) -> int | None:
        """How many rows the publications in between wrote and deleted; `None` where a receipt is missing."""
        first, last = sorted((before.version or 0, after.version or 0))
        between = [r for r in read_receipts(self.connection, self.asset) if first < r.version <= last]
        return sum(r.n_inserted + r.n_deleted for r in between) if len(between) == last - first else None
