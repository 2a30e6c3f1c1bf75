"""Dagster's own server for one home, on loopback: the use case behind `orchestrator dev` and `make dev`."""

import os
import signal
import subprocess
import sys
from pathlib import Path

from ..errors import Misuse
from ..settings import HOME_VARIABLE, PROJECT_VARIABLE, Settings, make_home

_STOP_SECONDS = 20
# A run waits in no queue, and nothing is sent to anybody or asked of the reader.
_DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
run_coordinator:
  module: dagster._core.run_coordinator
  class: DefaultRunCoordinator
"""
_WORKSPACE = """\
load_from:
  - python_module:
      module_name: orchestrator_platform.definitions
      location_name: orchestrator
"""


def write_dagster_home(settings: Settings) -> Path:
    """Writes Dagster's configuration into the home where it is missing, and returns its folder."""
    make_home(settings.home)
    folder = settings.home.dagster
    _write_if_missing(folder / "dagster.yaml", _DAGSTER_YAML)
    return folder


def run_dev(settings: Settings, port: int, host: str = "127.0.0.1") -> int:
    """Serves Dagster's pages until it is stopped by SIGINT or SIGTERM; returns the exit code.

    Raises:
        Misuse: The host is not this machine: Dagster's server knows no passwords.
    """
    if host not in {"127.0.0.1", "localhost", "::1"}:
        raise Misuse(
            f"Dagster's server has no authentication, so it is not bound to {host}. Nothing was started."
            " Use 127.0.0.1, and put a server that authenticates in front of it."
        )
    process = subprocess.Popen(  # noqa: S603 - our own interpreter and arguments
        dev_command(settings, port, host),
        cwd=settings.project.root,
        env=dev_environment(settings),
        # A process started in the background may inherit SIGINT ignored, and Dagster stops by it.
        preexec_fn=_restore_interrupt,  # noqa: PLW1509 - no thread of ours runs yet
        start_new_session=True,
    )
    before = {number: signal.signal(number, _stopper(process)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        code = process.wait()
    finally:
        for number, found in before.items():
            signal.signal(number, found)
        _stop(process)
    return 0 if code in (0, -signal.SIGINT, -signal.SIGTERM, 130, 143) else code


def dev_command(settings: Settings, port: int, host: str) -> list[str]:
    """Returns the command; a project without a workspace file gets one in the home."""
    workspace = settings.project.root / "workspace.yaml"
    if not workspace.is_file():
        workspace = settings.home.dagster / "workspace.yaml"
        _write_if_missing(workspace, _WORKSPACE)
    dagster = [sys.executable, "-m", "dagster", "dev", "-w", str(workspace)]
    return [*dagster, "-h", host, "-p", str(port)]


def dev_environment(settings: Settings) -> dict[str, str]:
    """Returns the environment in which Dagster and its runs find this home and project."""
    return {
        **os.environ,
        "DAGSTER_HOME": str(write_dagster_home(settings)),
        HOME_VARIABLE: str(settings.home.root),
        PROJECT_VARIABLE: str(settings.project.root),
    }


def _stopper(process: "subprocess.Popen[bytes]"):  # type: ignore[no-untyped-def]  # the type of a signal's receiver
    def stop(_number: int, _frame: object) -> None:
        process.send_signal(signal.SIGINT)

    return stop


def _stop(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _restore_interrupt() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _write_if_missing(file: Path, text: str) -> None:
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        partial = file.with_suffix(".partial")
        partial.write_text(text, encoding="utf-8")
        partial.replace(file)
