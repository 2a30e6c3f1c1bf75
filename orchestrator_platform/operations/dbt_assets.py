"""Declares the tables that dbt makes: the project's nodes, each with what its own YAML says of it."""

from collections.abc import Sequence
from typing import Any

from ..contracts.dbt_contract import dbt_contract
from ..errors import DefinitionError
from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.declarations import AssetDeclaration, DbtBuild
from ..settings import Settings
from ..transforming.dbt_project import DbtNode, DbtProject, load_dbt_project
from .component_files import ComponentFile, DbtTablesAttributes
from .dbt_meta import drift_of, freshness_of, group_of, measures_of, partition_of, plots_of
from .partitions import partition_code, read_partition


def load_project_dbt(settings: Settings, components: Sequence[ComponentFile]) -> tuple[DbtProject, dict[str, Any]]:
    """Returns the dbt project and its variables; one without nodes where no component declares dbt tables.

    Raises:
        DefinitionError: Two components declare them, or there is no dbt project, or it does not parse.
    """
    found = [c for c in components if isinstance(c.attributes, DbtTablesAttributes)]
    if len(found) > 1:
        raise DefinitionError(
            file=found[1].file,
            line=found[1].line,
            problem=f"the dbt tables are declared already in {found[0].origin}",
            fix="Keep one DbtTablesComponent: it holds every model of the dbt project.",
        )
    if not found:
        return DbtProject(root=settings.project.dbt_project, nodes=(), manifest=settings.home.cache / "none"), {}
    (component,) = found
    assert isinstance(component.attributes, DbtTablesAttributes)
    root = settings.project.dbt_project
    if not (root / "dbt_project.yml").is_file():
        raise DefinitionError(
            file=component.file,
            line=component.line,
            problem=f"declares dbt tables, but there is no {root / 'dbt_project.yml'}",
            fix="Write it, or say in pyproject.toml where it is: `dbt_project` in [tool.orchestrator].",
        )
    variables = dict(component.attributes.variables)
    return load_dbt_project(root, settings.home.cache / "dbt", variables), variables


def declare_dbt_table(
    settings: Settings, component: ComponentFile, attributes: DbtTablesAttributes, node: DbtNode
) -> AssetDeclaration:
    """Returns what a node of the dbt project declares by its own YAML, within what its component says of all.

    Raises:
        DefinitionError: Its contract or its meta is wrong.
    """
    file = settings.project.dbt_project / node.path
    contract = dbt_contract(node.key, node.raw)
    said = partition_of(node)
    partition = read_partition(file, node.key, said, contract, node.parents, materialized=node.materialized)
    return AssetDeclaration(
        key=node.key,
        kind=AssetKind.TABLE,
        contract=contract,
        parents=node.parents,
        code_version=sha256_of([node.code_version, partition_code(partition)]) if partition else node.code_version,
        build=DbtBuild(node.unique_id, node.materialized, node.path),
        group=group_of(node),
        description=node.description,
        origin=str(file),
        atomic=component.origin if attributes.atomic else None,
        kinds=("table", "dbt", "ducklake"),
        declared_in=(component.file,),
        drift=drift_of(file, node, attributes.drift),
        freshness=freshness_of(file, node, attributes.freshness),
        measures=measures_of(file, node),
        plots=plots_of(file, node, contract),
        partition=partition,
    )
