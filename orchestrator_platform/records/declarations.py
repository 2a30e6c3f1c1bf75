"""What a project declares: every asset with its contract, its parents and the way it is built."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field

from .base import Record
from .candidates import AssetKind
from .contracts import Contract
from .embedders import EmbedderIdentity
from .embeddings import EmbeddingOptions
from .features import FeatureOptions
from .findings import Severity
from .freshness import Freshness
from .keys import AgentName, AssetKey
from .models import ModelOptions
from .monitors import MonitorOptions
from .plots import Plot
from .pulls import Pull
from .routing import RoutingOptions
from .scores import ScoresOptions
from .slices import Partition

# Who sits in a seat that nobody took yet.
NOBODY = AgentName("")


class FileFormat(StrEnum):
    NDJSON = "ndjson"
    JSON = "json"
    CSV = "csv"
    PARQUET = "parquet"


class FilesAre(StrEnum):
    """`changes`: a key that a file lacks means nothing. `snapshot`: it means a deletion."""

    CHANGES = "changes"
    SNAPSHOT = "snapshot"


class OnDrift(StrEnum):
    """What happens to a file whose columns differ from the contract's."""

    REJECT = "reject"
    KEEP_ASIDE = "keep_aside"


class DriftAnswer(StrEnum):
    """What an auditor does about drift from the published version: it remarks on it, or asks a person."""

    WARN = "warn"
    ESCALATE = "escalate"

    @property
    def severity(self) -> Severity:
        return Severity(self.value)


class ReadLimits(Record):
    """Limits for reading one file in the child process; every one is enforced."""

    memory_mb: int = Field(default=2048, gt=0)
    timeout_seconds: float = Field(default=300, gt=0)
    size_bytes: int = Field(default=4 * 1024**3, gt=0, description="uncompressed")
    n_rows: int = Field(default=20_000_000, gt=0)
    field_bytes: int = Field(default=64 * 1024**2, gt=0)


class CsvOptions(Record):
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    quote: str = Field(default='"', min_length=1, max_length=1)
    encoding: str = "utf-8"
    null_values: tuple[str, ...] = ("",)


class SourceOptions(Record):
    """How a source's files are found and read.

    `columns` takes values out of nested JSON: column name -> path such as `$.customer.name`;
    a contract column not listed is taken from the top-level key of its name. `record_column`
    names the column that keeps the whole record as JSON text.
    """

    pattern: tuple[str, ...] = ("**/*",)
    order: Literal["name", "modified"] = "name"
    files_are: FilesAre = FilesAre.CHANGES
    format: FileFormat | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    record_column: str | None = None
    bad_rows: Literal["quarantine", "reject_file"] = "quarantine"
    max_bad_share: float = Field(default=0.05, ge=0, le=1)
    on_drift: OnDrift = OnDrift.REJECT
    csv: CsvOptions = CsvOptions()
    limits: ReadLimits = ReadLimits()


@dataclass(frozen=True)
class SourceBuild:
    """Built by landing files; `pull` is where these are brought from, where somebody publishes them."""

    name: str
    options: SourceOptions
    pull: Pull | None = None


@dataclass(frozen=True)
class DbtBuild:
    """Built by dbt. `unique_id` is dbt's name of the node."""

    unique_id: str
    materialized: str
    path: str


@dataclass(frozen=True)
class PythonBuild:
    """Built by a Python function: `file` and the name of the function in it."""

    file: Path
    function: str


@dataclass(frozen=True)
class LedgerBuild:
    """Built by taking down what the published ledger says of every landed file."""


@dataclass(frozen=True)
class FrameBuild:
    """Built by somebody else's function, of which only what it returned is known; `file` holds it."""

    file: Path
    function: str


@dataclass(frozen=True)
class EmbeddingBuild:
    """Built by an embedder out of a table's texts; `folder` is where the component and its golden queries lie."""

    options: EmbeddingOptions
    identity: EmbedderIdentity
    folder: Path


@dataclass(frozen=True)
class FeaturesBuild:
    """Built by SQL out of allowed places of a log's records.

    `paths` are the columns with the steps that lead to them in a record, `allowed` the steps that each must begin
    with. The SQL is the files' text as it was loaded.
    """

    options: FeatureOptions
    folder: Path
    paths: tuple[tuple[str, tuple[str | int, ...]], ...]
    allowed: tuple[tuple[str | int, ...], ...]
    sql: str
    labels: str | None = None
    examples: str | None = None
    features: tuple[str, ...] = ()
    label_columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelBuild:
    """Built by training on the examples of a table; `file` holds the estimator of that name."""

    options: ModelOptions
    file: Path
    estimator: str


@dataclass(frozen=True)
class MonitorBuild:
    """Built by watching a model; `model` is how that one is declared."""

    options: MonitorOptions
    model: ModelOptions


@dataclass(frozen=True)
class ScoresBuild:
    """Built by letting a published model answer; `model` is what the project declares of it."""

    options: ScoresOptions
    model: ModelOptions


@dataclass(frozen=True)
class RoutingBuild:
    """Built by picking for each row the scores that answer for it; `models` are the models of all that may."""

    options: RoutingOptions
    models: tuple[tuple[AssetKey, AssetKey], ...]


@dataclass(frozen=True)
class FreeCheck:
    """A check that the project brings along: a SQL file that selects failing rows, or a Python function.

    `code_version` is the hash of the file.
    """

    name: str
    file: Path
    severity: str = "error"
    function: str | None = None
    code_version: str = ""


@dataclass(frozen=True)
class AssetDeclaration:
    """An asset as the project declares it. `producer` and `auditor` are empty until the seats are taken.

    `code_version` is the hash of the code and configuration that build it; `group` is what the
    UI shows; `atomic` names a group that is published whole or not at all; `audits` is the hash of
    the checks that the project brings along, dbt's tests among them; `drift` is what drift leads to;
    `freshness` is how old what serves may become, `None` where nothing is promised; `declared_in` are the
    files and folders that all this was read from; `optional_parents` are those of the parents without which it is
    built all the same; `measures` are names and expressions in SQL that people are told of each version; `plots` are
    pictures, by name, of what serves; `partition` says how the table is cut into slices that are built and replaced one
    by one.
    """

    key: AssetKey
    kind: AssetKind
    contract: Contract
    parents: tuple[AssetKey, ...]
    code_version: str
    build: (
        SourceBuild
        | DbtBuild
        | PythonBuild
        | LedgerBuild
        | FrameBuild
        | EmbeddingBuild
        | FeaturesBuild
        | ModelBuild
        | MonitorBuild
        | ScoresBuild
        | RoutingBuild
    )
    group: str
    producer: AgentName = NOBODY
    auditor: AgentName = NOBODY
    description: str = ""
    origin: str = ""
    atomic: str | None = None
    checks: tuple[FreeCheck, ...] = ()
    audits: str = ""
    kinds: tuple[str, ...] = ()
    declared_in: tuple[Path, ...] = ()
    drift: DriftAnswer = DriftAnswer.WARN
    freshness: Freshness | None = None
    optional_parents: frozenset[AssetKey] = frozenset()
    measures: tuple[tuple[str, str], ...] = ()
    plots: tuple[tuple[str, Plot], ...] = ()
    partition: Partition | None = None

    @property
    def required_parents(self) -> tuple[AssetKey, ...]:
        """The parents without which it cannot be built."""
        return tuple(parent for parent in self.parents if parent not in self.optional_parents)
