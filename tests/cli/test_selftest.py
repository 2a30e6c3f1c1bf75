"""`orchestrator selftest`, as a person at the prompt sees it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_too_little_caught_is_a_no_and_says_what_would_catch_it(orchestrator: Callable[..., Any], told: Path) -> None:
    said = orchestrator(told, "selftest", "marts.totals", "--kind", "sign_flip", "--kind", "nulls")
    assert said.code == 1
    assert "marts.totals: sign_flip of total: bound total from below (`ge: 0`)" in said.out
    assert "3 defects: 2 blocked, 0 warned of, 1 missed. 10 clean batches: 0 held up." in said.out
    assert said.out.rstrip().endswith("NOT ENOUGH: 66.7% caught, at least 95.0% asked.")


def test_enough_caught_is_done(orchestrator: Callable[..., Any], told: Path) -> None:
    asked = ("marts.totals", "--kind", "sign_flip", "--kind", "nulls", "--at-least", "0.6", "--columns", 2)
    said = orchestrator(told, "selftest", *asked, "--json")
    found = json.loads(said.out)
    assert (said.code, found["holds"], found["false_alarms"]) == (0, True, 0)
    assert found["total"] == {"n_planted": 3, "n_blocked": 2, "n_warned": 0, "n_missed": 1, "rate": 0.6667}
    assert set(found["by_kind"]) == {"nulls", "sign_flip"}
    assert [defect["kind"] for defect in found["defects"] if defect["caught"] == "missed"] == ["sign_flip"]


def test_an_unknown_kind_is_misuse(orchestrator: Callable[..., Any], told: Path) -> None:
    said = orchestrator(told, "selftest", "--kind", "bit_rot")
    assert (said.code, "is no kind of defect. There are: nulls, " in said.err) == (2, True)
