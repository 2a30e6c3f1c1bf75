"""The table of cases in docs/reliability.md: how it is written, and read back."""

from collections.abc import Mapping
from pathlib import Path

from red_team.facing import Case, Found

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- red team: begin -->\n", "<!-- red team: end -->\n"
HEAD = "| case | who | what is tried | became | what says so, or why nothing does |\n| --- | --- | --- | --- | --- |\n"


def row_of(case: Case, found: Found) -> str:
    """Returns the line of the table."""
    return f"| {case.name} | {case.who} | {case.tries} | {found.became} | {found.said} |"


def read_table(text: str) -> dict[str, str]:
    """Returns the lines of the page's table by the names of their cases, in order."""
    _, table, _ = _split(text)
    lines = table.removeprefix(HEAD).splitlines()
    return {line.split("|")[1].strip(): line for line in lines}


def with_table(text: str, rows: Mapping[str, str]) -> str:
    """Returns the page's text with these lines between the markers."""
    before, _, after = _split(text)
    return before + BEGIN + HEAD + "".join(f"{row}\n" for row in rows.values()) + END + after


def _split(text: str) -> tuple[str, str, str]:
    before, begin, rest = text.partition(BEGIN)
    table, end, after = rest.partition(END)
    assert begin, f"{PAGE} has no marker {BEGIN.strip()}"
    assert end, f"{PAGE} has no marker {END.strip()}"
    return before, table, after
