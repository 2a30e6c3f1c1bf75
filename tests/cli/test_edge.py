"""What a command raises becomes one message and one exit code, never a traceback on the terminal."""

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from orchestrator_platform.cli import edge
from orchestrator_platform.cli.place import Opened
from orchestrator_platform.errors import BaseMoved, ForeignSnapshot, Misuse

Run = Callable[[object], tuple[int, str, str]]


@pytest.fixture
def run_raising(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    def run(raised: object, *arguments: str) -> tuple[int, str, str]:
        @click.command
        @click.option("--json", "as_json", is_flag=True)
        @click.pass_context
        def command(context: click.Context, as_json: bool) -> int:
            context.ensure_object(Opened).journal = tmp_path / "journal"
            if isinstance(raised, BaseException):
                raise raised
            return int(str(raised))

        monkeypatch.setattr(edge, "root", command)
        code = edge.run(arguments)
        return code, *capsys.readouterr()

    return run


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (0, 0),
        (1, 1),
        (BaseMoved(asset="marts.a", base=1, head=2), 1),
        (Misuse("no such thing"), 2),
        (click.UsageError("not so"), 2),
        (ForeignSnapshot(snapshot=9, explained=8), 3),
        (RuntimeError("boo"), 3),
        (KeyboardInterrupt(), 130),
        (BrokenPipeError(), 141),
    ],
)
def test_every_way_to_end_has_its_exit_code(run_raising: Run, raised: object, code: int) -> None:
    found, out, err = run_raising(raised)
    assert found == code
    assert out == ""
    assert "Traceback" not in err


def test_an_error_is_one_message_on_stderr(run_raising: Run) -> None:
    _, _, err = run_raising(Misuse("a file \x1b[2J is not there"))
    assert err == "error: a file \\x1b[2J is not there\n"


def test_an_error_as_json_has_code_message_and_whether_to_try_again(run_raising: Run) -> None:
    _, _, err = run_raising(BaseMoved(asset="marts.a", base=1, head=2), "--json")
    found = json.loads(err)
    assert (found["code"], found["retryable"]) == ("base_moved", True)
    assert "version 2 serves now" in found["message"]


def test_a_full_disk_is_a_fault_with_a_name_and_no_traceback(run_raising: Run, tmp_path: Path) -> None:
    code, _, err = run_raising(OSError(errno.ENOSPC, "No space left on device"), "--json")
    found = json.loads(err)
    assert (code, found["code"], found["retryable"]) == (3, "storage_failed", True)
    assert found["message"].startswith(f"Writing {tmp_path} failed: No space left on device.")
    assert not (tmp_path / "journal").exists()


def test_an_unexpected_error_keeps_its_traceback_in_the_home(run_raising: Run, tmp_path: Path) -> None:
    code, _, err = run_raising(ZeroDivisionError("planted"))
    assert code == 3
    assert err.count("\n") == 1
    (kept,) = (tmp_path / "journal").iterdir()
    assert str(kept) in err
    assert "ZeroDivisionError: planted" in kept.read_text()


def test_an_interrupt_says_what_state_things_are_in(run_raising: Run) -> None:
    _, _, err = run_raising(KeyboardInterrupt())
    assert "what was published before still serves" in err


def orchestrator(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "orchestrator_platform.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)  # type: ignore[call-overload, no-any-return]


def test_help_is_quick_and_lists_every_command() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "orchestrator_platform.cli", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in (
        "land",
        "build",
        "status",
        "ledger",
        "query",
        "connect",
        "history",
        "receipt",
        "quarantine",
        "journal",
    ):
        assert f"\n  {name} " in done.stdout
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    heavy = {"duckdb", "pandas", "pydantic", "dagster", "dbt", "pandera", "pyarrow", "yaml"}
    assert imported & heavy == set()


@pytest.mark.parametrize(
    "arguments", [["bogus"], ["land"], ["query", "--json"], ["query", "select 1", "--limit", "-1"]]
)
def test_a_wrong_call_is_misuse(arguments: list[str]) -> None:
    done = orchestrator(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "--help" in done.stderr


def test_a_reader_that_leaves_is_no_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "orchestrator_platform.cli", "--help"],
            stdout=writing,
            stderr=subprocess.PIPE,
            check=False,
        )
    finally:
        os.close(writing)
    assert done.returncode == 141
    assert done.stderr == b""


def test_a_terminal_without_the_characters_is_no_fault(tmp_path: Path) -> None:
    done = orchestrator("status", "--project", str(tmp_path / "雪"), env={**os.environ, "PYTHONIOENCODING": "latin-1"})
    assert done.returncode == 2
    assert "\\u96ea" in done.stderr
