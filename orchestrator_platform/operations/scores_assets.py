"""Declares scores: what a component says, held against the model and the contract of the rows to be scored."""

from collections.abc import Mapping

import duckdb

from ..errors import DefinitionError, StatementRefused
from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract, Relation, RowsPromise
from ..records.declarations import AssetDeclaration, FreeCheck, ModelBuild, ScoresBuild
from ..records.keys import AgentName, AssetKey
from ..records.models import ModelOptions
from ..records.scores import OWN_COLUMNS, ScoresOptions, probability_column, score_columns
from ..sql import identifier
from ..transforming.condition_check import check_condition
from .component_files import ComponentFile, ScoresAttributes

_NOBODY = AgentName("")


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
    examples = _examples(component, options, model, declared)
    _require_condition(component, options, examples.contract)
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.TABLE,
        contract=_contract(component, attributes.asset, options, model, examples.contract),
        parents=(options.examples, options.model),
        code_version=sha256_of([options.model_dump(mode="json", exclude={"max_shift"}), model.classes, model.positive]),
        build=ScoresBuild(options, model),
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
        raise _wrong(component, "model", f"{options.model} is no model of this project", f"Models: {models}.")
    return found.build.options


def _examples(
    component: ComponentFile,
    options: ScoresOptions,
    model: ModelOptions,
    declared: Mapping[AssetKey, AssetDeclaration],
) -> AssetDeclaration:
    examples = declared.get(options.examples)
    if examples is None:
        raise _wrong(component, "examples", f"nothing declares {options.examples}", "Name a table of this project.")
    grain = examples.contract.grain
    if grain is None or set(grain) != set(options.key):
        has = f"the grain [{', '.join(grain)}]" if grain else "no grain"
        raise _wrong(
            component,
            "key",
            f"the key is [{', '.join(options.key)}], but {options.examples} has {has}",
            "Name the columns of its grain, in any order." if grain else "Say its grain in its contract.",
        )
    for name in model.features.names:
        if examples.contract.column(name) is None:
            raise _wrong(
                component,
                "examples",
                f"{options.examples} has no column {name!r}, which {options.model} is given",
                f"Score the table that it learns from: {model.examples}.",
            )
    return examples


def _require_condition(component: ComponentFile, options: ScoresOptions, contract: Contract) -> None:
    """One expression over the examples' columns, tried on a table without rows."""
    if not options.where:
        return
    try:
        check_condition(options.where, f"{component.origin}: `where`")
    except StatementRefused as error:
        raise _wrong(component, "where", error.why, "Write one expression over the examples' columns.") from error
    if not all(column.type for column in contract.columns):
        return
    columns = ", ".join(f"NULL::{column.type} AS {identifier(column.name)}" for column in contract.columns)
    try:
        with duckdb.connect() as connection:
            connection.execute(f"SELECT 1 FROM (SELECT {columns}) WHERE ({options.where}\n)")
    except duckdb.Error as error:
        first = str(error).strip().splitlines()[0]
        raise _wrong(
            component, "where", f"`{options.where}` cannot be asked of {options.examples}: {first}", "Mend it."
        ) from error


def _contract(
    component: ComponentFile, asset: AssetKey, options: ScoresOptions, model: ModelOptions, examples: Contract
) -> Contract:
    names = [*options.key, *score_columns(model.classes)]
    folded = [name.lower() for name in names]
    doubled = next((name for name in names if folded.count(name.lower()) > 1), None)
    if doubled is not None:
        raise _wrong(component, "key", f"two columns would be called {doubled!r}", "Give the class or the key another.")
    keys = []
    for name in options.key:
        column = examples.column(name)
        if column is None or not column.type:
            raise _wrong(
                component,
                "key",
                f"the contract of {options.examples} gives {name!r} no type",
                "Give it one there (`data_type` in dbt).",
            )
        keys.append(column.model_copy(update={"nullable": False, "sequence": False}))
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
        columns=(*keys, *probabilities, *own),
        grain=options.key,
        rows=RowsPromise(relation=Relation.SUBSET_OF, parent=options.examples, on=options.key),
        closed=True,
        origin=component.origin,
    )


def _wrong(component: ComponentFile, attribute: str, problem: str, fix: str) -> DefinitionError:
    return DefinitionError(file=component.file, line=component.line_of(attribute), problem=problem, fix=fix)
