"""Proposes contents as next versions of a served asset and has them judged, in a scratch folder; publishes nothing.

What is proposed is closed as a real candidate and goes the way that every candidate goes through the audit.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

import duckdb

from ..audits.audit import AuditPlan
from ..errors import Misuse
from ..gate.audit import Bench, audit_candidates
from ..gate.candidate import Closed, Draft, close_candidate, verify_files
from ..records.base import Record
from ..records.candidates import FileRole, ParentRead
from ..records.keys import CandidateId
from ..records.ledger import LedgerEntry, RowAddress
from ..records.verdicts import Verdict
from .copied_cut import CopiedCut

_PROPOSED = "_proposed"


@dataclass(frozen=True)
class Proposal:
    """A content: the whole relation, or with `part` and `gone` the rows and keys by which it differs from the base.

    A raw table brings along what became of its files.
    """

    name: str
    relation: str
    part: str | None = None
    gone: str | None = None
    ledger: tuple[LedgerEntry, ...] = ()
    rejected: tuple[RowAddress, ...] = ()


@dataclass(frozen=True)
class NotClosed:
    """What was proposed cannot be a candidate at all."""

    why: str


@dataclass
class Proposer:
    """Judges proposals for one asset, one after the other, each in a folder of its own that is gone afterwards.

    `connection` sees the published cut as `lake`, and whatever the proposals' relations name.
    """

    bench: Bench
    cut: CopiedCut
    plan: AuditPlan
    connection: duckdb.DuckDBPyConnection
    folder: Path
    now: datetime
    n_judged: int = field(default=0, init=False)

    def judge(self, proposal: Proposal, *, even_unchanged: bool = False) -> Verdict | NotClosed | None:
        """Returns the verdict; `None` for the served content, unless that is to be judged as well."""
        self.n_judged += 1
        folder = self.folder / f"{self.n_judged:05}"
        folder.mkdir(parents=True)
        try:
            self.connection.execute(f"CREATE OR REPLACE TEMP TABLE {_PROPOSED} AS FROM {proposal.relation}")
            try:
                closed = self._close(proposal, folder)
            except (Misuse, duckdb.DataError, duckdb.ProgrammingError, duckdb.NotSupportedError) as error:
                return NotClosed(str(error))
            if closed.unchanged and not even_unchanged:
                return None
            (verdict,) = audit_candidates(
                replace(
                    self.bench, cut=self.cut.linked(folder / "published.duckdb"), candidates=folder, scratch=folder
                ),
                [(closed.manifest, self.plan)],
                verify_files,
                now=self.now,
            )
            return verdict
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _close(self, proposal: Proposal, folder: Path) -> Closed:
        declaration = self.plan.declaration
        heads = self.cut.heads
        head = heads[declaration.key]
        parents = [heads[parent] for parent in declaration.parents if parent in heads]
        by_key = proposal.part is not None
        draft = Draft(
            asset=declaration.key,
            kind=declaration.kind,
            relation=_PROPOSED,
            # Without a key the candidate replaces the whole, and so every row of it is judged.
            key=(declaration.contract.grain or ()) if by_key else (),
            parents=tuple(ParentRead(asset=p.asset, version=p.version, data_version=p.data_version) for p in parents),
            fingerprint=head.fingerprint,
            code_version=declaration.code_version,
            contract_hash=declaration.contract.hash(),
            producer=declaration.producer,
            reason=f"self-test: {proposal.name}",
            part=proposal.part,
            gone=proposal.gone,
            attachments=_attachments(proposal, folder),
        )
        name = CandidateId("candidate")
        return close_candidate(self.connection, draft, head, folder, candidate_id=name, now=self.now)


def _attachments(proposal: Proposal, folder: Path) -> tuple[tuple[Path, FileRole, int], ...]:
    if not proposal.ledger:
        return ()
    return (
        _write(folder / "ledger.jsonl", FileRole.LEDGER, proposal.ledger),
        _write(folder / "quarantine.jsonl", FileRole.QUARANTINE, proposal.rejected),
    )


def _write(path: Path, role: FileRole, records: Sequence[Record]) -> tuple[Path, FileRole, int]:
    path.write_text("".join(record.canonical_json() + "\n" for record in records), encoding="utf-8")
    return path, role, len(records)
