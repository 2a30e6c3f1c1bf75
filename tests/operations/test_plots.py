"""What a project wants a table to be pictured by: declared with its columns, counted from what serves."""

from pathlib import Path

import pytest
from small_project import FILES, gate_of, make_project, write

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.plots import MISSING, OTHERS, count_plots
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.plots import Plot

ORDERS = AssetKey("raw.orders")
SOURCE = """
type: orchestrator_platform.components.SourceComponent
attributes:
  name: orders
  asset: raw.orders
  contract: contract.py:Orders
  pattern: ["**/*.csv"]
  plots:
    statuses: {plot}
"""
CONTRACT = FILES["defs/orders/contract.py"].replace(
    'status: str = pa.Field(isin=["open", "paid"])', "status: str = pa.Field(nullable=True)\n            day: str"
)


def test_rows_are_counted_by_value_and_the_rare_ones_together(tmp_path: Path) -> None:
    gate = _gate(tmp_path, "{column: order_id}")
    _land(gate, *[(min(n, 12), "x", "2026-05-01") for n in range(40)])
    (counted,), broken = count_plots(gate.cut_for_readers(), ORDERS, gate.assets[ORDERS].plots)
    assert not broken
    assert counted.labels == ("all",)
    assert counted.series["12"] == [28]
    assert len(counted.series) == 8
    assert list(counted.series)[-1] == OTHERS
    assert sum(sum(counts) for counts in counted.series.values()) == 40


def test_over_time_there_is_a_number_for_each_period_and_value(tmp_path: Path) -> None:
    gate = _gate(tmp_path, "{column: status, over: day, by: month}")
    _land(gate, (1, "open", "2026-05-01"), (2, "open", "2026-05-31"), (3, "", "2026-06-01"), (4, "paid", "2026-06-02"))
    plots = (("statuses", Plot(column="status", over="day", by="month")),)
    (counted,), broken = count_plots(gate.cut_for_readers(), ORDERS, plots)
    assert not broken
    assert counted.labels == ("2026-05-01", "2026-06-01")
    assert counted.series == {"open": [2, 0], MISSING: [0, 1], "paid": [0, 1]}


def test_a_plot_of_a_column_that_serves_no_more_is_told_and_breaks_no_other(tmp_path: Path) -> None:
    gate = _gate(tmp_path, "{column: status}")
    _land(gate, (1, "open", "2026-05-01"))
    plots = (("gone", Plot(column="state")), ("statuses", Plot(column="status")))
    (counted,), broken = count_plots(gate.cut_for_readers(), ORDERS, plots)
    assert counted.name == "statuses"
    assert "state" in broken["gone"]


@pytest.mark.parametrize(
    ("plot", "problem"),
    [
        ("{column: state}", "'state', which its contract does not have"),
        ("{column: customer}", "'customer', which is personal data"),
        ("{column: status, over: today}", "'today', which its contract does not have"),
        ("{column: status, by: year}", "by"),
        ("{columns: [status]}", "columns"),
    ],
)
def test_a_plot_that_cannot_be_is_refused_with_its_place(tmp_path: Path, plot: str, problem: str) -> None:
    with pytest.raises(DefinitionError, match=problem) as refused:
        _gate(tmp_path, plot)
    assert refused.value.file.endswith("defs.yaml")
    assert refused.value.line


def _gate(folder: Path, plot: str) -> Gate:
    changes = {"defs/orders/defs.yaml": SOURCE.replace("{plot}", plot), "defs/orders/contract.py": CONTRACT}
    return gate_of(make_project(folder, changes=changes))


def _land(gate: Gate, *rows: tuple[int, str, str]) -> None:
    lines = [f"{number},ann,1,{status},{day}" for number, status, day in rows]
    text = "\n".join(["order_id,customer,amount,status,day", *lines]) + "\n"
    result = land(gate, "orders", [write(gate.settings.project.root / "incoming/a.csv", text)])
    assert not result.is_no
