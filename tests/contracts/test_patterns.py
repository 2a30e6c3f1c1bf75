"""A translated pattern finds a match in DuckDB exactly where Python's `re` does."""

import re

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator_platform.contracts.patterns import translate_pattern

ATOMS = ["a", "b", ".", "[ab]", "[^a]", "[a-c]", r"\.", r"\n", "é", "𝄞", " ", "-", "_", "0", "[]a]", "[.$^]", r"[\]\\]"]
SUBJECTS = st.text("abcé𝄞 \n-_.0]\\$^", max_size=5)


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


@st.composite
def patterns(draw: st.DrawFn, depth: int = 2) -> str:
    parts = []
    for _ in range(draw(st.integers(0, 3))):
        atom = draw(st.sampled_from(ATOMS))
        if depth and draw(st.integers(0, 3)) == 0:
            group = draw(st.sampled_from(["(", "(?:", f"(?P<g{depth}{len(parts)}>"]))
            atom = group + draw(patterns(depth=0)) + ")"
        parts.append(atom + draw(st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "*?", "{1,2}?"])))
    joined = "".join(parts)
    if draw(st.integers(0, 4)) == 0:
        joined += "|" + draw(st.sampled_from(ATOMS))
    return draw(st.sampled_from(["", "", "^", r"\A"])) + joined + draw(st.sampled_from(["", "", "$", r"\Z"]))


def test_translated_patterns_match_what_python_matches(connection: duckdb.DuckDBPyConnection) -> None:
    n_translated = 0

    @settings(max_examples=1000, deadline=None, database=None, derandomize=True)
    @given(pattern=patterns(), texts=st.lists(SUBJECTS, min_size=1, max_size=6))
    def agree(pattern: str, texts: list[str]) -> None:
        nonlocal n_translated
        translated = translate_pattern(pattern)
        if translated is None:
            return
        n_translated += 1
        for compiled, search in ((translated, re.search), (f"^(?:{translated})", re.match)):
            quoted = compiled.replace("'", "''")
            found = connection.execute(f"select regexp_matches(x, '{quoted}') from (select unnest(?) as x)", [texts])
            assert [row[0] for row in found.fetchall()] == [search(pattern, text) is not None for text in texts]

    agree()
    assert n_translated > 600


@pytest.mark.parametrize(
    "pattern",
    [
        r"\d", r"\w+", r"\s", r"\bа", r"[\d]", "(?i)a", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", r"(a)\1",
        "(?P<x>a)(?P=x)", "a$b", "(a$)", "a$|b", "a*+", "a++", "(?>a)", "a{1001}", "(a{100}){100}", "{",
        "a{,3}", "(?#x)a", "a\0", "[[:alpha:]]", "[a--b]", "(", "*", r"\x41", r"\u00e9", r"\N{BULLET}",
        "(?(1)a|b)", r"\Q", r"\pL", "^*", "", "()", "^", "(^|)", "\ud800",
    ],
)  # fmt: skip
def test_what_may_mean_something_else_in_duckdb_is_not_translated(pattern: str) -> None:
    assert translate_pattern(pattern) is None


def test_compiled_patterns_with_flags_are_not_translated() -> None:
    assert translate_pattern(re.compile("a", re.IGNORECASE)) is None


def test_a_final_dollar_takes_a_trailing_line_break_as_python_does(connection: duckdb.DuckDBPyConnection) -> None:
    """DuckDB's own `$` does not: the untranslated pattern is the planted defect."""
    ask = "select regexp_matches(e'CVE-1\\n', '{}')"
    assert re.match("^CVE-[0-9]+$", "CVE-1\n")
    assert connection.execute(ask.format(translate_pattern("^CVE-[0-9]+$"))).fetchone() == (True,)
    assert connection.execute(ask.format("^CVE-[0-9]+$")).fetchone() == (False,)
