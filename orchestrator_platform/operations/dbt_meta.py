"""What a dbt model's `meta` says beyond its contract: group, drift, freshness, slices, and what is told of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import DefinitionError, StatementRefused
from ..records.contracts import Contract
from ..records.declarations import DriftAnswer
from ..records.freshness import Freshness
from ..transforming.condition_check import check_condition
from ..transforming.dbt_project import DbtNode
from .plots import Plots, read_plots


def group_of(node: DbtNode) -> str:
    """Returns the group as dagster-dbt finds it, in `meta.dagster` or as dbt's own, else the schema."""
    dagster = _meta(node).get("dagster")
    named = dagster.get("group") if isinstance(dagster, Mapping) else None
    return str(named or node.raw.get("group") or node.key.schema)


def drift_of(file: Path, node: DbtNode, otherwise: DriftAnswer) -> DriftAnswer:
    """Raises DefinitionError where `drift` is no word that is known."""
    said = _meta(node).get("drift", otherwise)
    known = [answer.value for answer in DriftAnswer]
    if said not in known:
        raise DefinitionError(
            file=file,
            problem=f"{node.key} says `drift: {said}` in its meta",
            fix=f"Write one of {', '.join(known)}.",
        )
    return DriftAnswer(said)


def freshness_of(file: Path, node: DbtNode, otherwise: Freshness | None) -> Freshness | None:
    """Returns the model's own promise; `freshness: null` takes back the component's.

    Raises:
        DefinitionError: `freshness` is none.
    """
    meta = _meta(node)
    if "freshness" not in meta:
        return otherwise
    said = meta["freshness"]
    try:
        return None if said is None else Freshness.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(("freshness", *(str(part) for part in first["loc"])))
        raise DefinitionError(
            file=file,
            problem=f"{node.key} says in its meta, at `{place}`: {first['msg']}",
            fix="Write `freshness: {warn_after: {count: 2, period: day}}`.",
        ) from error


def measures_of(file: Path, node: DbtNode) -> tuple[tuple[str, str], ...]:
    """Returns what people are told of a version: names, and the expression in SQL that gives each of the whole table.

    Raises:
        DefinitionError: `measures` is no mapping of names to texts, or a text is no expression.
    """
    said = _meta(node).get("measures", {})
    example = "Write `measures: {n_open: count(*) FILTER (is_open)}`."
    if not isinstance(said, Mapping) or not all(isinstance(sql, str) for sql in said.values()):
        raise DefinitionError(file=file, problem=f"{node.key} says `measures: {said}` in its meta", fix=example)
    for name, sql in said.items():
        try:
            check_condition(f"({sql}\n) IS NULL", f"{file}: `measures.{name}`")
        except StatementRefused as error:
            problem = f"{node.key} says in its meta, at `measures.{name}`: {error.why}"
            raise DefinitionError(file=file, problem=problem, fix=example) from error
    return tuple((str(name), sql) for name, sql in said.items())


def plots_of(file: Path, node: DbtNode, contract: Contract) -> Plots:
    """Returns what the model is pictured by.

    Raises:
        DefinitionError: `plots` is wrong.
    """
    return read_plots(_meta(node).get("plots", {}), contract, file)


def partition_of(node: DbtNode) -> Any:
    """Returns what the model says of its slices, as it stands there; `None` where it says nothing."""
    return _meta(node).get("partition")


def _meta(node: DbtNode) -> Mapping[str, Any]:
    config = node.raw.get("config")
    return {**(node.raw.get("meta") or {}), **((config.get("meta") if isinstance(config, Mapping) else None) or {})}
