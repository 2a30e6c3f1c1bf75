"""What became of every landed file and of every row that was not published."""

from datetime import datetime
from enum import StrEnum

from pydantic import model_validator

from .base import Record
from .keys import AssetKey, CandidateId, Version


class FileState(StrEnum):
    """LANDED: read, its rows published or quarantined. DUPLICATE: its bytes were known. REFUSED: quarantined whole.
    RETRACTED: landed, and a version with rows of it was taken back; never stored, always derived.
    """

    LANDED = "landed"
    DUPLICATE = "duplicate"
    REFUSED = "refused"
    RETRACTED = "retracted"


class LedgerEntry(Record):
    """One landed file. A file that cannot be read at all counts as one row.

    `source` is the source's name, `asset` the raw table it fills, `file` the path under the source's
    landing folder; `identity` tells one arrival from another of the same name (device, inode, size, times of
    the last write and the last rename).
    """

    source: str
    asset: AssetKey
    file: str
    file_sha256: str
    identity: str
    size_bytes: int
    state: FileState
    n_rows: int
    n_published: int
    n_quarantined: int
    n_duplicate: int
    version: Version | None = None
    landed_at: datetime

    @model_validator(mode="after")
    def _adds_up(self) -> "LedgerEntry":
        if self.n_rows != self.n_published + self.n_quarantined + self.n_duplicate:
            raise ValueError(
                f"ledger of {self.file!r} does not add up: {self.n_rows} rows, but {self.n_published} published"
                f" + {self.n_quarantined} quarantined + {self.n_duplicate} duplicate"
            )
        return self


class RowAddress(Record):
    """Where a rejected row of a source is found, never what it holds. `line` counts from 1; `None` is the whole file.

    In an array or a table format `line` is the record's ordinal. `position` is the place of a
    syntax error as the parser said it.
    """

    source: str
    file: str
    file_sha256: str
    line: int | None
    rule: str
    reason: str
    position: str = ""


class QuarantineKind(StrEnum):
    """RETRACTED: published rows of a raw table whose version was taken back."""

    ROWS = "rows"
    CANDIDATE = "candidate"
    RETRACTED = "retracted"


class QuarantineState(StrEnum):
    """APPROVED: a person answered the escalation with yes, and the candidate was published."""

    WAITING = "waiting"
    APPROVED = "approved"
    REPLAYED = "replayed"
    DISCARDED = "discarded"


class QuarantineEntry(Record):
    """Rejected rows of one landing, one rejected candidate, or the rows of versions that were taken back at once.

    It waits for a person or agent to decide.
    """

    id: int
    kind: QuarantineKind
    asset: AssetKey
    state: QuarantineState = QuarantineState.WAITING
    candidate: CandidateId | None = None
    fingerprint: str = ""
    n_rows: int
    reasons: dict[str, int]
    since: datetime

    @property
    def waits(self) -> bool:
        """Whether it is a candidate that nobody has decided on."""
        return self.kind is QuarantineKind.CANDIDATE and self.state is QuarantineState.WAITING
