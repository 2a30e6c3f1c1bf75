"""Every rule of the marts catches the defect it is there for, and the shipped project is well formed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_platform.defs.sample_feed import write_bad_batch, write_sample_feed

DEFECTS = {
    "no_date_is_lost_in_cleaning": "update staging.stg_cve_record set date_updated = null where _landed_seq = 2",
    "every_record_has_a_product_row": "delete from staging.stg_affected_product where _landed_seq = 2",
    "the_current_row_is_the_one_that_landed_last": "update marts.dim_vulnerability set _landed_seq = 0",
    "history_has_no_gap_overlap_or_second_current_row": "update marts.dim_vulnerability_history set is_current = true",
    "history_ends_in_the_last_record": "update marts.dim_vulnerability_history set title = 'stale'",
    "assessments_follow_each_other": "update marts.fct_assessment set is_current = true",
    "cvss_scores_are_between_0_and_10": "update marts.dim_vulnerability set cvss_base_score = 11",
    "a_decision_needs_all_points_and_a_published_record": "update marts.triage set decision = null",
    "triage_is_made_from_the_current_records": "update marts.triage set is_in_kev = true, kev_due_date = '2024-01-01'",
    "unique_triage_cve_id": "insert into marts.triage from marts.triage limit 1",
    "unique_dim_product_product_id": "insert into marts.dim_product from marts.dim_product limit 1",
    "relationships_bridge_vulnerability_product_product_id__product_id__ref_dim_product_": (
        "delete from marts.dim_product"
    ),
    "relationships_fct_assessment_cve_id__cve_id__ref_dim_vulnerability_": "delete from marts.dim_vulnerability",
    "not_null_stg_kev_due_date": "update staging.stg_kev set due_date = null",
    "accepted_values_fct_assessment_automatable__no__yes": "update marts.fct_assessment set automatable = 'maybe'",
    "accepted_values_triage_decision__track__track___attend__act": "update marts.triage set decision = 'patch'",
    "accepted_values_dim_vulnerability_cvss_version__4_0__3_1__3_0__2_0": (
        "update marts.dim_vulnerability set cvss_version = '5.0'"
    ),
}


@pytest.fixture(scope="module")
def built(new_scratch: Callable[[], Any], tmp_path_factory: pytest.TempPathFactory) -> Any:
    scratch = new_scratch()
    feed = write_sample_feed(tmp_path_factory.mktemp("feed"), seed=5, n_records=300, days=1)
    for file in feed.files:
        scratch.land_feed_file(file)
    for file in feed.kev_files:
        scratch.land_kev_file(file)
    scratch.build(command="build")
    return scratch


def test_each_rule_catches_its_planted_defect(built: Any) -> None:
    sound = built.file.read_bytes()
    missed = []
    for rule, defect in DEFECTS.items():
        built.change(defect)
        if built.build("--select", rule, command="test", ok=False) != {rule: "fail"}:
            missed.append(rule)
        built.file.write_bytes(sound)
    assert not missed


def test_an_unknown_label_lands_and_is_held_back_by_the_marts(
    scratch: Any, make_record: Callable[..., dict[str, Any]]
) -> None:
    scratch.land_records([make_record(points=("widespread", "no", "partial"))])
    statuses = scratch.build(command="build", ok=False)
    assert statuses["stg_cve_record"] == statuses["dim_vulnerability"] == "success"
    assert statuses["accepted_values_fct_assessment_exploitation__none__poc__active"] == "fail"
    assert statuses["triage"] == "skipped"


def test_the_bad_label_batch_passes_landing_and_breaks_the_marts(scratch: Any, tmp_path: Path) -> None:
    feed = write_sample_feed(tmp_path / "feed", seed=9, n_records=200, days=1)
    scratch.land_feed_file(write_bad_batch(feed, kind="labels").file)
    statuses = scratch.build(command="build", ok=False)
    failed = {name for name, status in statuses.items() if status not in {"success", "pass", "skipped"}}
    assert failed == {"accepted_values_fct_assessment_exploitation__none__poc__active"}
