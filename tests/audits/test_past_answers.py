"""Notes of answers to golden queries: whole, few, and not in the way of audits at the same time."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from orchestrator_platform.audits import past_answers
from orchestrator_platform.audits.past_answers import load_answers, write_answers
from orchestrator_platform.learning.retrieval_metrics import Quality

ONE = Quality(np.array([0.5]), np.array([1.0]), np.array([0.25]))


def test_audits_at_the_same_time_note_their_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(past_answers, "_KEPT", 2)

    def note(number: int) -> None:
        write_answers(tmp_path, f"version {number % 4}", ["why?"], ONE)

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(note, range(200)))
    write_answers(tmp_path, "the last", ["why?"], ONE)
    assert load_answers(tmp_path, "the last") == {"why?": (0.5, 1.0, 0.25)}
    assert len(list((tmp_path / "answers").iterdir())) == 2


def test_a_note_that_is_lost_or_damaged_tells_nothing(tmp_path: Path) -> None:
    assert load_answers(tmp_path, "never") == {}
    write_answers(tmp_path, "1", ["why?"], ONE)
    (note,) = (tmp_path / "answers").iterdir()
    note.write_text("[1")
    assert load_answers(tmp_path, "1") == {}
