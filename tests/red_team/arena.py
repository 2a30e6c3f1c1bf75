"""A small project that serves two versions of its tables, given back whole for each case, and what readers get."""

import importlib
import multiprocessing
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import duckdb
from killed_run import PRELOADED
from small_project import DBT_FILES, FILES, gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.outcomes import Outcome
from orchestrator_platform.lake.history import read_receipts_after
from orchestrator_platform.lake.readers import connect_reader, latest_snapshot
from orchestrator_platform.lake.session import connect
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.records.keys import AssetKey, Snapshot

FORGED = "mallory"
AS_PUBLISHED = "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)"
TOTALS, ORDERS = "marts.totals", "raw.orders"
CHECKED = FILES["defs/marts/defs.yaml"].rstrip() + (
    "\n          checks: [{name: no_large, file: large.py, function: large, severity: escalate}]\n"
)
LARGE = """
def large(table, parents):
    return table.filter("total >= 100") if "total" in table.columns else table.limit(0)
"""
# Ranking may be behind totals: what is found is then found by the table that was harmed.
CONTRACT = FILES["defs/marts/contract.py"].replace(', "rows": {"same_as": "marts.totals"}', "")
STATUSES_YML = DBT_FILES["dbt/models/models.yml"].replace(
    "[unique, not_null]", "[unique, not_null, {accepted_values: {arguments: {values: [open, paid]}}}]"
)
ADA, BOB, CAROL, MORE = (1, "ada", 10, "open"), (2, "bob", 3, "paid"), (3, "carol", 5, "open"), (4, "ada", 1, "paid")

Rows = tuple[tuple[object, ...], ...]


@dataclass(frozen=True)
class Readable:
    """What readers get: the rows of each version by asset and number, or why they cannot be read, and the heads."""

    versions: dict[tuple[str, int], Rows | str]
    heads: dict[str, int]

    @property
    def served(self) -> dict[str, Rows | str]:
        return {asset: self.versions[asset, version] for asset, version in self.heads.items()}


@dataclass(frozen=True)
class Arena:
    """The project of one case. Nothing that a case breaks in it outlives the case."""

    project: Path

    @property
    def home(self) -> Path:
        return self.project / "home"

    @property
    def lake(self) -> Path:
        return self.home / "lake"

    @property
    def candidates(self) -> Path:
        return self.home / "candidates"

    def gate(self) -> Gate:
        return gate_of(self.project)

    def open(self) -> Platform:
        return open_project(self.project)

    def write(self, name: str, text: str) -> Path:
        return write(self.project / name, text)

    def edit(self, name: str, before: str, after: str) -> Path:
        text = (self.project / name).read_text("utf-8")
        assert before in text, f"{name} has no {before!r}"
        return self.write(name, text.replace(before, after))

    def land(self, *rows: tuple[object, ...]) -> tuple[Outcome, ...]:
        file = write_orders(self.project, f"{len(list((self.project / 'incoming').iterdir()))}.csv", *rows)
        return (land(self.gate(), "orders", [file]).landed.outcome,)

    def build(self, asset: str = TOTALS) -> tuple[Outcome, ...]:
        return build(self.gate(), [asset]).outcomes

    def parquet_of(self, asset: str) -> list[Path]:
        """The asset's files in the lake, oldest first."""
        return sorted((self.lake / "data").joinpath(*asset.split(".")).glob("*.parquet"))

    def readable(self) -> Readable:
        cut = self.open().cut()
        receipts = read_receipts_after(cut.connect(), Snapshot(0))
        at = {snapshot: connect_reader(cut.layout, snapshot) for snapshot in {receipt.snapshot for receipt in receipts}}
        found = {
            (str(receipt.asset), int(receipt.version)): _rows(at[receipt.snapshot], receipt.asset)
            for receipt in receipts
        }
        return Readable(found, {str(asset): int(head.version) for asset, head in cut.heads.items()})

    @property
    def kept(self) -> Path:
        return self.project.with_name("kept")

    def strangers(self) -> bool:
        """Whether the writer's catalog is at another snapshot than the one that readers see."""
        return latest_snapshot(self.lake / "catalog.sqlite") != latest_snapshot(self.lake / "readers.sqlite")


def attach_catalog(lake: Path) -> duckdb.DuckDBPyConnection:
    """Returns the writer's catalog, attached by somebody who should not."""
    connection = connect()
    connection.execute(f"ATTACH 'ducklake:sqlite:{lake / 'catalog.sqlite'}' AS lake (DATA_INLINING_ROW_LIMIT 0)")
    return connection


def make_arena(folder: Path, *, dbt: bool) -> Arena:
    """Builds the project once; `kept` beside it is what `fresh` gives back."""
    changes = {
        "defs/marts/contract.py": CONTRACT,
        "defs/marts/defs.yaml": CHECKED,
        "defs/marts/large.py": LARGE,
        **({"dbt/models/models.yml": STATUSES_YML} if dbt else {}),
    }
    arena = Arena(make_project(folder / "project", dbt=dbt, changes=changes))
    (arena.project / "incoming").mkdir()
    for rows in ((ADA,), (BOB, CAROL, MORE)):
        arena.land(*rows)
        build(arena.gate())
    assert set(arena.readable().heads.values()) == {2}
    shutil.copytree(arena.project, arena.kept, symlinks=True)
    return arena


class Arenas:
    """Gives each case the project as it was built, and what readers got then. One with dbt is built when asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._built: dict[bool, tuple[Arena, Readable]] = {}

    def give(self, *, dbt: bool) -> tuple[Arena, Readable]:
        if dbt not in self._built:
            arena = make_arena(self._folder / ("dbt" if dbt else "plain"), dbt=dbt)
            self._built[dbt] = arena, arena.readable()
        arena, before = self._built[dbt]
        return fresh(arena), before


def fresh(arena: Arena) -> Arena:
    """Returns the arena as it was built; the catalog holds its path, so that it is put back at the same place."""
    for path in (arena.lake / "data").rglob("*"):
        path.chmod(0o755)
    shutil.rmtree(arena.project)
    shutil.copytree(arena.kept, arena.project, symlinks=True)
    return arena


def overwrite(path: Path, content: bytes) -> None:
    """Writes over a file that was made read-only, as any program of its owner can."""
    path.chmod(0o644)
    path.write_bytes(content)


def forged_parquet(path: Path, sql: str) -> None:
    """Replaces a Parquet file by the result of a query over its own rows, named `t`."""
    fresh_file = path.with_suffix(".new")
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE t AS FROM '{path}'")
        connection.execute(f"COPY ({sql}) TO '{fresh_file}' {AS_PUBLISHED}")
    overwrite(path, fresh_file.read_bytes())
    fresh_file.unlink()


def elsewhere(work: Callable[[Arena], str], arena: Arena) -> str:
    """Returns what the work says in a process of its own, where code that patches the program harms no other case."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    with ProcessPoolExecutor(1, context) as pool:
        try:
            return pool.submit(work, arena).result(120)
        except BrokenProcessPool:
            return "the process ends"


@contextmanager
def just_before(function: str, act: Callable[[], object]) -> Iterator[None]:
    """Lets somebody else act once, at the moment at which the program calls the function `module.name`."""
    module, _, name = function.rpartition(".")
    owner = importlib.import_module(module)
    works, done = getattr(owner, name), []

    def late(*args: object, **kwargs: object) -> object:
        if not done:
            done.append(True)
            act()
        return works(*args, **kwargs)

    with patch.object(owner, name, late):
        yield
    assert done, f"{function} was never called"


def _rows(connection: duckdb.DuckDBPyConnection, asset: AssetKey) -> Rows | str:
    try:
        return tuple(sorted(connection.execute(f"FROM lake.{asset.quoted}").fetchall(), key=repr))
    except (duckdb.Error, OSError) as error:
        return f"cannot be read: {type(error).__name__}"
