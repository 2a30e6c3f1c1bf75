"""The model that is published now, as whoever asks it needs it: its artefact, what it is given, what it calls."""

import hashlib
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import duckdb

from ..errors import ModelNotServed, UnknownAsset
from ..gate.context import Gate
from ..gate.score import read_model
from ..lake.content import Content, measure_content
from ..lake.history import read_receipt, read_retractions
from ..lake.published import PublishedCut
from ..learning.input_rows import InputColumn, InputContract
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, ModelBuild
from ..records.keys import AssetKey, Version
from ..records.model_rows import ModelRow
from ..records.models import ModelOptions
from ..records.receipts import Receipt

_CHANGED = (
    "what is stored of version {version} is not what its receipt tells of: `orchestrator doctor` names the file, and a"
    " backup brings it back, `orchestrator restore FROM --home NEW`"
)


@dataclass(frozen=True)
class Champion:
    """One published model. `version` is the one that was judged: a restored one keeps its number. `head` serves."""

    asset: AssetKey
    options: ModelOptions
    version: Version
    head: Version
    row: ModelRow
    artefact: bytes
    inputs: InputContract

    @property
    def told(self) -> dict[str, Any]:
        """What every answer says of who gave it."""
        return {
            "model": self.options.name,
            "asset": self.asset,
            "version": self.version,
            "sha256": self.row.artefact_sha256,
        }


def named_model(gate: Gate, name: str) -> AssetDeclaration:
    """Returns the model of that asset, or registered under that name.

    Raises:
        UnknownAsset: There is none.
    """
    models = [declared for declared in gate.assets.values() if isinstance(declared.build, ModelBuild)]
    for declaration in models:
        if isinstance(declaration.build, ModelBuild) and name in {declaration.key, declaration.build.options.name}:
            return declaration
    raise UnknownAsset(name=name, known=[declaration.key for declaration in models])


def read_champion(gate: Gate, declaration: AssetDeclaration, cut: PublishedCut | None = None) -> Champion:
    """Returns the model that serves, by default now.

    Raises:
        ModelNotServed: None was published, or what was published was taken back, or what it was made from; or what is
            stored of it is not what was judged.
    """
    build = declaration.build
    assert isinstance(build, ModelBuild)
    cut = cut or gate.cut_for_readers()
    head = cut.heads.get(declaration.key)
    with closing(cut.connect()) as connection:
        if head is None or head.withdrawn:
            raise ModelNotServed(model=declaration.key, why=_why_not(connection, declaration.key, head is not None))
        receipt = read_receipt(connection, declaration.key, head.version)
        row, artefact = read_model(connection, f"lake.{declaration.key.quoted}")
        if receipt is None or not _is_as_judged(connection, receipt, row, artefact):
            raise ModelNotServed(model=declaration.key, why=_CHANGED.format(version=head.version))
    inputs = input_contract(row, build.options, gate.assets[build.options.examples].contract)
    return Champion(
        declaration.key, build.options, receipt.restores or head.version, head.version, row, artefact, inputs
    )


def _is_as_judged(connection: duckdb.DuckDBPyConnection, receipt: Receipt, row: ModelRow, artefact: bytes) -> bool:
    """Whether what would answer is what was judged: whoever can write files could have changed it."""
    if hashlib.sha256(artefact).hexdigest() != row.artefact_sha256:
        return False
    found = measure_content(connection, f"lake.{receipt.asset.quoted}", receipt.columns)
    return found.agrees_with(Content.parse(receipt.data_version))


def input_contract(row: ModelRow, options: ModelOptions, examples: Contract) -> InputContract:
    """Returns what a row for the model must have, as the contract of its examples says."""
    columns: Mapping[str, InputColumn] = {
        column.name: InputColumn(column.name, column.type, column.nullable) for column in examples.columns
    }
    missing = [name for name in row.features if name not in columns]
    if missing:
        why = f"it is given {', '.join(missing)}, which {options.examples} has no more; train it anew"
        raise ModelNotServed(model=row.model, why=why)
    return InputContract(tuple(columns[name] for name in row.features), tuple(columns[name] for name in options.key))


def _why_not(connection: duckdb.DuckDBPyConnection, asset: AssetKey, was_published: bool) -> str:
    if not was_published:
        return "no version of it is published"
    retracted = [item for item in read_retractions(connection) if item.asset == asset]
    if not retracted:
        return "it was withdrawn"
    last = retracted[-1]
    source = "was taken back" if last.is_direct else f"was made from {last.cause}, which was taken back"
    return f"version {last.version} {source} ({last.why}), and no other version is left"
