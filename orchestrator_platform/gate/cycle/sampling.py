"""Rows of what serves in one lake become the first versions of another: what was audited as a whole, in part.

It goes the way of every publication. Its audit is that each row is one of a version that an auditor approved.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ...audits.checks_kept import SAMPLED
from ...records.candidates import FileRole, Manifest, ParentRead
from ...records.declarations import AssetDeclaration, SourceBuild
from ...records.findings import Finding
from ...records.keys import AssetKey
from ...records.receipts import Receipt
from ...records.verdicts import Verdict, decide, seal_of
from ...sql import identifier, literal
from ..candidate import Draft, close_candidate
from ..context import Gate
from ..fingerprint import raw_fingerprint, table_fingerprint
from ..publish import Publication
from ..seal import Judged
from .order import publish_in, remove_candidate


@dataclass(frozen=True)
class SampledTable:
    """`relation` gives rows of the version that the receipt is of."""

    declaration: AssetDeclaration
    receipt: Receipt
    relation: str


def publish_sample(
    gate: Gate, connection: duckdb.DuckDBPyConnection, tables: Sequence[SampledTable], reason: str
) -> tuple[Receipt, ...]:
    """Publishes the rows in the home of the gate, which holds nothing yet, in one snapshot; parents come first.

    Args:
        connection: Has the lake attached that the rows are of.

    Raises:
        SealBroken: A row is not of that version, or the project changed meanwhile.
        NotPermitted: An agent may not do its part.
    """
    closed: dict[AssetKey, Manifest] = {}
    judged = []
    for table in tables:
        gate.say(f"sampling {table.declaration.key}")
        manifest = _close(gate, connection, table, closed, reason)
        closed[manifest.asset] = manifest
        verdict = _judge(gate, connection, table, manifest)
        judged.append(Judged(manifest, verdict, table.declaration, frozenset({SAMPLED})))
    try:
        agent = tables[0].declaration.producer
        return publish_in(gate, Publication(judged=tuple(judged), agent=agent, reason=reason)).receipts
    finally:
        for manifest in closed.values():
            remove_candidate(gate.settings.home.candidates, manifest.id)


def _close(
    gate: Gate,
    connection: duckdb.DuckDBPyConnection,
    table: SampledTable,
    closed: Mapping[AssetKey, Manifest],
    reason: str,
) -> Manifest:
    declaration = table.declaration
    read = [parent.asset for parent in table.receipt.parents if parent.asset in closed]
    parents = tuple(
        ParentRead(asset=key, version=None, data_version=closed[key].data_version, candidate=closed[key].id)
        for key in read
    )
    versions = {parent.asset: parent.data_version for parent in parents}
    is_raw = isinstance(declaration.build, SourceBuild)
    draft = Draft(
        asset=declaration.key,
        kind=declaration.kind,
        relation=table.relation,
        key=(),
        parents=parents,
        # As what the project makes of these very parents: nothing of it is to be built for being a sample.
        fingerprint=raw_fingerprint(declaration, []) if is_raw else table_fingerprint(declaration, versions),
        code_version=declaration.code_version,
        contract_hash=declaration.contract.hash(),
        producer=declaration.producer,
        reason=reason,
    )
    home = gate.settings.home
    made = close_candidate(connection, draft, None, home.candidates, candidate_id=gate.new_candidate(), now=gate.now())
    return made.manifest


def _judge(gate: Gate, connection: duckdb.DuckDBPyConnection, table: SampledTable, manifest: Manifest) -> Verdict:
    """Reads the candidate's files again, as every auditor does."""
    declaration, receipt = table.declaration, table.receipt
    strange = _strange_rows(connection, gate.settings.home.candidates / manifest.id, manifest, receipt)
    finding = Finding(
        asset=manifest.asset,
        check=SAMPLED,
        passed=strange == 0,
        measured=strange,
        limit=0,
        n_failing=strange,
        message=f"rows of version {receipt.version}, which {receipt.auditor} approved; {strange} are not",
    )
    # What was measured of the whole stays what a branch is compared with.
    findings = (finding, *(found for found in receipt.findings if found.passed))
    producer, auditor = gate.principals[declaration.producer], gate.principals[declaration.auditor]
    return Verdict(
        candidate=manifest.id,
        asset=manifest.asset,
        decision=decide(findings, frozenset({SAMPLED})),
        auditor=declaration.auditor,
        seal=seal_of(manifest, producer.permissions_hash(), auditor.permissions_hash()),
        findings=findings,
        audited_at=gate.now(),
    )


def _strange_rows(connection: duckdb.DuckDBPyConnection, folder: Path, manifest: Manifest, receipt: Receipt) -> int:
    files = [literal(str(folder / file.name)) for file in manifest.files_of(FileRole.INSERT)]
    if not files:
        return 0
    # By their hashes: rows may be wide, and hold types that are not compared.
    listed = ", ".join(identifier(column.name) for column in receipt.columns)
    hashed = f"SELECT hash(ROW({listed})) AS h FROM"
    row = connection.execute(
        f"SELECT count(*) FROM ({hashed} read_parquet([{', '.join(files)}], hive_partitioning => false)) AS s"
        f" ANTI JOIN ({hashed} lake.{receipt.asset.quoted}) AS w ON s.h = w.h"
    ).fetchone()
    return int(row[0]) if row else 0
