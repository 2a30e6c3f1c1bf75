"""Many processes publish and read at once: the result is that of some order, one after the other, and nobody sees half.

Each publication adds one to its writer's count, so that a version's number says what its counts add up to.
"""

import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from itertools import count, pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import pytest
from killed_run import PRELOADED
from lineages import World
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import BaseMoved
from orchestrator_platform.lake.commit import Commit
from orchestrator_platform.lake.history import read_heads, read_receipts
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import cut_for_readers
from orchestrator_platform.lake.readers import attach_statement
from orchestrator_platform.lake.session import connect
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import ledger
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.ledger import FileState

# Beside the suites of the lake; `lineages` puts their folder on the path.
import publishing  # isort: skip

LEFT, RIGHT, LOG = "marts.left_counts", "marts.right_counts", "raw.log"
PATIENCE_SECONDS = 240.0


@dataclass(frozen=True)
class Crowd:
    """How many do what, for how long, and how often each writer must have published in the end."""

    n_writers: int
    n_readers: int
    seconds: float
    n_least: int


@dataclass(frozen=True)
class Wrote:
    writer: str
    n_pairs: int
    n_rows: int
    n_overtaken: int


@dataclass(frozen=True)
class Saw:
    n_reads: int
    wrong: tuple[str, ...]


def write(root: Path, writer: str, until: float, n_least: int, sending: Connection) -> None:
    """Publishes a pair of tables, or rows of the log, in turns, until it is time and it has published enough."""
    publishing._numbers = count(os.getpid() * 1_000_000)
    world = World(root)
    done: Counter[str] = Counter()
    for turn in count():
        enough = min(done["pairs"], done["rows"]) >= n_least
        if time.monotonic() > (until if enough else until + PATIENCE_SECONDS):
            break
        what = ("pairs", "rows")[turn % 2]
        try:
            publish_pair(world, writer) if what == "pairs" else publish_row(world, writer, done["rows"])
        except BaseMoved:
            done["overtaken"] += 1
        else:
            done[what] += 1
    sending.send(Wrote(writer, done["pairs"], done["rows"], done["overtaken"]))


def publish_pair(world: World, writer: str) -> None:
    cut = world.cut()
    manifests = []
    for asset, times in ((LEFT, 1), (RIGHT, 2)):
        head = cut.heads.get(AssetKey(asset))
        base = f"SELECT writer, n FROM lake.{asset} UNION ALL " if head else ""
        counts = f"({base}SELECT '{writer}', {times}) AS t(writer, n)"
        sql = f"SELECT writer, sum(n)::BIGINT AS n FROM {counts} GROUP BY writer"
        with closing(cut.connect()) as connection:
            manifests.append(publishing.close_on(connection, world.root, asset, sql, head, key=("writer",)))
    with open_writer(world.layout, PATIENCE_SECONDS) as lake:
        items = tuple(publishing.approved(world.root, lake, m, publishing.approve(m)) for m in manifests)
        lake.commit(Commit(events=(publishing.event(),), approved=items))


def publish_row(world: World, writer: str, number: int) -> None:
    published = AssetKey(LOG) in world.cut().heads
    with closing(world.cut().connect()) as connection:
        sql = f"SELECT '{writer}' AS writer, {number}::BIGINT AS n"
        head = world.cut().heads.get(AssetKey(LOG))
        manifest = publishing.close_on(connection, world.root, LOG, sql, head, append=published)
    with open_writer(world.layout, PATIENCE_SECONDS) as lake:
        item = publishing.approved(world.root, lake, manifest, publishing.approve(manifest))
        lake.commit(Commit(events=(publishing.event(),), approved=(item,)))


def read(root: Path, until: float, sending: Connection) -> None:
    """Reads what is published, again and again, and tells of what does not fit together."""
    n_reads, wrong, newest = 0, [], 0
    while time.monotonic() < until or n_reads < 2:
        cut = cut_for_readers(LakeLayout(root / "lake"), 5)
        with closing(cut.root):
            wrong += [] if cut.snapshot >= newest else [f"snapshot {cut.snapshot} after {newest}"]
            newest, versions = cut.snapshot, {str(asset): head.version for asset, head in cut.heads.items()}
            left, right, log = (
                cut.root.execute(f"FROM lake.{name} ORDER BY ALL").fetchall() for name in (LEFT, RIGHT, LOG)
            )
        wrong += [] if [(w, 2 * n) for w, n in left] == right else [f"at {newest} {left} beside {right}"]
        wrong += [] if versions[LEFT] == versions[RIGHT] == sum(n for _, n in left) else [f"{versions}: {left}"]
        wrong += [] if versions[LOG] == len(set(log)) == len(log) else [f"{versions}: {log}"]
        n_reads += 1
    sending.send(Saw(n_reads, tuple(wrong[:5])))


def run(root: Path, crowd: Crowd) -> tuple[list[Wrote], list[Saw], float]:
    """Returns what everybody said, and how many seconds it took."""
    began = time.monotonic()
    until = began + crowd.seconds
    writers = [start(write, root, f"w{n}", until, crowd.n_least) for n in range(crowd.n_writers)]
    readers = [start(read, root, until) for _ in range(crowd.n_readers)]
    wrote = [answer(*child) for child in writers]
    saw = [answer(*child) for child in readers]
    return wrote, saw, time.monotonic() - began


def start(work: Callable[..., None], *arguments: object) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    receiving, sending = context.Pipe(duplex=False)
    child = context.Process(target=work, args=(*arguments, sending))
    child.start()
    sending.close()
    return child, receiving


def answer(child: multiprocessing.process.BaseProcess, receiving: Connection) -> object:
    """Returns what a child said in the end; one that broke says nothing, which is an error here."""
    said = receiving.recv()
    child.join(60)
    assert child.exitcode == 0
    return said


def versions_in_order(root: Path, n_most: int) -> list[dict[str, int]]:
    """Returns the counts that each of the newest versions of the left table holds, oldest first."""
    layout, found = LakeLayout(root / "lake"), []
    with closing(connect()) as connection, closing(cut_for_readers(layout, 5).root) as newest:
        for receipt in sorted(read_receipts(newest, AssetKey(LEFT)), key=lambda item: item.version)[-n_most:]:
            connection.execute(attach_statement(layout, receipt.snapshot))
            found.append(dict(connection.execute(f"FROM lake.{LEFT}").fetchall()))
            connection.execute("DETACH lake")
            assert sum(found[-1].values()) == receipt.version
    return found


def check(root: Path, crowd: Crowd) -> dict[str, object]:
    """Lets the crowd work and returns figures; whatever does not fit together fails."""
    world = World(root)
    publish_pair(world, "first")
    publish_row(world, "first", 0)
    wrote, saw, seconds = run(root, crowd)
    assert [item for reader in saw for item in reader.wrong] == []
    assert min(min(item.n_pairs, item.n_rows) for item in wrote) >= crowd.n_least
    heads = read_heads(cut_for_readers(world.layout, 5).root)
    assert heads[AssetKey(LEFT)].version == 1 + sum(item.n_pairs for item in wrote)
    assert heads[AssetKey(LOG)].version == 1 + sum(item.n_rows for item in wrote)
    assert dict(world.rows(LEFT)) == {"first": 1} | {item.writer: item.n_pairs for item in wrote}
    assert world.rows(LOG) == sorted(
        [("first", 0), *((item.writer, n) for item in wrote for n in range(item.n_rows))], key=repr
    )
    chain = versions_in_order(root, 200)
    for before, after in pairwise(chain):
        assert sorted(n - before.get(writer, 0) for writer, n in after.items()) == [0] * (len(after) - 1) + [1]
    n_published = sum(item.n_pairs + item.n_rows for item in wrote)
    return {
        "writers": crowd.n_writers,
        "readers": crowd.n_readers,
        "seconds": round(seconds, 1),
        "transactions": n_published,
        "per_second": round(n_published / seconds, 2),
        "overtaken": sum(item.n_overtaken for item in wrote),
        "fewest_of_a_writer": min(item.n_pairs + item.n_rows for item in wrote),
        "reads": sum(item.n_reads for item in saw),
    }


def test_three_writers_and_two_readers_leave_one_history(tmp_path: Path) -> None:
    check(tmp_path, Crowd(n_writers=3, n_readers=2, seconds=3, n_least=2))


def test_a_reader_notices_half_a_publication(tmp_path: Path) -> None:
    world = World(tmp_path)
    publish_pair(world, "first")
    publish_row(world, "first", 0)
    child = start(read, tmp_path, 0.0)
    assert answer(*child) == Saw(2, ())
    world.publish(LEFT, "SELECT 'first' AS writer, 2::BIGINT AS n", key=("writer",))
    saw = answer(*start(read, tmp_path, 0.0))
    assert isinstance(saw, Saw)
    assert any("beside" in item for item in saw.wrong)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_eight_writers_and_four_readers_leave_one_history(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    figures = check(tmp_path, Crowd(n_writers=8, n_readers=4, seconds=60, n_least=5))
    print(figures, flush=True)
    record_property("writers", json.dumps(figures))


def land_and_build(project: Path, name: str, sending: Connection) -> None:
    """Lands the same bytes as everybody, a file of its own, and builds."""
    gate = gate_of(project)
    land(gate, "orders", [project / f"incoming/{name}.csv", project / f"incoming/same-{name}.csv"])
    build(gate)
    sending.send(name)


def test_landings_and_builds_at_once_account_for_every_row_once(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    names = ["a", "b", "c"]
    for number, name in enumerate(names, start=1):
        write_orders(project, f"{name}.csv", (number, name, 10 * number, "open"), (number + 10, name, -1, "open"))
        write_orders(project, f"same-{name}.csv", (100, "all", 1, "open"))
    assert {answer(*child) for child in [start(land_and_build, project, name) for name in names]} == set(names)

    platform = open_project(project)
    orders = platform.query("SELECT order_id, _landed_seq FROM raw.orders ORDER BY ALL").fetchall()
    assert [order for order, _ in orders] == [1, 2, 3, 100]
    assert sorted(sequence for _, sequence in orders) == [1, 2, 3, 4]
    lines = ledger(platform)
    assert Counter(line.state for line in lines) == {FileState.LANDED: 4, FileState.DUPLICATE: 2}
    build(gate_of(project))
    assert sorted(platform.read("marts.totals").fetchall()) == [("a", 10.0), ("all", 1.0), ("b", 20.0), ("c", 30.0)]
