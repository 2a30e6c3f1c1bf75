"""Puts a project's definitions together: everything below its `defs`, run in one process."""

import tomllib
import warnings
from collections.abc import Collection, Iterator

import dagster as dg

from ..errors import DefinitionError
from ..gate.context import Gate
from ..operations.component_files import (
    BuiltAttributes,
    DbtTablesAttributes,
    PythonTableAttributes,
    SourceAttributes,
    read_component_files,
)
from ..operations.project_assets import load_gate
from ..projections.dagster_values import dagster_key
from ..settings import Settings
from .building import own_step
from .dbt_tables import dbt_assets
from .deciding_jobs import deciding_jobs
from .jobs import platform_jobs, platform_sensors
from .pulling import pull_jobs, pull_sensors
from .python_table import python_assets
from .quarantine_asset import quarantine_assets
from .source import source_assets
from .tree import PlatformTree
from .waiting import Patience


def load_definitions(settings: Settings, patience: Patience | None = None) -> dg.Definitions:
    """Returns the definitions of the project, which may declare nothing at all.

    A project that `dg` knows is read by Dagster's own loader, so that any other component or Python
    definition below `defs` loads too; otherwise the platform's components are read directly.

    Args:
        patience: How long sensors wait inside their ticks; by default as long as Dagster's daemon lets them.

    Raises:
        OrchestratorError: A file of the project is wrong; the message has file and line.
    """
    with warnings.catch_warnings():
        # Code references and the loader itself are beta, and dagster-dbt's parser has a part that is given up;
        # users of the platform can do nothing about it.
        warnings.simplefilter("ignore", dg.BetaWarning)
        warnings.simplefilter("ignore", dg.PreviewWarning)
        warnings.filterwarnings("ignore", "sqlglotrs is deprecated", DeprecationWarning)
        gate, loaded = _load(settings)
        _require_all(gate, loaded)
        own = dg.Definitions(
            assets=quarantine_assets(gate),
            executor=dg.in_process_executor,
            jobs=[*platform_jobs(gate), *deciding_jobs(gate), *pull_jobs(gate)],
            sensors=[*platform_sensors(gate, patience or Patience()), *pull_sensors(gate)],
        )
        return dg.Definitions.merge(loaded, own)


def _load(settings: Settings) -> tuple[Gate, dg.Definitions]:
    if _is_dg_project(settings):
        tree = PlatformTree.for_project(settings.project.root)
        return tree.gate, tree.build_defs()
    gate = load_gate(settings)
    return gate, dg.Definitions(assets=list(component_assets(gate)))


def component_assets(gate: Gate) -> Iterator[dg.AssetsDefinition]:
    """Yields the assets of the platform's components as its own loader finds them."""
    for component in read_component_files(gate.settings.project.defs):
        match component.attributes:
            case SourceAttributes():
                yield source_assets(gate, component.attributes)
            case DbtTablesAttributes():
                yield from dbt_assets(gate)
            case PythonTableAttributes():
                yield from python_assets(gate, component.folder / component.attributes.module)
            case BuiltAttributes(asset=asset):
                yield from own_step(gate, asset)


def _is_dg_project(settings: Settings) -> bool:
    document = tomllib.loads((settings.project.root / "pyproject.toml").read_text(encoding="utf-8"))
    return settings.project.defs.is_dir() and "project" in document.get("tool", {}).get("dg", {})


def _require_all(gate: Gate, loaded: dg.Definitions) -> None:
    # Dagster's own answer would build the whole graph of assets, which is built once more afterwards.
    found = {key for loads in loaded.assets or () for key in _keys(loads)}
    for asset, declaration in gate.assets.items():
        if dagster_key(asset) not in found:
            raise DefinitionError(
                file=declaration.origin,
                problem=f"{asset} is declared here, but Dagster's loader passes this file over",
                fix="Move it out of a folder that has a defs.yaml of its own.",
            )


def _keys(loads: object) -> Collection[dg.AssetKey]:
    match loads:
        case dg.AssetsDefinition():
            return loads.keys
        case dg.AssetSpec() | dg.SourceAsset():
            return (loads.key,)
    return ()
