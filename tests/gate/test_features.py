"""Features as they are built: each row from one record, with what was known on the days before, and nothing later."""

from pathlib import Path

import pytest
from featured import COMPONENT, CONTRACT, LABELS, built_features, land_day, make_reports, report, rows

from orchestrator_platform.gate.outcomes import Failed, Outcome, Published, Unchanged

HISTORY = "id, n_by_vendor, n_by_vendor_grade_good, n_by_vendor_grade_bad"


def published(outcome: Outcome) -> Published:
    assert isinstance(outcome, Published), outcome
    return outcome


def test_each_key_is_a_row_made_of_its_first_record_and_its_label(tmp_path: Path) -> None:
    folder = make_reports(tmp_path)
    land_day(folder, "2024-01-01", report("a", words="three", links=("x", "y")), report("b", "none"))
    land_day(folder, "2024-01-02", report("a", "other", words="later", grade="good", links=("z",)))
    published(built_features(folder))
    assert rows(folder, "id, _landed_seq, vendor, n_letters, link, grade, label_known_at::DATE::VARCHAR") == [
        ("a", 1, "acme", 5, "x", "good", "2024-01-02"),
        ("b", 2, "none", 0, None, None, None),
    ]


def test_only_labels_of_earlier_days_are_history(tmp_path: Path) -> None:
    folder = make_reports(tmp_path)
    land_day(folder, "2024-01-01", report("a", grade="good"), report("b", grade="bad"), report("c"))
    land_day(folder, "2024-01-02", report("d", grade="good"), report("e", "other"))
    land_day(folder, "2024-01-03", report("f"), report("c", grade="bad"))
    land_day(folder, "2024-01-04", report("g"))
    published(built_features(folder))
    assert rows(folder, HISTORY) == [
        ("a", 0, 0, 0),
        ("b", 0, 0, 0),  # labelled on the same day as `a`
        ("c", 0, 0, 0),
        ("d", 2, 1, 1),
        ("e", 0, 0, 0),
        ("f", 3, 2, 1),  # the grade of `c` came on that very day
        ("g", 4, 2, 2),
    ]


def test_a_label_that_says_it_is_older_than_the_record_that_brought_it_is_not_believed(tmp_path: Path) -> None:
    early = LABELS.replace("NULL::TIMESTAMP", "TIMESTAMP '2000-01-01'")
    folder = make_reports(tmp_path, {"defs/features/labels.sql": early})
    land_day(folder, "2024-01-01", report("a"))
    land_day(folder, "2024-01-02", report("b"))
    land_day(folder, "2024-01-03", report("a", grade="good"))
    land_day(folder, "2024-01-04", report("c"))
    published(built_features(folder))
    assert rows(folder, "id, n_by_vendor") == [("a", 0), ("b", 0), ("c", 1)]
    assert rows(folder, "label_known_at::DATE::VARCHAR")[0] == ("2024-01-03",)


def test_a_record_that_landed_out_of_order_was_not_known_before(tmp_path: Path) -> None:
    folder = make_reports(tmp_path)
    land_day(folder, "2024-01-05", report("a"))
    land_day(folder, "2024-01-01", report("late", grade="good"))
    land_day(folder, "2024-01-05", report("b"), report("x"))
    land_day(folder, "2024-01-06", report("c"))
    published(built_features(folder))
    seen = dict(rows(folder, "id, seen_at::DATE::VARCHAR"))
    assert seen["late"] == "2024-01-05"
    assert dict(rows(folder, "id, n_by_vendor")) == {"a": 0, "late": 0, "b": 0, "x": 0, "c": 1}


def test_an_example_that_was_seen_after_its_label_counts_from_its_own_day(tmp_path: Path) -> None:
    newest = "SELECT id, max(_landed_seq) AS _landed_seq FROM raw.report GROUP BY id"
    component = COMPONENT.replace("labels: labels.sql", "labels: labels.sql\n      examples: examples.sql")
    folder = make_reports(tmp_path, {"defs/features/defs.yaml": component, "defs/features/examples.sql": newest})
    land_day(folder, "2024-01-01", report("a", grade="good"))
    land_day(folder, "2024-01-02", report("b"))
    land_day(folder, "2024-01-03", report("a", words="changed", grade="good"))
    land_day(folder, "2024-01-04", report("c"))
    published(built_features(folder))
    # `a` is looked at as of the third day: before, nobody knew it to be of this vendor, and it never counts for itself.
    assert rows(folder, "id, n_by_vendor") == [("a", 0), ("b", 0), ("c", 1)]


def test_the_same_again_changes_nothing_and_other_sql_is_built_again(tmp_path: Path) -> None:
    folder = make_reports(tmp_path)
    land_day(folder, "2024-01-01", report("a", grade="good"))
    published(built_features(folder))
    assert isinstance(built_features(folder), Unchanged)
    make_reports(folder, {"defs/features/labels.sql": LABELS.replace("any_value(grade)", "'bad'")})
    published(built_features(folder))
    assert rows(folder, "grade") == [("bad",)]


@pytest.mark.parametrize(
    ("file", "sql", "problem"),
    [
        (
            "labels.sql",
            "SELECT id, TIMESTAMP '2024-01-01' AS known_at, unnest(['good', 'bad']) AS grade FROM raw.report",
            "labels.sql: gives 2 rows for {'id': 'a'}",
        ),
        (
            "features.sql",
            "SELECT id, seller AS vendor, 1::BIGINT AS n_letters, '' AS link FROM records LIMIT 0",
            "features.sql: 1 records have no row",
        ),
        (
            "features.sql",
            "SELECT id, seller AS vendor, seller::BIGINT AS n_letters, '' AS link FROM records",
            "features.sql: cannot be run: Conversion Error",
        ),
    ],
)
def test_sql_that_gives_no_table_of_features_fails_with_its_file(
    tmp_path: Path, file: str, sql: str, problem: str
) -> None:
    folder = make_reports(tmp_path, {f"defs/features/{file}": sql})
    land_day(folder, "2024-01-01", report("a"))
    outcome = built_features(folder)
    assert isinstance(outcome, Failed)
    assert problem in outcome.message


def test_no_name_of_a_column_comes_in_the_way(tmp_path: Path) -> None:
    odd, path = 'it\'s "g", day, n0', "k0"
    component = COMPONENT.replace("by: vendor", "by: '" + odd.replace("'", "''") + "'").replace(
        "seller: $.report.seller", f"{path}: $.report.seller"
    )
    contract = CONTRACT.replace("vendor: str = pa.Field(", f"vendor: str = pa.Field(alias={odd!r}, ")
    quoted = '"' + odd.replace('"', '""') + '"'
    sql = f"SELECT id, k0 AS {quoted}, length(words) AS n_letters, first_link AS link FROM records; -- done"
    files = {"defs.yaml": component, "contract.py": contract, "features.sql": sql}
    folder = make_reports(tmp_path, {f"defs/features/{name}": text for name, text in files.items()})
    land_day(folder, "2024-01-01", report("a", grade="good"))
    land_day(folder, "2024-01-02", report("b"))
    published(built_features(folder))
    by = '"n_by_' + odd.replace('"', '""') + '"'
    assert rows(folder, f"{quoted}, {by}") == [("acme", 0), ("acme", 1)]
