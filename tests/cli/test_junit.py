"""JUnit XML as the machines that show it read it: of the usual form, whatever a message holds."""

from collections.abc import Mapping
from datetime import UTC, datetime
from xml.etree import ElementTree as ET

from orchestrator_platform.cli.junit import junit_xml
from orchestrator_platform.records.checked import Case, CaseState

AT = datetime(2026, 5, 1, 12, 30, tzinfo=UTC)
# What the schemas of Ant's and of Jenkins' reports both allow: element, its attributes that must be, that may be, and
# the elements in it, in their order.
FORM: Mapping[str, tuple[set[str], set[str], list[str]]] = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}, ["testsuite"]),
    "testsuite": (
        {"name", "tests", "failures", "errors", "time", "id", "package", "hostname", "timestamp"},
        {"skipped"},
        ["properties", "testcase", "system-out", "system-err"],
    ),
    "properties": (set(), set(), []),
    "testcase": ({"name", "classname", "time"}, set(), ["failure", "skipped"]),
    "failure": ({"type", "message"}, set(), []),
    "skipped": ({"message"}, set(), []),
    "system-out": (set(), set(), []),
    "system-err": (set(), set(), []),
}


def parsed(text: str) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314  # our own text


def what_is_wrong_with(text: str) -> list[str]:
    """Every way in which a document is not of that form, or does not add up."""
    wrong = []
    root = parsed(text)
    for element in root.iter():
        must, may, inside = FORM[element.tag]
        wrong += [f"{element.tag} lacks {name}" for name in must - set(element.keys())]
        wrong += [f"{element.tag} has {name}" for name in set(element.keys()) - must - may]
        order = [inside.index(child.tag) for child in element]
        wrong += [f"{element.tag} is out of order"] if order != sorted(order) else []
    for suite in root.iter("testsuite"):
        for counted, tag in (("tests", "testcase"), ("failures", "failure"), ("skipped", "skipped")):
            if int(suite.attrib[counted]) != len(list(suite.iter(tag))):
                wrong.append(f"{suite.attrib['name']} miscounts {counted}")
    total = sum(int(suite.attrib["tests"]) for suite in root.iter("testsuite"))
    return wrong + (["the suites do not add up"] if total != int(root.attrib["tests"]) else [])


def case(check: str, state: CaseState, message: str = "", **more: object) -> Case:
    return Case.model_validate({"subject": "marts.a", "check": check, "state": state, "message": message, **more})


CASES = (
    case("one", CaseState.PASSED),
    case("two", CaseState.FAILED, "3 < 4 & \x00\x1b[2J ]]> 'x'", file="a/b.sql", line=7, measured=3, n_failing=2),
    case("three", CaseState.SKIPPED, "because of one"),
    case("four", CaseState.WARNED, "hm"),
    case("five", CaseState.ALLOWED, "if that is meant"),
    Case(subject="project", check="agents", state=CaseState.PASSED),
)


def test_the_document_is_of_the_usual_form_and_adds_up() -> None:
    assert what_is_wrong_with(junit_xml("a run", CASES, AT, 1.5)) == []
    assert what_is_wrong_with(junit_xml("nothing", (), AT, 0)) == []


def test_another_form_is_noticed() -> None:
    text = junit_xml("a run", CASES, AT, 1.5)
    assert what_is_wrong_with(text.replace(' classname="marts.a"', "", 1)) == ["testcase lacks classname"]
    assert what_is_wrong_with(text.replace('<testcase name="one"', '<testcase file="x" name="one"')) == [
        "testcase has file"
    ]
    assert what_is_wrong_with(
        text.replace('failures="1" errors="0" skipped="1"', 'failures="0" errors="0" skipped="1"')
    )


def test_a_failure_says_where_and_what_and_how_much() -> None:
    failure = parsed(junit_xml("a run", CASES, AT, 1.5)).find(".//failure")
    assert failure is not None
    assert failure.text is not None
    place, message, measured = failure.text.split("\n")
    assert (place, measured) == ("a/b.sql:7", "measured 3, failing rows 2")
    assert message == failure.attrib["message"] == "3 < 4 & \\x00\\x1b[2J ]]> 'x'"


def test_what_is_allowed_or_warned_of_is_no_failure_and_is_told() -> None:
    out = parsed(junit_xml("a run", CASES, AT, 1.5)).findtext(".//system-out")
    assert out == "four: warned: hm\nfive: allowed: if that is meant"
