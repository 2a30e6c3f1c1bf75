"""What became of an asset in one pass through the gate: a closed set to match on."""

from dataclasses import dataclass

from ..records.candidates import Manifest
from ..records.embeddings import EmbeddingCounts
from ..records.findings import Finding
from ..records.keys import AssetKey
from ..records.model_rows import TrainingCounts
from ..records.receipts import Receipt
from ..records.scores import ScoringCounts
from ..records.verdicts import Verdict

Counts = EmbeddingCounts | TrainingCounts | ScoringCounts


@dataclass(frozen=True)
class Published:
    """A new version serves. `counts` is what the producer of an embedding, a model or scores says that it did."""

    asset: AssetKey
    receipt: Receipt
    counts: Counts | None = None

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self.receipt.findings


@dataclass(frozen=True)
class Unchanged:
    """The served version is what would be built: `why` says whether that was known or found out."""

    asset: AssetKey
    why: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Rejected:
    """The auditor said no; what served before still serves."""

    asset: AssetKey
    manifest: Manifest
    verdict: Verdict
    quarantine: int


@dataclass(frozen=True)
class Escalated:
    """The auditor asks a person; the candidate waits."""

    asset: AssetKey
    manifest: Manifest
    verdict: Verdict
    quarantine: int


@dataclass(frozen=True)
class Held:
    """These inputs were rejected or rolled back before and are not built again until one of them changes; `look` is the
    command that shows more of it.
    """

    asset: AssetKey
    why: str
    look: str = ""


@dataclass(frozen=True)
class Withheld:
    """Approved or not judged, but built from, or judged against, what was not published."""

    asset: AssetKey
    because_of: tuple[AssetKey, ...]


@dataclass(frozen=True)
class Waiting:
    """A parent has no published version yet."""

    asset: AssetKey
    why: str


@dataclass(frozen=True)
class Failed:
    """The build itself broke."""

    asset: AssetKey
    message: str


Outcome = Published | Unchanged | Rejected | Escalated | Held | Withheld | Waiting | Failed
