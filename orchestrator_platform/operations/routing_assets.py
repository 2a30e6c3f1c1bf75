"""Declares routing: what a component says, held against the scores and the table whose rows are answered for."""

from collections.abc import Iterator, Mapping

import duckdb

from ..errors import DefinitionError, StatementRefused
from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract, Relation, RowsPromise
from ..records.declarations import AssetDeclaration, FreeCheck, RoutingBuild, ScoresBuild
from ..records.keys import AgentName, AssetKey
from ..records.routing import ANSWERED_BY, OUTCOME, OUTCOMES, ROUTE, ROUTING_COLUMNS, RoutingOptions
from ..sql import identifier, literal
from ..transforming.condition_check import check_condition
from .component_files import ComponentFile, RoutingAttributes

_NOBODY = AgentName("")


def declare_routing(
    component: ComponentFile,
    attributes: RoutingAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    checks: tuple[FreeCheck, ...],
) -> AssetDeclaration:
    """Returns the routing of one component. Scores and models that are not published are done without.

    Raises:
        DefinitionError: Scores or examples are not declared, a key is not theirs, or a condition is none.
    """
    options = attributes.options()
    examples = _examples(component, options, declared)
    models = tuple((asset, _scores(component, options, asset, declared).options.model) for asset in options.scores)
    _require_conditions(component, options, examples.contract)
    optional = tuple(dict.fromkeys([*options.scores, *(model for _, model in models)]))
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.TABLE,
        contract=_contract(component, attributes.asset, options, examples.contract),
        parents=(options.examples, *optional),
        code_version=sha256_of(options.model_dump(mode="json")),
        build=RoutingBuild(options, models),
        producer=_NOBODY,
        auditor=_NOBODY,
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=checks,
        kinds=("scores", "ducklake"),
        declared_in=(component.folder,),
        drift=attributes.drift,
        freshness=attributes.freshness,
        optional_parents=frozenset(optional),
        measures=tuple(_measures(options)),
    )


def _measures(options: RoutingOptions) -> Iterator[tuple[str, str]]:
    """How many rows of each route were answered for, and how."""
    for route in options.routes:
        for outcome in OUTCOMES:
            condition = f"{ROUTE} = {literal(route.name)} AND {OUTCOME} = {literal(outcome)}"
            yield f"{route.name}: {outcome}", f"count(*) FILTER ({condition})"
        for asset in route.scores:
            condition = f"{ROUTE} = {literal(route.name)} AND {ANSWERED_BY} = {literal(asset)}"
            yield f"{route.name}: by {asset}", f"count(*) FILTER ({condition})"


def _scores(
    component: ComponentFile,
    options: RoutingOptions,
    asset: AssetKey,
    declared: Mapping[AssetKey, AssetDeclaration],
) -> ScoresBuild:
    found = declared.get(asset)
    if found is None or not isinstance(found.build, ScoresBuild):
        known = ", ".join(key for key, other in declared.items() if isinstance(other.build, ScoresBuild)) or "none"
        raise _wrong(component, "routes", f"{asset} are no scores of this project", f"Scores: {known}.")
    if set(found.build.options.key) != set(options.key):
        theirs = ", ".join(found.build.options.key)
        raise _wrong(component, "key", f"{asset} have the key [{theirs}]", "Name the same columns.")
    return found.build


def _examples(
    component: ComponentFile, options: RoutingOptions, declared: Mapping[AssetKey, AssetDeclaration]
) -> AssetDeclaration:
    examples = declared.get(options.examples)
    if examples is None:
        raise _wrong(component, "examples", f"nothing declares {options.examples}", "Name a table of this project.")
    if set(examples.contract.grain or ()) != set(options.key):
        has = ", ".join(examples.contract.grain or ()) or "none"
        raise _wrong(component, "key", f"the grain of {options.examples} is [{has}]", "Name its columns, in any order.")
    return examples


def _require_conditions(component: ComponentFile, options: RoutingOptions, contract: Contract) -> None:
    """Every condition is one expression over the examples' columns, tried on a table without rows."""
    asked = [("where", options.where), *(("routes", route.where) for route in options.routes)]
    for attribute, condition in asked:
        if not condition:
            continue
        try:
            check_condition(condition, f"{component.origin}: `{attribute}`")
        except StatementRefused as error:
            raise _wrong(component, attribute, error.why, "Write one expression over the examples' columns.") from error
        if not all(column.type for column in contract.columns):
            continue
        columns = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in contract.columns)
        try:
            with duckdb.connect() as connection:
                connection.execute(f"SELECT 1 FROM (SELECT {columns}) WHERE ({condition}\n)")
        except duckdb.Error as error:
            first = str(error).strip().splitlines()[0]
            problem = f"`{condition}` cannot be asked of {options.examples}: {first}"
            raise _wrong(component, attribute, problem, "Mend it.") from error


def _contract(component: ComponentFile, asset: AssetKey, options: RoutingOptions, examples: Contract) -> Contract:
    keys = []
    for name in options.key:
        column = examples.column(name)
        if column is None or not column.type:
            problem = f"the contract of {options.examples} gives {name!r} no type"
            raise _wrong(component, "key", problem, "Give it one there (`data_type` in dbt).")
        keys.append(column.model_copy(update={"nullable": False, "sequence": False}))
    own = (
        Column(name=name, type=type_, nullable=name != OUTCOME, description=said)
        for name, type_, said in ROUTING_COLUMNS
    )
    return Contract(
        asset=asset,
        columns=(*keys, *own),
        grain=options.key,
        rows=RowsPromise(relation=Relation.SUBSET_OF, parent=options.examples, on=options.key),
        closed=True,
        origin=component.origin,
    )


def _wrong(component: ComponentFile, attribute: str, problem: str, fix: str) -> DefinitionError:
    return DefinitionError(file=component.file, line=component.line_of(attribute), problem=problem, fix=fix)
