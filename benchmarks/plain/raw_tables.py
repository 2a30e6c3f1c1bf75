"""Reads the feed with pandas and writes the raw tables that the dbt models select from.

The columns are those of the platform's raw tables, so that both ways run the same models.
"""

import gzip
import hashlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pandera.pandas as pa

CVE_RECORD = pa.DataFrameSchema(
    {
        "cve_id": pa.Column(str, pa.Check.str_matches(r"^CVE-[0-9]{4}-[0-9]{4,19}$")),
        "state": pa.Column(str, pa.Check.isin(["PUBLISHED", "REJECTED"])),
        "date_updated": pa.Column(
            str, pa.Check.str_matches(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}"), nullable=True
        ),
        "record": pa.Column(str),
        "_landed_seq": pa.Column("int64", unique=True),
        "_file": pa.Column(str),
        "_file_sha256": pa.Column(str),
        "_line": pa.Column("int64"),
    },
    strict=True,
)

KEV = pa.DataFrameSchema(
    {
        "cveID": pa.Column(str, pa.Check.str_matches(r"^CVE-[0-9]{4}-[0-9]{4,19}$")),
        "dateAdded": pa.Column(str, pa.Check.str_matches(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")),
        "dueDate": pa.Column(str, pa.Check.str_matches(r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")),
        "knownRansomwareCampaignUse": pa.Column(str, pa.Check.isin(["Known", "Unknown"])),
        "_landed_seq": pa.Column("int64", unique=True),
    }
)


def read_records(folder: Path) -> pd.DataFrame:
    """Returns every record of the folder's files in the order of their names; lines that are no JSON are left out."""
    rows = [row for file in _feed_files(folder) for row in _records_of(file, folder)]
    frame = pd.DataFrame(rows, columns=["cve_id", "state", "date_updated", "record", "_file", "_file_sha256", "_line"])
    frame["_landed_seq"] = range(1, len(frame) + 1)
    return frame


def _feed_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.rglob("*") if file.name.endswith((".ndjson.gz", ".ndjson", ".json")))


def _records_of(file: Path, folder: Path) -> Iterator[tuple[Any, ...]]:
    content = file.read_bytes()
    sha256, name = hashlib.sha256(content).hexdigest(), file.relative_to(folder).as_posix()
    text = (gzip.decompress(content) if file.name.endswith(".gz") else content).decode("utf-8", "replace")
    for number, line in enumerate([text] if file.name.endswith(".json") else text.splitlines(), start=1):
        try:
            record = json.loads(line)
            about = record["cveMetadata"]
        except (ValueError, KeyError, TypeError):
            continue
        yield about.get("cveId"), about.get("state"), about.get("dateUpdated"), line, name, sha256, number


def read_catalogue(files: list[Path]) -> pd.DataFrame:
    """Returns the rows of all snapshots of the catalogue, the oldest first, as text."""
    frames = []
    for file in sorted(files):
        frame = pd.read_csv(file, dtype=str)
        frame["_file"], frame["_line"] = file.name, range(1, len(frame) + 1)
        frame["_file_sha256"] = hashlib.sha256(file.read_bytes()).hexdigest()
        frames.append(frame)
    whole = pd.concat(frames, ignore_index=True)
    whole["_landed_seq"] = range(1, len(whole) + 1)
    return whole


def write_table(database: Path, name: str, frame: pd.DataFrame) -> None:
    """Replaces a raw table. A DuckDB file admits one writing process, so a busy one is waited for."""
    connection = _connect(database)
    try:
        connection.execute("CREATE SCHEMA IF NOT EXISTS raw")
        connection.register("frame", frame)
        connection.execute(f"CREATE OR REPLACE TABLE raw.{name} AS FROM frame")
    finally:
        connection.close()


def _connect(database: Path) -> duckdb.DuckDBPyConnection:
    for _ in range(100):
        try:
            return duckdb.connect(str(database))
        except duckdb.IOException:
            time.sleep(0.05)
    return duckdb.connect(str(database))
