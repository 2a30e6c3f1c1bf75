"""The scratch DuckDB in which candidates are built over one published cut; gone once they are closed."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..lake.published import PublishedCut
from ..records.keys import AssetKey
from ..transforming.workbench import connect_workbench
from .scratch import own_folder


@dataclass(frozen=True)
class Workbench:
    folder: Path
    cut: PublishedCut

    def database(self, stage: AssetKey) -> Path:
        """Returns the scratch database of the stage that begins with this asset."""
        return self.folder / stage / "workbench.duckdb"

    @contextmanager
    def connect(self, stage: AssetKey) -> Iterator[duckdb.DuckDBPyConnection]:
        """Yields a connection to a stage's scratch database with the published cut attached as `lake`."""
        with connect_workbench(self.database(stage), self.cut.setup()) as connection:
            connection.execute("SET enable_progress_bar = false")
            yield connection

    def relations(self) -> Mapping[AssetKey, str]:
        return self.cut.relations()


@contextmanager
def open_workbench(workbenches: Path, name: str, cut: PublishedCut) -> Iterator[Workbench]:
    """Gives a new folder for the body and removes it afterwards."""
    with own_folder(workbenches, name) as folder:
        yield Workbench(folder, cut)
