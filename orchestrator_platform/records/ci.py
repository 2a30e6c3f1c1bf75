"""What a branch would do to a published lake: the record that text, Markdown, JSON and JUnit are made from."""

from datetime import datetime

from .base import Record
from .candidates import AssetKind
from .checked import AssetChange, Case, any_failed
from .contract_changes import PromiseChange
from .diffs import TableDiff
from .keys import AgentName, AssetKey, Snapshot, Version


class Metric(Record):
    """A measure of answers, as the auditor took it of what serves and of what the branch made."""

    name: str
    before: float | None
    after: float | None
    limit: float | None = None


class AssetReport(Record):
    """What became of one asset. `because_of` are assets that the branch changed above it; none where it did itself.

    `outcome` is as `build` says it, or `judged` where a raw table's rows were held against another contract. `rows`
    says how many rows came and went where no table was compared.
    """

    asset: AssetKey
    kind: AssetKind
    changed: tuple[str, ...] = ()
    because_of: tuple[AssetKey, ...] = ()
    outcome: str
    why: str = ""
    base_version: Version | None = None
    quarantine: int | None = None
    auditor: AgentName
    diff: TableDiff | None = None
    rows: str = ""
    promises: tuple[PromiseChange, ...] = ()
    metrics: tuple[Metric, ...] = ()
    downstream: tuple[AssetKey, ...] = ()
    cases: tuple[Case, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_no(self) -> bool:
        return any_failed(self.cases)


class CiReport(Record):
    """All of it. `cases` are those of the project as a whole: whether it loads, above all."""

    lake: str
    overlay: str
    snapshot: Snapshot | None
    started_at: datetime
    seconds: float
    changes: tuple[AssetChange, ...] = ()
    cases: tuple[Case, ...] = ()
    assets: tuple[AssetReport, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def all_cases(self) -> tuple[Case, ...]:
        return (*self.cases, *(case for report in self.assets for case in report.cases))

    @property
    def is_no(self) -> bool:
        return any_failed(self.all_cases)
