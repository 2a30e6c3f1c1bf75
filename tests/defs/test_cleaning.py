"""Each kind of dirt in the feed, landed once and cleaned in one build; one test for each kind."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest

Make = Callable[..., dict[str, Any]]


def _texts(*texts: tuple[str, str]) -> dict[str, Any]:
    return {"descriptions": [{"lang": lang, "value": value} for lang, value in texts]}


def _cvss(key: str, score: float, severity: str | None = "HIGH") -> dict[str, Any]:
    return {key: {"baseScore": score, "vectorString": f"vector {key}", "baseSeverity": severity}}


def _flaw(cwe_id: str) -> dict[str, Any]:
    return {"problemTypes": [{"descriptions": [{"lang": "en", "type": "CWE", "cweId": cwe_id}]}]}


def _dirty_records(make: Make) -> list[dict[str, Any]]:
    ssvc = make.ssvc  # type: ignore[attr-defined]
    na = {"vendor": "n/a", "product": "n/a"}
    every = [_cvss("cvssV2_0", 2.0), _cvss("cvssV3_1", 3.1), _cvss("cvssV4_0", 4.0), _cvss("cvssV3_0", 3.0)]
    kev = {"other": {"type": "kev", "content": {"dateAdded": "2024-01-01"}}}
    return [
        make("CVE-1-CASE", points=("PoC", "Yes", " Total ")),
        make("CVE-1-PUBLIC", points=("public poc", "no", "partial")),
        make("CVE-1-Z", metadata={"dateUpdated": "2024-05-01T10:00:00.123Z"}),
        make("CVE-1-PLAIN", metadata={"dateUpdated": "2024-05-01T10:00:00"}),
        make("CVE-1-FRACTION", metadata={"dateUpdated": "2024-05-01T10:00:00.123456"}),
        make("CVE-1-OFFSET", metadata={"dateUpdated": "2024-05-01T10:00:00+02:00"}),
        make("CVE-1-NODATE", metadata={"dateUpdated": None}),
        make("CVE-1-INT", cna={"metrics": [_cvss("cvssV3_1", 7)]}),
        make("CVE-1-FLOAT", cna={"metrics": [_cvss("cvssV3_1", 7.5)]}),
        make("CVE-1-V40", cna={"metrics": [_cvss("cvssV4_0", 9.1, "critical")]}),
        make("CVE-1-V30", cna={"metrics": [_cvss("cvssV3_0", 5.0)]}),
        make("CVE-1-V20", cna={"metrics": [_cvss("cvssV2_0", 7.0, None)]}),
        make("CVE-1-EVERY", cna={"metrics": every}),
        make("CVE-1-ADP", other_metrics=[_cvss("cvssV3_1", 6.1)]),
        make("CVE-1-BOTH", cna={"metrics": [_cvss("cvssV2_0", 2.0)]}, other_metrics=[_cvss("cvssV3_1", 6.1)]),
        make("CVE-1-NOSCORE"),
        make("CVE-1-CWECNA", cna=_flaw("CWE-79"), adp=_flaw("CWE-20")),
        make("CVE-1-CWEADP", cna={"problemTypes": [{"descriptions": [{"lang": "en"}]}]}, adp=_flaw("CWE-20")),
        make("CVE-1-NA", cna={"affected": [na]}),
        make("CVE-1-NAVENDOR", cna={"affected": [{"vendor": "N/A", "product": "Anvil"}, na]}),
        make("CVE-1-NOVENDOR", cna={"affected": [{"product": "Anvil"}, {"vendor": "-", "product": "Unspecified"}]}),
        make("CVE-1-NOAFFECTED", cna={"affected": None}),
        make(
            "CVE-1-SPELLED",
            cna={"affected": [{"vendor": " ACME  Corp", "product": "Big Anvil"}]},
            adp={"affected": [{"vendor": "acme_corp", "product": "big_anvil"}]},
        ),
        make("CVE-1-GERMAN", cna=_texts(("de", "Ein Text."), ("en", "A text."))),
        make("CVE-1-VARIANTS", cna=_texts(("en-US", "A color."), ("en", "A colour."), ("en", "Later."))),
        make("CVE-1-ENUS", cna=_texts(("de", "Ein Text."), ("en-US", "A color."))),
        make("CVE-1-DE", cna=_texts(("de", "Ein Text."))),
        make("CVE-1-TOMB", state="REJECTED", points=None),
        make("CVE-1-TOMBPOINTS", state="REJECTED", points=("poc", "no", "total")),
        make("CVE-1-TWICE", other_metrics=[ssvc("none", "no", "partial")]),
        make("CVE-1-NEWER", other_metrics=[ssvc("active", "no", "partial", timestamp="2024-03-03T00:00:00Z")]),
        make(
            "CVE-1-ROLES",
            points=None,
            other_metrics=[
                ssvc("active", "yes", "total", role="TEST ROLE", timestamp="2025-01-01T00:00:00Z"),
                kev,
                ssvc("none", "no", "partial"),
            ],
        ),
        make("CVE-1-TESTROLE", points=None, other_metrics=[ssvc("poc", "no", "partial", role="TEST ROLE")]),
        make("CVE-1-UNASSESSED", points=None),
        make("CVE-1-NOTITLE", cna={"title": None}),
        make("CVE-1-SPACE", cna={"title": "  A \n title ", **_texts(("en", "\n Two\n lines. \n"))}),
    ]


@pytest.fixture(scope="module")
def cleaned(new_scratch: Callable[[], Any], make_record: Make) -> Callable[[str, str], tuple[Any, ...]]:
    scratch = new_scratch()
    scratch.land_records(_dirty_records(make_record), "dt=2024-05-08/100410-41b49f06.ndjson.gz")
    scratch.build(command="build")

    def one(columns: str, case: str, table: str = "staging.stg_cve_record") -> tuple[Any, ...]:
        rows = scratch.rows(f"select {columns} from {table} where cve_id = 'CVE-1-{case}'")
        assert len(rows) == 1, rows
        return rows[0]

    one.rows = scratch.rows  # type: ignore[attr-defined]
    return one


POINTS = "exploitation, automatable, technical_impact"
SCORE = "cvss_version, cvss_base_score, cvss_severity, cvss_source"


def test_labels_in_any_case_become_one_spelling(cleaned: Any) -> None:
    assert cleaned(POINTS, "CASE") == ("poc", "yes", "total")
    assert cleaned(POINTS, "PUBLIC") == ("poc", "no", "partial")


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("Z", datetime(2024, 5, 1, 10, 0, 0, 123000)),  # noqa: DTZ001
        ("PLAIN", datetime(2024, 5, 1, 10)),  # noqa: DTZ001
        ("FRACTION", datetime(2024, 5, 1, 10, 0, 0, 123456)),  # noqa: DTZ001
        ("OFFSET", datetime(2024, 5, 1, 8)),  # noqa: DTZ001
        ("NODATE", None),
    ],
)
def test_dates_in_four_formats_become_utc(cleaned: Any, case: str, expected: datetime | None) -> None:
    assert cleaned("date_updated", case) == (expected,)


def test_the_time_of_landing_is_the_clock_in_the_files_name(cleaned: Any) -> None:
    assert cleaned("landed_at", "Z") == (datetime(2024, 5, 8, 10, 4, 10),)  # noqa: DTZ001


def test_scores_are_doubles_whether_they_land_as_integers_or_not(cleaned: Any) -> None:
    assert cleaned("cvss_base_score, typeof(cvss_base_score)", "INT") == (7.0, "DOUBLE")
    assert cleaned("cvss_base_score, typeof(cvss_base_score)", "FLOAT") == (7.5, "DOUBLE")


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("V40", ("4.0", 9.1, "CRITICAL", "cna")),
        ("FLOAT", ("3.1", 7.5, "HIGH", "cna")),
        ("V30", ("3.0", 5.0, "HIGH", "cna")),
        ("V20", ("2.0", 7.0, "HIGH", "cna")),
        ("NOSCORE", (None, None, None, None)),
    ],
)
def test_a_score_is_found_under_each_of_four_keys(cleaned: Any, case: str, expected: tuple[Any, ...]) -> None:
    assert cleaned(SCORE, case) == expected


def test_the_newest_cvss_is_taken_of_several(cleaned: Any) -> None:
    assert cleaned("cvss_version, cvss_vector", "EVERY") == ("4.0", "vector cvssV4_0")


def test_cisas_score_fills_in_only_where_the_cna_gave_none(cleaned: Any) -> None:
    assert cleaned(SCORE, "ADP") == ("3.1", 6.1, "HIGH", "adp")
    assert cleaned("cvss_version, cvss_source", "BOTH") == ("2.0", "cna")


@pytest.mark.parametrize("table", ["staging.stg_cve_record", "marts.dim_vulnerability"])
@pytest.mark.parametrize(
    ("case", "expected"),
    [("CWECNA", ("CWE-79", "cna")), ("CWEADP", ("CWE-20", "adp")), ("NOSCORE", (None, None))],
)
def test_a_weakness_says_who_named_it(cleaned: Any, case: str, expected: tuple[Any, ...], table: str) -> None:
    assert cleaned("cwe_id, cwe_source", case, table) == expected


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("NA", ("unknown", "unknown")),
        ("NOAFFECTED", ("unknown", "unknown")),
        ("NAVENDOR", ("unknown", "Anvil")),
        ("NOVENDOR", ("unknown", "Anvil")),
        ("Z", ("Acme", "Anvil")),
    ],
)
def test_vendors_and_products_that_are_not_given_are_unknown(
    cleaned: Any, case: str, expected: tuple[str, str]
) -> None:
    assert cleaned("vendor, product", case, "staging.stg_affected_product") == expected


def test_spellings_of_one_product_are_one_product(cleaned: Any) -> None:
    columns = "vendor, product, named_by_cna, named_by_adp"
    assert cleaned(columns, "SPELLED", "staging.stg_affected_product") == ("ACME Corp", "Big Anvil", True, True)


def test_all_that_is_not_named_is_one_product_of_the_dimension(cleaned: Any) -> None:
    assert cleaned.rows("select count(*) from marts.dim_product where vendor = 'unknown' and product = 'unknown'") == [
        (1,)
    ]


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("GERMAN", ("en", "A text.")),
        ("VARIANTS", ("en", "A colour.")),
        ("ENUS", ("en-us", "A color.")),
        ("DE", ("de", "Ein Text.")),
    ],
)
def test_english_is_chosen_where_there_is_english(cleaned: Any, case: str, expected: tuple[str, str]) -> None:
    assert cleaned("description_lang, description", case) == expected


def test_a_rejected_record_is_a_tombstone_without_a_decision(cleaned: Any) -> None:
    columns = "is_rejected, rejected_reason, title, description"
    assert cleaned(columns, "TOMB", "marts.dim_vulnerability") == (True, "Withdrawn.", None, None)
    assert cleaned("is_rejected, decision", "TOMB", "marts.triage") == (True, None)
    assert cleaned(f"{POINTS}, decision", "TOMBPOINTS", "marts.triage") == ("poc", "no", "total", None)


def test_an_assessment_given_twice_counts_once(cleaned: Any) -> None:
    assert cleaned("assessment_number", "TWICE", "marts.fct_assessment") == (1,)


def test_of_several_assessments_cisas_own_and_then_the_newest_is_taken(cleaned: Any) -> None:
    assert cleaned("exploitation", "NEWER") == ("active",)
    assert cleaned("exploitation, assessor_role", "ROLES") == ("none", "CISA Coordinator")
    assert cleaned("exploitation, assessor_role", "TESTROLE") == ("poc", "TEST ROLE")


def test_a_record_without_an_assessment_has_no_points_and_no_decision(cleaned: Any) -> None:
    assert cleaned(f"{POINTS}, decision", "UNASSESSED", "marts.triage") == (None, None, None, None)


def test_white_space_around_texts_is_gone_and_a_missing_title_stays_missing(cleaned: Any) -> None:
    assert cleaned("title, description", "SPACE") == ("A title", "Two\n lines.")
    assert cleaned("title", "NOTITLE") == (None,)
