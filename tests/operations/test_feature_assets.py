"""What may be said of a table of features, and the file and line of what may not."""

from pathlib import Path

import pytest
from featured import COMPONENT, CONTRACT, FEATURES, LABELS, SQL, make_reports
from small_project import gate_of

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.operations import feature_assets
from orchestrator_platform.records.keys import AssetKey

DEFS, FEATURES_SQL, LABELS_SQL = "defs.yaml", "features.sql", "labels.sql"
TEXTS = {DEFS: COMPONENT, FEATURES_SQL: SQL, LABELS_SQL: LABELS, "contract.py": CONTRACT}


def test_the_contract_is_the_projects_with_place_time_and_history(tmp_path: Path) -> None:
    declared = gate_of(make_reports(tmp_path)).assets[AssetKey(FEATURES)]
    assert [(column.name, column.type) for column in declared.contract.columns] == [
        ("id", "VARCHAR"),
        ("_landed_seq", "BIGINT"),
        ("seen_at", "TIMESTAMP"),
        ("vendor", "VARCHAR"),
        ("n_letters", "BIGINT"),
        ("link", "VARCHAR"),
        ("n_by_vendor", "BIGINT"),
        ("n_by_vendor_grade_good", "BIGINT"),
        ("n_by_vendor_grade_bad", "BIGINT"),
        ("grade", "VARCHAR"),
        ("label_known_at", "TIMESTAMP"),
    ]
    assert declared.parents == ("raw.report",)


@pytest.mark.parametrize(
    ("old", "new", "line", "problem"),
    [
        ("seller: $.report.seller", "seller: $.review.grade", 9, "outside of what features may come from: $.report"),
        ("$.report.links[0]", "$.reporter", 11, "'first_link' is taken from $.reporter, which is outside"),
        ("$.report.links[0]", "$.report.links[*]", 11, "cannot be read"),
        ("$.report.seller", "$.report.*", 9, "does not say which place it means"),
        ("seller: $.report.seller", "seller: report.seller", 9, "does not begin with `$`"),
        ("allow: [$.report]", "allow: [$]", 7, "does not begin with the name of a key"),
        ("raw.report", "raw.other", 4, "raw.other is no raw table that is declared"),
        ("key: [id]", "key: [name]", 5, "raw.report has no column 'name'"),
        ("key: [id]", "key: [id]\n      record: text", 6, "raw.report has no column 'text'"),
        ("key: [id]", "key: [record]", 5, "the record itself is no key"),
        ("_file, '[0-9]", "record, '[0-9]", 6, '"record" not found'),
        ("%d')", "%d')::DATE", 6, "`seen_at` is DATE"),
        ("try_strptime(", "max(_landed_seq), try_strptime(", 6, "`seen_at` cannot be used: Binder Error"),
        ("try_strptime(", "current_timestamp::TIMESTAMP -- (", 6, "gives something else each time"),
        ("labels.sql", "gone.sql", 13, "gone.sql cannot be read"),
        ("by: vendor", "by: grade", 14, "counted by 'grade', which is no feature"),
        ("grade: [good", "mark: [good", 14, "counted of 'mark', which is no label"),
        ("[good, bad]", "[good, good]", 2, "'n_by_vendor_grade_good' is there twice"),
        ("[good, bad]", "[]", 2, "list each class of 'grade' once"),
        ("[good, bad]", "[yes]", 14, "valid string"),
        ("seller: $", "__seller: $", 2, "begins with __"),
        ("seller: $", "Seen_at: $", 2, "is there twice, or is one that the platform makes"),
        ("      labels: labels.sql\n", "", 2, "`history` counts labelled examples"),
    ],
)
def test_what_is_wrong_in_the_component_is_said_with_file_and_line(
    tmp_path: Path, old: str, new: str, line: int, problem: str
) -> None:
    assert old in COMPONENT
    refused = refusal(tmp_path, DEFS, old, new)
    assert problem in refused
    assert f"{DEFS}:{line}: " in refused


@pytest.mark.parametrize(
    ("file", "old", "new", "problem"),
    [
        (FEATURES_SQL, "FROM records", "FROM records JOIN raw.report USING (id)", "features.sql: it reads raw.report"),
        (FEATURES_SQL, "FROM records", "FROM records, glob('*')", "features.sql: the table function glob() is not"),
        (FEATURES_SQL, "seller AS", "record AS", 'features.sql: Binder Error: Referenced column "record" not found'),
        (FEATURES_SQL, "SELECT id,", "SELECT", "features.sql: does not select the key 'id'"),
        (FEATURES_SQL, "AS link", "AS seen_at", "selects 'seen_at', a column that the platform makes"),
        (FEATURES_SQL, "first_link AS link", "first_link AS N_by_vendor", "selects 'N_by_vendor', a column that the"),
        (FEATURES_SQL, "first_link AS link", "first_link AS url", "selects 'url', which nothing promises"),
        (FEATURES_SQL, "length(words)", "words", "gives 'n_letters' as VARCHAR, and the contract promises BIGINT"),
        (LABELS_SQL, "FROM raw.report", "FROM marts.nothing", "labels.sql: it reads marts.nothing, which is no table"),
        (LABELS_SQL, "AS known_at", "AS since", "labels.sql: selects id, _landed_seq, since, grade, and should"),
        (LABELS_SQL, "NULL::TIMESTAMP", "NULL::DATE", "gives 'known_at' as DATE, and should as TIMESTAMP"),
        (LABELS_SQL, "any_value(grade) AS", "1 AS", "gives 'grade' as INTEGER, and should as VARCHAR"),
        ("contract.py", "link: str", "seen_at: str", "features.sql: selects 'link', which nothing promises"),
        ("contract.py", '["id"]', '["vendor"]', "the key is [id], and the contract has the grain [vendor]"),
        ("contract.py", "grade: str", "label_known_at: str", "promises 'label_known_at', a column that the platform"),
    ],
)  # fmt: skip
def test_what_is_wrong_beside_it_is_said_with_its_file(
    tmp_path: Path, file: str, old: str, new: str, problem: str
) -> None:
    assert old in TEXTS[file]
    assert problem in refusal(tmp_path, file, old, new)


def test_a_promise_that_nothing_keeps_without_labels_is_refused(tmp_path: Path) -> None:
    without = COMPONENT[: COMPONENT.index("      labels:")] + "      contract: contract.py:Report\n"
    with pytest.raises(DefinitionError, match=r"promises 'grade', which features\.sql does not select"):
        gate_of(make_reports(tmp_path, {f"defs/features/{DEFS}": without}))


def refusal(folder: Path, file: str, old: str, new: str) -> str:
    with pytest.raises(DefinitionError) as refused:
        gate_of(make_reports(folder, {f"defs/features/{file}": TEXTS[file].replace(old, new)}))
    return str(refused.value)


def test_what_was_found_out_once_is_not_asked_again_until_something_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_reports(tmp_path)
    first = gate_of(folder).assets[AssetKey(FEATURES)]
    with monkeypatch.context() as patch:
        patch.setattr(feature_assets, "FeatureSqlCheck", None)
        assert gate_of(folder).assets[AssetKey(FEATURES)] == first
    (kept,) = (folder / "home" / "cache" / "features").iterdir()
    kept.write_text(kept.read_text(encoding="utf-8").replace("n_letters", "n_lettres"), encoding="utf-8")
    assert gate_of(folder).assets[AssetKey(FEATURES)] == first
    make_reports(folder, {"defs/features/features.sql": "FROM raw.report"})
    with pytest.raises(DefinitionError, match=r"it reads raw\.report"):
        gate_of(folder)
