"""Declares routing: what a component says, held against the scores and the table whose rows are answered for."""

from collections.abc import Iterator, Mapping

from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract, Relation, RowsPromise
from ..records.declarations import AssetDeclaration, FreeCheck, RoutingBuild, ScoresBuild
from ..records.keys import AssetKey
from ..records.routing import ANSWERED_BY, OUTCOME, OUTCOMES, ROUTE, ROUTING_COLUMNS, RoutingOptions
from ..sql import literal
from .component_files import ComponentFile, RoutingAttributes
from .table_read import TableRead, table_read, wrong


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
    examples = table_read(component, "examples", options.examples, declared)
    examples.require_grain(options.key)
    models = tuple((asset, _scores(component, options, asset, declared).options.model) for asset in options.scores)
    for attribute, condition in (("where", options.where), *(("routes", route.where) for route in options.routes)):
        if condition:
            examples.require_condition(attribute, condition)
    optional = tuple(dict.fromkeys([*options.scores, *(model for _, model in models)]))
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.TABLE,
        contract=_contract(component, attributes.asset, options, examples),
        parents=(options.examples, *optional),
        code_version=sha256_of(options.model_dump(mode="json")),
        build=RoutingBuild(options, models),
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
        raise wrong(component, "routes", f"{asset} are no scores of this project", f"Scores: {known}.")
    if set(found.build.options.key) != set(options.key):
        theirs = ", ".join(found.build.options.key)
        raise wrong(component, "key", f"{asset} have the key [{theirs}]", "Name the same columns.")
    return found.build


def _contract(component: ComponentFile, asset: AssetKey, options: RoutingOptions, examples: TableRead) -> Contract:
    own = (
        Column(name=name, type=type_, nullable=name != OUTCOME, description=said)
        for name, type_, said in ROUTING_COLUMNS
    )
    return Contract(
        asset=asset,
        columns=(*examples.key_columns(options.key), *own),
        grain=options.key,
        rows=RowsPromise(relation=Relation.SUBSET_OF, parent=options.examples, on=options.key),
        closed=True,
        origin=component.origin,
    )
