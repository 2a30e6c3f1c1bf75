"""`@gated` and its I/O manager over assets of an existing Dagster project."""

import importlib.util
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import dagster as dg
import pytest
from small_project import AGENT_FILES, write_files

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.lake.history import read_receipt
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.status import State, read_status
from orchestrator_platform.records.keys import AssetKey

FILES = AGENT_FILES | {
    "pyproject.toml": "[tool.orchestrator]\n",
    "contract.py": """
        import pandera.pandas as pa


        class Orders(pa.DataFrameModel):
            order_id: int
            amount: float = pa.Field(ge=0)

            class Config:
                strict = True
                metadata = {"grain": ["order_id"]}


        class Total(pa.DataFrameModel):
            total: float

            class Config:
                strict = True
                metadata = {"grain": "none"}
    """,
}
HEAD = """
import dagster as dg
import pandas as pd
import polars as pl
import pyarrow as pa

from orchestrator_platform import GatedIOManager, gated

SEATS = {"producer": "maker", "auditor": "judge"}
"""
ORDERS = """
class Given(dg.Config):
    amounts: list[float] = [10.0, 2.5]


@gated(contract="contract.py:Orders", **SEATS)
@dg.asset(key_prefix="shop", group_name="sales")
def orders(context: dg.AssetExecutionContext, config: Given) -> pd.DataFrame:
    context.log.info("asked")
    return pd.DataFrame({"order_id": range(len(config.amounts)), "amount": config.amounts})


@gated(contract="contract.py:Total", **SEATS)
@dg.asset(key_prefix="shop", ins={"orders": dg.AssetIn(key=["shop", "orders"])})
def total(orders: pl.DataFrame) -> pa.RecordBatchReader:
    assert isinstance(orders, pl.DataFrame)
    return pa.table({"total": [orders["amount"].sum()]}).to_reader()
"""


class Shop:
    """A project of one file, and what its runs leave."""

    def __init__(self, folder: Path, instance: dg.DagsterInstance) -> None:
        self.folder, self.instance = write_files(folder, FILES), instance

    def load(self, code: str) -> Any:
        file = self.folder / "assets.py"
        file.write_text(HEAD + dedent(code), encoding="utf-8")
        name = f"gated_{abs(hash((str(self.folder), code)))}"
        spec = importlib.util.spec_from_file_location(name, file)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    def run(self, *assets: Any, selection: Any = None, amounts: list[float] | None = None) -> Any:
        config = {"ops": {"shop__orders": {"config": {"amounts": amounts}}}} if amounts is not None else {}
        return dg.materialize(
            assets,
            instance=self.instance,
            resources={"io_manager": _io_manager(self.folder)},
            run_config=config,
            selection=selection,
            raise_on_error=False,
        )

    def read(self, table: str) -> list[tuple[Any, ...]]:
        return Platform.open(project=self.folder).read(table).order("ALL").fetchall()

    def receipt(self, table: str) -> Any:
        connection = Platform.open(project=self.folder).cut().connect()
        return read_receipt(connection, AssetKey(table))

    def versions(self, table: str) -> int:
        return int(Platform.open(project=self.folder).cut().heads[table].version)  # type: ignore[index]


def _io_manager(folder: Path) -> Any:
    from orchestrator_platform import GatedIOManager

    return GatedIOManager(project=str(folder))


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Shop(tmp_path, instance)


def failure(result: Any) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            data = event.event_specific_data
            return str(data.user_failure_data.description if data.user_failure_data else data.error.to_string())
    return ""


def test_what_an_asset_returns_is_audited_published_and_read_downstream(shop: Shop) -> None:
    module = shop.load(ORDERS)
    result = shop.run(module.orders, module.total)
    assert result.success, failure(result)
    assert shop.read("shop.orders") == [(0, 10.0), (1, 2.5)]
    assert shop.read("shop.total") == [(12.5,)]
    (event, _) = result.get_asset_materialization_events()
    assert event.asset_key == dg.AssetKey(["shop", "orders"])
    assert event.materialization.metadata["auditor"].value == "judge"
    checks = {each.check_name: each.passed for each in result.get_asset_check_evaluations()}
    assert {"schema", "amount_ge_0", "served"} <= checks.keys()
    assert all(checks.values())
    receipt = shop.receipt("shop.total")
    assert [(parent.asset, parent.version) for parent in receipt.parents] == [("shop.orders", 1)]


def test_the_status_of_what_only_dagster_declares_tells_who_made_and_who_judged_it(shop: Shop) -> None:
    module = shop.load(ORDERS)
    assert shop.run(module.orders).success
    (orders,) = read_status(Platform.open(project=shop.folder).gate)
    assert (orders.asset, orders.kind, orders.version, orders.n_rows) == ("shop.orders", "table", 1, 2)
    assert (orders.state, orders.producer, orders.auditor) == (State.UNDECLARED, "maker", "judge")
    assert "only Dagster runs" in orders.why


def test_a_rejected_frame_fails_the_run_and_nobody_reads_it(shop: Shop) -> None:
    module = shop.load(ORDERS)
    assert shop.run(module.orders, module.total).success
    result = shop.run(module.orders, module.total, amounts=[1.0, -3.0])
    assert not result.success
    assert failure(result).startswith("shop.orders was rejected: amount_ge_0, 1 failing row")
    assert result.get_asset_materialization_events() == []
    assert shop.read("shop.orders") == [(0, 10.0), (1, 2.5)]
    assert "step total" not in [event.step_key for event in result.all_events if event.is_step_success]
    again = shop.run(module.orders, amounts=[1.0, -3.0])
    assert "was not built: these inputs were rejected" in failure(again)


def test_the_same_content_is_no_new_version(shop: Shop) -> None:
    module = shop.load(ORDERS)
    for _ in range(2):
        assert shop.run(module.orders).success
    assert shop.versions("shop.orders") == 1
    assert shop.run(module.orders, amounts=[1.0]).success
    assert shop.versions("shop.orders") == 2


def test_an_asset_without_the_decorator_returns_through_the_gate_by_its_io_manager(shop: Shop) -> None:
    module = shop.load("""
        META = {"orchestrator/contract": "contract.py:Orders", "orchestrator/producer": "maker"}


        @dg.asset(metadata=META | {"orchestrator/auditor": "judge"})
        def good() -> pa.Table:
            return pa.table({"order_id": [1], "amount": [2.0]})


        @dg.asset(metadata=META | {"orchestrator/auditor": "judge"})
        def bad() -> pd.DataFrame:
            return pd.DataFrame({"order_id": [1], "amount": [-2.0]})


        @dg.asset(metadata=META | {"orchestrator/auditor": "judge"})
        def nothing():
            return None


        @dg.asset(metadata=META)
        def unseated() -> pd.DataFrame:
            return pd.DataFrame({"order_id": [1], "amount": [2.0]})
    """)
    good = shop.run(module.good)
    assert good.success, failure(good)
    assert shop.read("main.good") == [(1, 2.0)]
    (event,) = good.get_asset_materialization_events()
    served = Platform.open(project=shop.folder).cut().heads["main.good"].data_version  # type: ignore[index]
    assert event.materialization.tags["dagster/data_version"] == served
    bad = shop.run(module.bad)
    assert not bad.success
    assert bad.get_asset_materialization_events() == []
    assert "amount_ge_0, 1 failing row" in failure(bad)
    assert "no orchestrator/auditor" in failure(shop.run(module.unseated))
    nothing = shop.run(module.nothing)
    assert nothing.get_asset_materialization_events() == []
    assert "returned None, which is no table" in failure(nothing)


def test_an_asset_without_the_decorator_names_the_version_that_it_was_given(shop: Shop) -> None:
    module = shop.load(
        ORDERS
        + """
META = {f"orchestrator/{name}": said for name, said in {"contract": "contract.py:Total", **SEATS}.items()}


@dg.asset(ins={"orders": dg.AssetIn(key=["shop", "orders"])}, metadata=META)
def paid(orders: pd.DataFrame) -> pd.DataFrame:
    MEANWHILE()
    return pd.DataFrame({"total": [orders["amount"].sum()]})
"""
    )
    assert shop.run(module.orders).success
    module.MEANWHILE = lambda: shop.run(module.orders, amounts=[1.0])
    result = shop.run(module.paid, module.orders, selection=[module.paid])
    assert result.success, failure(result)
    assert shop.read("main.paid") == [(12.5,)]
    assert shop.versions("shop.orders") == 2
    assert [(parent.asset, parent.version) for parent in shop.receipt("main.paid").parents] == [("shop.orders", 1)]


@pytest.mark.parametrize("returned", ["None", "7", "pd.DataFrame()", "[1, 2]"])
def test_what_is_no_table_is_named(shop: Shop, returned: str) -> None:
    module = shop.load(f"""
        @gated(contract="contract.py:Orders", **SEATS)
        @dg.asset
        def odd():
            return {returned}
    """)
    result = shop.run(module.odd)
    assert not result.success
    assert "main.odd could not be built: returned" in failure(result)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('@gated(contract="contract.py:Orders", producer="maker", auditor="maker")', "both seats"),
        ('@gated(contract="contract.py:Orders", producer="maker", auditor="nobody")', "'nobody', which has no file"),
        ('@gated(contract="contract.py:Orders", producer="judge", auditor="maker")', "produces no main.odd"),
        ('@gated(contract="contract.py", **SEATS)', "names no class"),
        ('@gated(contract="missing.py:Orders", **SEATS)', "which is not there"),
        ('@gated(contract="contract.py:Nothing", **SEATS)', "has no class 'Nothing'"),
    ],
)
def test_a_wrong_seat_or_contract_is_an_error_with_file_and_line(shop: Shop, line: str, complaint: str) -> None:
    code = f"\n{line}\n@dg.asset\ndef odd():\n    return pd.DataFrame()\n"
    with pytest.raises(DefinitionError, match=complaint) as error:
        shop.load(code)
    if "Nothing" not in line:
        assert (Path(error.value.file).name, error.value.line) == ("assets.py", HEAD.count("\n") + 2)


@pytest.mark.parametrize(
    ("over", "complaint"),
    [
        ("", "is no asset"),
        ("@dg.asset(key=['a', 'b', 'c'])\n", "cannot be a table's"),
        ("@dg.asset(partitions_def=dg.StaticPartitionsDefinition(['x']))\n", "is partitioned"),
    ],
)
def test_an_asset_that_cannot_be_gated_is_an_error(shop: Shop, over: str, complaint: str) -> None:
    code = f"@gated(contract='contract.py:Orders', **SEATS)\n{over}def odd():\n    return 1\n"
    with pytest.raises(DefinitionError, match=complaint):
        shop.load(code)


def test_an_input_of_another_type_is_named(shop: Shop) -> None:
    module = shop.load(ORDERS + "\n\n@dg.asset(ins={'orders': dg.AssetIn(key=['shop', 'orders'])})\n"
                       "def odd(orders: int) -> None:\n    pass\n")  # fmt: skip
    assert shop.run(module.orders).success
    result = shop.run(module.orders, module.odd, selection=[module.odd])
    assert "orders is annotated as <class 'int'>, which is no table" in failure(result)
