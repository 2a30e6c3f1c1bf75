"""Writes a new table, in Python or as a dbt model: the use case behind `orchestrator new table`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from ..errors import UnknownAsset
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..settings import Settings
from .new_columns import EXAMPLE, Kept, contract_text, grain_among, kept_columns, quoted_python, quoted_sql
from .new_dbt_table import DbtTable, has_dbt
from .new_files import NewFiles, class_name, identifier, new_asset, refuse_existing

_COMPONENT = """\
# One file of tables made by Python functions; the contract of each is beside it, in contract.py.
type: orchestrator_platform.components.PythonTableComponent
attributes:
  module: tables.py
  # checks: # SQL that selects failing rows
  #   - {name: no_negative_totals, file: no_negative_totals.sql}
  # freshness: {warn_after: {count: 2, period: day}} # older than that, status and Dagster say late
"""


def propose_new_table(
    settings: Settings,
    name: str,
    parent: str | None = None,
    how: Literal["python", "dbt"] | None = None,
    folder: Path | None = None,
) -> NewFiles:
    """Returns what would be written.

    Args:
        parent: The table that it is made of; without one it begins with rows of its own.
        how: By default dbt where the project has dbt tables, else Python.
        folder: Where the component goes, by default a folder of its name.

    Raises:
        Misuse: The name cannot be a table's, something of that name is there, or there is no such parent.
    """
    asset, declared = new_asset(settings, name, "marts", "table")
    made_of = _parent(parent, declared)
    if (how or ("dbt" if has_dbt(settings) else "python")) == "dbt":
        new = DbtTable(settings, asset, made_of).propose(_steps(asset, f"{asset.name}.sql"))
    else:
        new = _python_table(asset, made_of, folder or settings.project.defs / asset.name)
    refuse_existing(tuple(new.files), "table")
    return new


def _parent(name: str | None, declared: Mapping[AssetKey, AssetDeclaration]) -> AssetDeclaration | None:
    if name is None:
        return None
    found = next((declaration for asset, declaration in declared.items() if asset == name), None)
    if found is None:
        raise UnknownAsset(name=name, known=list(declared))
    return found


def _steps(asset: AssetKey, what: str) -> tuple[str, ...]:
    return (
        f"Edit {what}, and the contract: {asset} promises what it says.",
        "`orchestrator build --dry-run` tells what would be built and why, `orchestrator build` builds it.",
        f"`orchestrator receipt {asset}` shows who made it, who judged it, and every finding.",
    )


def _left_out(kept: Kept) -> tuple[str, ...]:
    return tuple(
        f"column {name}: its type or name is left out of the contract, add it by hand" for name in kept.left_out
    )


def _python_table(asset: AssetKey, parent: AssetDeclaration | None, folder: Path) -> NewFiles:
    kept = kept_columns(parent.contract) if parent else Kept(EXAMPLE, ())
    grain = grain_among(parent, kept.names)
    same = f', "rows": {{"same_as": "{parent.key}"}}' if parent is not None and grain else ""
    metadata = f'{{"grain": {_listed(grain) if grain else quoted_python("none")}{same}}}'
    about = f"What every row of {asset} promises."
    files = {
        folder / "defs.yaml": _COMPONENT,
        folder / "tables.py": _made_of(asset, parent, kept) if parent else _made_of_nothing(asset),
        folder / "contract.py": contract_text(class_name(asset), about, kept.columns, metadata),
    }
    return NewFiles("table", asset.name, asset, files, _left_out(kept), _steps(asset, "tables.py"))


def _listed(names: Sequence[str]) -> str:
    return f"[{', '.join(map(quoted_python, names))}]"


def _made_of_nothing(asset: AssetKey) -> str:
    return f'''"""The table {asset}."""

import pandas as pd

from orchestrator_platform import python_table


# Another table becomes a parent by its name: parents={{"orders": "raw.orders"}}, and a parameter `orders`.
@python_table(key="{asset}", parents={{}}, contract="contract.py:{class_name(asset)}")
def {identifier(asset.name)}() -> pd.DataFrame:
    """What {asset} is for: say it in a sentence, which the UI shows."""
    return pd.DataFrame({{"id": [1, 2], "name": ["first", "second"]}})
'''


def _made_of(asset: AssetKey, parent: AssetDeclaration, kept: Kept) -> str:
    own = identifier(parent.key.name)
    columns = "".join(f"            {quoted_python(quoted_sql(name))},\n" for name in kept.names)
    return f'''"""The table {asset}, made of {parent.key}."""

import duckdb

from orchestrator_platform import python_table


@python_table(key="{asset}", parents={{"{own}": "{parent.key}"}}, contract="contract.py:{class_name(asset)}")
def {identifier(asset.name)}({own}: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
    """What {asset} is for: say it in a sentence, which the UI shows."""
    # A parent comes as a lazy relation: filter, project, aggregate it. Annotated as pd.DataFrame, pl.DataFrame or
    # pa.Table it comes as such, and any of these may be returned.
    columns = ", ".join(
        [
{columns}        ]
    )
    return {own}.project(columns)
'''
