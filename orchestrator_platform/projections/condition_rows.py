"""Which rows of a published table a searcher's condition lets through, asked where nothing else can be reached, and
where one that takes too long, or too much memory, harms nobody.
"""

import json
import pickle
import signal
import subprocess
import sys
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from ..errors import Fault, Misuse
from ..lake.layout import LakeLayout
from ..lake.readers import attach_statement
from ..lake.session import EXTENSIONS
from ..records.keys import AssetKey, Snapshot
from ..records.searches import Condition
from ..settings import Searching
from ..sql import literal
from . import condition_child as child

ROWS = "source_rows"
_CHILD = "orchestrator_platform.projections.condition_child"
_GOODBYE_SECONDS = 0.2
_ROOT = Path(__file__).resolve().parents[2]


class ConditionRows:
    """Rows in a process of their own, which starts when it is first needed and again after a condition ended it.

    `returned` is the SQL of what is told of each row, and of what orders them; `columns` are those that a condition may
    name. One question at a time.
    """

    def __init__(
        self,
        statements: Sequence[str],
        source: AssetKey,
        returned: str,
        columns: Sequence[str],
        limits: Searching,
        extensions: Sequence[str] = (),
    ) -> None:
        self._opening = {
            "statements": list(statements),
            "extensions": list(extensions),
            "memory_mb": limits.condition_memory_mb,
        }
        self._source, self._returned, self._columns, self._limits = source, returned, tuple(columns), limits
        self._process: subprocess.Popen[bytes] | None = None
        self._stop: Callable[[], Any] = lambda: 0

    def start(self) -> None:
        """Starts the process, so that it is ready by the time that it is asked."""
        if self._process is not None and self._process.poll() is None:
            return
        self._end()
        self._process = subprocess.Popen(  # noqa: S603  # our own module under our own interpreter
            [sys.executable, "-m", _CHILD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
        )
        self._stop = weakref.finalize(self, _stopped, self._process)
        self._send(pickle.dumps(self._opening))

    def matching(self, condition: Condition) -> list[Any]:
        """Returns what is told of the rows that a condition lets through, in its order.

        Raises:
            Misuse: It names what is no column, cannot be computed, or takes too long or too much memory.
            Fault: The rows cannot be read.
        """
        sql = f"SELECT {self._returned} FROM {ROWS} AS s WHERE (\n{condition.sql}\n) ORDER BY 1"
        asked = {"sql": sql, "values": list(condition.values), "seconds": self._limits.condition_seconds}
        try:
            question = pickle.dumps(asked)
        except Exception as error:
            raise self._unusable(f"a value cannot be bound to it ({type(error).__name__})") from error
        self.start()
        self._send(question)
        return self._answer()

    def close(self) -> None:
        self._end()

    def _send(self, content: bytes) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # What it died of is found where its answer is read.
        with suppress(BrokenPipeError):
            self._process.stdin.write(content)
            self._process.stdin.flush()

    def _answer(self) -> list[Any]:
        assert self._process is not None
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            self._tell_death(self._end())
        answer = json.loads(line)
        if "rows" in answer:
            rows: list[Any] = answer["rows"]
            return rows
        match answer["wrong"]:
            case child.CONDITION:
                raise self._unusable(answer["problem"])
            case child.MEMORY:
                raise self._unusable(self._too_large)
            case child.BROKEN:
                self._end()
                raise Fault(
                    f"The rows of {self._source} cannot be read: {answer['problem']}. Nothing was searched."
                    " Look: `orchestrator doctor`."
                )
            case _:
                self._end()
                raise Fault(f"Conditions cannot be computed: {answer['problem']}. Nothing was searched.")

    def _tell_death(self, exit_code: int) -> NoReturn:
        if exit_code == -signal.SIGPROF:
            seconds = self._limits.condition_seconds
            raise self._unusable(f"it takes more than {seconds:g} processor seconds, the project's `condition_seconds`")
        if exit_code < 0:
            raise self._unusable(f"{self._too_large} (the process was ended by signal {-exit_code})")
        raise Fault(f"The process that computes conditions stopped with exit code {exit_code}. Nothing was searched.")

    @property
    def _too_large(self) -> str:
        return f"it takes more than {self._limits.condition_memory_mb} MB, the project's `condition_memory_mb`"

    def _unusable(self, why: str) -> Misuse:
        return Misuse(
            f"The condition cannot be used: {why.rstrip('.')}. Nothing was searched."
            f" Columns of {self._source}: {', '.join(self._columns)}."
        )

    def _end(self) -> int:
        if self._process is None:
            return 0
        self._process = None
        exit_code: int = self._stop()
        return exit_code


def _stopped(process: subprocess.Popen[bytes]) -> int:
    """Returns the exit code; one that still computes is not waited for."""
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        with suppress(BrokenPipeError):
            pipe.close()
    try:
        return process.wait(timeout=_GOODBYE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def rows_of_snapshot(
    layout: LakeLayout, snapshot: Snapshot, source: AssetKey, returned: str, columns: Sequence[str], limits: Searching
) -> ConditionRows:
    """Returns a copy of one table as it was at a snapshot, held in memory by the process that is asked."""
    statements = (
        attach_statement(layout, snapshot, "texts_of"),
        f"CREATE TABLE {ROWS} AS SELECT * FROM texts_of.{source.quoted}",
        "DETACH texts_of",
    )
    return ConditionRows(statements, source, returned, columns, limits, EXTENSIONS)


def rows_of_file(
    file: Path, source: AssetKey, returned: str, columns: Sequence[str], limits: Searching
) -> ConditionRows:
    """Returns the rows that a DuckDB file has as `ROWS`."""
    statements = (f"ATTACH {literal(str(file))} AS opened (READ_ONLY)", "USE opened")
    return ConditionRows(statements, source, returned, columns, limits)
