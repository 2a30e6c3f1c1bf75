from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from orchestrator_platform.audits.candidate_view import CandidateView
from orchestrator_platform.audits.free_checks import run_free_check
from orchestrator_platform.records.candidates import AssetKind, Form, Manifest
from orchestrator_platform.records.contracts import Contract
from orchestrator_platform.records.declarations import FreeCheck
from orchestrator_platform.records.findings import Finding
from orchestrator_platform.records.keys import AgentName, AssetKey, CandidateId

ASSET = AssetKey("marts.numbers")
CONTRACT = Contract(asset=ASSET, columns=(), grain=None)
TABLE = "main.numbers"


def judge(tmp_path: Path, sql: str, function: str | None = None) -> Finding:
    """Runs the SQL, or the Python function, as a check of a table that holds 0, 1 and 2."""
    connection = duckdb.connect()
    connection.execute("CREATE TABLE numbers AS SELECT range AS n FROM range(3)")
    manifest = Manifest(
        id=CandidateId("c"), asset=ASSET, kind=AssetKind.TABLE, form=Form.WHOLE, base_version=None, parents=(),
        columns=(), files=(), n_rows=3, n_inserted=3, n_deleted=0, data_version="", fingerprint="", code_version="",
        contract_hash="", producer=AgentName("maker"), reason="", created_at=datetime(2024, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    view = CandidateView(connection, manifest, tmp_path, TABLE, TABLE, None, {ASSET: TABLE}, None)
    file = tmp_path / ("check.py" if function else "check.sql")
    file.write_text(sql, encoding="utf-8")
    (finding,) = run_free_check(view, CONTRACT, FreeCheck("check", file, function=function))
    return finding


@pytest.mark.parametrize("ending", ["", ";", " -- why", "; -- why\n", "\n/* why */ ;\n"])
def test_a_check_may_end_as_sql_files_do(tmp_path: Path, ending: str) -> None:
    finding = judge(tmp_path, f"-- none is large\nSELECT n FROM marts.numbers WHERE n > 0{ending}")
    assert (finding.passed, finding.n_failing) == (False, 2)
    assert finding.sample == ({"n": "1"}, {"n": "2"})


def test_a_check_that_selects_nothing_passes(tmp_path: Path) -> None:
    assert judge(tmp_path, "SELECT n FROM marts.numbers WHERE n > 5").passed


@pytest.mark.parametrize("returned", ["{}", "{}.df()", "{}.to_arrow_table()"])
def test_a_check_in_python_may_return_a_relation_or_a_frame(tmp_path: Path, returned: str) -> None:
    rows = returned.format('table.filter("n > 0")')
    finding = judge(tmp_path, f"def check(table, parents):\n    return {rows}\n", "check")
    assert (finding.passed, finding.n_failing) == (False, 2)
    assert finding.sample == ({"n": "1"}, {"n": "2"})
