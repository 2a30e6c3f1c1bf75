import io
import re

import pytest

from orchestrator_platform.cli import text
from orchestrator_platform.cli.progress import Progress
from orchestrator_platform.cli.text import labelled, plural, shorten, table, visible, visible_lines, width

HOSTILE = [
    "\x1b[2J",
    "\x9b31m",
    "\r",
    "\n",
    "\t",
    "\x00",
    "\x7f",
    "\u202e",
    "\u2028",
    "\u200b",
    "\ud800",
    "\x1b]0;title\x07",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_what_a_terminal_would_act_on_is_escaped(hostile: str) -> None:
    shown = visible(f"a{hostile}b")
    assert shown.isprintable()
    assert shown.startswith("a\\")
    assert shown.endswith("b")


def test_ordinary_text_is_left_as_it_is() -> None:
    assert visible("Größe ≥ 3 × 雪 C:\\x") == "Größe ≥ 3 × 雪 C:\\x"


def test_a_message_of_ours_keeps_its_lines_and_nothing_else() -> None:
    assert visible_lines("a\nb\x1b[0m\n") == "a\nb\\x1b[0m\n"


def test_a_huge_field_is_cut_without_being_looked_at_whole() -> None:
    assert shorten("x" * 10_000_000, 10) == "x" * 9 + "…"
    assert shorten("x" * 10, 10) == "x" * 10
    assert width(shorten("雪" * 100, 11)) <= 11
    assert width(shorten("\x1b" * 100, 10)) <= 10


def test_columns_are_aligned_by_what_a_terminal_shows() -> None:
    shown = table(("name", "rows"), [("雪", "1,200"), ("ab", None)], right=(1,))
    assert shown == "name   rows\n────  ─────\n雪    1,200\nab"


def test_a_cell_cannot_break_out_of_its_line() -> None:
    shown = table(("a", "b"), [("x\ny", "\x1b[31m"), ("", "z" * 5_000)])
    assert len(shown.split("\n")) == 4
    assert "\x1b" not in shown
    assert max(map(len, shown.split("\n"))) < 130


def test_wide_columns_give_way_in_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "terminal_width", lambda: 40)
    shown = table(("number", "long"), [(1, "y" * 90)])
    assert max(map(width, shown.split("\n"))) <= 40
    assert "…" in shown


def test_numbers_and_columns_named_whole_are_never_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "terminal_width", lambda: 40)
    row = ("2026-01-02 03:04:05Z", 123_456_789_012, "y" * 90)
    *_, shown = table(("at", "rows", "long"), [row], right=(1,), whole=(0,)).split("\n")
    assert shown.startswith("2026-01-02 03:04:05Z  123456789012  yyy")
    assert shown.endswith("…")


def test_an_empty_table_still_has_its_headers() -> None:
    assert table(("a", "bc"), []) == "a  bc\n─  ──"


def test_labels_without_a_value_are_left_out() -> None:
    assert labelled([("a", 1), ("long", "x"), ("none", None), ("empty", "")]) == "a     1\nlong  x"


def test_one_is_not_many() -> None:
    assert (plural(1, "row"), plural(0, "row"), plural(12515, "row")) == ("1 row", "0 rows", "12,515 rows")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_quiet_where_nobody_watches() -> None:
    stream = io.StringIO()
    with Progress(stream, clock=lambda: 0.0) as progress:
        progress.say("reading")
    assert stream.getvalue() == ""


def test_progress_appears_after_two_seconds_and_is_gone_at_the_end() -> None:
    times = iter([0.0, 1.9, 2.1, 3.0])
    stream = Terminal()
    progress = Progress(stream, clock=lambda: next(times))
    progress.say("reading\x1b[2J files")
    progress.draw()
    assert stream.getvalue() == ""
    progress.advance(3, 12_000)
    progress.draw()
    assert re.search(r"reading\\x1b\[2J files 3/12,000 · 2 s$", stream.getvalue())
    progress.__exit__()
    assert stream.getvalue().endswith("\r\x1b[K")


def test_a_closed_terminal_does_not_stop_the_work() -> None:
    stream = Terminal()
    times = iter([0.0, 9.0])
    progress = Progress(stream, clock=lambda: next(times))
    stream.close()
    progress.draw()
