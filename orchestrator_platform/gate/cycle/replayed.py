"""What a replay came to."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from ...records.ledger import QuarantineEntry
from ...records.receipts import Receipt
from ...records.verdicts import Decision, Verdict


@dataclass(frozen=True)
class Replayed:
    """The entry as it stands afterwards, the verdict, and the receipt of what was published.

    Without a verdict nothing was there to be judged. `n_accepted` are landed rows that the contract lets in now,
    `still_bad` counts by rule why others stay. `asked_as` is the entry under which a person is asked.
    """

    entry: QuarantineEntry
    verdict: Verdict | None
    receipt: Receipt | None = None
    n_accepted: int = 0
    still_bad: Mapping[str, int] = field(default_factory=dict)
    asked_as: int | None = None

    @property
    def is_no(self) -> bool:
        """Whether nothing was, or would be, published."""
        return self.verdict is None or self.verdict.decision is not Decision.APPROVE
