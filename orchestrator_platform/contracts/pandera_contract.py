"""A pandera model becomes a Contract: what SQL can say exactly is compiled, the rest keeps its place in the model."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..records.base import sha256_of
from ..records.contracts import Column, Contract, Rule
from ..records.findings import Severity
from ..records.keys import AssetKey
from .checks_code import checks_code
from .column_types import duckdb_type
from .compiling import ROW_CHECKS, compile_check, name_check
from .places import Place, class_place, field_place
from .promises import read_grain, read_rows
from .schemas import list_checks, load_model

_TYPES = "Known are str, bool, int, float, date, datetime, Decimal, list[…], dict[…, …] and pandas' and Arrow's types."


def load_pandera_contract(asset: AssetKey, file: Path, class_name: str) -> Contract:
    """Returns the contract that the pandera model of that name in the file stands for.

    Raises:
        DefinitionError: The file or the model is wrong, or promises what a contract cannot.
    """
    model = load_model(file, class_name)
    schema, metadata = model.schema, model.metadata
    place = class_place(file, class_name)
    columns = tuple(_columns(schema, file, class_name))
    rules = tuple(_rules(schema, columns, file, metadata.get("row_wise", ())))
    contract = Contract(
        asset=asset,
        columns=columns,
        grain=read_grain(metadata, place, where=f"{class_name}.Config.metadata"),
        unique=tuple(_unique(schema)),
        rules=_with_names_of_their_own(rules),
        rows=read_rows(metadata, place),
        closed=schema.strict is True,
        pandera=f"{file}:{class_name}" if any(rule.sql is None for rule in rules) else None,
        origin=f"{file}:{class_name}",
    )
    _check_names(contract, metadata.get("row_wise", ()), schema, place)
    return contract


def _columns(schema: Any, file: Path, class_name: str) -> Iterator[Column]:
    for name, column in schema.columns.items():
        type_name = duckdb_type(column.dtype)
        if type_name is None:
            place = field_place(file, class_name, str(name))
            raise place.error(f"column {name!r} has the dtype {column.dtype}, which no table has", _TYPES)
        yield Column(
            name=str(name),
            type=type_name,
            nullable=column.nullable,
            pii=bool((column.metadata or {}).get("pii", False)),
            sequence=bool((column.metadata or {}).get("sequence", False)),
            description=column.description or "",
        )


def _unique(schema: Any) -> Iterator[tuple[str, ...]]:
    for name, column in schema.columns.items():
        if column.unique:
            yield (str(name),)
    sets = schema.unique or []
    for names in [sets] if all(isinstance(name, str) for name in sets) and sets else sets:
        yield tuple(names)


def _rules(schema: Any, columns: Sequence[Column], file: Path, row_wise: Sequence[str]) -> Iterator[Rule]:
    types = {column.name: column.type for column in columns}
    own_code = checks_code(file)
    for index, (name, check) in enumerate(list_checks(schema)):
        built_in = _is_built_in(check)
        sql = _compiled(schema, name, check, types) if built_in else None
        yield Rule(
            name=_rule_name(name, check, built_in=built_in),
            columns=(name,) if name and check.groupby is None else tuple(types),
            sql=sql,
            index=None if sql else index,
            code="" if sql else _code(check, "" if built_in else own_code),
            whole=sql is None and not _judges_single_rows(check, row_wise, built_in=built_in),
            severity=Severity.WARN if check.raise_warning else Severity.ERROR,
            description=check.description or check.title or "",
        )


def _is_built_in(check: Any) -> bool:
    # Built-in checks are dispatchers over kinds of frames; a check that a person wrote may bear the same name.
    return type(check._check_fn).__name__ == "Dispatcher"  # noqa: SLF001 - pandera has no public way to tell


def _compiled(schema: Any, column: str | None, check: Any, types: dict[str, str]) -> str | None:
    if column is None or not check.ignore_na or check.element_wise or check.groupby is not None:
        return None
    if "category" in str(schema.columns[column].dtype) and check.name not in ("isin", "notin"):
        return None  # pandas compares categories by its own rules
    return compile_check(column, types[column], check.name, check.statistics)


def _judges_single_rows(check: Any, row_wise: Sequence[str], *, built_in: bool) -> bool:
    if check.groupby is not None:
        return False
    return bool(check.element_wise) or (check.name in ROW_CHECKS if built_in else check.name in row_wise)


def _code(check: Any, own_code: str) -> str:
    return sha256_of([check.name, _stable(check.statistics), check.ignore_na, *filter(None, [own_code])])


def _stable(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _stable(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(repr(item) for item in value)
    return repr(value)


def _rule_name(column: str | None, check: Any, *, built_in: bool) -> str:
    if column is None:
        return str(check.name)
    return name_check(column, check.name, check.statistics) if built_in else f"{column} {check.name}"


def _with_names_of_their_own(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """Findings are told apart by name, so the second of a name gets a number."""
    seen: Counter[str] = Counter()
    named = []
    for rule in rules:
        seen[rule.name] += 1
        number = seen[rule.name]
        named.append(rule if number == 1 else rule.model_copy(update={"name": f"{rule.name} ({number})"}))
    return tuple(named)


def _check_names(contract: Contract, row_wise: Sequence[str], schema: Any, place: Place) -> None:
    named = [name for names in (contract.grain or (), *contract.unique) for name in names]
    unknown = [name for name in named if contract.column(name) is None]
    if unknown:
        raise place.error(f"names {unknown[0]!r} in its grain or `unique`", "Declare that column, or mend the name.")
    checks = {check.name for _, check in list_checks(schema)}
    lost = sorted(set(row_wise) - checks)
    if lost:
        raise place.error(f"names {lost[0]!r} in `row_wise`, which is no check of it", "Mend the name.")
