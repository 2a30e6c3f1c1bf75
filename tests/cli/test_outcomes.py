"""Every outcome in words: what happened, by how much, what still serves, and the command to look."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import get_args

import pytest

from orchestrator_platform.cli.outcomes import outcome_json, outcome_lines
from orchestrator_platform.gate.outcomes import (
    Escalated,
    Failed,
    Held,
    Outcome,
    Published,
    Rejected,
    Unchanged,
    Waiting,
    Withheld,
)
from orchestrator_platform.records.candidates import AssetKind, Form, Manifest
from orchestrator_platform.records.findings import Finding, Severity
from orchestrator_platform.records.keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from orchestrator_platform.records.receipts import Receipt
from orchestrator_platform.records.verdicts import Decision, Verdict, seal_of

ASSET = AssetKey("marts.totals")
NOW = datetime(2024, 5, 8, tzinfo=UTC)
MANIFEST = Manifest(
    id=CandidateId("c1"), asset=ASSET, kind=AssetKind.TABLE, form=Form.WHOLE, base_version=Version(4), parents=(),
    columns=(), files=(), n_rows=340, n_inserted=12, n_deleted=2, data_version="d", fingerprint="f",
    code_version="code", contract_hash="contract", producer=AgentName("maker"), reason="test", created_at=NOW,
)  # fmt: skip
BAD = Finding(
    asset=ASSET, check="rule amount", passed=False, measured=12, limit=0, n_failing=12, message="9 × amount ≥ 0"
)
DRIFT = Finding(asset=ASSET, check="drift", passed=False, severity=Severity.WARN, measured=0.4, limit=0.1)
GOOD = Finding(asset=ASSET, check="schema", passed=True)
SERVING: Mapping[AssetKey, Version] = {ASSET: Version(4)}


def verdict(decision: Decision, *findings: Finding) -> Verdict:
    seal = seal_of(MANIFEST, "p", "a")
    return Verdict(
        candidate=MANIFEST.id, asset=ASSET, decision=decision, auditor=AgentName("judge"), seal=seal,
        findings=findings, audited_at=NOW,
    )  # fmt: skip


def receipt(*findings: Finding) -> Receipt:
    shared = {name: getattr(MANIFEST, name) for name in set(Receipt.model_fields) & set(Manifest.model_fields)}
    return Receipt(
        **{**shared, "files": ()}, version=Version(5), snapshot=Snapshot(9), candidate=MANIFEST.id,
        auditor=AgentName("judge"), seal=seal_of(MANIFEST, "p", "a"), findings=findings, published_at=NOW,
    )  # fmt: skip


OUTCOMES: dict[type, tuple[Outcome, str]] = {
    Published: (
        Published(ASSET, receipt(GOOD, DRIFT)),
        (
            "marts.totals  published  version 4 → 5, 340 rows (+12 −2)\n"
            "              warning    drift, failed (measured 0.4, limit 0.1)"
        ),
    ),
    Unchanged: (
        Unchanged(ASSET, "same parents, code and contract"),
        "marts.totals  unchanged  same parents, code and contract",
    ),
    Rejected: (
        Rejected(ASSET, MANIFEST, verdict(Decision.REJECT, GOOD, BAD, DRIFT), 7),
        (
            "marts.totals  rejected   rule amount, 12 failing rows: 9 × amount ≥ 0; version 4"
            " still serves; look: `orchestrator quarantine show 7`"
        ),
    ),
    Escalated: (
        Escalated(ASSET, MANIFEST, verdict(Decision.ESCALATE, DRIFT), 8),
        (
            "marts.totals  escalated  a person must approve it: drift, failed (measured 0.4, limit 0.1); version 4"
            " still serves; look: `orchestrator quarantine show 8`"
        ),
    ),
    Held: (
        Held(ASSET, "rejected before", "orchestrator quarantine list"),
        "marts.totals  held       rejected before; version 4 still serves; look: `orchestrator quarantine list`",
    ),
    Withheld: (
        Withheld(ASSET, (AssetKey("marts.a"),)),
        "marts.totals  withheld   because of marts.a; version 4 still serves",
    ),
    Waiting: (Waiting(ASSET, "raw.x is not published"), "marts.totals  waiting    raw.x is not published"),
    Failed: (
        Failed(ASSET, "Binder Error:\n  no\x1b[31m such column."),
        "marts.totals  failed     Binder Error: no\\x1b[31m such column; version 4 still serves",
    ),
}


def test_every_outcome_is_covered_here() -> None:
    assert set(OUTCOMES) == set(get_args(Outcome))


@pytest.mark.parametrize("kind", list(OUTCOMES))
def test_an_outcome_is_told_in_one_line(kind: type) -> None:
    outcome, expected = OUTCOMES[kind]
    assert "\n".join(outcome_lines([outcome], SERVING)) == expected


@pytest.mark.parametrize("kind", list(OUTCOMES))
def test_an_outcome_as_json_says_the_same(kind: type) -> None:
    outcome, expected = OUTCOMES[kind]
    shown = outcome_json(outcome, SERVING)
    assert shown["asset"] == "marts.totals"
    assert shown["outcome"] in expected
    assert shown["why"] in expected


def test_where_nothing_serves_it_says_so() -> None:
    (line,) = outcome_lines([Withheld(ASSET, (AssetKey("marts.a"),))], {})
    assert line.endswith("because of marts.a; no version serves yet")


def test_an_audit_that_found_nothing_is_told_as_a_rejection() -> None:
    (line,) = outcome_lines([Rejected(ASSET, MANIFEST, verdict(Decision.REJECT), 7)], SERVING)
    assert "the audit found nothing to approve" in line


def test_many_findings_are_named_up_to_three() -> None:
    many = Rejected(ASSET, MANIFEST, verdict(Decision.REJECT, *[BAD] * 5), 7)
    (line,) = outcome_lines([many], SERVING)
    assert line.count("rule amount") == 3
    assert "and 2 more findings" in line
