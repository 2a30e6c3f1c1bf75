"""Dagster's own server for one home, on loopback: the use case behind `orchestrator dev` and `make dev`."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ..errors import EXIT_FAULT, Misuse
from ..home_format import make_home
from ..settings import DOCS_VARIABLE, HOME_VARIABLE, PROJECT_VARIABLE, STOPPING_VARIABLE, Settings
from .docs_server import serve_docs

_STOP_SECONDS, _LEFT_SECONDS = 20, 5
# Services that end by themselves are started again, but not without end, nor where they could not even begin.
_RESTARTS, _RESTART_SECONDS, _BOOT_SECONDS = 5, 300.0, 20.0
_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of Linux
# Dagster's advice to use another command of its own is not for who called ours.
_NOT_OF_OURS = "ignore:Function `dev_command` is superseded"
# What stands under this line is ours; whoever takes the line out keeps what stands there.
_OURS = "# Kept up to date by `orchestrator dev`, as long as this line is here."
# A run waits in no queue, and nothing is sent to anybody or asked of the reader.
_QUIET_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
"""
# Sensors wait inside their ticks for what they look at: each needs a thread of its own.
_SENSORS_YAML = """\
sensors:
  use_threads: true
  num_workers: 16
"""
# Written before the first line was.
_EARLIER_YAML = (_QUIET_YAML, _QUIET_YAML + _SENSORS_YAML)
_EVENT_LOG_YAML = """\
event_log_storage:
  module: orchestrator_platform.projections.dagster_event_log
  class: KeptEventLogStorage
  config:
    base_dir: {folder}
"""
_WORKSPACE = """\
load_from:
  - python_module:
      module_name: orchestrator_platform.definitions
      location_name: orchestrator
"""


def write_dagster_home(settings: Settings) -> Path:
    """Writes Dagster's configuration into the home, and returns its folder; what a person wrote stays."""
    make_home(settings.home)
    folder = settings.home.dagster
    # As JSON, which YAML understands: a folder may have any name.
    event_log = _EVENT_LOG_YAML.format(folder=json.dumps(str(folder.resolve() / "history" / "runs")))
    text = "\n".join([_OURS, _QUIET_YAML + _SENSORS_YAML + event_log])
    file = folder / "dagster.yaml"
    found = file.read_text(encoding="utf-8") if file.is_file() else ""
    if found != text and (not found or found.startswith(_OURS) or found in _EARLIER_YAML):
        _write(file, text)
    return folder


def run_dev(settings: Settings, port: int, host: str = "127.0.0.1", say: Callable[[str], None] = lambda _: None) -> int:
    """Serves Dagster's pages, with its daemon, until it is stopped by SIGINT or SIGTERM; returns the exit code.

    Raises:
        Misuse: The host is not this machine: Dagster's server knows no passwords.
    """
    if host not in {"127.0.0.1", "localhost", "::1"}:
        raise Misuse(
            f"Dagster's server has no authentication, so it is not bound to {host}. Nothing was started."
            " Use 127.0.0.1, and put a server that authenticates in front of it."
        )
    with serve_docs(settings, port + 1) as docs:
        return _serve(_Services(settings, port, host, docs, say))


def _serve(services: "_Services") -> int:
    before = {number: signal.signal(number, services.stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        return services.run()
    finally:
        for number, found in before.items():
            signal.signal(number, found)


class _Services:
    """Dagster's webserver, daemon and code server, until somebody stops them."""

    def __init__(self, settings: Settings, port: int, host: str, docs: str, say: Callable[[str], None]) -> None:
        self._command = dev_command(settings, port, host)
        self._folder = settings.project.root
        # Sensors wait inside their ticks, which end when this file is there.
        self._told = settings.home.dagster / "stopping"
        self._environment = dev_environment(settings) | {DOCS_VARIABLE: docs, STOPPING_VARIABLE: str(self._told)}
        self._say = say
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = False

    def run(self) -> int:
        """Returns the exit code. Where one of them is killed, the others end, and all are started again."""
        starts: list[float] = []
        while True:
            starts = [*(at for at in starts if time.monotonic() - at < _RESTART_SECONDS), time.monotonic()]
            code = self._serve()
            if self._stopping:
                return 0 if code in (0, -signal.SIGINT, -signal.SIGTERM, 130, 143) else code
            lived_seconds = time.monotonic() - starts[-1]
            if lived_seconds < _BOOT_SECONDS or len(starts) > _RESTARTS:
                return code or EXIT_FAULT
            self._say(f"Dagster's services ended by themselves ({code}). They are started again.")

    def stop(self, _number: int, _frame: object) -> None:
        """Receives a signal."""
        self._stopping = True
        with suppress(OSError):
            self._told.touch()
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)

    def _serve(self) -> int:
        self._told.unlink(missing_ok=True)
        self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
            self._command,
            cwd=self._folder,
            env=self._environment,
            # A process started in the background may inherit SIGINT ignored, and Dagster stops by it.
            preexec_fn=_begin,  # noqa: PLW1509 - our one other thread waits for requests
            start_new_session=True,
        )
        if self._stopping:
            process.send_signal(signal.SIGINT)
        try:
            return process.wait()
        finally:
            _stop(process)
            self._told.unlink(missing_ok=True)


def dev_command(settings: Settings, port: int, host: str) -> list[str]:
    """Returns the command; a project without a workspace file gets one in the home."""
    workspace = settings.project.root / "workspace.yaml"
    if not workspace.is_file():
        workspace = settings.home.dagster / "workspace.yaml"
        if not workspace.is_file():
            _write(workspace, _WORKSPACE)
    dagster = [sys.executable, "-W", _NOT_OF_OURS, "-m", "dagster", "dev", "-w", str(workspace)]
    return [*dagster, "-h", host, "-p", str(port)]


def dev_environment(settings: Settings) -> dict[str, str]:
    """Returns the environment in which Dagster and its runs find this home and project."""
    return {
        **os.environ,
        # What a run is to make is planned in one transaction: an event for every asset and every check.
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", "1000"),
        "DAGSTER_HOME": str(write_dagster_home(settings)),
        HOME_VARIABLE: str(settings.home.root),
        PROJECT_VARIABLE: str(settings.project.root),
    }


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ends the process, and whatever of its group it left behind."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for number in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + _LEFT_SECONDS
        is_left = _signal_group(process.pid, number)
        while is_left and time.monotonic() < deadline:
            time.sleep(0.05)
            is_left = _signal_group(process.pid, 0)


def _signal_group(group: int, number: int) -> bool:
    """Sends a signal to whoever is left of the group, 0 for none; returns whether anybody is."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.platform == "linux":
        # Where this process is killed, nobody else would stop the services.
        ctypes.CDLL(None).prctl(_DEATH_SIGNAL, int(signal.SIGINT))


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(file)
