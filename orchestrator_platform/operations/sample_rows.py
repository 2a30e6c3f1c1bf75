"""Which rows a sample takes, so that its keys still join: rows of one table, and whatever is of the same keys.

Tables are held together by the columns that contracts name as keys: in a grain, as unique, in a promise of rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ..errors import Misuse, UnknownAsset
from ..records.candidates import AssetKind
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from ..sql import identifier

_KEPT = "_kept_keys"


@dataclass(frozen=True)
class Chosen:
    """`relation` gives the rows; `by` is the column that they are chosen by, empty where none is."""

    asset: AssetKey
    relation: str
    by: str


@dataclass(frozen=True)
class _Table:
    asset: AssetKey
    kind: AssetKind
    columns: frozenset[str]
    keys: tuple[str, ...]
    grain: tuple[str, ...]
    n_rows: int

    @property
    def rows(self) -> str:
        return f"lake.{self.asset.quoted}"


def choose_rows(
    connection: duckdb.DuckDBPyConnection,
    declared: Mapping[AssetKey, AssetDeclaration],
    receipts: Mapping[AssetKey, Receipt],
    n_rows: int,
    root: str = "",
) -> tuple[AssetKey, tuple[Chosen, ...]]:
    """Returns the root table, and what is taken of each table, in the order in which they are declared.

    Of the root that is `n_rows` rows, chosen by a hash of their key, so that the same lake gives the same ones.

    Raises:
        UnknownAsset: The root is no table that serves.
        Misuse: No table can be the root, or the one named has no key of one column.
    """
    tables = [_table(declared[asset], receipts[asset]) for asset in declared if asset in receipts]
    start = _root(tables, root)
    key = start.grain[0]
    connection.execute(
        f"CREATE OR REPLACE TEMP TABLE {_KEPT} AS SELECT {identifier(key)} AS key FROM {start.rows}"
        f" ORDER BY md5({identifier(key)}::VARCHAR) LIMIT {int(n_rows)}"
    )
    chosen = {
        table.asset: Chosen(table.asset, _where(table, key, f"SELECT key FROM {_KEPT}"), key)
        for table in tables
        if key in table.columns and table.kind is not AssetKind.MODEL
    }
    while linked := _link(tables, chosen):
        chosen[linked.asset] = linked
    for table in tables:
        chosen.setdefault(table.asset, Chosen(table.asset, _unlinked(table, n_rows), ""))
    return start.asset, tuple(chosen[table.asset] for table in tables)


def _table(declaration: AssetDeclaration, receipt: Receipt) -> _Table:
    columns = frozenset(column.name for column in receipt.columns)
    # Places in a log are names of rows too, and each log has its own.
    keys = tuple(name for name in _keys(declaration.contract) if name in columns and not name.startswith("_"))
    grain = declaration.contract.grain or ()
    return _Table(declaration.key, declaration.kind, columns, keys, grain, receipt.n_rows)


def _keys(contract: Contract) -> tuple[str, ...]:
    promised = contract.rows.on if contract.rows is not None else ()
    unique = (name for names in contract.unique for name in names)
    return tuple(dict.fromkeys((*(contract.grain or ()), *promised, *unique)))


def _root(tables: Sequence[_Table], named: str) -> _Table:
    if named:
        found = next((table for table in tables if table.asset == named), None)
        if found is None:
            raise UnknownAsset(name=named, known=[table.asset for table in tables])
        if len(found.grain) != 1 or found.grain != found.keys[:1]:
            raise Misuse(f"{named} has no key of one column, by which rows could be chosen. Name another --root.")
        return found
    able = [t for t in tables if len(t.grain) == 1 and t.grain == t.keys[:1] and t.kind is not AssetKind.MODEL]
    if not able:
        raise Misuse("No table that serves has a key of one column, so there is nothing to sample by.")
    return max(able, key=lambda t: (sum(t.grain[0] in other.columns for other in tables), t.n_rows))


def _where(table: _Table, column: str, values: str) -> str:
    return f"(SELECT * FROM {table.rows} WHERE {identifier(column)} IN ({values}))"


def _link(tables: Sequence[_Table], chosen: Mapping[AssetKey, Chosen]) -> Chosen | None:
    """The next table that shares a key with those chosen: the rows that they speak of."""
    for table in tables:
        if table.asset in chosen or table.kind is AssetKind.MODEL:
            continue
        for key in table.keys:
            having = [chosen[t.asset].relation for t in tables if t.asset in chosen and key in t.columns]
            if having:
                values = " UNION ".join(f"SELECT {identifier(key)} FROM {relation}" for relation in having)
                return Chosen(table.asset, _where(table, key, values), key)
    return None


def _unlinked(table: _Table, n_rows: int) -> str:
    if table.kind is AssetKind.MODEL or table.n_rows <= n_rows:
        return f"(SELECT * FROM {table.rows})"
    return f"(SELECT * FROM {table.rows} AS t ORDER BY md5(t::VARCHAR) LIMIT {int(n_rows)})"
