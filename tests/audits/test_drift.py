from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from orchestrator_platform.audits.candidate_view import CandidateView
from orchestrator_platform.audits.drift import CHECKS, DriftLimits, check_drift, population_stability
from orchestrator_platform.records.candidates import AssetKind, Form, Manifest, SchemaColumn
from orchestrator_platform.records.contracts import Column, Contract
from orchestrator_platform.records.findings import Finding, Severity
from orchestrator_platform.records.keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from orchestrator_platform.records.receipts import Receipt
from orchestrator_platform.records.verdicts import Seal

T = AssetKey("marts.t")
COLUMNS = (
    SchemaColumn(name="id", type="BIGINT"),
    SchemaColumn(name="kind", type="VARCHAR"),
    SchemaColumn(name="size", type="DOUBLE"),
)
CONTRACT = Contract(asset=T, columns=(), grain=None)
BASE = "SELECT i::BIGINT AS id, ['a', 'b'][1 + i % 2] AS kind, (i % 10)::DOUBLE AS size FROM range(1000) AS r(i)"


def view(after: str, before: str | None = BASE) -> CandidateView:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE before AS {before or BASE}")
    connection.execute(f"CREATE TABLE after AS {after}")
    now = datetime(2024, 1, 1, tzinfo=UTC)
    shared = {
        "asset": T, "kind": AssetKind.TABLE, "form": Form.WHOLE, "base_version": None, "parents": (),
        "columns": COLUMNS, "n_rows": 1, "n_inserted": 1, "n_deleted": 0, "data_version": "d", "fingerprint": "f",
        "code_version": "c", "contract_hash": "h", "producer": AgentName("p"), "reason": "",
    }  # fmt: skip
    manifest = Manifest(id=CandidateId("c"), files=(), created_at=now, **shared)
    receipt = Receipt(
        version=Version(1), snapshot=Snapshot(1), candidate=CandidateId("b"), auditor=AgentName("q"),
        seal=Seal(manifest="", contract="", producer_permissions="", auditor_permissions=""), findings=(), files=(),
        published_at=now, **shared,
    )  # fmt: skip
    return CandidateView(
        connection, manifest, Path(), "after", "after", "before" if before else None, {}, receipt if before else None
    )


def drift(
    after: str, before: str | None = BASE, contract: Contract = CONTRACT, severity: Severity = Severity.WARN
) -> dict[str, Finding]:
    return {finding.check: finding for finding in check_drift(view(after, before), contract, DriftLimits(), severity)}


def test_the_same_content_does_not_drift() -> None:
    found = drift(BASE)
    assert set(found) == set(CHECKS)
    assert all(finding.passed for finding in found.values())


def test_without_a_published_version_nothing_drifts() -> None:
    assert all(finding.passed for finding in drift(BASE, None).values())


@pytest.mark.parametrize(
    ("check", "after", "said"),
    [
        ("drift_rows", f"FROM ({BASE}) WHERE id < 800", "1000 → 800 rows"),
        ("drift_nulls", f"SELECT id, CASE WHEN id % 5 > 0 THEN kind END AS kind, size FROM ({BASE})", "kind: nulls"),
        (
            "drift_categories",
            f"SELECT id, CASE WHEN id % 10 > 0 THEN 'a' ELSE kind END AS kind, size FROM ({BASE})",
            "kind",
        ),
        ("drift_categories", f"SELECT id, upper(kind) AS kind, size FROM ({BASE})", "kind"),
        ("drift_numbers", f"SELECT id, kind, size * 1000 AS size FROM ({BASE})", "size: mean"),
    ],
)
def test_a_planted_drift_is_warned_of_and_blocks_nothing(check: str, after: str, said: str) -> None:
    finding = drift(after)[check]
    assert not finding.passed
    assert finding.severity is Severity.WARN
    assert said in finding.message


def test_infinite_and_missing_numbers_do_not_break_the_comparison() -> None:
    odd = f"SELECT id, kind, if(id % 4 = 0, 'inf', if(id % 4 = 1, 'nan', size::VARCHAR))::DOUBLE AS size FROM ({BASE})"
    assert drift(odd)["drift_numbers"].check == "drift_numbers"


def test_population_stability_is_none_for_equal_shares_and_large_for_a_swap() -> None:
    assert population_stability({"a": 0.5, "b": 0.5}, {"a": 0.5, "b": 0.5}) == 0
    assert population_stability({"a": 0.9, "b": 0.1}, {"a": 0.1, "b": 0.9}) > 1


def test_numbers_that_rise_with_every_row_do_not_drift_and_others_do() -> None:
    later = "SELECT id + 5000 AS id, kind, size FROM before"
    after = f"FROM ({BASE}) UNION ALL ({later.replace('before', f'({BASE})')})"
    assert "id: mean" in drift(after)["drift_numbers"].message, "nothing says that it is no measure"
    key = CONTRACT.model_copy(update={"grain": ("id",)})
    assert drift(after, contract=key)["drift_numbers"].passed
    place = CONTRACT.model_copy(update={"columns": (Column(name="id", type="BIGINT", sequence=True),)})
    assert drift(after, contract=place)["drift_numbers"].passed
    moved = f"SELECT id, kind, size * 1000 AS size FROM ({BASE})"
    assert not drift(moved, contract=key)["drift_numbers"].passed


def test_a_number_that_only_together_with_others_is_a_key_is_still_compared() -> None:
    key = CONTRACT.model_copy(update={"grain": ("id", "size")})
    assert not drift(f"SELECT id, kind, size * 1000 AS size FROM ({BASE})", contract=key)["drift_numbers"].passed


def test_a_component_may_have_drift_ask_a_person() -> None:
    found = drift(f"FROM ({BASE}) WHERE id < 800", severity=Severity.ESCALATE)
    assert found["drift_rows"].severity is Severity.ESCALATE
    assert found["drift_nulls"].severity is Severity.WARN, "what passed asks nobody"


def test_what_cannot_drift_is_no_part_of_what_a_contract_promises() -> None:
    plain = CONTRACT.model_copy(update={"columns": (Column(name="id", type="BIGINT"),)})
    assert (
        plain.hash() == plain.model_copy(update={"columns": (Column(name="id", type="BIGINT", sequence=True),)}).hash()
    )
