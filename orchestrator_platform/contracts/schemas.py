"""Loads a pandera model, refuses what a contract cannot promise, and lists its checks in a fixed order."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..python_file import run_python_file
from .places import Place, class_names, class_place, field_place

METADATA_KEYS = frozenset({"grain", "rows", "row_wise", "meta"})


@dataclass(frozen=True)
class PanderaModel:
    """A model's DataFrameSchema and its `Config.metadata`."""

    schema: Any
    metadata: Mapping[str, Any]


def _class(file: Path, class_name: str) -> Any:
    found = getattr(run_python_file(file), class_name, None)
    if isinstance(found, type):
        return found
    known = ", ".join(class_names(file)) or "none"
    raise Place(str(file)).error(f"has no class {class_name!r}", f"Classes in the file: {known}.")


def load_model(file: Path, class_name: str) -> PanderaModel:
    """Returns the pandera model of that name in the file.

    Raises:
        DefinitionError: There is no such model, or it changes data, or says what a table cannot hold.
    """
    from pandera.errors import SchemaDefinitionError, SchemaInitError
    from pandera.pandas import DataFrameModel

    model = _class(file, class_name)
    place = class_place(file, class_name)
    if not issubclass(model, DataFrameModel):
        raise place.error(
            f"{class_name} is no pandera model for pandas", "Derive it from `pandera.pandas.DataFrameModel`."
        )
    try:
        schema = model.to_schema()
    except (SchemaInitError, SchemaDefinitionError, TypeError, ValueError) as error:
        raise place.error(f"{class_name} is no valid pandera model: {error}", "Mend the class.") from error
    # pandera leaves the model's metadata out of the schema that it makes.
    schema.metadata = schema.metadata or model.__config__.metadata
    _refuse_in_schema(schema, place)
    for name, column in schema.columns.items():
        _refuse_in_column(column, str(name), field_place(file, class_name, str(name)))
    return PanderaModel(schema, _known_metadata(getattr(model.__config__, "metadata", None) or {}, place))


def list_checks(schema: Any) -> Iterator[tuple[str | None, Any]]:
    """Yields every check with its column (`None` for one on whole rows); a rule's `index` counts them."""
    for name, column in schema.columns.items():
        for check in column.checks:
            yield str(name), check
    for check in schema.checks:
        yield None, check


def _known_metadata(metadata: Mapping[str, Any], place: Place) -> Mapping[str, Any]:
    unknown = sorted(set(metadata) - METADATA_KEYS)
    if unknown:
        raise place.error(
            f"has the unknown metadata {', '.join(unknown)}",
            "Known are `grain`, `rows`, `row_wise`; put your own below `meta`.",
        )
    return metadata


def _refuse_in_schema(schema: Any, place: Place) -> None:
    without = "A contract judges data and never changes it: take it out."
    reasons = {
        "coerce": (schema.coerce, "converts data (`coerce`)", without + " Convert while the table is built."),
        "filter": (
            schema.strict == "filter",
            'drops columns (`strict = "filter"`)',
            without + " Write `strict = True`.",
        ),
        "drop": (schema.drop_invalid_rows, "drops rows (`drop_invalid_rows`)", without + " Bad rows go to quarantine."),
        "add": (schema.add_missing_columns, "adds columns (`add_missing_columns`)", without),
        "parsers": (bool(schema.parsers), "changes data (`dataframe_parser`)", without),
        "index": (schema.index is not None, "declares an index", "A table has none: declare a column."),
        "ordered": (schema.ordered, "promises an order of columns", "Columns are known by name: take `ordered` out."),
        "dtype": (schema.dtype is not None, "gives all columns one dtype", "Give each column its own type."),
    }
    for wrong, problem, fix in reasons.values():
        if wrong:
            raise place.error(problem, fix)


def _refuse_in_column(column: Any, name: str, place: Place) -> None:
    without = "A contract judges data and never changes it: take it out."
    reasons = {
        "coerce": (column.coerce, "converts data (`coerce`)", without + " Convert while the table is built."),
        "default": (column.default is not None, "fills in values (`default`)", without),
        "parsers": (bool(column.parsers), "changes data (`parser`)", without),
        "optional": (
            not column.required,
            "may be missing",
            "Every column of a table exists: make it nullable instead.",
        ),
        "regex": (column.regex, "stands for several columns (`regex`)", "Declare each column by its name."),
    }
    for wrong, problem, fix in reasons.values():
        if wrong:
            raise place.error(f"column {name!r} {problem}", fix)
