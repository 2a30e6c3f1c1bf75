"""What the star says after records changed, were rejected, or came out of order."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

Make = Callable[..., dict[str, Any]]
CVE = "CVE-2024-0001"

# CISA Coordinator table 2.0.3, written a second time on purpose: low, medium, high mission impact.
DECISIONS = {
    ("none", "no", "partial"): "track track track",
    ("none", "no", "total"): "track track track*",
    ("none", "yes", "partial"): "track track attend",
    ("none", "yes", "total"): "track track attend",
    ("poc", "no", "partial"): "track track track*",
    ("poc", "no", "total"): "track track* attend",
    ("poc", "yes", "partial"): "track track attend",
    ("poc", "yes", "total"): "track track* attend",
    ("active", "no", "partial"): "track track attend",
    ("active", "no", "total"): "track attend act",
    ("active", "yes", "partial"): "attend attend act",
    ("active", "yes", "total"): "attend act act",
}


def _kev(cve_id: str = CVE, due: str = "2024-04-01") -> dict[str, str]:
    return {
        "cveID": cve_id,
        "vendorProject": "Acme",
        "product": "Anvil",
        "vulnerabilityName": "Acme Anvil ",
        "dateAdded": "2024-03-11",
        "dueDate": due,
        "knownRansomwareCampaignUse": "Known",
    }


def test_the_order_of_landing_decides_not_the_date_inside(scratch: Any, make_record: Make) -> None:
    scratch.land_records(
        [
            make_record(cna={"title": "first"}, metadata={"dateUpdated": "2024-06-01T00:00:00Z"}),
            make_record(cna={"title": "second"}, metadata={"dateUpdated": "2024-01-01T00:00:00Z"}),
        ]
    )
    scratch.build()
    assert scratch.rows("select title, _landed_seq from marts.dim_vulnerability") == [("second", 2)]


def test_history_has_a_version_for_each_change_and_none_for_a_repetition(scratch: Any, make_record: Make) -> None:
    for title in ("first", "first", "second", "first"):
        scratch.land_records([make_record(cna={"title": title})])
        scratch.build("--select", "stg_cve_record", "dim_vulnerability_history")
    columns = "version_number, title, valid_from_seq, valid_to_seq, is_current, last_landed_seq"
    assert scratch.rows(f"select {columns} from marts.dim_vulnerability_history order by 1") == [
        (1, "first", 1, 3, False, 2),
        (2, "second", 3, 4, False, 3),
        (3, "first", 4, None, True, 4),
    ]


def test_assessments_are_rows_only_where_the_points_change(scratch: Any, make_record: Make) -> None:
    ssvc = make_record.ssvc  # type: ignore[attr-defined]
    again = ssvc("none", "no", "partial", timestamp="2024-03-09T00:00:00Z")
    scratch.land_records(
        [
            make_record(),
            make_record(points=None, other_metrics=[again]),
            make_record(points=("poc", "no", "partial")),
            make_record(points=None),
            make_record(points=("poc", "no", "partial")),
        ]
    )
    scratch.build()
    columns = "assessment_number, exploitation, _landed_seq, last_landed_seq, is_current, last_assessed_at::date"
    assert scratch.rows(f"select {columns} from marts.fct_assessment order by 1") == [
        (1, "none", 1, 2, False, date(2024, 3, 9)),
        (2, "poc", 3, 3, False, date(2024, 3, 2)),
        (3, "poc", 5, 5, True, date(2024, 3, 2)),
    ]


def test_an_assessment_that_is_withdrawn_leaves_triage(scratch: Any, make_record: Make) -> None:
    for points in (("active", "yes", "total"), None):
        scratch.land_records([make_record(points=points)])
        scratch.build()
    assert scratch.rows("select exploitation, decision from marts.triage") == [(None, None)]


def test_a_cve_that_is_rejected_later_loses_its_products_and_its_decision(scratch: Any, make_record: Make) -> None:
    for state in ("PUBLISHED", "REJECTED"):
        scratch.land_records([make_record(state=state, points=("active", "yes", "total"))])
        scratch.build()
    assert scratch.rows("select state, exploitation, decision from marts.triage") == [("REJECTED", "active", None)]
    named = "from marts.bridge_vulnerability_product join marts.dim_product using (product_id)"
    assert scratch.rows(f"select vendor, product {named}") == [("unknown", "unknown")]


def test_the_newest_snapshot_is_the_catalogue_and_what_it_lacks_is_out(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record(), make_record("CVE-2024-0002")])
    kev = "select cve_id, is_in_kev, kev_due_date, is_assessment_behind_kev from marts.triage order by 1"
    for snapshot, expected in (
        ([_kev(), _kev("CVE-1999-9999")], [(CVE, True, date(2024, 4, 1), True), ("CVE-2024-0002", False, None, False)]),
        ([_kev(due="2024-05-01")], [(CVE, True, date(2024, 5, 1), True), ("CVE-2024-0002", False, None, False)]),
        ([_kev("CVE-2024-0002")], [(CVE, False, None, False), ("CVE-2024-0002", True, date(2024, 4, 1), True)]),
    ):
        scratch.land_kev(snapshot)
        scratch.build()
        assert scratch.rows(kev) == expected
    assert scratch.rows("select exploitation from marts.triage") == [("none",), ("none",)]


@pytest.mark.parametrize(("place", "mission_impact"), [(0, "low"), (1, "medium"), (2, "high")])
def test_the_decision_is_cisas_table(scratch: Any, make_record: Make, place: int, mission_impact: str) -> None:
    scratch.land_records([make_record("-".join(points), points=points) for points in DECISIONS])
    scratch.build("--select", "+triage", mission_impact=mission_impact)
    found = dict(scratch.rows("select cve_id, decision from marts.triage"))
    assert found == {"-".join(points): decisions.split()[place] for points, decisions in DECISIONS.items()}


def test_another_mission_impact_decides_every_row_anew(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record(points=("active", "no", "total"))])
    scratch.build()
    scratch.build(mission_impact="high")
    assert scratch.rows("select mission_impact, decision from marts.triage") == [("high", "act")]


def test_a_mission_impact_that_does_not_exist_is_refused(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record()])
    assert scratch.build(ok=False, mission_impact="huge").get("triage") != "success"


def test_triage_catches_up_with_a_parent_that_was_held_back(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record()])
    scratch.build()
    scratch.land_records([make_record(points=("active", "yes", "total"))])
    scratch.build("--exclude", "fct_assessment")
    scratch.build("--select", "fct_assessment", "triage")
    assert scratch.rows("select exploitation, decision from marts.triage") == [("active", "act")]
