"""Checks as JUnit XML, a test case for each and a suite for each subject, of the form that the usual schemas allow.

File and line stand in the text of a failure: the schemas know no attribute for them.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from .text import visible_lines

if TYPE_CHECKING:
    from ..records.checked import Case

HOST = "localhost"
# What XML 1.0 cannot hold, not even escaped.
_NO_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(name: str, cases: "Sequence[Case]", at: datetime, seconds: float) -> str:
    """Returns the document; `seconds` is what all of it took."""
    subjects = list(dict.fromkeys(case.subject for case in cases))
    root = ET.Element("testsuites", _counted(cases, _text(name), seconds))
    del root.attrib["skipped"]
    for number, subject in enumerate(subjects):
        _add_suite(root, number, subject, [case for case in cases if case.subject == subject], at)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def write_junit(file: Path, name: str, cases: "Sequence[Case]", at: datetime, seconds: float) -> None:
    """Writes the document, and the folders in which it lies."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(junit_xml(name, cases, at, seconds), encoding="utf-8")


def _counted(cases: "Sequence[Case]", name: str, seconds: float) -> dict[str, str]:
    states = [case.state.value for case in cases]
    return {
        "name": name,
        "tests": str(len(cases)),
        "failures": str(states.count("failed")),
        "errors": "0",
        "skipped": str(states.count("skipped")),
        "time": f"{seconds:.3f}",
    }


def _add_suite(root: ET.Element, number: int, subject: str, cases: "Sequence[Case]", at: datetime) -> None:
    suite = ET.SubElement(root, "testsuite", _counted(cases, _text(subject), 0))
    suite.attrib |= {
        "id": str(number),
        "package": _text(subject.partition(".")[0]),
        "hostname": HOST,
        "timestamp": f"{at:%Y-%m-%dT%H:%M:%S}",
    }
    ET.SubElement(suite, "properties")
    for case in cases:
        _add_case(suite, case)
    told = [
        f"{case.check}: {case.state.value}: {case.message}" for case in cases if case.state in {"warned", "allowed"}
    ]
    ET.SubElement(suite, "system-out").text = _text("\n".join(told))
    ET.SubElement(suite, "system-err").text = ""


def _add_case(suite: ET.Element, case: "Case") -> None:
    found = ET.SubElement(
        suite, "testcase", {"name": _text(case.check), "classname": _text(case.subject), "time": "0.000"}
    )
    if case.state == "failed":
        message = _text(case.message or "failed")
        failure = ET.SubElement(found, "failure", {"type": _text(case.check), "message": message})
        failure.text = "\n".join(part for part in (_text(case.place), message, _measured(case)) if part)
    elif case.state == "skipped":
        ET.SubElement(found, "skipped", {"message": _text(case.message)})


def _measured(case: "Case") -> str:
    said = [("measured", case.measured), ("limit", case.limit), ("failing rows", case.n_failing or None)]
    return ", ".join(f"{name} {_text(str(value))}" for name, value in said if value is not None)


def _text(text: str) -> str:
    return _NO_XML.sub("", visible_lines(text))
