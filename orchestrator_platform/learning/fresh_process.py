"""Runs a module of ours in a fresh Python: limits, a clean environment, and nothing of this process but files.

The task is a folder. What the module is told, and what it answers, are files in it; while it works it says how far it
is. It ends with its parent, however that ends, and what it started ends with it.
"""

import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from ..errors import OrchestratorError, ProcessFailed

TASK, ANSWER = "task.json", "answer.json"
_MB = 1024 * 1024
# A hash seed of its own would make sets of texts, and what is made of them, differ from run to run. One thread: sums of
# floats depend on how they are shared out, and threads that wait for each other on a busy machine burn its time.
_ENVIRONMENT = {
    "PYTHONHASHSEED": "0",
    "LANG": "C.UTF-8",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
_LOOK_SECONDS = 0.2
_WITH_CHILDREN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


@dataclass(frozen=True)
class ProcessLimits:
    """`memory_mb` is what may be allocated beside what the interpreter maps."""

    memory_mb: int = 6144
    timeout_seconds: float = 3600


def run_fresh(
    module: str, folder: Path, task: Mapping[str, Any], limits: ProcessLimits, say: Callable[[str], None]
) -> dict[str, Any]:
    """Returns what `python -m module folder` answered, with `peak_mb` and `cpu_seconds`: what the largest of it
    and its children took, and what all did.

    Raises:
        ProcessFailed: It broke, was ended, or took longer than it may.
    """
    (folder / TASK).write_text(json.dumps({**task, "memory_mb": limits.memory_mb}), encoding="utf-8")
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603  # our own module under our own interpreter
            [sys.executable, "-P", "-s", "-m", module, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            cwd=folder,
            # What workers of an estimator share lies in the folder as well: in shared memory it would outlive a kill.
            env={**_ENVIRONMENT, "PATH": os.defpath, "HOME": str(folder), "JOBLIB_TEMP_FOLDER": str(folder)},
            start_new_session=True,
        )
        try:
            problem = _follow(process, limits, say)
        finally:
            _kill(process)
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
        if problem:
            raise ProcessFailed(module=module, problem=problem, said=_tail(errors))
    return _answer(folder, module)


def _follow(process: "subprocess.Popen[bytes]", limits: ProcessLimits, say: Callable[[str], None]) -> str:
    """What went wrong, nothing where nothing did."""
    timer = threading.Timer(min(limits.timeout_seconds, threading.TIMEOUT_MAX), _kill, [process])
    timer.start()
    problem = ""
    try:
        for line in _lines(process):
            told = _told(line)
            if "problem" in told:
                problem = str(told["problem"])
            elif "say" in told:
                say(str(told["say"]))
        exit_code = process.wait()
    finally:
        timed_out = not timer.is_alive() and process.returncode not in {0, None}
        timer.cancel()
    if problem or not exit_code:
        return problem
    if timed_out:
        return f"it took longer than {limits.timeout_seconds:g} s"
    return f"it was ended by signal {-exit_code}" if exit_code < 0 else f"it ended with exit code {exit_code}"


def _lines(process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """Yields what it prints until it ends: what it started and left behind may hold the pipe for ever."""
    assert process.stdout is not None
    left = b""
    with selectors.DefaultSelector() as waiting:
        waiting.register(process.stdout, selectors.EVENT_READ)
        while True:
            has_ended, found = process.poll() is not None, None
            if waiting.select(0 if has_ended else _LOOK_SECONDS):
                found = os.read(process.stdout.fileno(), 1 << 16)
                *lines, left = (left + found).split(b"\n")
                yield from lines
            if has_ended or found == b"":
                return


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """Ends it with all that it started, which is of its session."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _told(line: bytes) -> dict[str, Any]:
    try:
        told = json.loads(line)
    except ValueError:
        return {}  # a killed process may leave half a line
    return told if isinstance(told, dict) else {}


def _tail(errors: Any) -> str:
    errors.seek(0)
    return str(errors.read()[-2_000:].decode("utf-8", "replace")).strip()


def _answer(folder: Path, module: str) -> dict[str, Any]:
    try:
        answer = json.loads((folder / ANSWER).read_bytes())
    except (OSError, ValueError) as error:
        raise ProcessFailed(module=module, problem="it left no answer", said=str(error)) from error
    assert isinstance(answer, dict)
    return answer


Work = Callable[[Path, dict[str, Any], Callable[[str], None]], dict[str, Any]]
"""Does a task in its folder and returns the answer."""


def answer_task(work: Work) -> NoReturn:
    """Does, inside the fresh process, the task of the folder that it was called with, and ends the process."""
    # What a library prints must not be taken for progress.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as out:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

        def tell(**told: str) -> None:
            out.write(json.dumps(told) + "\n")
            out.flush()

        threading.Thread(target=_end_with_parent, daemon=True).start()
        folder = Path(sys.argv[1])
        task = json.loads((folder / TASK).read_bytes())
        try:
            _limit_memory(int(task["memory_mb"]))
            answer = work(folder, task, lambda text: tell(say=text))
        except MemoryError:
            tell(problem=f"it needs more than {task['memory_mb']} MB of memory")
            raise SystemExit(1) from None
        except OrchestratorError as error:
            tell(problem=str(error)[:2_000])
            raise
        except Exception as error:
            tell(problem=f"{type(error).__name__}: {error}"[:2_000])
            raise
        partial = folder / f"{ANSWER}.partial"
        cost = {"peak_mb": _peak_mb(), "cpu_seconds": round(_cpu_seconds(), 2)}
        partial.write_text(json.dumps({**answer, **cost}), encoding="utf-8")
        partial.replace(folder / ANSWER)
    raise SystemExit(0)


def _end_with_parent() -> None:
    """The parent holds the other end of standard input, and says nothing: it ends when the parent does."""
    os.read(sys.stdin.fileno(), 1)
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _limit_memory(memory_mb: int) -> None:
    statm = Path("/proc/self/statm")
    mapped = int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 1 << 30
    limit = mapped + memory_mb * _MB
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _peak_mb() -> float:
    """Of the largest process: what children share with this one is counted once."""
    peak = max(resource.getrusage(who).ru_maxrss for who in _WITH_CHILDREN)
    return round(peak / (_MB if sys.platform == "darwin" else 1024), 1)


def _cpu_seconds() -> float:
    used = [resource.getrusage(who) for who in _WITH_CHILDREN]
    return sum(each.ru_utime + each.ru_stime for each in used)
