"""The outermost edge: runs one command and turns whatever it raises into a short message and an exit code.

Knows no command. Exit codes: 0 done, 1 the answer is no, 2 misuse, 3 a fault, 130 interrupted, 141 nobody reads on.
"""

import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from ..errors import EXIT_FAULT, EXIT_MISUSE, Misuse, OrchestratorError
from .commands import root
from .json_text import json_text
from .place import Opened
from .text import visible_lines

EXIT_INTERRUPTED, EXIT_NOBODY_READS = 130, 141

_INTERRUPTED = (
    "interrupted. A publication is whole or not there at all: what was published before still serves, and files"
    " that were not accounted for are still in landing. Look: `orchestrator status`."
)


def run(arguments: Sequence[str]) -> int:
    """Runs one command and returns its exit code; nothing but SystemExit of the interpreter gets past it."""
    opened, as_json = Opened(), _wants_json(arguments)
    _never_fail_to_print()
    try:
        return _finish(_invoke(arguments, opened))
    except click.ClickException as error:
        return _say(_usage(error), Misuse.code, as_json, EXIT_MISUSE)
    except OrchestratorError as error:
        return _say(str(error), error.code, as_json, error.exit_code, retryable=error.retryable)
    except (KeyboardInterrupt, click.Abort):
        return _say(_INTERRUPTED, "interrupted", as_json, EXIT_INTERRUPTED, retryable=True)
    except BrokenPipeError:
        _discard_output()
        return EXIT_NOBODY_READS
    except Exception as error:  # noqa: BLE001  # the edge: a person gets one line, the traceback goes into a file
        return _say(_unexpected(error, opened), "unexpected", as_json, EXIT_FAULT)


def _invoke(arguments: Sequence[str], opened: Opened) -> int:
    """Click's own `main` gives a broken pipe the exit code of a rejection, so its parts are called here."""
    try:
        with root.make_context("orchestrator", list(arguments), obj=opened) as context:
            answer = root.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    return answer if isinstance(answer, int) else 0


def _finish(exit_code: int) -> int:
    sys.stdout.flush()
    return exit_code


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" Look: `{context.command_path} --help`." if context is not None else ""
    return f"{error.format_message()}{hint}"


def _unexpected(error: Exception, opened: Opened) -> str:
    text = "".join(traceback.format_exception(error))
    first = (str(error).strip() or "no message").splitlines()[0]
    where = _keep_traceback(text, opened.journal)
    return (
        f"{type(error).__name__}: {first[:300]}. This should not happen; what was published before still serves."
        f" The traceback is in {where}."
    )


def _keep_traceback(text: str, journal: Path | None) -> str:
    for folder in (journal, None):
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(".txt", "fault-", folder)
        except OSError:
            continue
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
        return name
    return "no file, because none could be written"


def _say(message: str, code: str, as_json: bool, exit_code: int, *, retryable: bool = False) -> int:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    if as_json:
        text = json_text({"code": code, "message": message, "retryable": retryable})
    else:
        text = f"error: {visible_lines(message)}"
    try:
        click.echo(text, err=True)
    except BrokenPipeError:
        _discard_output()
    return exit_code


def _wants_json(arguments: Sequence[str]) -> bool:
    """Looks at the words themselves, because a misuse is found before they are parsed."""
    words = list(arguments)
    return "--json" in (words[: words.index("--")] if "--" in words else words)


def _never_fail_to_print() -> None:
    """A terminal that cannot show a character gets its number; only real streams can be told so."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _discard_output() -> None:
    """Lets the interpreter's last flush go nowhere instead of failing."""
    try:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
    except (OSError, ValueError):
        return
