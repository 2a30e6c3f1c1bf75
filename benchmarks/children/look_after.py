"""Looks after a home of many versions, or of many assets, and prints how long each part took.

Run as `python -m benchmarks.children.look_after versions|assets FOLDER NUMBER`.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from textwrap import dedent

from benchmarks.children.write_rows import AGENTS, FILES, write_files
from orchestrator_platform.gate.candidate import Draft, close_candidate
from orchestrator_platform.gate.compact import compact_if_many
from orchestrator_platform.gate.context import Gate, new_id, utc_now
from orchestrator_platform.lake.commit import Approved, Commit
from orchestrator_platform.lake.content import hash_file
from orchestrator_platform.lake.history import read_receipt
from orchestrator_platform.lake.published import cut_published
from orchestrator_platform.lake.writer import open_writer
from orchestrator_platform.operations.backup import back_up
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.doctor import Doctor
from orchestrator_platform.operations.gc import collect_garbage
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.status import read_status
from orchestrator_platform.records.candidates import AssetKind, FileRole
from orchestrator_platform.records.events import Event
from orchestrator_platform.records.keys import AssetKey, CandidateId
from orchestrator_platform.records.receipts import Head, Receipt, head_of
from orchestrator_platform.records.verdicts import Decision, Verdict, seal_of
from orchestrator_platform.settings import Retention

_TIMED = 10
_LOG = AssetKey("raw.orders")
_SOURCE = {
    "defs/orders/defs.yaml": """
        type: orchestrator_platform.components.SourceComponent
        attributes:
          name: orders
          asset: raw.orders
          contract: contract.py:Orders
          pattern: ["**/*.csv"]
    """,
    "defs/orders/contract.py": """
        import pandera.pandas as pa


        class Orders(pa.DataFrameModel):
            order_id: int
            amount: float = pa.Field(ge=0)

            class Config:
                strict = True
                metadata = {"grain": "none"}
    """,
}
_ONE_CONTRACT = """
    import pandera.pandas as pa


    class Row(pa.DataFrameModel):
        v: int

        class Config:
            strict = True
            metadata = {"grain": ["v"]}
"""
_ONE_TABLE = """

@python_table(key="marts.t{number}", parents={{}}, contract="contract.py:Row")
def t{number}():
    return pa.table({{"v": list(range({number}))}})
"""


def main(what: str, folder: str, number: str) -> None:
    print(json.dumps({"versions": _versions, "assets": _assets}[what](Path(folder), int(number))))


def _versions(folder: Path, n_versions: int) -> dict[str, float]:
    said = {}
    write_files(folder, {**FILES, **AGENTS, **{name: dedent(text).lstrip() for name, text in _SOURCE.items()}})
    (folder / "pyproject.toml").write_text(FILES["pyproject.toml"], encoding="utf-8")
    gate = Platform.open(folder / "home", folder).gate
    first = [_timed(lambda n=n: _land(gate, folder, n)) for n in range(_TIMED)]  # type: ignore[misc]
    said["status_first"] = min(_timed(lambda: read_status(gate)) for _ in range(5))
    _fill(gate, n_versions - 2 * _TIMED)
    last = [_timed(lambda n=n: _land(gate, folder, n)) for n in range(_TIMED, 2 * _TIMED)]  # type: ignore[misc]
    said["status_last"] = min(_timed(lambda: read_status(gate)) for _ in range(5))
    # The first of each ten finds nothing warm.
    said["publish_first"], said["publish_last"] = statistics.median(first[1:]), statistics.median(last[1:])
    settings = gate.settings
    said["backup_first"] = _timed(lambda: back_up(settings, folder / "copy", by="bench"))
    said["backup_nothing"] = _timed(lambda: back_up(settings, folder / "copy", by="bench"))
    platform = Platform(replace(settings, retention=Retention(days=0, versions=10, reader_hours=0)))
    started = time.perf_counter()
    collected = collect_garbage(platform, by="bench")
    said["gc"] = time.perf_counter() - started
    said["n_freed"] = len(collected.plan.versions)
    after = [_timed(lambda n=n: _land(gate, folder, n)) for n in range(2 * _TIMED, 3 * _TIMED)]  # type: ignore[misc]
    said["publish_after"] = statistics.median(after[1:])
    assert Doctor(settings).examine().is_healthy
    return said


def _assets(folder: Path, n_assets: int) -> dict[str, float]:
    tables = "import pyarrow as pa\n\nfrom orchestrator_platform import python_table\n"
    tables += "".join(_ONE_TABLE.format(number=number) for number in range(1, n_assets + 1))
    files = {"defs/orders/tables.py": tables, "defs/orders/contract.py": dedent(_ONE_CONTRACT).lstrip()}
    write_files(folder, {**FILES, **AGENTS, **files})
    platform = Platform.open(folder / "home", folder)
    assert not build(platform.gate).is_no
    started = time.perf_counter()
    examined = Doctor(platform.settings).examine()
    seconds = time.perf_counter() - started
    assert examined.is_healthy, examined.ailments
    return {"doctor": seconds, "n_versions": examined.n_versions, "n_files": examined.n_files}


def _land(gate: Gate, folder: Path, number: int) -> None:
    file = folder / f"file{number}.csv"
    file.write_text(f"order_id,amount\n{number},{number}\n", encoding="utf-8")
    assert not land(gate, "orders", [file]).is_no


def _fill(gate: Gate, n_versions: int) -> None:
    """Publishes so many versions of one row each with the writer alone, and compacts as the gate does: what is measured
    comes before and after.
    """
    cut = cut_published(gate.layout, 60)
    with closing(cut.connect()) as connection:
        receipt = read_receipt(connection, _LOG)
        assert receipt is not None
        head = cut.heads[_LOG]
        for _ in range(n_versions):
            candidate = new_id()
            draft = Draft(
                asset=_LOG,
                kind=AssetKind.RAW,
                relation=_next_row(head.n_rows + 1),
                key=(),
                parents=(),
                fingerprint=candidate,
                code_version=receipt.code_version,
                contract_hash=receipt.contract_hash,
                producer=receipt.producer,
                reason="to fill the history",
                append=True,
            )
            manifest = close_candidate(
                connection,
                draft,
                head,
                gate.settings.home.candidates,
                candidate_id=CandidateId(candidate),
                now=utc_now(),
            ).manifest
            verdict = Verdict(
                candidate=manifest.id, asset=_LOG, decision=Decision.APPROVE, auditor=receipt.auditor,
                seal=seal_of(manifest, "p", "a"), findings=receipt.findings, audited_at=utc_now(),
            )  # fmt: skip
            head = _publish(gate, Approved(manifest, verdict, (), receipt))
            compact_if_many(gate, _LOG)


def _next_row(number: int) -> str:
    """A row that goes on where the log ends, as if of a file of its own: what is landed on top must pass its audits."""
    sha256 = f"repeat('0', 54) || lpad('{number}', 10, '0')"
    numbers = f"{number}::BIGINT AS order_id, {number}::DOUBLE AS amount, {number}::BIGINT AS _landed_seq"
    return f"(SELECT * REPLACE ({numbers}, {sha256} AS _file_sha256) FROM lake.{_LOG.quoted} LIMIT 1)"


def _publish(gate: Gate, item: Approved) -> Head:
    manifest = item.manifest
    placed = []
    for file in manifest.files:
        if file.role is FileRole.INSERT:
            target = gate.layout.data / manifest.asset.schema / manifest.asset.name / f"{manifest.id}-{file.name}"
            target.write_bytes((gate.settings.home.candidates / manifest.id / file.name).read_bytes())
            placed.append((target, file.role))
    shared = set(Receipt.model_fields) & set(type(manifest).model_fields) - {"files"}
    with open_writer(gate.layout, 60) as writer:
        receipt = item.receipt.model_copy(
            update={
                **{name: getattr(manifest, name) for name in shared},
                "version": (manifest.base_version or 0) + 1,
                "snapshot": writer.next_snapshot(),
                "candidate": manifest.id,
                "seal": item.verdict.seal,
                "files": tuple(path.name for path, _ in placed),
                "sha256s": tuple(hash_file(path) for path, _ in placed),
                "published_at": utc_now(),
            }
        )
        event = Event(
            id=new_id(), at=utc_now(), agent=receipt.producer, act="publish", subject=_LOG, outcome="published"
        )
        approved = Approved(manifest, item.verdict, tuple(placed), receipt)
        writer.commit(Commit(events=(event,), approved=(approved,)))
    return head_of(receipt)


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*sys.argv[1:])
