"""Declares models: what a component says, held against the contract of the table of examples."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration, FeaturesBuild, FreeCheck, ModelBuild
from ..records.features import LABEL_KNOWN_AT, LANDED_SEQ
from ..records.keys import AssetKey
from ..records.model_rows import MODEL, MODEL_COLUMNS
from ..records.models import Budget, ModelOptions
from .component_files import ComponentFile, ModelAttributes
from .table_read import table_read, wrong

# By what a model is judged, and for how long is searched: it changes nothing in how it is trained.
_NOT_TRAINED_BY = frozenset(
    {
        "floors",
        "max_calibration_error",
        "tolerance",
        "slices",
        "cluster",
        "budget",
        "min_examples",
        "min_holdout",
        "max_feature_auc",
        "max_artefact_mb",
        "max_latency_ms",
        "allowed_types",
    }
)


def declare_model(
    component: ComponentFile,
    attributes: ModelAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    checks: tuple[FreeCheck, ...],
) -> AssetDeclaration:
    """Returns the model of one component.

    Raises:
        DefinitionError: The examples are not declared, the key is not their grain, a column is not among theirs, a
            condition is none, or the estimator's file is not there.
    """
    options = attributes.options()
    examples = table_read(component, "examples", options.examples, declared)
    examples.require_grain(options.key)
    for attribute, names in (
        ("time", (options.time,)),
        ("target", (options.target,)),
        ("features", options.features.names),
    ):
        examples.require_columns(attribute, names)
    _refuse_labels(component, options, examples.table)
    for part in options.slices:
        examples.require_condition("slices", part.where)
    for expression in options.cluster:
        if examples.contract.column(expression) is None:
            examples.require_expression("cluster", expression)
    build = _build(component, options)
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.MODEL,
        contract=_contract(component, attributes.asset),
        parents=(options.examples,),
        code_version=code_version_of(build),
        build=build,
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=checks,
        kinds=("model", "ducklake"),
        declared_in=(component.folder,),
        freshness=attributes.freshness,
    )


def code_version_of(build: ModelBuild) -> str:
    """Returns the hash of what a model is trained by: its estimator's file and the options that shape it."""
    options = build.options.model_dump(mode="json", exclude=set(_NOT_TRAINED_BY))
    return sha256_of({"options": options, "estimator": sha256_of(build.file.read_bytes().hex())})


def model_judged_by(declaration: AssetDeclaration) -> list[list[object]]:
    """Returns what a model is judged by besides its contract."""
    if not isinstance(declaration.build, ModelBuild):
        return []
    judging = set(_NOT_TRAINED_BY) - {"budget"}
    return [["model", declaration.build.options.model_dump(mode="json", include=judging)]]


def with_budget(declaration: AssetDeclaration, budget: Budget) -> AssetDeclaration:
    """Returns the model as it would be with another budget for its search."""
    build = declaration.build
    assert isinstance(build, ModelBuild)
    return replace(declaration, build=replace(build, options=build.options.model_copy(update={"budget": budget})))


def _refuse_labels(component: ComponentFile, options: ModelOptions, examples: AssetDeclaration) -> None:
    """No label is a feature: what one is told of comes together with the others."""
    if not isinstance(examples.build, FeaturesBuild):
        return
    labels = {*examples.build.label_columns, LABEL_KNOWN_AT, LANDED_SEQ}
    for name in options.features.names:
        if name in labels:
            raise wrong(
                component,
                "features",
                f"{name!r} is a label of {options.examples}, or comes with one, and no feature",
                f"Take it out. Labels there: {', '.join(sorted(labels - {LANDED_SEQ}))}.",
            )


def _build(component: ComponentFile, options: ModelOptions) -> ModelBuild:
    name, _, estimator = options.estimator.partition(":")
    file: Path = component.folder / name
    if not file.is_file():
        raise wrong(component, "estimator", f"{name!r} is not there", "Write the estimator's file beside this one.")
    return ModelBuild(options, file, estimator)


def _contract(component: ComponentFile, asset: AssetKey) -> Contract:
    columns = tuple(
        Column(name=name, type=type_, nullable=False, description=said) for name, type_, said in MODEL_COLUMNS
    )
    return Contract(asset=asset, columns=columns, grain=(MODEL,), closed=True, origin=component.origin)
