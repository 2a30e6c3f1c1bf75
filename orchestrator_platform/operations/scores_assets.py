"""Declares scores: what a component says, held against the model and the contract of the rows to be scored."""

from collections.abc import Mapping

from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract, Relation, RowsPromise
from ..records.declarations import AssetDeclaration, FreeCheck, ModelBuild, ScoresBuild
from ..records.keys import AssetKey
from ..records.models import ModelOptions
from ..records.scores import OWN_COLUMNS, ScoresOptions, probability_column, score_columns
from .component_files import ComponentFile, ScoresAttributes
from .table_read import TableRead, table_read, wrong


def declare_scores(
    component: ComponentFile,
    attributes: ScoresAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    checks: tuple[FreeCheck, ...],
) -> AssetDeclaration:
    """Returns the scores of one component. They are built without the model too, as long as it is not published.

    Raises:
        DefinitionError: The model or the examples are not declared, the key is not their grain, a feature of the model
            is not among their columns, or `where` is no condition on them.
    """
    options = attributes.options()
    model = _model(component, options, declared)
    examples = table_read(component, "examples", options.examples, declared)
    examples.require_grain(options.key)
    examples.require_columns(
        "examples", model.features.names, f"{options.model} is given it: score the table that it learns from."
    )
    if options.where:
        examples.require_condition("where", options.where)
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.TABLE,
        contract=_contract(component, attributes.asset, options, model, examples),
        parents=(options.examples, options.model),
        code_version=sha256_of([options.model_dump(mode="json", exclude={"max_shift"}), model.classes, model.positive]),
        build=ScoresBuild(options, model),
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=checks,
        kinds=("scores", "ducklake"),
        declared_in=(component.folder,),
        drift=attributes.drift,
        freshness=attributes.freshness,
        optional_parents=frozenset({options.model}),
    )


def scores_judged_by(declaration: AssetDeclaration) -> list[list[object]]:
    """Returns what scores are judged by besides their contract."""
    build = declaration.build
    return [["scores", build.options.max_shift]] if isinstance(build, ScoresBuild) else []


def _model(
    component: ComponentFile, options: ScoresOptions, declared: Mapping[AssetKey, AssetDeclaration]
) -> ModelOptions:
    found = declared.get(options.model)
    if found is None or not isinstance(found.build, ModelBuild):
        models = ", ".join(key for key, other in declared.items() if isinstance(other.build, ModelBuild)) or "none"
        raise wrong(component, "model", f"{options.model} is no model of this project", f"Models: {models}.")
    return found.build.options


def _contract(
    component: ComponentFile, asset: AssetKey, options: ScoresOptions, model: ModelOptions, examples: TableRead
) -> Contract:
    names = [*options.key, *score_columns(model.classes)]
    folded = [name.lower() for name in names]
    doubled = next((name for name in names if folded.count(name.lower()) > 1), None)
    if doubled is not None:
        raise wrong(component, "key", f"two columns would be called {doubled!r}", "Give the class or the key another.")
    probabilities = [
        Column(
            name=probability_column(name),
            type="DOUBLE",
            nullable=False,
            description=f"Probability of {name!r}, 0 to 1.",
        )
        for name in model.classes
    ]
    own = [Column(name=name, type=type_, nullable=False, description=said) for name, type_, said in OWN_COLUMNS]
    return Contract(
        asset=asset,
        columns=(*examples.key_columns(options.key), *probabilities, *own),
        grain=options.key,
        rows=RowsPromise(relation=Relation.SUBSET_OF, parent=options.examples, on=options.key),
        closed=True,
        origin=component.origin,
    )
