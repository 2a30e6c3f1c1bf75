"""The page of figures has a place for every suite, and says what the suites told."""

import pytest
from reliability import PAGE, SUITES, main, read_figures, render

REPORT = """<testsuites><testsuite><testcase name="a"><properties>
<property name="bad_files" value='{"csv": {"refused": 2, "served": 3}}'/><property name="other" value="{}"/>
</properties></testcase><testcase name="b"><properties><property name="bad_files" value='{"json": {"served": 1}}'/>
</properties></testcase></testsuite></testsuites>"""


def test_what_tests_tell_becomes_a_table() -> None:
    told = read_figures(REPORT, "bad_files")
    text = render(SUITES["bad_files"], told, passed=True)
    assert "| csv | 2 | 3 | 5 |\n| json | 0 | 1 | 1 |" in text
    assert "failed" not in text


def test_a_suite_that_failed_or_told_nothing_says_so() -> None:
    text = render(SUITES["kills"], [], passed=False)
    assert "No figures" in text
    assert "**The suite failed.**" in text


def test_the_page_has_a_place_for_each_suite() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert [name for name in SUITES if f"<!-- {name}: measured -->" not in page] == []


def test_a_suite_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["nothing"])
    assert "there is no suite nothing" in capsys.readouterr().err
