"""A home that Dagster's own daemon and webserver work at, in processes of their own, for tests that watch them."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import dagster as dg

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.settings import Settings

START = """
import sys
from orchestrator_platform.operations.dev import run_dev
from orchestrator_platform.settings import load_settings
sys.exit(run_dev(load_settings(), int(sys.argv[1])))
"""
T = TypeVar("T")


@dataclass(frozen=True)
class ServedHome:
    """`server` is what `orchestrator dev` runs as; `seconds` is how long it took until its pages answered."""

    settings: Settings
    instance: dg.DagsterInstance
    server: "subprocess.Popen[bytes]"
    port: int
    seconds: float

    @cached_property
    def gate(self) -> Gate:
        return load_gate(self.settings)

    def landing(self, source: str) -> Path:
        folder = self.settings.home.landing / source
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def rows(self) -> dict[str, int]:
        """Returns how many rows serve of each asset."""
        return {str(asset): head.n_rows for asset, head in self.gate.cut().heads.items()}

    def runs(self) -> list[dg.DagsterRun]:
        return list(self.instance.get_runs())

    def ticks(self, sensor: str) -> int:
        """Returns how many ticks of a sensor have ended."""
        states = [state for state in self.instance.all_instigator_state() if state.name == sensor]
        found = [
            tick for state in states for tick in self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
        ]
        return sum(1 for tick in found if tick.status.value != "STARTED")

    def processes(self, *words: str) -> list[int]:
        """Returns the processes of the server's session whose command line has all these words."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                command = (folder / "cmdline").read_bytes().decode().replace("\0", " ")
                environment = (folder / "environ").read_bytes().decode("utf-8", "replace")
            except (OSError, ValueError):
                continue
            ours = f"ORCHESTRATOR_HOME={self.settings.home.root}\0" in environment
            if folder.name.isdigit() and ours and all(word in command for word in words):
                found.append(int(folder.name))
        return found


@contextmanager
def serve(settings: Settings, instance: dg.DagsterInstance) -> Iterator[ServedHome]:
    """Runs `orchestrator dev` on the home until the end of the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    places = {"ORCHESTRATOR_HOME": str(settings.home.root), "ORCHESTRATOR_PROJECT": str(settings.project.root)}
    log = (settings.home.root / "server.log").open("wb")
    began = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-c", START, str(port)], env={**os.environ, **places}, stdout=log, stderr=log
    )
    try:
        wait_until(lambda: _answers(port), 120, log=Path(log.name))
        yield ServedHome(settings, instance, server, port, time.monotonic() - began)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(60)
        finally:
            server.kill()
            server.wait()
            log.close()


def wait_until(found: Callable[[], T], seconds: float = 60, *, log: Path | None = None) -> T:
    """Returns what is found, as soon as it is true."""
    deadline = time.monotonic() + seconds
    while True:
        result = found()
        if result:
            return result
        if time.monotonic() > deadline:
            said = log.read_text(encoding="utf-8", errors="replace")[-3000:] if log else ""
            raise AssertionError(f"not within {seconds} s: {result!r} {said}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/server_info", timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False
