"""A dbt model's own YAML, as it stands in dbt's manifest, becomes a Contract. Its data tests stay dbt's to run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import duckdb

from ..records.contracts import Column, Contract, Rule
from ..records.keys import AssetKey
from .places import Place
from .promises import read_grain, read_rows


def dbt_contract(asset: AssetKey, node: Mapping[str, Any], tests: Sequence[Mapping[str, Any]] = ()) -> Contract:
    """Returns the contract of a model or snapshot; `node` and `tests` are dicts of dbt's manifest.

    A column is not nullable by a constraint or by an unconditional `not_null` test that is an error.
    A column without `data_type` promises no type. The contract is closed where dbt enforces its
    own (`contract: {enforced: true}`), or by `meta: {closed: true}`.

    Raises:
        DefinitionError: The YAML says no grain, or something that cannot be read.
    """
    place = Place(_yaml_of(node))
    meta = _meta(node)
    names = tuple(column.get("name", key) for key, column in node.get("columns", {}).items())
    required = _not_null_tests(node, tests) | _constrained(node, "not_null", "primary_key")
    grain = read_grain(meta, place, where=f"`config: meta:` of {node.get('name', asset)}")
    closed = bool(meta.get("closed", _config(node).get("contract", {}).get("enforced", False)))
    return Contract(
        asset=asset,
        columns=tuple(_column(column, key, required, place) for key, column in node.get("columns", {}).items()),
        grain=_known(grain, names, place, closed=closed),
        unique=tuple(_unique(node, required, place)),
        rules=tuple(_rules(node, names)),
        rows=read_rows(meta, place),
        closed=closed,
        origin=place.file,
    )


def _yaml_of(node: Mapping[str, Any]) -> str:
    # A patch path is `project://path`; a model that no YAML describes has none.
    patch = node.get("patch_path") or node.get("original_file_path") or node.get("path") or node.get("unique_id", "?")
    return str(patch).split("://", 1)[-1]


def _config(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    config = entry.get("config")
    return config if isinstance(config, Mapping) else {}


def _meta(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {**(entry.get("meta") or {}), **(_config(entry).get("meta") or {})}


def _column(column: Mapping[str, Any], key: str, required: frozenset[str], place: Place) -> Column:
    name = column.get("name", key)
    return Column(
        name=name,
        type=_type(column.get("data_type"), name, place),
        nullable=name not in required,
        pii=bool(_meta(column).get("pii", False)),
        sequence=bool(_meta(column).get("sequence", False)),
        description=column.get("description") or "",
    )


def _type(data_type: str | None, name: str, place: Place) -> str:
    if not data_type:
        return ""
    try:
        return str(duckdb.sqltype(data_type))
    except duckdb.Error as error:
        raise place.error(
            f"column {name!r} has the data_type {data_type!r}, which DuckDB does not know",
            "Write one of DuckDB's types, for example varchar, bigint, double, decimal(12,2), timestamp.",
        ) from error


def _known(
    grain: tuple[str, ...] | None, names: Sequence[str], place: Place, *, closed: bool
) -> tuple[str, ...] | None:
    unknown = [name for name in grain or () if name not in names]
    if closed and unknown:
        raise place.error(f"names {unknown[0]!r} in its grain", "List that column below `columns`, or mend the name.")
    return grain


def _not_null_tests(node: Mapping[str, Any], tests: Sequence[Mapping[str, Any]]) -> frozenset[str]:
    return frozenset(
        column
        for test in tests
        if (test.get("test_metadata") or {}).get("name") == "not_null"
        and test.get("attached_node") in (None, node.get("unique_id"))
        and _is_unconditional(_config(test))
        and (column := test.get("column_name") or test["test_metadata"].get("kwargs", {}).get("column_name"))
    )


def _is_unconditional(config: Mapping[str, Any]) -> bool:
    blocks = str(config.get("severity") or "error").lower() == "error" and config.get("enabled", True)
    # A test that tolerates some nulls does not make the column one that has none.
    strict = config.get("error_if") in (None, "!= 0", "!=0", "> 0", ">0")
    return bool(blocks and strict and not config.get("where") and not config.get("limit"))


def _constraints(node: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], tuple[str, ...]]]:
    """Yields type, constraint and columns of each constraint, of columns first, then of the model."""
    for key, column in node.get("columns", {}).items():
        for constraint in column.get("constraints") or ():
            yield str(constraint.get("type")), constraint, (column.get("name", key),)
    for constraint in node.get("constraints") or ():
        yield str(constraint.get("type")), constraint, tuple(constraint.get("columns") or ())


def _constrained(node: Mapping[str, Any], *types: str) -> frozenset[str]:
    return frozenset(name for kind, _, names in _constraints(node) if kind in types for name in names)


def _unique(node: Mapping[str, Any], required: frozenset[str], place: Place) -> Iterator[tuple[str, ...]]:
    for kind, _, names in _constraints(node):
        if kind not in ("unique", "primary_key"):
            continue
        nullable = [name for name in names if name not in required]
        if nullable:
            raise place.error(
                f"has a unique constraint on {nullable[0]!r}, which may be null, and nulls may repeat in SQL only",
                "Add a not_null constraint, or use dbt's `unique` test instead.",
            )
        yield names


def _rules(node: Mapping[str, Any], names: Sequence[str]) -> Iterator[Rule]:
    for kind, constraint, columns in _constraints(node):
        expression = constraint.get("expression")
        if kind == "check" and expression:
            yield Rule(
                name=constraint.get("name") or str(expression),
                columns=tuple(name for name in columns if name in names),
                sql=f"({expression})",
            )
