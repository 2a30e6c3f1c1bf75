"""A declared column that is absent from whole files is told; what chance explains is not."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from small_project import FILES, gate_of, make_project, write

from orchestrator_platform.gate.outcomes import Published
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.findings import Finding, Severity

Record = Mapping[str, object]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Orders as NDJSON, whose status is optional."""
    return make_project(
        tmp_path,
        changes={
            "defs/orders/defs.yaml": FILES["defs/orders/defs.yaml"].replace("*.csv", "*.ndjson").rstrip()
            + "\n          on_drift: keep_aside\n",
            "defs/orders/contract.py": FILES["defs/orders/contract.py"].replace(
                'isin=["open", "paid"]', 'isin=["open", "paid"], nullable=True'
            ),
        },
    )


def orders(*numbers: int, **values: object) -> list[Record]:
    return [{"order_id": n, "customer": "ada", "amount": 1, **values} for n in numbers]


def land_files(project: Path, **files: list[Record]) -> Finding:
    """Returns what the audit says of columns; the landing is published whatever that is."""
    hour_ago = time.time() - 3600
    paths = []
    for name, records in files.items():
        text = "".join(json.dumps(record) + "\n" for record in records)
        paths.append(write(project / "incoming" / f"{name}.ndjson", text))
        os.utime(paths[-1], (hour_ago, hour_ago))
    outcome = land(gate_of(project), "orders", paths).landed.outcome
    assert isinstance(outcome, Published)
    (found,) = (finding for finding in outcome.findings if finding.check == "columns_in_every_file")
    assert found.severity is Severity.WARN
    return found


def test_a_file_without_a_column_that_served_rows_have_is_a_warning_that_names_both(project: Path) -> None:
    assert land_files(project, day1=orders(*range(20), status="open")).passed
    found = land_files(
        project,
        day2=orders(*range(20, 25), status="paid"),
        day3=orders(*range(30, 35)),
        day4=orders(*range(40, 45), status=None),
    )
    assert not found.passed
    assert (found.measured, found.n_failing) == (2, 10)
    assert found.message == "without any value: day3.ndjson: status, day4.ndjson: status"


def test_a_column_that_no_file_of_the_first_landing_has_is_a_warning_bounded_to_ten(project: Path) -> None:
    found = land_files(project, **{f"day{n:02}": orders(n) for n in range(12)})
    assert not found.passed
    assert found.message.endswith("day09.ndjson: status and 2 more")


def test_few_rows_of_an_optional_column_are_no_warning(project: Path) -> None:
    mixed = orders(*range(20), status="open") + orders(*range(20, 30))
    assert land_files(project, day1=mixed, day2=orders(30)).passed
    assert land_files(project, day3=orders(31, 32), day4=orders(33)).passed
    assert not land_files(project, day5=orders(*range(40, 60))).passed
