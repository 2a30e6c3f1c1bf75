"""Reads `grain` and `rows`, which pandera models and dbt's YAML write the same way."""

from collections.abc import Mapping
from typing import Any

from ..records.contracts import Relation, RowsPromise
from ..records.keys import AssetKey
from .places import Place

_GRAIN = 'grain: ["column", …]` for the key of the table, or `grain: "none"` where it has no key'
_ROWS = (
    "Write one of `same_as`, `subset_of`, `at_most_one_per`, then `schema.table` or {parent: schema.table, on: […]}."
)


def read_grain(metadata: Mapping[str, Any], place: Place, *, where: str) -> tuple[str, ...] | None:
    """Returns the key's columns, `None` where the table says that it has no key.

    Raises:
        DefinitionError: Nothing is said, or it is neither a list of column names nor `none`.
    """
    if "grain" not in metadata:
        raise place.error("does not say the table's grain", f"Write in {where} `{_GRAIN}.")
    grain = metadata["grain"]
    if grain == "none":
        return None
    if not isinstance(grain, list | tuple) or not grain or not all(isinstance(name, str) for name in grain):
        raise place.error(f"has the grain {grain!r}, which is no list of column names", f"Write in {where} `{_GRAIN}.")
    if len(set(grain)) != len(grain):
        raise place.error(f"names a column twice in its grain {list(grain)}", "Name each column once.")
    return tuple(grain)


def read_rows(metadata: Mapping[str, Any], place: Place) -> RowsPromise | None:
    """Returns how the table's rows relate to a parent's, `None` where nothing is promised.

    Raises:
        DefinitionError: The promise cannot be read.
    """
    rows = metadata.get("rows")
    if rows is None:
        return None
    known = {relation.value for relation in Relation}
    if not isinstance(rows, Mapping) or len(rows) != 1 or not known.issuperset(rows):
        raise place.error(f"promises rows {rows!r}, which cannot be read", _ROWS)
    relation, target = next(iter(rows.items()))
    if isinstance(target, Mapping):
        # To YAML a bare `on` is the truth value, which dbt's manifest then spells "true".
        target = {"on" if key in (True, "true") else key: value for key, value in target.items()}
    parent, on = (target.get("parent"), target.get("on", ())) if isinstance(target, Mapping) else (target, ())
    if isinstance(target, Mapping) and set(target) - {"parent", "on"}:
        raise place.error(f"promises rows {rows!r}, which cannot be read", _ROWS)
    if not isinstance(on, list | tuple) or not all(isinstance(name, str) for name in on):
        raise place.error(f"promises rows on {on!r}, which is no list of column names", _ROWS)
    return RowsPromise(relation=Relation(relation), parent=_asset(parent, place), on=tuple(on))


def _asset(parent: object, place: Place) -> AssetKey:
    try:
        return AssetKey(str(parent))
    except ValueError as error:
        raise place.error(f"promises rows of a parent that cannot be: {error}", _ROWS) from error
