"""Assets and checks as Dagster lists them, made from declarations alone: nothing is run or read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from ..audits.drift import CHECKS as DRIFT_CHECKS
from ..audits.raw_checks import ALL_COLUMNS
from ..errors import DefinitionError
from ..gate.context import Gate
from ..projections.dagster_values import FRESHNESS, SERVED, contract_schema, dagster_key
from ..records.declarations import (
    AssetDeclaration,
    DbtBuild,
    DriftAnswer,
    EmbeddingBuild,
    FeaturesBuild,
    LedgerBuild,
    ModelBuild,
    MonitorBuild,
    RoutingBuild,
    ScoresBuild,
    SourceBuild,
)
from .reading_snippets import read_it
from .slices import partitions_of

_OWN = (SERVED, FRESHNESS)
_SERVED_SAYS = "The version that serves was judged by an agent that did not make it, and can be read."
_LANDED = frozenset({"ndjson", "json"})


def asset_spec(
    declaration: AssetDeclaration,
    found: dg.AssetSpec | None = None,
    condition: "dg.AutomationCondition[dg.AssetKey] | None" = None,
) -> dg.AssetSpec:
    """Returns the asset as Dagster lists it, on top of what was found out about it elsewhere.

    Args:
        condition: When it is built by itself.
    """
    spec = found or dg.AssetSpec(dagster_key(declaration.key), description=_description(declaration))
    return spec.replace_attributes(
        deps=[dagster_key(parent) for parent in declaration.parents],
        skippable=True,
        group_name=declaration.group,
        code_version=declaration.code_version[:12],
        kinds=_kinds(declaration),
        owners=_owners(declaration, spec),
        automation_condition=condition,
        partitions_def=partitions_of(declaration),
    ).merge_attributes(
        metadata=_metadata(declaration),
        tags={"producer": declaration.producer, "auditor": declaration.auditor},
    )


def _owners(declaration: AssetDeclaration, found: dg.AssetSpec) -> list[str]:
    """Whom the project names, then the agents in the two seats: the pages show a team or an address only."""
    seats = (f"team:{agent}" for agent in (declaration.producer, declaration.auditor))
    return list(dict.fromkeys((*found.owners, *seats)))


def check_specs(gate: Gate, declaration: AssetDeclaration) -> tuple[dg.AssetCheckSpec, ...]:
    """Returns every check of the asset's audit, which tell of the last candidate, and those of the served version:
    `served`, and `freshness` where one is promised.

    Raises:
        DefinitionError: A check of the project's own has the name of one of those.
    """
    key = dagster_key(declaration.key)
    names = gate.audit_plan(declaration.key).checks
    taken = next((name for name in _OWN if name in names), None)
    if taken:
        raise DefinitionError(
            file=declaration.origin,
            problem=f"{declaration.key} has a check called {taken!r}, a name that the platform gives itself",
            fix="Give it another name.",
        )
    remarks = (ALL_COLUMNS, *(DRIFT_CHECKS if declaration.drift is DriftAnswer.WARN else ()))
    audits = [dg.AssetCheckSpec(name, asset=key, blocking=name not in remarks) for name in names]
    served = dg.AssetCheckSpec(SERVED, asset=key, blocking=True, description=_SERVED_SAYS)
    return (*audits, served, *_freshness(declaration))


def _freshness(declaration: AssetDeclaration) -> Sequence[dg.AssetCheckSpec]:
    promise = declaration.freshness
    if promise is None:
        return ()
    says = f"What serves is not older than {promise.warn_after}. It warns, and keeps nothing from being published."
    key = dagster_key(declaration.key)
    return (dg.AssetCheckSpec(FRESHNESS, asset=key, blocking=False, description=says),)


def _kinds(declaration: AssetDeclaration) -> set[str]:
    build = declaration.build
    if isinstance(build, SourceBuild):
        named = build.options.format or next(
            (name for name in ("csv", "parquet") if any(name in pattern for pattern in build.options.pattern)), "json"
        )
        return {"ducklake", "json" if named in _LANDED else str(named)}
    if isinstance(build, EmbeddingBuild):
        return {"ducklake", "huggingface" if build.options.embedder.kind == "minilm" else "embedding"}
    if isinstance(build, FeaturesBuild | RoutingBuild | LedgerBuild):
        return {"ducklake", "duckdb", "table"}
    if isinstance(build, ModelBuild):
        return {"ducklake", "scikitlearn"}
    if isinstance(build, MonitorBuild | ScoresBuild):
        return {"ducklake", "scikitlearn", "table"}
    return {"ducklake", "dbt" if isinstance(build, DbtBuild) else "python", "table"}


def _description(declaration: AssetDeclaration) -> str:
    return declaration.description.strip() or f"{declaration.key}, which says nothing of itself yet."


def _metadata(declaration: AssetDeclaration) -> dict[str, Any]:
    contract = declaration.contract
    return {
        "dagster/column_schema": contract_schema(contract),
        "dagster/table_name": f"lake.{declaration.key}",
        "dagster/code_references": dg.CodeReferencesMetadataValue(code_references=list(_references(declaration))),
        "grain": ", ".join(contract.grain) if contract.grain else "none",
        **({"rows": f"{contract.rows.relation} {contract.rows.parent}"} if contract.rows else {}),
        "read_it": read_it(declaration),
    }


def _references(declaration: AssetDeclaration) -> Sequence[dg.LocalFileCodeReference]:
    places = [_place(declaration.origin)]
    contract = declaration.contract.origin
    if contract and not Path(contract).is_absolute():
        # dbt names its files from the project's folder on.
        above = Path(places[0].file_path).parents
        contract = next((str(folder / contract) for folder in above if (folder / contract).is_file()), contract)
    if contract and _place(contract).file_path != places[0].file_path:
        places.append(_place(contract, label="contract"))
    return [
        *places,
        *(dg.LocalFileCodeReference(file_path=str(check.file), label=check.name) for check in declaration.checks),
    ]


def _place(origin: str, label: str | None = None) -> dg.LocalFileCodeReference:
    """A file, a line of one, or a class in one: `contract.py:Orders`."""
    file, _, within = origin.rpartition(":")
    if file and within.isdigit():
        return dg.LocalFileCodeReference(file_path=file, line_number=int(within), label=label)
    return dg.LocalFileCodeReference(file_path=file if file.endswith(".py") else origin, label=label)
