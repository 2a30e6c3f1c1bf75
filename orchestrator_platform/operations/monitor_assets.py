"""Declares monitors: a table of measures of each model that a component names."""

import fnmatch
from collections.abc import Mapping

from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration, FreeCheck, ModelBuild, MonitorBuild
from ..records.keys import AssetKey
from ..records.monitors import GRAIN, MONITOR_COLUMNS
from .component_files import ComponentFile, MonitorAttributes
from .table_read import wrong

_NULLABLE = frozenset({"reference", "bound", "passed"})


def declare_monitor(
    component: ComponentFile,
    attributes: MonitorAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    checks: tuple[FreeCheck, ...],
) -> AssetDeclaration:
    """Returns the monitor of one component. It is built without rows while its model is not published.

    Raises:
        DefinitionError: What is to be watched is no model of the project, or what is ignored no feature of it.
    """
    options = attributes.options()
    model = declared.get(options.model)
    if model is None or not isinstance(model.build, ModelBuild):
        raise wrong(
            component,
            "model",
            f"watches {options.model}, which is no model of the project",
            "Name the asset of a ModelComponent.",
        )
    unknown = [name for name in options.ignore if not fnmatch.filter(model.build.options.features.names, name)]
    if unknown:
        raise wrong(
            component,
            "ignore",
            f"{unknown[0]!r} is none of the features of {options.model}",
            f"Its features are: {', '.join(model.build.options.features.names)}.",
        )
    shaped = model.build.options.model_dump(mode="json", include={"time", "target", "classes", "positive", "features"})
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.TABLE,
        contract=_contract(component, attributes.asset),
        parents=(options.model, model.build.options.examples),
        optional_parents=frozenset({options.model}),
        code_version=sha256_of({"options": options.model_dump(mode="json"), "model": shaped}),
        build=MonitorBuild(options, model.build.options),
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=checks,
        kinds=("table", "monitor", "ducklake"),
        declared_in=(component.folder,),
        freshness=attributes.freshness,
    )


def _contract(component: ComponentFile, asset: AssetKey) -> Contract:
    columns = tuple(
        Column(name=name, type=type_, nullable=name in _NULLABLE, description=said)
        for name, type_, said in MONITOR_COLUMNS
    )
    return Contract(asset=asset, columns=columns, grain=GRAIN, closed=True, origin=component.origin)
