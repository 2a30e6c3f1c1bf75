"""What triage makes of predictions: they stand where nothing is assessed, and nowhere else."""

from collections.abc import Callable
from typing import Any

Make = Callable[..., dict[str, Any]]

POINTS = (
    "select exploitation, exploitation_source, exploitation_probability, exploitation_model_version, automatable,"
    " technical_impact, decision, decision_source from marts.triage order by cve_id"
)


def test_an_assessed_point_goes_before_a_predicted_one_and_says_so(scratch: Any, make_record: Make) -> None:
    scratch.land_records(
        [make_record("CVE-2024-0001", points=("none", "no", "partial")), make_record("CVE-2024-0002", points=None)]
    )
    for cve in ("CVE-2024-0001", "CVE-2024-0002"):
        scratch.score(cve, 3, exploitation=(0.1, 0.2, 0.7), automatable=(0.1, 0.9), technical_impact=(0.2, 0.8))
    scratch.build("--select", "+triage")
    assert scratch.rows(POINTS) == [
        ("none", "assessed", None, None, "no", "partial", "track", "assessed"),
        ("active", "predicted", 0.7, 3, "yes", "total", "act", "predicted"),
    ]


def test_without_every_point_there_is_no_decision_and_the_rank_is_last(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record("CVE-2024-0001", points=None), make_record("CVE-2024-0002")])
    scratch.score("CVE-2024-0001", exploitation=(0.1, 0.2, 0.7))
    scratch.build("--select", "+triage")
    ranked = scratch.rows(
        "select cve_id, decision, exploitation_source, automatable_source from marts.triage order by rank"
    )
    assert ranked == [
        ("CVE-2024-0002", "track", "assessed", "assessed"),
        ("CVE-2024-0001", None, "predicted", None),
    ]


def test_likelier_exploitation_ranks_first_among_equal_decisions(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record(f"CVE-2024-000{n}", points=None) for n in (1, 2, 3)])
    for n, active in ((1, 0.6), (2, 0.9), (3, 0.7)):
        points = {"automatable": (0.9, 0.1), "technical_impact": (0.9, 0.1)}
        scratch.score(f"CVE-2024-000{n}", exploitation=(1 - active, 0.0, active), **points)
    scratch.build("--select", "+triage")
    ranked = scratch.rows("select cve_id, rank from marts.triage where exploitation = 'active' order by rank")
    assert [cve[-1] for cve, _ in ranked] == ["2", "3", "1"]


def test_a_row_follows_its_scores_when_they_change_and_when_they_go(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record("CVE-2024-0001", points=None), make_record("CVE-2024-0002", points=None)])
    both = {"automatable": (0.1, 0.9), "technical_impact": (0.2, 0.8)}
    scratch.score("CVE-2024-0001", exploitation=(0.9, 0.1, 0.0), **both)
    scratch.build()
    scratch.score("CVE-2024-0001", 2, exploitation=(0.2, 0.1, 0.7), **both)
    scratch.build("--select", "triage")
    assert scratch.rows(f"select exploitation, exploitation_model_version, decision from ({POINTS}) limit 1") == [
        ("active", 2, "act")
    ]
    scratch.change("delete from scores.exploitation")
    scratch.build("--select", "triage")
    assert scratch.rows("select exploitation, decision from marts.triage") == [(None, None), (None, None)]
    assert set(scratch.build(command="test").values()) == {"pass"}


def test_a_rejected_record_is_given_no_prediction(scratch: Any, make_record: Make) -> None:
    scratch.land_records([make_record("CVE-2024-0001", state="REJECTED", points=None)])
    scratch.score("CVE-2024-0001", exploitation=(0.1, 0.2, 0.7), automatable=(0.1, 0.9), technical_impact=(0.2, 0.8))
    scratch.build()
    assert scratch.rows("select exploitation, decision, rank from marts.triage") == [(None, None, None)]
    assert set(scratch.build(command="test").values()) == {"pass"}
