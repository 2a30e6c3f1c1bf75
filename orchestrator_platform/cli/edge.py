"""The outermost edge: runs one command and turns whatever it raises into a short message and an exit code.

Knows no command. Exit codes: 0 done, 1 the answer is no, 2 misuse, 3 a fault, 130 interrupted, 141 nobody reads on.
"""

import os
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Failure:
    """What is told about a command that did not come to its end."""

    exit_code: int
    code: str
    message: str
    retryable: bool = False


def run(arguments: Sequence[str], end_at_once: Callable[[int], object] | None = None) -> int:
    """Runs one command and returns its exit code; whatever it raises has been told by then.

    Args:
        end_at_once: Called after an interrupt, while whatever was at work is still held.
    """
    opened, as_json = Opened(), _wants_json(arguments)
    _never_fail_to_print()
    _let_a_second_interrupt_end_it()
    try:
        return _finish(_invoke(arguments, opened))
    except BrokenPipeError:
        _discard_output()
        return EXIT_NOBODY_READS
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # a person gets a line, a file the traceback
        failure = _failure(error, opened)
        _tell(failure, as_json)
        if end_at_once is not None and failure.exit_code == EXIT_INTERRUPTED:
            end_at_once(EXIT_INTERRUPTED)
        return failure.exit_code


def _failure(error: BaseException, opened: Opened) -> Failure:
    # DuckDB tells of an interrupt by an error of its own, which has the interrupt as its cause.
    if isinstance(error, KeyboardInterrupt | click.Abort) or isinstance(error.__cause__, KeyboardInterrupt):
        return Failure(EXIT_INTERRUPTED, "interrupted", _INTERRUPTED, retryable=True)
    if isinstance(error, click.ClickException):
        return Failure(EXIT_MISUSE, Misuse.code, _usage(error))
    if damage := _damage(error, opened):
        return Failure(damage.exit_code, damage.code, str(damage), retryable=damage.retryable)
    if isinstance(error, OrchestratorError):
        return Failure(error.exit_code, error.code, str(error), retryable=error.retryable)
    if broken := _storage_failure(error, opened):
        return Failure(broken.exit_code, broken.code, str(broken), retryable=broken.retryable)
    return Failure(EXIT_FAULT, "unexpected", _unexpected(error, opened))


def _storage_failure(error: BaseException, opened: Opened) -> OrchestratorError | None:
    from ..storage import storage_failure

    return storage_failure(error, opened.journal.parent if opened.journal else Path())


def _damage(error: BaseException, opened: Opened) -> OrchestratorError | None:
    """A query that comes upon a damaged file is not the fault of its SQL, whatever it was taken for."""
    if not opened.journal or (error.__cause__ is None and isinstance(error, OrchestratorError)):
        return None
    from ..lake.catalog import readers_copy_damage
    from ..lake.layout import LakeLayout
    from ..storage import table_file_damage

    lake = opened.journal.parent / "lake"
    return table_file_damage(error, lake) or readers_copy_damage(error, LakeLayout(lake))


def _invoke(arguments: Sequence[str], opened: Opened) -> int:
    """Click's own `main` gives a broken pipe the exit code of a rejection, so its parts are called here."""
    try:
        with root.make_context("orchestrator", list(arguments), obj=opened) as context:
            answer = root.invoke(context)
    except click.exceptions.Exit as error:
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return EXIT_MISUSE
    return answer if isinstance(answer, int) else 0


def _finish(exit_code: int) -> int:
    sys.stdout.flush()
    return exit_code


def _usage(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = f" Look: `{context.command_path} --help`." if context is not None else ""
    return f"{error.format_message()}{hint}"


def _unexpected(error: BaseException, opened: Opened) -> str:
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


def _tell(failure: Failure, as_json: bool) -> None:
    told = {"code": failure.code, "message": failure.message, "retryable": failure.retryable}
    try:
        sys.stdout.flush()
        click.echo(json_text(told) if as_json else f"error: {visible_lines(failure.message)}", err=True)
    except BrokenPipeError:
        _discard_output()


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


def _let_a_second_interrupt_end_it() -> None:
    """The first interrupt lets things be put away; where that waits for DuckDB, a second one ends the process."""
    ours = threading.current_thread() is threading.main_thread()
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)


def _interrupt(*_: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    raise KeyboardInterrupt


def _discard_output() -> None:
    """Lets the interpreter's last flush go nowhere instead of failing."""
    try:
        devnull = os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, sys.stdout.fileno())
        os.close(devnull)
    except (OSError, ValueError):
        return
