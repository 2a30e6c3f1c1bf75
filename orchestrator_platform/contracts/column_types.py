"""pandera's dtypes as the DuckDB types that hold the same values. Knows no rules and no tables."""

from typing import Any

_BY_NAME = {
    "bool": "BOOLEAN",
    "boolean": "BOOLEAN",
    "float32": "FLOAT",
    "float64": "DOUBLE",
    "str": "VARCHAR",
    "string": "VARCHAR",
    "date": "DATE",
    **{f"int{bits}": name for bits, name in ((8, "TINYINT"), (16, "SMALLINT"), (32, "INTEGER"), (64, "BIGINT"))},
    **{f"uint{bits}": name for bits, name in ((8, "UTINYINT"), (16, "USMALLINT"), (32, "UINTEGER"), (64, "UBIGINT"))},
}
_PYTHON = {int: "BIGINT", str: "VARCHAR", float: "DOUBLE", bool: "BOOLEAN"}


def duckdb_type(dtype: Any) -> str | None:
    """Returns the DuckDB type for a pandera dtype, as DESCRIBE prints it, `None` where there is none.

    `object` says nothing about the values, a category with listed values is a rule, not a type.
    """
    import pandas as pd

    held = getattr(dtype, "type", None)
    if hasattr(dtype, "precision") and hasattr(dtype, "scale"):
        return f"DECIMAL({dtype.precision},{dtype.scale})"
    if isinstance(held, pd.ArrowDtype):
        return _from_arrow(held.pyarrow_dtype)
    if isinstance(held, pd.CategoricalDtype):
        return "VARCHAR" if held.categories is None else None
    nested = getattr(dtype, "special_type", None) or getattr(dtype, "generic_type", None)
    if nested is not None:
        return _nested(nested)
    return "VARCHAR" if isinstance(held, pd.StringDtype) else _by_name(str(dtype))


def _by_name(name: str) -> str | None:
    lower = name.lower()
    if lower.startswith("datetime64["):
        return "TIMESTAMP WITH TIME ZONE" if "," in lower else "TIMESTAMP"
    if lower.startswith("timedelta64["):
        return "INTERVAL"
    return _BY_NAME.get(lower)


def _from_arrow(arrow_type: Any) -> str | None:
    import duckdb
    import pyarrow as pa

    empty = pa.table({"value": pa.array([], arrow_type)})
    with duckdb.connect() as scratch:
        try:
            return str(scratch.from_arrow(empty).types[0])
        except duckdb.Error:
            return None


def _nested(generic: Any) -> str | None:
    from typing import get_args, get_origin, get_type_hints

    if generic in _PYTHON:
        return _PYTHON[generic]
    if hasattr(generic, "__total__"):
        fields = {name: _nested(hint) for name, hint in get_type_hints(generic).items()}
        quoted = ", ".join(f"{_field(name)} {kind}" for name, kind in fields.items())
        return f"STRUCT({quoted})" if fields and None not in fields.values() else None
    inner = [_nested(argument) for argument in get_args(generic)]
    if None in inner:
        return None
    if get_origin(generic) is list and len(inner) == 1:
        return f"{inner[0]}[]"
    if get_origin(generic) is dict and len(inner) == 2:
        return f"MAP({inner[0]}, {inner[1]})"
    return None


def _field(name: str) -> str:
    """A field's name as DuckDB prints it: quoted only where it must be."""
    import duckdb

    printed = str(duckdb.struct_type({name: duckdb.sqltype("BIGINT")}))
    return printed.removeprefix("STRUCT(").removesuffix(" BIGINT)")
