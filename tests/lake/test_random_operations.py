"""Any order of publications, rollbacks, releases, merges and compactions leaves every version readable as a model in
plain Python has it.
"""

import json
import os
import signal
import tempfile
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import publishing
import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from killed_run import run_killed
from lineages import World
from publishing import NOW

from orchestrator_platform.errors import Misuse, TargetRetracted
from orchestrator_platform.gate.compact import compact
from orchestrator_platform.lake import maintenance
from orchestrator_platform.records.keys import AgentName, AssetKey

KEYED, PARTED, LOG = "marts.keyed", "marts.parted", "raw.log"
ASSETS = (KEYED, PARTED, LOG)
COLUMNS: dict[str, dict[str, str]] = {
    "plain": {"id": "BIGINT", "part": "VARCHAR", "x": "VARCHAR"},
    "wider": {"id": "BIGINT", "part": "VARCHAR", "x": "VARCHAR", "y": "DOUBLE"},
    "turned": {"x": "VARCHAR", "id": "BIGINT", "part": "VARCHAR"},
    "retyped": {"id": "BIGINT", "part": "VARCHAR", "x": "BIGINT"},
}
DEATHS = (
    ("orchestrator_platform.lake.writer", "change_table", "after"),
    ("orchestrator_platform.lake.writer", "insert_receipts", "after"),
    ("orchestrator_platform.lake.writer", "insert_outbox", "after"),
    ("orchestrator_platform.lake.writer", "reread", "before"),
    ("orchestrator_platform.lake.writer", "merge_if_many", "before"),
    ("orchestrator_platform.lake.maintenance", "platform_tables", "after"),
    ("orchestrator_platform.lake.writer", "merge_if_many", "after"),
    ("orchestrator_platform.lake.writer", "replace_readers_copy", "before"),
    ("orchestrator_platform.lake.writer", "replace_readers_copy", "after"),
)
# Every publication of a child merges what there is to merge, so that it is killed there too.
FEW, NONE = 3, 1
Row = tuple[Any, ...]

ids = st.integers(0, 30)
values = st.one_of(st.none(), st.integers(-5, 5))
rows_drawn = st.dictionaries(ids, st.tuples(st.sampled_from("abc"), values), max_size=25)


def select(columns: dict[str, str], rows: list[dict[str, Any]]) -> str:
    """Returns a query that gives the rows in the columns' order and types."""

    def value(row: dict[str, Any], name: str, type_: str) -> str:
        found = row[name]
        text = "NULL" if found is None else f"'{found}'"
        return f"CAST({text} AS {type_}) AS {name}"

    if not rows:
        return "SELECT " + ", ".join(f"NULL::{type_} AS {name}" for name, type_ in columns.items()) + " LIMIT 0"
    return " UNION ALL ".join(
        "SELECT " + ", ".join(value(row, name, type_) for name, type_ in columns.items()) for row in rows
    )


def typed(columns: dict[str, str], row: dict[str, Any]) -> Row:
    python: dict[str, Callable[[Any], Any]] = {"BIGINT": int, "VARCHAR": str, "DOUBLE": float}
    return tuple(None if row[name] is None else python[type_](row[name]) for name, type_ in columns.items())


def publish_next(root: Path) -> None:
    """What a child that is to be killed does: publishes what `next.sql` says as the whole log's next rows."""
    publishing._numbers = count(os.getpid() * 1_000_000)
    maintenance.MANY_SMALL_FILES = NONE
    World(root).publish(LOG, (root / "next.sql").read_text(encoding="utf-8"), append=True)


class LakeMachine(RuleBasedStateMachine):
    """The model: for every asset its versions, each with its columns and rows; `None` where it was withdrawn."""

    deaths: ClassVar[bool] = False
    n_operations: ClassVar[int] = 0
    n_kills: ClassVar[int] = 0

    @initialize()
    def open_the_lake(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.model: dict[str, list[tuple[dict[str, str], list[dict[str, Any]]]]] = {asset: [] for asset in ASSETS}
        self.released: dict[str, dict[str, int]] = {}

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.every_version_is_as_it_was_published()
            if self.deaths:
                print(f"{self.n_operations} operations, {self.n_kills} kills", flush=True)
            self.world.cut().root.close()
            self.folder.cleanup()

    def _add(self, asset: str, columns: dict[str, str], rows: list[dict[str, Any]], version: int) -> None:
        self.model[asset].append((columns, [{name: row[name] for name in columns} for row in rows]))
        assert version == len(self.model[asset])
        type(self).n_operations += 1

    def _served(self, asset: str) -> tuple[dict[str, str], list[dict[str, Any]]] | None:
        return self.model[asset][-1] if self.model[asset] else None

    @rule(asset=st.sampled_from((KEYED, PARTED)), drawn=rows_drawn, shape=st.sampled_from(list(COLUMNS)))
    def publish_whole(self, asset: str, drawn: dict[int, tuple[str, Any]], shape: str) -> None:
        rows = [{"id": i, "part": part, "x": x, "y": x} for i, (part, x) in drawn.items()]
        key = ("id",) if asset == KEYED else ()
        self._add(asset, COLUMNS[shape], rows, self.world.publish(asset, select(COLUMNS[shape], rows), key=key))

    @precondition(lambda self: self.model[KEYED])
    @rule(drawn=st.dictionaries(ids, st.one_of(st.just("gone"), values), min_size=1, max_size=3))
    def publish_a_small_change(self, drawn: dict[int, Any]) -> None:
        columns, before = self.model[KEYED][-1]
        rows = {row["id"]: row for row in before}
        for i, x in drawn.items():
            if x == "gone":
                rows.pop(i, None)
            else:
                rows[i] = {**rows.get(i, {"id": i, "part": "d"}), "x": x, "y": x}
        made = list(rows.values())
        self._add(KEYED, columns, made, self.world.publish(KEYED, select(columns, made), key=("id",)))

    @precondition(lambda self: self.model[PARTED])
    @rule(part=st.sampled_from("abc"), drawn=st.lists(st.tuples(ids, values), max_size=6))
    def replace_a_partition(self, part: str, drawn: list[tuple[int, Any]]) -> None:
        columns, before = self.model[PARTED][-1]
        came = [{"id": i, "part": part, "x": x, "y": x} for i, x in drawn]
        version = self.world.publish(PARTED, select(columns, came), key=("part",), gone=f"SELECT '{part}' AS part")
        self._add(PARTED, columns, [row for row in before if row["part"] != part] + came, version)

    @rule(drawn=st.lists(values, max_size=8), wider=st.booleans())
    def append(self, drawn: list[Any], wider: bool) -> None:
        columns, before = self._served(LOG) or (COLUMNS["plain"], [])
        if wider:
            columns, before = COLUMNS["wider"], [{"y": None, **row} for row in before]
        came = [{"id": len(before) + n, "part": "l", "x": x, "y": x} for n, x in enumerate(drawn)]
        version = self.world.publish(LOG, select(columns, came), append=bool(self.model[LOG]))
        self._add(LOG, columns, before + came, version)

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data())
    def roll_back(self, data: st.DataObject) -> None:
        asset = data.draw(st.sampled_from([asset for asset in ASSETS if self.model[asset]]))
        to = data.draw(st.one_of(st.none(), st.integers(1, len(self.model[asset]))))
        columns, _ = self.model[asset][-1]
        try:
            receipts = self.world.roll(asset, to).receipts
        except (Misuse, TargetRetracted):
            return
        for receipt in receipts:
            assert receipt.asset == asset, "nothing here was made from anything else"
            shown = self.model[asset][receipt.restores - 1] if receipt.restores else (columns, [])
            self._add(asset, *shown, receipt.version)

    @precondition(lambda self: any(self.model.values()))
    @rule()
    def release(self) -> None:
        name = f"r{len(self.released)}"
        self.world.release(name)
        self.released[name] = {asset: len(versions) for asset, versions in self.model.items() if versions}
        type(self).n_operations += 1

    @precondition(lambda self: any(self.model.values()))
    @rule(data=st.data())
    def compact_a_table(self, data: st.DataObject) -> None:
        asset = AssetKey(data.draw(st.sampled_from([asset for asset in ASSETS if self.model[asset]])))
        run_id = f"compact-{len(list(self.world.layout.data.rglob('*')))}"
        compact(self.world.layout, asset, AgentName("keeper"), now=NOW, run_id=run_id, lock_timeout_seconds=5)
        type(self).n_operations += 1

    @rule()
    def reopen(self) -> None:
        self.world.cut().root.close()
        self.world = World(self.world.root)

    @precondition(lambda self: self.deaths and self.model[LOG])
    @rule(death=st.sampled_from(DEATHS), x=values)
    def die_while_publishing(self, death: tuple[str, str, str], x: Any) -> None:
        columns, before = self.model[LOG][-1]
        came = [{"id": len(before), "part": "k", "x": x, "y": x}]
        (self.world.root / "next.sql").write_text(select(columns, came), encoding="utf-8")
        assert run_killed(self.world.root, *death, work=publish_next) == -signal.SIGKILL
        type(self).n_kills += 1
        # The next writer finishes or forgets it: whichever, it is so for good.
        self.release()
        if self.world.head(LOG).version > len(self.model[LOG]):
            self._add(LOG, columns, before + came, self.world.head(LOG).version)
            self.released[f"r{len(self.released) - 1}"][LOG] += 1

    @invariant()
    def what_serves_is_the_newest_version(self) -> None:
        if hasattr(self, "world"):
            heads = self.world.cut().heads
            assert {str(a): head.version for a, head in heads.items()} == {
                asset: len(versions) for asset, versions in self.model.items() if versions
            }

    def every_version_is_as_it_was_published(self) -> None:
        for asset, versions in self.model.items():
            if not versions:
                continue
            readable = self.world.readable(asset)
            assert sorted(readable) == list(range(1, len(versions) + 1))
            for version, (columns, rows) in enumerate(versions, 1):
                receipt, found = readable[version]
                assert {column.name: column.type for column in receipt.columns} == columns
                declared = {column.name: columns[column.name] for column in receipt.columns}
                assert found == sorted((typed(declared, row) for row in rows), key=repr), (asset, version)


def run(machine: type[LakeMachine], n_examples: int, n_steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=n_examples,
            stateful_step_count=n_steps,
            deadline=None,
            database=None,
            derandomize=True,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.fixture(autouse=True)
def merged_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "MANY_SMALL_FILES", FEW)


def test_operations_in_any_order_leave_every_version_as_it_was() -> None:
    machine = type("Counted", (LakeMachine,), {"n_operations": 0})
    # The first example is always the shortest that there is.
    run(machine, 6, 50)
    assert machine.n_operations >= 80


@pytest.mark.slow
@pytest.mark.timeout(3 * 3600)
@pytest.mark.parametrize("part", range(4))
def test_thousands_of_operations_and_kills_leave_every_version_as_it_was(
    part: int, record_property: Callable[[str, object], None]
) -> None:
    n_operations, n_kills = 0, 0
    for turn in count():
        machine = type("Deadly", (LakeMachine,), {"deaths": True, "n_operations": 0, "n_kills": 0})
        run(seed(1_000 * part + turn)(machine), 20, 60)
        n_operations, n_kills = n_operations + machine.n_operations, n_kills + machine.n_kills
        if n_operations >= 2_500:
            break
    assert n_kills >= 50
    record_property("random", json.dumps({"operations": n_operations, "kills": n_kills}))
