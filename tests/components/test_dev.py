"""The server of one home: its configuration is written once, and it stops when it is told to."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from orchestrator_platform.errors import Misuse
from orchestrator_platform.operations.dev import dev_command, run_dev, write_dagster_home

START = """
import sys
from orchestrator_platform.operations.dev import run_dev
from orchestrator_platform.settings import load_settings
sys.exit(run_dev(load_settings(), int(sys.argv[1])))
"""


def test_dagsters_home_is_quiet_and_keeps_what_a_person_changed(shop: Any) -> None:
    folder = write_dagster_home(shop.settings)
    written = yaml.safe_load((folder / "dagster.yaml").read_text(encoding="utf-8"))
    assert written["telemetry"] == written["nux"] == {"enabled": False}
    assert written["run_coordinator"]["class"] == "DefaultRunCoordinator"
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n", encoding="utf-8")
    write_dagster_home(shop.settings)
    assert "nux" not in (folder / "dagster.yaml").read_text(encoding="utf-8")


def test_dagsters_home_follows_the_home_to_another_folder(shop: Any) -> None:
    file = write_dagster_home(shop.settings) / "dagster.yaml"
    here = file.read_text(encoding="utf-8")
    assert str(file.parent / "history" / "runs") in here
    file.write_text(here.replace(str(file.parent), "/elsewhere"), encoding="utf-8")
    write_dagster_home(shop.settings)
    assert file.read_text(encoding="utf-8") == here


def test_what_an_earlier_version_wrote_for_dagster_is_brought_up_to_date(shop: Any) -> None:
    file = write_dagster_home(shop.settings) / "dagster.yaml"
    first, *rest = file.read_text(encoding="utf-8").splitlines(keepends=True)
    earlier = "".join(rest)[: "".join(rest).index("event_log_storage")]
    file.write_text(earlier, encoding="utf-8")
    write_dagster_home(shop.settings)
    assert file.read_text(encoding="utf-8").startswith(first)
    assert "KeptEventLogStorage" in file.read_text(encoding="utf-8")


def test_a_server_without_passwords_is_not_shown_to_other_machines(shop: Any) -> None:
    with pytest.raises(Misuse, match="no authentication"):
        run_dev(shop.settings, 3000, host="0.0.0.0")  # noqa: S104 - this is what must be refused


def test_a_project_without_a_workspace_file_gets_one(shop: Any) -> None:
    command = dev_command(shop.settings, 3000, "127.0.0.1")
    workspace = Path(command[command.index("-w") + 1])
    assert "orchestrator_platform.definitions" in workspace.read_text(encoding="utf-8")


def test_the_server_gives_no_advice_that_is_not_for_its_caller(shop: Any) -> None:
    command = dev_command(shop.settings, 3000, "127.0.0.1")
    warns = "import warnings; warnings.warn('Function `dev_command` is superseded and its usage is discouraged.')"
    options = command[1 : command.index("-m")]
    said = subprocess.run([sys.executable, *options, "-c", warns], capture_output=True, text=True, check=True)
    assert said.stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_starts_and_stops_with_all_its_processes(shop: Any, number: signal.Signals) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "ORCHESTRATOR_HOME": str(shop.settings.home.root),
        "ORCHESTRATOR_PROJECT": str(shop.settings.project.root),
    }
    server = subprocess.Popen([sys.executable, "-c", START, str(port)], env=environment)
    try:
        assert _answers(f"http://127.0.0.1:{port}/server_info", 120)
        server.send_signal(number)
        assert server.wait(60) == 0
    finally:
        server.kill()
        server.wait()
    with socket.socket() as again:
        assert again.connect_ex(("127.0.0.1", port)) != 0


def _answers(url: str, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - loopback
                return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    return False
