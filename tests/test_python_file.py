"""A project's Python file is what its bytes say, however often it is edited."""

import os
import sys

import pytest

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.python_file import run_python_file


def test_of_two_edits_within_a_second_the_later_one_runs(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    file = tmp_path / "tables.py"
    for text in ("answer = 1", "answer = 2"):
        file.write_text(text)
        os.utime(file, (1_000_000, 1_000_000))
        assert run_python_file(file).answer == int(text[-1])
    assert [entry.name for entry in tmp_path.iterdir()] == ["tables.py"]


def test_the_same_bytes_are_the_same_module_unless_it_is_wanted_anew(tmp_path):
    file = tmp_path / "tables.py"
    file.write_text("seen = []")
    first = run_python_file(file)
    first.seen.append(1)
    assert run_python_file(file) is first
    assert run_python_file(file, anew=True).seen == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nimport nothing_of_that_name", ":2: does not run: ModuleNotFoundError"),
        ("\nraise SystemExit(0)", ":2: does not run: SystemExit: 0"),
        ("\ndef f(:", ":2: is not valid Python"),
        ("x = '\0'", "is not valid Python|does not run"),
        ("# coding: of-no-such-name", "is not valid Python"),
        ("eval('1 +')", ":1: does not run: SyntaxError"),
    ],
)
def test_what_does_not_run_is_named_with_its_line(tmp_path, text, message):
    file = tmp_path / "tables.py"
    file.write_text(text)
    with pytest.raises(DefinitionError, match=message) as failed:
        run_python_file(file)
    assert str(failed.value).startswith(str(file))


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DefinitionError, match=r"tables\.py: cannot be read: No such file"):
        run_python_file(tmp_path / "tables.py")


def test_a_file_that_ends_the_program_leaves_no_half_of_itself(tmp_path):
    file = tmp_path / "tables.py"
    file.write_text("raise KeyboardInterrupt")
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            run_python_file(file)
