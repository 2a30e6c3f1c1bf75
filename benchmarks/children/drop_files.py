"""Drops files into landing one by one and says how long it took until everything in `marts` was made of each.

Run as `python -m benchmarks.children.drop_files HOME FOLDER SOURCE watch|daemon`; the files are dropped in the order of
their names, each when everything made of the one before is published, and at any moment of a sensor's beat.
"""

import json
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.land import find_source
from orchestrator_platform.operations.landable import find_landable
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.stale import StaleAssets

PROJECT = Path(__file__).resolve().parents[2]
_LOOK_SECONDS, _SELDOM_SECONDS, _LONGEST_SECONDS, _BEAT_SECONDS = 0.02, 2.0, 300.0, 5.0


def main(home: str, folder: str, source: str, how: str) -> None:
    gate = Platform.open(Path(home), PROJECT).gate
    dropping = Dropping(gate, source)
    beat = random.Random(7)  # noqa: S311
    taken = []
    with _working(Path(home), how):
        dropping.settle()
        for file in sorted(Path(folder).iterdir()):
            if how == "daemon":
                time.sleep(beat.uniform(0, _BEAT_SECONDS))
            taken.append(dropping.drop(file))
            dropping.settle()
    print(json.dumps({"seconds": taken}))


@dataclass(frozen=True)
class Dropping:
    """One source of a home that somebody else works at."""

    gate: Gate
    source: str

    def drop(self, file: Path) -> float:
        """Returns how long it took until the file's rows were in everything of `marts` that is made of them."""
        asset = find_source(self.gate, self.source).key
        before = self.gate.cut().heads[asset].version
        target = self.gate.settings.home.landing / self.source / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        began = time.perf_counter()
        shutil.copyfile(file, target)
        self._wait(lambda: self.gate.cut().heads[asset].version > before and not self._behind("marts."))
        return time.perf_counter() - began

    def settle(self) -> None:
        """Waits until nothing is left to do."""
        source = find_source(self.gate, self.source)
        self._wait(lambda: not find_landable(self.gate, source).ready and not self._behind(""))

    def _behind(self, start: str) -> list[str]:
        return [asset for asset in StaleAssets(self.gate).read() if asset.startswith(start)]

    def _wait(self, is_so: Callable[[], bool]) -> None:
        """Looks when something was published, else seldom: looking takes processor time from those who are measured."""
        stale, seen, due = StaleAssets(self.gate), None, 0.0

        def changed_and_so() -> bool:
            nonlocal seen, due
            before, seen = seen, stale.state()
            if seen == before and time.monotonic() < due:
                return False
            due = time.monotonic() + _SELDOM_SECONDS
            return is_so()

        _wait(changed_and_so)


def _wait(is_so: Callable[[], bool], look_seconds: float = _LOOK_SECONDS) -> None:
    deadline = time.monotonic() + _LONGEST_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"nothing came on for {_LONGEST_SECONDS:.0f} s")
        time.sleep(look_seconds)


@contextmanager
def _working(home: Path, how: str) -> Iterator[None]:
    if how == "daemon":
        with served_home(home):
            yield
    else:
        with _process(home, "watch"):
            yield


@contextmanager
def served_home(home: Path) -> Iterator[int]:
    """Yields the port at which `orchestrator dev` serves the home, when its sensors have begun to look."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with _process(home, "dev", "--port", str(port)) as process:
        _wait(lambda: _looks(home, process, port), 0.5)
        yield port


@contextmanager
def _process(home: Path, *work: str) -> "Iterator[subprocess.Popen[bytes]]":
    command = [sys.executable, "-m", "orchestrator_platform.cli", "--home", str(home), "--project", str(PROJECT)]
    with (home / f"{work[0]}.log").open("wb") as log:
        process = subprocess.Popen([*command, *work], stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def _looks(home: Path, process: "subprocess.Popen[bytes]", port: int) -> bool:
    if process.poll() is not None:
        raise RuntimeError((home / "dev.log").read_text(encoding="utf-8", errors="replace")[-3000:])
    with socket.socket() as trying:
        # Pages are served when Dagster's storage is there; whoever opens it earlier makes it, too.
        if trying.connect_ex(("127.0.0.1", port)) != 0:
            return False
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        return {"landing", "build"} <= {state.name for state in instance.all_instigator_state()}


if __name__ == "__main__":
    main(*sys.argv[1:])
