"""Publishes rows into a lake with the writer alone, for tests of the lake below the gate."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import duckdb

from orchestrator_platform.gate.candidate import Draft, close_candidate
from orchestrator_platform.gate.workbench import Workbench
from orchestrator_platform.lake.commit import Approved, Commit
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import cut_published
from orchestrator_platform.lake.readers import connect_reader
from orchestrator_platform.lake.writer import LakeWriter, open_writer
from orchestrator_platform.records.candidates import AssetKind, FileRole, Manifest
from orchestrator_platform.records.events import Event
from orchestrator_platform.records.findings import Finding
from orchestrator_platform.records.keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from orchestrator_platform.records.receipts import Head, Receipt
from orchestrator_platform.records.verdicts import Decision, Verdict, seal_of

NOW = datetime(2024, 5, 8, tzinfo=UTC)
_numbers = count(1)


def event(subject: str = "test") -> Event:
    number = next(_numbers)
    return Event(id=f"event-{number}", at=NOW, agent=AgentName("tester"), act="publish", subject=subject, outcome="ok")


def close(root: Path, asset: str, sql: str, *, key: tuple[str, ...] = (), append: bool = False) -> Manifest:
    """Closes the result of a query as a candidate over what is published in the lake at `root`."""
    cut = cut_published(LakeLayout(root / "lake"), 5)
    folder = root / f"bench-{next(_numbers)}"
    folder.mkdir(parents=True)
    with Workbench(folder, cut).connect(AssetKey(asset)) as connection:
        return close_on(connection, root, asset, sql, cut.heads.get(AssetKey(asset)), key=key, append=append)


def close_on(
    connection: duckdb.DuckDBPyConnection,
    root: Path,
    asset: str,
    sql: str,
    head: Head | None,
    *,
    key: tuple[str, ...] = (),
    append: bool = False,
    gone: str | None = None,
) -> Manifest:
    """Closes a candidate on a connection that has the lake attached; with `gone`, a query of keys, the rows replace
    those of the base that have one of these keys.
    """
    draft = Draft(
        asset=AssetKey(asset),
        kind=AssetKind.TABLE,
        relation=f"({sql})",
        key=key,
        parents=(),
        fingerprint=f"f{next(_numbers)}",
        code_version="code",
        contract_hash="contract",
        producer=AgentName("producer"),
        reason="a test",
        append=append,
        part=f"({sql})" if gone else None,
        gone=f"({gone})" if gone else None,
    )
    return close_candidate(
        connection, draft, head, root / "candidates", candidate_id=CandidateId(f"c{next(_numbers)}"), now=NOW
    ).manifest


def approve(manifest: Manifest) -> Verdict:
    return Verdict(
        candidate=manifest.id,
        asset=manifest.asset,
        decision=Decision.APPROVE,
        auditor=AgentName("auditor"),
        seal=seal_of(manifest, "p", "a"),
        findings=(Finding(asset=manifest.asset, check="schema", passed=True),),
        audited_at=NOW,
    )


def approved(root: Path, writer: LakeWriter, manifest: Manifest, verdict: Verdict | None = None) -> Approved:
    """Puts a candidate's files in place, as the gate does, and makes its receipt."""
    judged = verdict or approve(manifest)
    folder = root / "lake" / "data" / manifest.asset.schema / manifest.asset.name
    folder.mkdir(parents=True, exist_ok=True)
    placed = []
    for file in manifest.files:
        if file.role in {FileRole.INSERT, FileRole.DELETE}:
            target = folder / f"{manifest.id}-{file.name}"
            target.write_bytes((root / "candidates" / manifest.id / file.name).read_bytes())
            placed.append((target, file.role))
    return Approved(manifest, judged, tuple(placed), _receipt(manifest, judged, writer.next_snapshot()))


def _receipt(manifest: Manifest, verdict: Verdict, snapshot: Snapshot) -> Receipt:
    shared = set(Receipt.model_fields) & set(Manifest.model_fields) - {"files"}
    return Receipt(
        **{name: getattr(manifest, name) for name in shared},
        version=Version((manifest.base_version or 0) + 1),
        snapshot=snapshot,
        candidate=manifest.id,
        auditor=verdict.auditor,
        seal=verdict.seal,
        findings=verdict.findings,
        files=(),
        published_at=NOW,
    )


def publish(root: Path, *manifests: Manifest, before_commit: Callable[[LakeWriter], None] | None = None) -> Snapshot:
    """Commits candidates in one snapshot."""
    with open_writer(LakeLayout(root / "lake"), 5) as writer:
        items = tuple(approved(root, writer, manifest) for manifest in manifests)
        if before_commit:
            before_commit(writer)
        return writer.commit(Commit(events=(event(),), approved=items))


def rows(root: Path, asset: str, snapshot: Snapshot | None = None, where: str = "true") -> list[tuple[object, ...]]:
    """Reads a table as any reader does, sorted."""
    cut = cut_published(LakeLayout(root / "lake"), 5)
    connection = cut.connect() if snapshot is None else connect_reader(cut.layout, snapshot)
    try:
        return sorted(connection.execute(f"SELECT * FROM lake.{asset} WHERE {where}").fetchall(), key=repr)
    finally:
        connection.close()
