"""Loads everything that a project declares into one gate: assets with contracts, parents and seats."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from ..audits.dbt_checks import tests_judging
from ..authority.agent_files import load_agent_files
from ..authority.seats import take_seats
from ..authority.selections import Selectable
from ..contracts.contract_cache import CodeFiles, cached_pandera_contract
from ..errors import DefinitionError
from ..gate.context import Gate
from ..gate.definition_files import hash_files
from ..gate.land import raw_contract
from ..learning.embedders import Embedders, local_embedders, opened_once
from ..records.alerts import AlertOptions
from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, DbtBuild, DriftAnswer, FreeCheck, PythonBuild, SourceBuild
from ..records.keys import AssetKey
from ..settings import Settings
from ..transforming.dbt_project import DbtProject, DbtTest
from ..transforming.python_table import load_python_tables
from ..transforming.statement_check import one_parser
from .component_files import (
    CheckAttributes,
    ComponentFile,
    DbtTablesAttributes,
    EmbeddingAttributes,
    FeaturesAttributes,
    LedgerAttributes,
    PythonTableAttributes,
    SourceAttributes,
    read_component_files,
)
from .dbt_assets import declare_dbt_table, load_project_dbt
from .embedding_assets import declare_embedding, judged_by
from .feature_assets import declare_features
from .learned_assets import LEARNED, Learned, declare_learned
from .ledger_assets import declare_ledger
from .model_assets import model_judged_by
from .overlay import prepare_home
from .partitions import read_partition
from .plots import with_plots
from .pull_promises import required_pull
from .scores_assets import scores_judged_by


@dataclass(frozen=True)
class Declarations:
    """What the project declares, parents first, before anybody took a seat."""

    assets: tuple[AssetDeclaration, ...]
    dbt: DbtProject
    variables: Mapping[str, Any]
    files: Mapping[Path, str]
    alerts: AlertOptions | None = None


def load_declarations(settings: Settings, embedders: Embedders | None = None) -> Declarations:
    """Returns everything that the project declares; agent files are not read, so the seats are empty.

    Args:
        embedders: Who identifies embedders; by default those that a component's YAML can name.

    Raises:
        DefinitionError: A component, contract or dbt file is wrong, two components declare one
            asset, or assets depend on each other in a circle.
    """
    # Hashed before they are read: an edit in between then shows as a change, never as what was loaded.
    files = hash_files([settings.project.defs, settings.project.dbt_project])
    components = read_component_files(settings.project.defs)
    dbt, variables = load_project_dbt(settings, components)
    modules = tuple(sorted(settings.project.defs.rglob("*.py")))
    with one_parser():
        found = list(_declare(settings, components, dbt))
        found += _ledgers(components, found)
        found += _features(settings, components, found)
        found += _embeddings(components, found, embedders or local_embedders(settings.home.cache / "embedders"))
        for kind in LEARNED:
            found += _learned(components, found, kind)
    parents = {declaration.key: declaration.parents for declaration in found}
    declared = [
        _judged(settings, d, tests_judging(d.key, dbt.tests_of(d.key), parents), modules)
        for d in with_plots(components, found)
    ]
    return Declarations(tuple(_ordered(declared)), dbt, variables, files, _alerts(components))


def _judged(
    settings: Settings, declaration: AssetDeclaration, tests: Sequence[DbtTest], modules: Sequence[Path]
) -> AssetDeclaration:
    """Adds by what the asset is judged: where dbt's tests are its audits, the dbt project declares it too."""
    dbt = (settings.project.dbt_project,) if tests or isinstance(declaration.build, DbtBuild) else ()
    return replace(
        declaration, audits=_audits(declaration, tests), declared_in=(*declaration.declared_in, *modules, *dbt)
    )


def _audits(declaration: AssetDeclaration, tests: Sequence[DbtTest]) -> str:
    """A check that was mended or made stricter must judge again what it judged before."""
    checks = [[check.name, check.severity, check.function, check.code_version] for check in declaration.checks]
    versions = sorted([test.unique_id, test.code_version] for test in tests)
    asks: list[list[object]] = [["drift", declaration.drift]] if declaration.drift is not DriftAnswer.WARN else []
    asks += [*judged_by(declaration), *model_judged_by(declaration), *scores_judged_by(declaration)]
    return sha256_of([checks, versions, *asks]) if checks or versions or asks else ""


def load_gate(settings: Settings, embedders: Embedders | None = None) -> Gate:
    """Returns the gate over everything that the project declares; `embedders` as for `load_declarations`.

    Raises:
        DefinitionError: As for `load_declarations`.
        AgentFileError: An agent file is wrong, or an asset lacks a producer or an auditor.
    """
    if settings.over is not None:
        # Whoever works over another home has it made by whatever opens it first, Dagster's own process as well.
        prepare_home(settings)
    embedders = embedders or local_embedders(settings.home.cache / "embedders")
    declared = load_declarations(settings, embedders)
    principals = load_agent_files(settings.project.agents)
    seats = take_seats(principals, [selectable(declaration) for declaration in declared.assets])
    seated = {
        declaration.key: replace(
            declaration, producer=seats[declaration.key].producer, auditor=seats[declaration.key].auditor
        )
        for declaration in declared.assets
    }
    return Gate(
        settings=settings,
        assets=seated,
        principals={principal.name: principal for principal in principals},
        seats=seats,
        dbt=declared.dbt,
        embedders=opened_once(embedders),
        judges=opened_once(embedders),
        variables=declared.variables,
        definition_files=declared.files,
        # Over another home nothing happens that anybody should be told of.
        alerts=declared.alerts if settings.over is None else None,
    )


def _alerts(components: Sequence[ComponentFile]) -> AlertOptions | None:
    found = [(component, component.attributes) for component in components]
    declared = [(component, options) for component, options in found if isinstance(options, AlertOptions)]
    if len(declared) > 1:
        component, first = declared[1][0], declared[0][0]
        raise DefinitionError(
            file=component.file,
            line=component.line,
            problem=f"whom to tell is declared already in {first.origin}",
            fix="Keep one AlertsComponent, with all channels in it.",
        )
    return declared[0][1] if declared else None


def selectable(declaration: AssetDeclaration) -> Selectable:
    """Returns the asset as an agent file's selections see it."""
    return Selectable(
        key=declaration.key, group=declaration.group, kinds=declaration.kinds, parents=declaration.parents
    )


def _declare(settings: Settings, components: Sequence[ComponentFile], dbt: DbtProject) -> Iterator[AssetDeclaration]:
    depends_on = CodeFiles(sorted(settings.project.defs.rglob("*.py")))
    for component in components:
        match component.attributes:
            case SourceAttributes():
                yield _source(settings, component, component.attributes, depends_on)
            case DbtTablesAttributes():
                for node in dbt.nodes:
                    yield declare_dbt_table(settings, component, component.attributes, node)
            case PythonTableAttributes():
                yield from _python_tables(settings, component, component.attributes, depends_on)


def _ledgers(components: Sequence[ComponentFile], others: Sequence[AssetDeclaration]) -> Iterator[AssetDeclaration]:
    declared = {declaration.key: declaration for declaration in others}
    for component in components:
        if isinstance(component.attributes, LedgerAttributes):
            checks = _free_checks(component, component.attributes.checks)
            yield declare_ledger(component, component.attributes, declared, checks)


def _features(
    settings: Settings, components: Sequence[ComponentFile], others: Sequence[AssetDeclaration]
) -> Iterator[AssetDeclaration]:
    declared = {declaration.key: declaration for declaration in others}
    depends_on = CodeFiles(sorted(settings.project.defs.rglob("*.py")))
    for component in components:
        if isinstance(component.attributes, FeaturesAttributes):
            asset, named = component.attributes.asset, component.attributes.contract
            contract = _pandera_contract(settings, component, asset, named, depends_on)
            checks = _free_checks(component, component.attributes.checks)
            cache = settings.home.cache / "features"
            yield declare_features(component, component.attributes, declared, contract, checks, cache)


def _embeddings(
    components: Sequence[ComponentFile], others: Sequence[AssetDeclaration], embedders: Embedders
) -> Iterator[AssetDeclaration]:
    declared = {declaration.key: declaration for declaration in others}
    for component in components:
        if isinstance(component.attributes, EmbeddingAttributes):
            checks = _free_checks(component, component.attributes.checks)
            yield declare_embedding(component, component.attributes, declared, checks, embedders)


def _learned(
    components: Sequence[ComponentFile], others: Sequence[AssetDeclaration], kind: type[Learned]
) -> Iterator[AssetDeclaration]:
    declared = {declaration.key: declaration for declaration in others}
    for component in components:
        attributes = component.attributes
        if isinstance(attributes, LEARNED) and isinstance(attributes, kind):
            yield declare_learned(component, attributes, declared, _free_checks(component, attributes.checks))


def _source(
    settings: Settings, component: ComponentFile, attributes: SourceAttributes, depends_on: CodeFiles
) -> AssetDeclaration:
    options = attributes.options()
    contract = raw_contract(
        _pandera_contract(settings, component, attributes.asset, attributes.contract, depends_on), options
    )
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.RAW,
        contract=contract,
        parents=(),
        code_version=sha256_of(options.model_dump(mode="json")),
        build=SourceBuild(attributes.name, options, required_pull(component, attributes)),
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=_free_checks(component, attributes.checks),
        kinds=("raw", "ducklake"),
        declared_in=(component.folder,),
        drift=attributes.drift,
        freshness=attributes.freshness,
    )


def _python_tables(
    settings: Settings, component: ComponentFile, attributes: PythonTableAttributes, depends_on: CodeFiles
) -> Iterator[AssetDeclaration]:
    file = component.folder / attributes.module
    for table in load_python_tables(file):
        contract = _pandera_contract(settings, component, table.key, table.contract, depends_on)
        parents = tuple(dict.fromkeys(table.parents.values()))
        yield AssetDeclaration(
            key=table.key,
            kind=AssetKind.TABLE,
            contract=contract,
            parents=parents,
            code_version=table.code_version,
            build=PythonBuild(file, table.name),
            group=table.key.schema,
            description=table.description,
            origin=str(file),
            checks=_free_checks(component, attributes.checks),
            atomic=component.origin if attributes.atomic else None,
            kinds=("table", "python", "ducklake"),
            declared_in=(component.folder,),
            drift=attributes.drift,
            freshness=attributes.freshness,
            partition=read_partition(file, table.key, table.partition, contract, parents),
        )


def _pandera_contract(
    settings: Settings, component: ComponentFile, asset: AssetKey, name: str, depends_on: CodeFiles
) -> Contract:
    file, _, class_name = name.partition(":")
    if not class_name:
        raise DefinitionError(
            file=component.file,
            line=component.line,
            problem=f"contract {name!r} names no class",
            fix="Write `file.py:ClassName`, for example contract.py:Orders.",
        )
    return cached_pandera_contract(
        settings.home.cache / "contracts", asset, component.folder / file, class_name, depends_on=depends_on
    )


def _free_checks(component: ComponentFile, checks: Sequence[CheckAttributes]) -> tuple[FreeCheck, ...]:
    found: list[FreeCheck] = []
    for check in checks:
        file = component.folder / check.file
        if not file.is_file():
            raise DefinitionError(
                file=component.file,
                line=component.line,
                problem=f"check {check.name!r} names {check.file!r}, which is not there",
                fix="Write the file, or take the check out.",
            )
        if any(check.name == other.name for other in found):
            raise DefinitionError(
                file=component.file,
                line=component.line,
                problem=f"two checks are called {check.name!r}",
                fix="Give each its own name, so that each has its own result.",
            )
        code = sha256_of(file.read_bytes().hex())
        found.append(FreeCheck(check.name, file, check.severity, check.function, code))
    return tuple(found)


def _ordered(declarations: Sequence[AssetDeclaration]) -> list[AssetDeclaration]:
    """Parents first; within that, by name."""
    by_key: dict[AssetKey, AssetDeclaration] = {}
    for declaration in declarations:
        if declaration.key in by_key:
            raise DefinitionError(
                file=declaration.origin,
                problem=f"{declaration.key} is declared already in {by_key[declaration.key].origin}",
                fix="Give one of them another name.",
            )
        by_key[declaration.key] = declaration
    _require_parents(by_key)
    graph = {key: set(by_key[key].parents) for key in sorted(by_key)}
    try:
        return [by_key[key] for key in TopologicalSorter(graph).static_order()]
    except CycleError as error:
        circle = " → ".join(str(key) for key in error.args[1])
        raise DefinitionError(
            file=by_key[error.args[1][0]].origin,
            problem=f"assets depend on each other: {circle}",
            fix="Break the circle.",
        ) from error


def _require_parents(by_key: Mapping[AssetKey, AssetDeclaration]) -> None:
    for declaration in by_key.values():
        promise = declaration.contract.rows
        for parent in (*declaration.parents, *([promise.parent] if promise else ())):
            if parent not in by_key:
                raise DefinitionError(
                    file=declaration.origin,
                    problem=f"{declaration.key} reads {parent}, or promises rows of it, and nothing declares it",
                    fix="Declare it (a source, a dbt model, a Python table), or read something else.",
                )
