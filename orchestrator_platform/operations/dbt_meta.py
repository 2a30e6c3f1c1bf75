"""What a dbt model's `meta` says of it beyond its contract: its group, what drift leads to, how old it may become."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import DefinitionError
from ..records.declarations import DriftAnswer
from ..records.freshness import Freshness
from ..transforming.dbt_project import DbtNode


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


def _meta(node: DbtNode) -> Mapping[str, Any]:
    config = node.raw.get("config")
    return {**(node.raw.get("meta") or {}), **((config.get("meta") if isinstance(config, Mapping) else None) or {})}
