"""Runs the reading process over files, and goes on without a file that kills or stalls it."""

import json
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..errors import ReaderFailed
from ..storage import writing
from .read_spec import ReadSpec
from .refusals import OUT_OF_MEMORY_EXIT

_START_SECONDS = 120.0
# So many files in a row that stop the process by an error of its own are not to blame.
_MAX_FAILURES_IN_A_ROW = 5
_CHILD = "orchestrator_platform.reading.child"
_ROOT = Path(__file__).resolve().parents[2]

Event = dict[str, Any]


@dataclass(frozen=True)
class Stopped:
    """Reading a file ended the process: rule and reason of its refusal.

    `is_failure` tells an error in our own code or a library from a limit or a signal.
    """

    rule: str
    reason: str
    is_failure: bool = False


def run_reader(spec: ReadSpec, source: str, on_done: Callable[[int], None] | None = None) -> dict[int, Event | Stopped]:
    """Returns what the process said of each file, by its place in the spec.

    One process reads all files. Where it dies or takes too long, the file at fault is set aside and
    a new process goes on with those whose rows were not yet safely written.

    Raises:
        ReaderFailed: The process cannot start, or cannot open or write files.
    """
    results: dict[int, Event | Stopped] = {}
    pending = list(range(len(spec.files)))
    first_part, failures, culprit = spec.first_part, 0, -1
    while pending:
        attempt = replace(spec, files=tuple(spec.files[i] for i in pending), first_part=first_part)
        run = _Run(attempt, source, len(spec.files) - len(pending), on_done or (lambda _: None))
        stopped = run.follow()
        n_safe = len(pending) if stopped is None else run.n_durable
        results |= {pending[i]: run.done[i] for i in range(n_safe)}
        if stopped is not None and run.current is not None and run.current >= n_safe:
            before, culprit = culprit, pending[run.current]
            results[culprit] = stopped
            failures = (failures if culprit == before + 1 else 0) + stopped.is_failure
            if failures >= _MAX_FAILURES_IN_A_ROW:
                raise ReaderFailed(file=source, problem=f"file after file, {stopped.reason}. {run.errors}".strip())
        first_part = max(first_part, run.n_parts + 1)
        pending = [i for i in pending[n_safe:] if i not in results]
    return results


class _Run:
    """One process, followed to its end.

    `done` are its answers, `n_durable` how many files in order are safely written, `current` the
    file at which it stopped.
    """

    def __init__(self, spec: ReadSpec, source: str, n_before: int, on_done: Callable[[int], None]) -> None:
        self.spec, self.source, self.n_before, self.on_done = spec, source, n_before, on_done
        self.done: dict[int, Event] = {}
        self.n_durable = self.n_parts = 0
        self.current: int | None = None
        self.errors = ""

    def follow(self) -> Stopped | None:
        """Follows the process; returns why it stopped, `None` where it came to its end."""
        with _started(self.spec) as (process, errors):
            events = _events(process)
            while True:
                wait_seconds = _START_SECONDS if self.current is None else self.spec.limits.timeout_seconds
                try:
                    event = events.get(timeout=wait_seconds)
                except queue.Empty:
                    process.kill()
                    process.wait()
                    return self._stopped(Stopped("time", f"not read within {wait_seconds:g} s"))
                if event is None:
                    exit_code, self.errors = process.wait(), _tail(errors)
                    return self._stopped(_death(exit_code, self.spec.limits.memory_mb))
                if event["event"] == "end":
                    return None
                self._take(event)

    def _take(self, event: Event) -> None:
        match event["event"]:
            case "start":
                self.current = event["file"]
            case "done":
                self.done[event["file"]] = event
                self.on_done(self.n_before + len(self.done))
            case "durable":
                self.n_durable, self.n_parts = event["files"], event["parts"]
            case _:
                raise ReaderFailed(file=self.source, problem=str(event.get("problem", event)))

    def _stopped(self, why: Stopped) -> Stopped:
        if self.current is None:
            problem = f"the reading process did not start ({why.reason}). {self.errors}".strip()
            raise ReaderFailed(file=self.source, problem=problem)
        return why


def _death(exit_code: int, memory_mb: int) -> Stopped:
    if exit_code == OUT_OF_MEMORY_EXIT:
        return Stopped("memory", f"reading it takes more than {memory_mb} MB")
    if exit_code < 0:
        return Stopped("reader", f"the reading process was ended by signal {-exit_code}")
    return Stopped("reader", f"the reading process stopped with exit code {exit_code}", is_failure=True)


@contextmanager
def _started(spec: ReadSpec) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    with tempfile.TemporaryFile() as task, tempfile.TemporaryFile() as errors:
        with writing(Path(tempfile.gettempdir())):
            task.write(spec.to_json().encode("utf-8"))
            task.seek(0)
        process = subprocess.Popen(  # noqa: S603  # our own module under our own interpreter
            [sys.executable, "-m", _CHILD],
            stdin=task,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=_ROOT,
        )
        try:
            yield process, errors
        finally:
            process.kill()
            process.wait()
            if process.stdout:
                process.stdout.close()


def _events(process: subprocess.Popen[bytes]) -> "queue.Queue[Event | None]":
    """The process's lines as they come; `None` at their end."""
    events: queue.Queue[Event | None] = queue.Queue()

    def listen() -> None:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                events.put(json.loads(line))
        except ValueError:
            # A killed process may leave half a line, or the pipe is closed under us.
            pass
        events.put(None)

    threading.Thread(target=listen, daemon=True).start()
    return events


def _tail(errors: Any) -> str:
    errors.seek(0)
    return str(errors.read()[-2_000:].decode("utf-8", "replace"))
