"""Raw tables as the platform publishes them, in a scratch DuckDB, and plain dbt on top, in process."""

import contextlib
import csv
import gzip
import hashlib
import json
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from real_feed import require_feed

from orchestrator_platform.records.landed_files import LANDED_FILE_COLUMNS

ROOT = Path(__file__).parents[2]
DBT_PROJECT = ROOT / "dbt_project"

RECORD_COLUMNS = {"cve_id": pa.string(), "state": pa.string(), "date_updated": pa.string(), "record": pa.string()}
PLATFORM_COLUMNS = {
    "_landed_seq": pa.int64(),
    "_file": pa.string(),
    "_file_sha256": pa.string(),
    "_line": pa.int64(),
}
CLASSES = {
    "exploitation": ("none", "poc", "active"),
    "automatable": ("no", "yes"),
    "technical_impact": ("partial", "total"),
}
KEV_COLUMNS = (
    "cveID", "vendorProject", "product", "vulnerabilityName", "dateAdded", "shortDescription", "requiredAction",
    "dueDate", "knownRansomwareCampaignUse", "notes", "cwes",
)  # fmt: skip


@dataclass
class Scratch:
    """A DuckDB file with `raw` in it, and dbt to build the rest."""

    folder: Path
    invoke: Callable[..., Any]
    _seq: dict[str, int] = field(default_factory=lambda: {"cve_record": 0, "kev": 0})

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._create("cve_record", {**RECORD_COLUMNS, **PLATFORM_COLUMNS})
        self._create("kev", {**dict.fromkeys(KEV_COLUMNS, pa.string()), **PLATFORM_COLUMNS})

        for name, classes in CLASSES.items():
            self._create_scores(name, classes)
        columns = ", ".join(f"{name} {type_}" for name, type_, _ in LANDED_FILE_COLUMNS)
        self.change(f"create table raw.landed_file ({columns})")

    @property
    def file(self) -> Path:
        return self.folder / "dev.duckdb"

    def _create(self, table: str, columns: Mapping[str, pa.DataType]) -> None:
        with duckdb.connect(self.file) as connection:
            connection.register("empty", pa.table({name: pa.array([], type=type_) for name, type_ in columns.items()}))
            connection.execute(f"create schema if not exists raw; create table raw.{table} as from empty")

    def _create_scores(self, name: str, classes: Sequence[str]) -> None:
        probabilities = ", ".join(f"p_{each} double" for each in classes)
        self.change(
            f"create schema if not exists scores; create table scores.{name} (cve_id varchar, {probabilities},"
            " predicted varchar, confidence double, model_version integer, model_sha256 varchar, inputs_hash varchar)"
        )

    def score(self, cve_id: str, version: int = 1, **probabilities: Sequence[float]) -> None:
        """Makes scores of one CVE, as models give them, of the points named: the likeliest class is called."""
        for name, given in probabilities.items():
            confidence = max(given)
            predicted = CLASSES[name][given.index(confidence)]
            values = [*given, f"'{predicted}'", confidence, version, "'sha'", "'inputs'"]
            self.change(
                f"delete from scores.{name} where cve_id = '{cve_id}';"
                f" insert into scores.{name} values ('{cve_id}', {', '.join(map(str, values))})"
            )

    def _append(self, table: str, rows: Sequence[dict[str, Any]], file: str, sha256: str) -> None:
        if not rows:
            return
        first = self._seq[table] + 1
        self._seq[table] += len(rows)
        landed = [
            {**row, "_landed_seq": first + place, "_file": file, "_file_sha256": sha256, "_line": place + 1}
            for place, row in enumerate(rows)
        ]
        with duckdb.connect(self.file) as connection:
            connection.register("landed", pa.Table.from_pylist(landed))
            connection.execute(f"insert into raw.{table} by name from landed")

    def land_records(self, records: Sequence[dict[str, Any]], file: str = "dt=2024-03-01/090000-0.ndjson.gz") -> None:
        rows = [
            {
                "cve_id": record["cveMetadata"]["cveId"],
                "state": record["cveMetadata"]["state"],
                "date_updated": record["cveMetadata"].get("dateUpdated"),
                "record": json.dumps(record, ensure_ascii=False, separators=(",", ":")),
            }
            for record in records
        ]
        self._append("cve_record", rows, file, hashlib.sha256(file.encode()).hexdigest())

    def land_feed_file(self, path: Path) -> None:
        """Lands the well-formed lines of a file; what is not JSON is left out, as the platform would."""
        content = path.read_bytes()
        texts = gzip.decompress(content).decode().split("\n") if path.suffix == ".gz" else [content.decode()]
        records = []
        for text in texts:
            with contextlib.suppress(ValueError):
                records.append(json.loads(text))
        self.land_records(records, f"{path.parent.name}/{path.name}")

    def land_kev(self, entries: Sequence[Mapping[str, str | None]], file: str = "2024-03-01.csv") -> None:
        rows = [{name: entry.get(name) or None for name in KEV_COLUMNS} for entry in entries]
        digest = hashlib.sha256(json.dumps([file, rows]).encode()).hexdigest()
        self._append("kev", rows, file, digest)

    def land_kev_file(self, path: Path) -> None:
        with path.open(encoding="utf-8", newline="") as lines:
            self.land_kev(list(csv.DictReader(lines)), path.name)

    def build(self, *arguments: str, command: str = "run", ok: bool = True, **variables: str) -> dict[str, str]:
        """Runs dbt; returns the status of each node by its name."""
        extra = ["--vars", json.dumps(variables)] if variables else []
        result = self.invoke(self.folder, [command, *arguments, *extra], fresh=bool(variables))
        statuses = {node.node.name: str(node.status) for node in result.result or ()}
        failed = {name: status for name, status in statuses.items() if status not in {"success", "pass"}}
        assert not ok or (result.success and statuses), (result.exception, failed)
        return statuses

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with duckdb.connect(self.file, read_only=True) as connection:
            return connection.execute(sql).fetchall()

    def change(self, sql: str) -> None:
        with duckdb.connect(self.file) as connection:
            connection.execute(sql)


@pytest.fixture(scope="session")
def invoke_dbt(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """dbt in process, the project parsed once."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what dbt's own dependencies warn of is not ours to mend
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

    manifest: list[Any] = []

    def invoke(folder: Path, arguments: Sequence[str], *, fresh: bool = False) -> Any:
        where = ["--project-dir", str(DBT_PROJECT), "--profiles-dir", str(DBT_PROJECT), "--quiet"]
        with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            patch.setenv("DBT_TARGET_PATH", str(folder))
            patch.setenv("DBT_LOG_PATH", str(folder))
            runner = dbtRunner(manifest=None if fresh or not manifest else manifest[0])
            result = runner.invoke([*arguments, *where])
            DuckDBConnectionManager.close_all_connections()
        return result

    folder = tmp_path_factory.mktemp("parsed")
    manifest.append(invoke(folder, ["parse"]).result)
    return invoke


@pytest.fixture
def scratch(tmp_path: Path, invoke_dbt: Callable[..., Any]) -> Scratch:
    return Scratch(tmp_path / "scratch", invoke_dbt)


@pytest.fixture(scope="module")
def new_scratch(tmp_path_factory: pytest.TempPathFactory, invoke_dbt: Callable[..., Any]) -> Callable[[], Scratch]:
    return lambda: Scratch(tmp_path_factory.mktemp("scratch"), invoke_dbt)


@pytest.fixture(scope="session")
def real_feed() -> Path:
    return require_feed()


@pytest.fixture(scope="session")
def make_record() -> Callable[..., dict[str, Any]]:
    """A plain well-formed record; keyword arguments change what a test is about."""

    def make(
        cve_id: str = "CVE-2024-0001",
        *,
        state: str = "PUBLISHED",
        points: tuple[str, str, str] | None = ("none", "no", "partial"),
        cna: Mapping[str, Any] | None = None,
        adp: Mapping[str, Any] | None = None,
        metadata: Mapping[str, Any] | None = None,
        other_metrics: Sequence[Mapping[str, Any]] = (),
    ) -> dict[str, Any]:
        container: dict[str, Any] = {
            "title": "A title",
            "descriptions": [{"lang": "en", "value": "A text."}],
            "affected": [{"vendor": "Acme", "product": "Anvil"}],
        }
        if state == "REJECTED":
            container = {"rejectedReasons": [{"lang": "en", "value": "Withdrawn."}]}
        metrics = [*([ssvc(*points)] if points else []), *other_metrics]
        return {
            "cveMetadata": {
                "cveId": cve_id,
                "state": state,
                "assignerShortName": "acme",
                "dateUpdated": "2024-03-01T00:00:00.000Z",
                **(metadata or {}),
            },
            "containers": {"cna": {**container, **(cna or {})}, "adp": [{"metrics": metrics, **(adp or {})}]},
        }

    def ssvc(
        exploitation: str,
        automatable: str,
        technical_impact: str,
        *,
        role: str = "CISA Coordinator",
        timestamp: str = "2024-03-02T00:00:00Z",
    ) -> dict[str, Any]:
        options = [
            {"Technical Impact": technical_impact},
            {"Exploitation": exploitation},
            {"Automatable": automatable},
        ]
        return {"other": {"type": "ssvc", "content": {"role": role, "timestamp": timestamp, "options": options}}}

    make.ssvc = ssvc  # type: ignore[attr-defined]
    return make
