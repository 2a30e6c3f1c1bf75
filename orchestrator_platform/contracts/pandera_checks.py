"""Runs one check of a pandera model on one Arrow table and reads its answer row by row.

Knows neither DuckDB nor batches.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..records.contracts import Contract, Rule
from .frames import to_frame
from .places import Place
from .schemas import list_checks, load_model

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa


class PanderaChecks:
    """The checks of a contract's pandera model, by the rule that stands for each."""

    def __init__(self, contract: Contract) -> None:
        file, _, class_name = (contract.pandera or contract.origin).rpartition(":")
        self._place = Place(file)
        schema = load_model(Path(file), class_name).schema
        self._checks = tuple(list_checks(schema))
        self._dtypes: Mapping[str, Any] = {str(name): column.dtype for name, column in schema.columns.items()}

    def failing(self, rule: Rule, table: "pa.Table") -> "np.ndarray[Any, Any]":
        """Returns for each row of the table whether it fails the rule. A row on which the check raises fails it."""
        import numpy as np

        if table.num_rows == 0:
            return np.zeros(0, dtype=bool)
        try:
            output = self.run(rule, table)
        except Exception:  # noqa: BLE001 - the project's code may raise anything; the row that makes it do so fails
            return self._failing_halves(rule, table)
        failing = failing_of(output, table.num_rows)
        if failing is None:
            raise self._place.error(
                f"check {rule.name!r} gives one answer for many rows",
                "Take it out of `row_wise`, or let it return one answer per row.",
            )
        return failing

    def _failing_halves(self, rule: Rule, table: "pa.Table") -> "np.ndarray[Any, Any]":
        import numpy as np

        if table.num_rows == 1:
            return np.ones(1, dtype=bool)
        middle = table.num_rows // 2
        return np.concatenate(
            [self.failing(rule, table.slice(0, middle)), self.failing(rule, table.slice(middle, table.num_rows))]
        )

    def run(self, rule: Rule, table: "pa.Table") -> Any:
        """Returns what pandera's check says of the table: a truth, or a series or frame of truths by row number."""
        if rule.index is None or rule.index >= len(self._checks):
            raise self._place.error(f"no longer holds check {rule.name!r}", "Load the contract again.")
        column, check = self._checks[rule.index]
        frame = to_frame(table, self._dtypes)
        if column is None or check.groupby is not None:
            return check(frame, column).check_output
        series = _without_nulls(frame[column], self._dtypes[column]) if check.ignore_na else frame[column]
        return check(series).check_output


def _without_nulls(series: Any, dtype: Any) -> Any:
    """The values without nulls, in the declared dtype: integers became nullable only because of the nulls."""
    kept = series.dropna()
    if len(kept) < len(series) and str(dtype).startswith(("int", "uint", "bool")) and str(dtype) != "boolean":
        return kept.astype(str(dtype))
    return kept


def failing_of(output: Any, n_rows: int) -> "np.ndarray[Any, Any] | None":
    """Returns which rows fail by a check's answer, `None` where it does not answer row by row.

    Rows that the answer leaves out were null, and pass.
    """
    import numpy as np
    import pandas as pd

    if isinstance(output, pd.DataFrame):
        output = output.all(axis="columns")
    if not isinstance(output, pd.Series) or not output.index.isin(range(n_rows)).all() or not output.index.is_unique:
        return None
    passed = np.ones(n_rows, dtype=bool)
    # A missing truth is pandas' "unknown", which its `all()` skips.
    passed[output.index.to_numpy(dtype=np.int64)] = output.astype(object).where(output.notna(), True).astype(bool)
    return ~passed


def n_failing_of(output: Any) -> int:
    """Returns how many of a check's answers are no, where they are not rows: 1 for a single no."""
    import pandas as pd

    if isinstance(output, pd.DataFrame):
        output = output.all(axis="columns")
    if isinstance(output, pd.Series):
        return int((~output.astype(object).where(output.notna(), True).astype(bool)).sum())
    return 0 if output else 1
