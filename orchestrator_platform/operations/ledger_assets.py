"""Declares the table of landed files: the published ledger, brought through the gate like every other table."""

from collections.abc import Mapping

from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract, Rule
from ..records.declarations import AssetDeclaration, FreeCheck, LedgerBuild
from ..records.keys import AssetKey
from ..records.landed_files import ADDS_UP, LANDED_FILE_COLUMNS, NULLABLE
from .component_files import ComponentFile, LedgerAttributes


def declare_ledger(
    component: ComponentFile,
    attributes: LedgerAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    checks: tuple[FreeCheck, ...],
) -> AssetDeclaration:
    """Returns the table of landed files; it stands below every raw table, and waits for none of them."""
    raw = tuple(sorted(key for key, declaration in declared.items() if declaration.kind is AssetKind.RAW))
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.TABLE,
        contract=_contract(component, attributes.asset),
        parents=raw,
        optional_parents=frozenset(raw),
        code_version=sha256_of({"columns": LANDED_FILE_COLUMNS}),
        build=LedgerBuild(),
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=checks,
        kinds=("table", "ledger", "ducklake"),
        declared_in=(component.folder,),
        freshness=attributes.freshness,
    )


def _contract(component: ComponentFile, asset: AssetKey) -> Contract:
    whole, *parts = ADDS_UP
    adds_up = Rule(name="every row is accounted for", columns=ADDS_UP, sql=f"{whole} = {' + '.join(parts)}")
    columns = tuple(
        Column(name=name, type=type_, nullable=name in NULLABLE, description=said)
        for name, type_, said in LANDED_FILE_COLUMNS
    )
    return Contract(asset=asset, columns=columns, grain=None, rules=(adds_up,), closed=True, origin=component.origin)
