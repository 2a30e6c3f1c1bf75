import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_platform.cli.json_text import json_lines, json_text, unique_names
from orchestrator_platform.records.findings import Finding, Severity
from orchestrator_platform.records.keys import AssetKey

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES)
def test_what_json_can_say_is_read_back_equal(value: Any) -> None:
    assert json.loads(json_text(value)) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Decimal("1.10"), "1.10"),
        (Decimal("1E+3"), "1000"),
        (Decimal("12345678901234567890123456789.123456789"), "12345678901234567890123456789.123456789"),
        (2**100, "1267650600228229401496703205376"),
        (float("nan"), '"NaN"'),
        (float("-inf"), '"-Infinity"'),
        (b"\x00\xff", '"00ff"'),
        (date(2024, 5, 8), '"2024-05-08"'),
        (datetime(2024, 5, 8, tzinfo=UTC), '"2024-05-08T00:00:00Z"'),
        ({1: {"a": (1, None)}}, '{"1": {"a": [1, null]}}'),
        (Severity.WARN, '"warn"'),
        (True, "true"),
        ("雪\n\x1b", '"雪\\n\\u001b"'),
    ],
)
def test_what_json_has_no_word_for_is_said_sensibly(value: object, expected: str) -> None:
    assert json_text(value) == expected


def test_a_record_is_an_object() -> None:
    finding = Finding(asset=AssetKey("marts.a"), check="schema", passed=True)
    assert json.loads(json_text([finding]))[0]["asset"] == "marts.a"


@pytest.mark.parametrize("items", [[], [{"n": 1}], [{"n": 1}, {"n": 2}]])
def test_a_list_is_written_one_item_per_line(items: list[dict[str, int]]) -> None:
    text = "".join(json_lines(items))
    assert json.loads(text) == items
    assert text.count("\n") == max(len(items), 1)


def test_a_single_item_looks_as_json_is_usually_written() -> None:
    assert "".join(json_lines([{"n": 12515}])) == '[{"n": 12515}]\n'


def test_repeated_names_are_told_apart() -> None:
    assert unique_names(["a", "a", "a_1", "b", "a"]) == ["a", "a_1", "a_1_1", "b", "a_2"]
