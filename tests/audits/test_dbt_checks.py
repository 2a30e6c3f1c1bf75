"""What a finding of a dbt test says: measured against its limit, with failing rows that show no personal data."""

import pytest

from orchestrator_platform.audits.dbt_checks import findings_of_tests
from orchestrator_platform.records.contracts import Column, Contract
from orchestrator_platform.records.findings import MASK, Finding, Severity
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming.dbt_project import DbtTest
from orchestrator_platform.transforming.dbt_workbench import DbtTestResult

BILLS, NAMES = AssetKey("marts.bills"), AssetKey("marts.names")
PLAIN = Contract(asset=BILLS, columns=(Column(name="id", type="BIGINT"),), grain=None)
PERSONAL = Contract(asset=NAMES, columns=(Column(name="name", type="VARCHAR", pii=True),), grain=None)
DBTS_WORDS = "Got 12 results, configured to fail if != 0"


def find(test: DbtTest, result: DbtTestResult | None, *read: Contract) -> Finding:
    (finding,) = findings_of_tests(BILLS, [test], {test.unique_id: result} if result else {}, PLAIN, read)
    return finding


def result(status: str, n_failing: int = 0, message: str = DBTS_WORDS) -> DbtTestResult:
    rows = tuple({"id": number, "name": "ada"} for number in range(min(n_failing, 10)))
    return DbtTestResult("test.t", status, n_failing, message, "select 1", rows)  # type: ignore[arg-type]


def test_a_failing_test_says_what_it_measured_its_limit_and_ten_rows() -> None:
    finding = find(DbtTest("test.t", "unique_id", "error", (BILLS,), BILLS, ""), result("fail", 12))
    assert (finding.passed, finding.measured, finding.limit, finding.n_failing) == (False, 12, 0, 12)
    assert finding.message == "", "all of it is said"
    assert [row["id"] for row in finding.sample] == [str(number) for number in range(10)]


def test_a_test_that_tolerates_something_says_so_also_when_it_passes() -> None:
    finding = find(DbtTest("test.t", "few", "error", (BILLS,), BILLS, "", "fails if > 20 where id > 1"), result("pass"))
    assert (finding.passed, finding.limit) == (True, "fails if > 20 where id > 1")


def test_personal_data_of_another_table_is_masked_in_failing_rows() -> None:
    test = DbtTest("test.t", "known", "error", (BILLS, NAMES), NAMES, "")
    finding = find(test, result("fail", 1), PERSONAL)
    assert finding.sample == ({"id": "0", "name": MASK},)
    assert finding.message == "a test of marts.names"


@pytest.mark.parametrize("given", [None, result("skipped"), result("error", message="no such column")])
@pytest.mark.parametrize("severity", ["error", "warn"])
def test_a_test_that_did_not_run_blocks_whatever_its_severity(given: DbtTestResult | None, severity: str) -> None:
    finding = find(DbtTest("test.t", "t", severity, (BILLS,), BILLS, ""), given)
    assert (finding.passed, finding.severity) == (False, Severity.ERROR)


@pytest.mark.parametrize(("status", "severity"), [("warn", "error"), ("warn", "warn"), ("fail", "warn")])
def test_a_test_that_warns_does_not_block(status: str, severity: str) -> None:
    finding = find(DbtTest("test.t", "t", severity, (BILLS,), BILLS, ""), result(status, 3))
    assert (finding.passed, finding.severity, finding.measured) == (False, Severity.WARN, 3)
