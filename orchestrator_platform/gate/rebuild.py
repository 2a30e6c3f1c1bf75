"""Which incremental tables must be built in full: those whose rows were made by code that is not in force any more."""

from collections.abc import Collection, Mapping, Sequence

import duckdb

from ..lake.history import read_receipts_at
from ..records.base import sha256_of
from ..records.declarations import AssetDeclaration, DbtBuild
from ..records.keys import AssetKey, Version
from ..records.receipts import Head, Receipt

_Receipts = Mapping[tuple[AssetKey, Version], Receipt]


def made_by_other_code(
    connection: duckdb.DuckDBPyConnection,
    declarations: Sequence[AssetDeclaration],
    assets: Mapping[AssetKey, AssetDeclaration],
    heads: Mapping[AssetKey, Head],
) -> set[AssetKey]:
    """Returns the assets whose served rows came of other code, be it their own or any code above them.

    A model that builds only what is new would leave the old rows as the old code made them. A snapshot
    is never among them: what it saw at earlier times is nowhere else, so no code can make it again.
    """
    served = {d.key: heads[d.key].version for d in declarations if d.key in heads and not _is_snapshot(d)}
    receipts = _receipts_above(connection, set(served.items()))
    made: dict[tuple[AssetKey, Version], str] = {}
    declared: dict[AssetKey, str] = {}
    return {
        key for key, version in served.items() if _made(receipts, key, version, made) != _code(assets, key, declared)
    }


def _is_snapshot(declaration: AssetDeclaration) -> bool:
    return isinstance(declaration.build, DbtBuild) and declaration.build.materialized == "snapshot"


def _receipts_above(connection: duckdb.DuckDBPyConnection, versions: Collection[tuple[AssetKey, Version]]) -> _Receipts:
    """Returns the receipts of these versions, of the versions that they read, and so on upwards."""
    found: dict[tuple[AssetKey, Version], Receipt] = {}
    pending = set(versions)
    while pending:
        receipts = read_receipts_at(connection, pending)
        found |= receipts
        read = {(p.asset, p.version) for r in receipts.values() for p in r.parents if p.version is not None}
        pending = read - found.keys()
    return found


def _made(
    receipts: _Receipts, asset: AssetKey, version: Version | None, known: dict[tuple[AssetKey, Version], str]
) -> str:
    """The hash of the code that made a version and the versions that it read."""
    if version is None or (asset, version) not in receipts:
        return "unknown"
    if (asset, version) not in known:
        receipt = receipts[asset, version]
        above = sorted((p.asset, _made(receipts, p.asset, p.version, known)) for p in receipt.parents)
        known[asset, version] = sha256_of([receipt.code_version, above])
    return known[asset, version]


def _code(assets: Mapping[AssetKey, AssetDeclaration], asset: AssetKey, known: dict[AssetKey, str]) -> str:
    """The hash of the code in force for an asset and everything above it."""
    if asset not in assets:
        return "undeclared"
    if asset not in known:
        declaration = assets[asset]
        above = sorted((parent, _code(assets, parent, known)) for parent in declaration.parents)
        known[asset] = sha256_of([declaration.code_version, above])
    return known[asset]
