"""A condition is one expression over columns: whatever would read more, or end before its end, is refused."""

import subprocess
import sys

import pytest

from orchestrator_platform.errors import StatementRefused
from orchestrator_platform.transforming.condition_check import check_condition


@pytest.mark.parametrize(
    "condition",
    [
        "score > 7",
        "vendor = 'acme' AND NOT (title ILIKE '%vpn%')",
        "vendor = ? AND score BETWEEN ? AND ?",
        "vendor = $vendor",
        "score > 7 -- the worst",
        "published::DATE >= DATE '2024-05-01'",
        "title IN ('a', 'b') OR vendor IS NULL",
        "list_contains(tags, 'x')",
        "name = 'é☃'",
        "'); DROP TABLE source_rows; --' = title",
        "(" * 300 + "true" + ")" * 300,
    ],
)
def test_an_expression_over_columns_is_let_through(condition: str) -> None:
    check_condition(condition, "--where")


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ("", "empty"),
        (" \n", "empty"),
        ("true) UNION SELECT 1 FROM secrets WHERE (true", "before its own end"),
        ("true) UNION ALL (SELECT 1", "before its own end|parsed"),
        ("true) LIMIT (1", "before its own end"),
        ("true) GROUP BY (1", "before its own end"),
        ("true) ORDER BY (1", "before its own end"),
        ("true); DROP TABLE source_rows; SELECT (1", "exactly one SELECT"),
        ("true); ATTACH 'x.db' AS x; SELECT (1", "exactly one SELECT"),
        ("1 = 1) --", "parsed"),
        ("a = 'x' /*", "parsed"),
        ("a = (", "parsed"),
        ("a = \x00", "parsed"),
        ("a = '\udc80'", "not valid text"),
        ("id IN (SELECT 1)", "a query within it"),
        ("EXISTS (SELECT 1)", "a query within it"),
        ("(VALUES (1)) = 1", "a query within it"),
        ("list_filter([1], lambda x: x = (SELECT 1)) = [1]", "a query within it"),
        ("id IN (SELECT content FROM read_text('/etc/passwd'))", "read_text"),
        ("id IN (FROM '/etc/passwd')", "read as a file|parsed"),
        ("id IN (FROM query('ATTACH ''x.db'''))", "query"),
        ("getenv('HOME') = 'x'", "getenv"),
        ("current_setting('temp_directory') = 'x'", "current_setting"),
        ("true" + " OR true" * 4_000, "characters"),
    ],
)
def test_what_reads_more_or_ends_before_its_end_is_refused(condition: str, why: str) -> None:
    with pytest.raises(StatementRefused, match=why):
        check_condition(condition, "--where")


def test_a_condition_is_judged_without_waiting_for_pandas() -> None:
    """Components declare conditions, and every command reads the components."""
    judge = (
        "from orchestrator_platform.transforming.condition_check import check_condition\ncheck_condition('a > 1', 'x')"
    )
    ask = "import sys\nprint(*sorted({'pandas', 'numpy'} & set(sys.modules)))"
    told = subprocess.run([sys.executable, "-c", f"{judge}\n{ask}"], capture_output=True, text=True, check=True)
    assert told.stdout.split() == []
