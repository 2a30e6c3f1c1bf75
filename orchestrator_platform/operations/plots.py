"""What a project wants a table to be pictured by: read from its declaration, and counted from what serves."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
from pydantic import ValidationError

from ..errors import DefinitionError
from ..lake.published import PublishedCut
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..records.plots import PLOT_NAME, Plot
from ..sql import identifier
from .component_files import BuiltAttributes, ComponentFile, SourceAttributes

Plots = tuple[tuple[str, Plot], ...]
_MOST_VALUES, _MOST_PERIODS = 7, 60
OTHERS, MISSING = "others", "(none)"
_EXAMPLE = "Write `plots: {status: {column: status, over: created_at, by: day}}`."


@dataclass(frozen=True)
class Counted:
    """Rows by value, a number for each label: a day, the Monday of a week, a month, or nothing but `all`."""

    name: str
    plot: Plot
    labels: tuple[str, ...]
    series: Mapping[str, Sequence[int]]


def read_plots(said: object, contract: Contract, file: Path, line: int | None = None) -> Plots:
    """Returns what is declared under `plots`.

    Raises:
        DefinitionError: It is no mapping of names to plots, or a plot names a column that the contract does not have
            or marks as personal data.
    """
    problem = "is no mapping of names to pictures" if not isinstance(said, Mapping) else ""
    found: dict[str, Plot] = {}
    for name, each in said.items() if isinstance(said, Mapping) else ():
        if not re.fullmatch(PLOT_NAME, str(name)):
            problem = f"{name!r} is no name: use small letters, digits and _"
            break
        try:
            found[name] = each if isinstance(each, Plot) else Plot.model_validate(each)
        except ValidationError as error:
            first = error.errors()[0]
            problem = f"at `{'.'.join((name, *map(str, first['loc'])))}`: {first['msg']}"
            break
        problem = problem or _wrong_column(found[name], contract)
    if problem:
        raise DefinitionError(file=file, line=line, problem=f"`plots` of {contract.asset} {problem}", fix=_EXAMPLE)
    return tuple(found.items())


def with_plots(components: Sequence[ComponentFile], declared: Sequence[AssetDeclaration]) -> Iterator[AssetDeclaration]:
    """Yields the declarations with what components want them to be pictured by; a dbt model says it itself.

    Raises:
        DefinitionError: As for `read_plots`.
    """
    plotted = {
        component.attributes.asset: (component, component.attributes.plots)
        for component in components
        if isinstance(component.attributes, SourceAttributes | BuiltAttributes) and component.attributes.plots
    }
    for declaration in declared:
        if declaration.key not in plotted:
            yield declaration
            continue
        component, said = plotted[declaration.key]
        plots = read_plots(said, declaration.contract, component.file, component.line_of("plots"))
        yield replace(declaration, plots=plots)


def _wrong_column(plot: Plot, contract: Contract) -> str:
    for name in (plot.column, *([plot.over] if plot.over else [])):
        column = contract.column(name)
        if column is None and contract.columns:
            return f"names the column {name!r}, which its contract does not have"
        if column is not None and column.pii:
            return f"names the column {name!r}, which is personal data and is not shown"
    return ""


def count_plots(cut: PublishedCut, asset: AssetKey, plots: Plots) -> tuple[tuple[Counted, ...], Mapping[str, str]]:
    """Returns what was counted of the version that the cut serves, and by name why others could not be."""
    counted: list[Counted] = []
    broken: dict[str, str] = {}
    with closing(cut.connect()) as connection:
        for name, plot in plots:
            try:
                counted.append(_count(connection, f"lake.{asset.quoted}", name, plot))
            except duckdb.Error as error:
                broken[name] = str(error).strip().splitlines()[0]
    return tuple(counted), broken


def _count(connection: duckdb.DuckDBPyConnection, relation: str, name: str, plot: Plot) -> Counted:
    at = f"TRY_CAST({identifier(plot.over)} AS TIMESTAMP)" if plot.over else "NULL"
    period = f"strftime(date_trunc('{plot.by}', {at}), '%Y-%m-%d')" if plot.over else "'all'"
    known = f"WHERE {at} IS NOT NULL" if plot.over else ""
    rows: list[Any] = connection.execute(
        f"""
        WITH rows AS (
            SELECT {period} AS period, coalesce(left({identifier(plot.column)}::VARCHAR, 60), '{MISSING}') AS value
            FROM {relation} {known}
        ), periods AS (
            SELECT DISTINCT period FROM rows ORDER BY period DESC LIMIT {_MOST_PERIODS}
        ), often AS (
            SELECT value FROM rows JOIN periods USING (period)
            GROUP BY value ORDER BY count(*) DESC, value LIMIT {_MOST_VALUES}
        )
        SELECT period, CASE WHEN value IN (FROM often) THEN value ELSE '{OTHERS}' END AS value, count(*) AS n
        FROM rows JOIN periods USING (period) GROUP BY ALL
        """
    ).fetchall()
    labels = tuple(sorted({row[0] for row in rows}))
    values: dict[str, dict[str, int]] = {}
    for period, value, n in rows:
        values.setdefault(value, {})[period] = n
    ranked = sorted(values, key=lambda value: (value == OTHERS, -sum(values[value].values()), value))
    return Counted(name, plot, labels, {value: [values[value].get(label, 0) for label in labels] for value in ranked})
