"""dbt tests as findings: each test of a table is a check, and one that did not run is a failure."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from ..records.contracts import Contract
from ..records.findings import Finding, Severity
from ..records.keys import AssetKey
from ..transforming.dbt_project import DbtTest
from ..transforming.recorded_tests import DbtTestResult
from .check_names import check_names
from .masking import mask_rows


def tests_judging(
    asset: AssetKey, tests: Sequence[DbtTest], parents: Mapping[AssetKey, Collection[AssetKey]]
) -> tuple[DbtTest, ...]:
    """Returns the tests attached to the asset, and the data tests of others that read it.

    A test of what is built from the asset is not among the latter: that table is built anew and judged
    then, and until then it is behind. A unit test reads the rows given in it, so nothing served breaks it.
    """
    return tuple(test for test in tests if test.attached == asset or _is_judged_too(asset, test, parents))


def _is_judged_too(asset: AssetKey, test: DbtTest, parents: Mapping[AssetKey, Collection[AssetKey]]) -> bool:
    if asset not in test.assets or test.unique_id.startswith("unit_test."):
        return False
    above, pending = set[AssetKey](), [test.attached]
    while pending:
        new = set(parents.get(pending.pop(), ())) - above
        above |= new
        pending += new
    return asset not in above


def test_check_names(tests: Sequence[DbtTest]) -> dict[str, str]:
    """Returns unique_id -> check name for the tests of one asset."""
    ordered = sorted(tests, key=lambda test: test.unique_id)
    names = check_names([f"dbt_{test.name}" for test in ordered])
    return {test.unique_id: name for test, name in zip(ordered, names, strict=True)}


def findings_of_tests(
    asset: AssetKey,
    tests: Sequence[DbtTest],
    results: Mapping[str, DbtTestResult],
    contract: Contract,
    read: Sequence[Contract] = (),
) -> Iterable[Finding]:
    """Yields a finding per test; one that has no result did not run, and fails.

    `read` are the contracts of other tables that the tests read: failing rows may hold their columns.
    """
    names = test_check_names(tests)
    for test in tests:
        result = results.get(test.unique_id)
        status = result.status if result else "skipped"
        passed = status == "pass"
        # A test that errs or is lost has judged nothing, whatever severity it was given.
        warns = status == "warn" or (status == "fail" and test.severity.lower() == "warn")
        yield Finding(
            asset=asset,
            check=names[test.unique_id],
            passed=passed,
            severity=Severity.WARN if warns else Severity.ERROR,
            measured=result.n_failing if result else None,
            limit=test.limit,
            n_failing=result.n_failing if result else 0,
            sample=mask_rows(result.sample, contract, *read) if result else (),
            engine="dbt",
            message=_message(asset, test, result),
            code_version=test.code_version,
        )


def _message(asset: AssetKey, test: DbtTest, result: DbtTestResult | None) -> str:
    """What the name, the measure and the limit do not say."""
    of_another = f"a test of {test.attached}" if test.attached != asset else ""
    if result is None or result.status == "skipped":
        return f"{of_another}, did not run" if of_another else "did not run"
    if result.status == "error" or test.unique_id.startswith("unit_test."):
        return result.message or result.status
    return of_another
