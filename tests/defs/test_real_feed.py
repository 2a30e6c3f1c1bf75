"""The real feed builds, keeps every rule, and says what an independent reading of it says."""

import gzip
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def may(new_scratch: Callable[[], Any], real_feed: Path) -> Any:
    scratch = new_scratch()
    for file in sorted((real_feed / "vulnrichment" / "2024-05").glob("*/*.ndjson.gz")):
        scratch.land_feed_file(file)
    scratch.land_kev_file(real_feed / "kev" / "2025-01-27.csv")
    statuses = scratch.build(command="build")
    assert set(statuses.values()) == {"success", "pass"}
    return scratch


@pytest.fixture(scope="module")
def last_records(real_feed: Path) -> dict[str, dict[str, Any]]:
    records = {}
    for file in sorted((real_feed / "vulnrichment" / "2024-05").glob("*/*.ndjson.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                record = json.loads(line)
                records[record["cveMetadata"]["cveId"]] = record
    return records


def test_may_builds_with_one_row_for_each_record_and_cve(may: Any, last_records: dict[str, Any]) -> None:
    assert may.rows("select count(*) from staging.stg_cve_record") == [(12_515,)]
    assert may.rows("select count(*) from marts.triage") == [(len(last_records),)]


def test_the_points_in_triage_are_those_of_the_last_record(may: Any, last_records: dict[str, Any]) -> None:
    def points(record: dict[str, Any]) -> tuple[str | None, ...]:
        for container in record["containers"].get("adp", []):
            for metric in container.get("metrics", []):
                if metric.get("other", {}).get("type") == "ssvc":
                    options: dict[str, str] = {}
                    for option in metric["other"]["content"]["options"]:
                        options |= option
                    return tuple(options[name].lower() for name in ("Exploitation", "Automatable", "Technical Impact"))
        return (None, None, None)

    found = Counter(may.rows("select cve_id, exploitation, automatable, technical_impact from marts.triage"))
    assert found == Counter((cve_id, *points(record)) for cve_id, record in last_records.items())


def test_scores_are_the_cnas_where_it_gave_one(may: Any, last_records: dict[str, Any]) -> None:
    def score(record: dict[str, Any]) -> float | None:
        containers = [record["containers"]["cna"], *record["containers"].get("adp", [])]
        for container in (containers[:1], containers[1:]):
            for key in ("cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0"):
                for part in container:
                    for metric in part.get("metrics", []):
                        if key in metric:
                            return float(metric[key]["baseScore"])
        return None

    found = dict(may.rows("select cve_id, cvss_base_score from marts.triage"))
    assert found == {cve_id: score(record) for cve_id, record in last_records.items()}


def test_one_more_file_builds_only_its_own_rows_and_equals_a_full_build(may: Any, real_feed: Path) -> None:
    june = sorted((real_feed / "vulnrichment" / "2024-06").glob("*/*.ndjson.gz"))[:6]
    for file in june:
        may.land_feed_file(file)
    may.build(command="build")
    tables = ("marts.triage", "marts.dim_vulnerability_history", "marts.fct_assessment", "marts.dim_product")
    stepwise = {table: may.rows(f"from {table} order by all") for table in tables}
    may.build("--full-refresh")
    assert stepwise == {table: may.rows(f"from {table} order by all") for table in tables}
