"""Which incremental tables must be built in full: those whose rows were made by code that is not in force any more."""

from collections.abc import Mapping, Sequence

import duckdb

from ..lake.history import read_receipts_at
from ..records.candidates import ParentRead
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey, Version
from ..records.receipts import Head


def made_by_other_code(
    connection: duckdb.DuckDBPyConnection,
    declarations: Sequence[AssetDeclaration],
    assets: Mapping[AssetKey, AssetDeclaration],
    heads: Mapping[AssetKey, Head],
) -> set[AssetKey]:
    """Returns the assets whose served rows, or whose parents' rows when they were read, came of other code.

    A model that builds only what is new would leave the old rows as the old code made them. `declarations`
    come parents first, so that what stands on such an asset is built in full as well.
    """
    served = {(d.key, heads[d.key].version) for d in declarations if d.key in heads}
    receipts = {asset: receipt for (asset, _), receipt in read_receipts_at(connection, served).items()}
    read = {(p.asset, p.version) for r in receipts.values() for p in r.parents if p.version is not None}
    code = {version: receipt.code_version for version, receipt in read_receipts_at(connection, read).items()}
    found: set[AssetKey] = set()
    for declaration in declarations:
        receipt = receipts.get(declaration.key)
        if receipt is None:
            continue
        parents_changed = any(
            parent.asset in found or _code_of(code, parent) != _declared(assets, parent.asset)
            for parent in receipt.parents
        )
        if receipt.code_version != declaration.code_version or parents_changed:
            found.add(declaration.key)
    return found


def _declared(assets: Mapping[AssetKey, AssetDeclaration], asset: AssetKey) -> str | None:
    return assets[asset].code_version if asset in assets else None


def _code_of(code: Mapping[tuple[AssetKey, Version], str], parent: ParentRead) -> str | None:
    return code.get((parent.asset, parent.version)) if parent.version is not None else None
