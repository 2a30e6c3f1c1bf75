"""Prepares and runs the plain way on a feed: a Dagster home, a copy of the dbt project with a DuckDB file as target."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from .feeds import Feed
from .running import PROJECT, Run, python, run_child

_DAGSTER_YAML = "telemetry: {enabled: false}\nnux: {enabled: false}\n"
_PROFILE = """orchestrator:
  target: plain
  outputs:
    plain:
      type: duckdb
      path: "{{ env_var('PLAIN_DATABASE') }}"
      threads: 2
"""


@dataclass(frozen=True)
class PlainProject:
    """A folder with everything that the plain way needs, parsed once: as in a deployment, not in every run."""

    folder: Path
    feed: Feed

    def environment(self, database: Path) -> dict[str, str]:
        return {
            "PLAIN_DATABASE": str(database),
            "PLAIN_RECORDS": str(self.feed.month),
            "PLAIN_CATALOGUE": os.pathsep.join(map(str, self.feed.catalogue)),
            "PLAIN_DBT_PROJECT": str(self.folder / "dbt"),
            "DAGSTER_HOME": str(self.folder / "dagster"),
            "DAGSTER_DISABLE_TELEMETRY": "yes",
            "DO_NOT_TRACK": "1",
            "PYTHONPATH": str(PROJECT),
        }

    def materialize(self, number: int) -> Run:
        """Runs `dagster asset materialize` over everything, with its default executor, into a new DuckDB file."""
        database = self.folder / f"plain-{number}.duckdb"
        command = ["dagster", "asset", "materialize", "--select", "*", "-m", "benchmarks.plain.definitions"]
        return run_child(command, self.environment(database))

    def count_rows(self, number: int) -> dict[str, int]:
        """Returns table -> number of rows of what a run built."""
        import duckdb

        with duckdb.connect(str(self.folder / f"plain-{number}.duckdb"), read_only=True) as connection:
            listed = connection.execute("SELECT table_schema || '.' || table_name FROM information_schema.tables")
            names = sorted(row[0] for row in listed.fetchall())
            counted = [connection.execute(f"SELECT count(*) FROM {name}").fetchone() for name in names]
        return {name: int(row[0]) for name, row in zip(names, counted, strict=True) if row}


def prepare_plain(folder: Path, feed: Feed) -> PlainProject:
    """Copies the dbt project, writes the profile and parses it: none of that counts."""
    plain = PlainProject(folder, feed)
    shutil.copytree(PROJECT / "dbt_project", folder / "dbt", ignore=shutil.ignore_patterns("target", "logs"))
    _write(folder / "dbt" / "plain_profile" / "profiles.yml", _PROFILE)
    _write(folder / "dagster" / "dagster.yaml", _DAGSTER_YAML)
    dbt = folder / "dbt"
    command = python("-m", "dbt.cli.main", "--quiet", "parse", "--project-dir", str(dbt))
    run_child([*command, "--profiles-dir", str(dbt / "plain_profile")], plain.environment(folder / "parse.duckdb"))
    return plain


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
