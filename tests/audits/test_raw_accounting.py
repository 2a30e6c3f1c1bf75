"""A raw table's rows say where they come from, and an auditor compares that with the landed files."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_project import make_project, open_project, write_orders

from orchestrator_platform.audits.candidate_view import CandidateView, view_served
from orchestrator_platform.audits.raw_checks import check_accounting
from orchestrator_platform.lake.history import read_receipt
from orchestrator_platform.operations.audit import served_records
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.records.declarations import SourceOptions
from orchestrator_platform.records.findings import Finding
from orchestrator_platform.records.keys import AssetKey

ORDERS = AssetKey("raw.orders")


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Platform:
    """Two landed files; the third line of the first is in quarantine."""
    folder = make_project(tmp_path_factory.mktemp("made"))
    first = write_orders(folder, "may.csv", (1, "ada", 5, "open"), (2, "bob", -1, "open"), *many(3, 40))
    land(open_project(folder).gate, "orders", [first, write_orders(folder, "june.csv", (41, "cy", 7, "open"))])
    return open_project(folder)


def many(first: int, last: int) -> Iterator[tuple[int, str, int, str]]:
    yield from ((number, "ada", 5, "paid") for number in range(first, last + 1))


def judge(platform: Platform, served: str, scratch: Path) -> Finding:
    """Returns what the audit says of these rows in the place of those that serve."""
    cut = platform.cut()
    connection = cut.connect()
    receipt = read_receipt(connection, ORDERS, cut.heads[ORDERS].version)
    assert receipt is not None
    records = served_records(platform.gate, connection, ORDERS)
    relation = served.format("lake.raw.orders")
    view: CandidateView = view_served(
        connection, receipt, {ORDERS: relation}, scratch / "served", records.ledger, records.rejected
    )
    (finding,) = check_accounting(view, SourceOptions(pattern=("*.csv",)), platform.settings.home.archive)
    return finding


def test_rows_that_tell_where_they_come_from_pass(platform: Platform, tmp_path: Path) -> None:
    finding = judge(platform, "{}", tmp_path)
    assert finding.passed
    assert (finding.measured, finding.limit) == (41, 41)


@pytest.mark.parametrize(
    ("served", "said"),
    [
        ("(SELECT * REPLACE ('other.csv' AS _file) FROM {})", "may.csv: its rows name other.csv in _file"),
        ("(SELECT * REPLACE (if(order_id = 7, NULL, _file) AS _file) FROM {})", "may.csv: its rows name several files"),
        ("(SELECT * REPLACE (if(order_id = 7, 'x', _file) AS _file) FROM {})", "may.csv: its rows name several files"),
        ("(SELECT * REPLACE (greatest(_line, 5) AS _line) FROM {})", "may.csv: _line does not tell its rows apart"),
        (
            "(SELECT * REPLACE (-_line AS _line) FROM {})",
            "june.csv: _line does not tell its rows apart, or counts from",
        ),
        ("(SELECT * REPLACE (NULL::BIGINT AS _line) FROM {})", "june.csv: _line does not tell its rows apart"),
        ("(SELECT * REPLACE (_line + 1 AS _line) FROM {})", "may.csv: 1 of its rows are in the candidate and in"),
        ("(SELECT * FROM {} WHERE order_id <> 7)", "may.csv: 38 rows in the candidate, the ledger says 39"),
    ],
)
def test_rows_that_tell_of_another_place_are_named(platform: Platform, served: str, said: str, tmp_path: Path) -> None:
    finding = judge(platform, served, tmp_path)
    assert not finding.passed
    assert said in finding.message
