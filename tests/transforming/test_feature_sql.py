"""SQL that may make features, and SQL that may not."""

from collections.abc import Iterator

import pytest

from orchestrator_platform.errors import StatementRefused
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming.feature_sql import FeatureSqlCheck

KNOWN = (AssetKey("marts.grades"), AssetKey("raw.report"))


@pytest.fixture(scope="module")
def check() -> Iterator[FeatureSqlCheck]:
    made = FeatureSqlCheck()
    yield made
    made.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT id, seller FROM records",
        "FROM records;",
        "WITH x AS (SELECT * FROM records) SELECT a.id FROM x AS a JOIN x USING (id) -- all of it",
        "SELECT id, (SELECT count(*) FROM unnest(json_extract(links, '$[*]'))) AS n FROM Records",
        "SELECT id, list_transform([1, 2], lambda n: n + len(words)) AS n FROM records, range(3)",
    ],
)
def test_a_function_of_records_is_accepted(check: FeatureSqlCheck, sql: str) -> None:
    check.features(sql, "features.sql")


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT * FROM raw.report", "reads raw.report"),
        ("SELECT * FROM records JOIN marts.grades USING (id)", "reads marts.grades"),
        ("SELECT (SELECT max(grade) FROM marts.grades) FROM records", "reads marts.grades"),
        ("WITH report AS (FROM records) SELECT * FROM report, raw.report", "reads raw.report"),
        ("SELECT * FROM main.records", "reads main.records"),
        ("SELECT * FROM other", "reads other"),
        ("SELECT * FROM lake.raw.report", "goes past"),
        ("SELECT * FROM read_json_auto('x.json')", r"read_json_auto\(\)"),
        ("SELECT * FROM 'x.parquet'", "read as a file"),
        ("SELECT * FROM histogram('raw.report', grade)", r"histogram\(\) is not allowed"),
        ("SELECT * FROM query_table('raw.report')", r"query_table\(\)"),
        ("SELECT * FROM (SUMMARIZE raw.report)", "describes tables"),
        ("SELECT id, random() AS n FROM records", r"random\(\) gives something else"),
        ("SELECT id, now() - seen_at AS age FROM records", r"now\(\) gives something else"),
        ("SELECT id, CURRENT_DATE AS day FROM records", "CURRENT_DATE gives something else"),
        ("SELECT id FROM records USING SAMPLE 3", "takes a sample"),
        ("SELECT id, getenv('HOME') FROM records", r"getenv\(\)"),
        ("SELECT 1; SELECT 2", "exactly one SELECT"),
        ("COPY records TO 'x'", "exactly one SELECT"),
    ],
)
def test_what_looks_elsewhere_is_refused(check: FeatureSqlCheck, sql: str, why: str) -> None:
    with pytest.raises(StatementRefused, match=why):
        check.features(sql, "features.sql")


def test_labels_may_read_published_tables_and_say_which(check: FeatureSqlCheck) -> None:
    sql = "WITH g AS (FROM marts.grades) SELECT * FROM g, (SELECT * FROM RAW.report)"
    assert check.published(sql, "labels.sql", KNOWN) == set(KNOWN)


@pytest.mark.parametrize(
    "sql", ["FROM marts.nothing", "FROM records", "FROM grades", "FROM glob('*')", "SELECT today()"]
)
def test_labels_may_read_nothing_else(check: FeatureSqlCheck, sql: str) -> None:
    with pytest.raises(StatementRefused):
        check.published(sql, "labels.sql", KNOWN)


@pytest.mark.parametrize(
    "sql",
    [
        "coalesce(try_strptime(_file, '%Y'), TIMESTAMP '2024-01-01') -- by the name",
        "CASE WHEN _file LIKE 'x%' THEN NULL ELSE make_timestamp(0) END",
    ],
)
def test_an_expression_over_a_row_is_accepted(check: FeatureSqlCheck, sql: str) -> None:
    check.expression(sql, "seen_at")


@pytest.mark.parametrize(
    "sql",
    [
        "_file) AS a, (2",
        "_file) AS a FROM raw.report --",
        "_file) AS a FROM records WHERE (true",
        "(SELECT max(_landed_seq) FROM records)",
        "max(_landed_seq) OVER ()",
        "now()",
        "",
    ],
)
def test_what_is_no_expression_over_a_row_is_refused(check: FeatureSqlCheck, sql: str) -> None:
    with pytest.raises(StatementRefused):
        check.expression(sql, "seen_at")
