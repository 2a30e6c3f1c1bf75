import os
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

# Modules that several suites share lie beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from made_once import MadeOnce


def pytest_configure() -> None:
    """Gives DuckDB one thread in each of several processes that test side by side.

    On statements as small as those of tests, threads that wait for work take as much of a processor as the work. What
    runs in processes of its own, such as what is killed, and the long suites that run alone have all threads.
    """
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    connect = duckdb.connect

    def connect_with_one_thread(*args: Any, config: dict[str, Any] | None = None, **named: Any) -> Any:
        return connect(*args, config={"threads": 1, **(config or {})}, **named)

    duckdb.connect = connect_with_one_thread


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--screenshots", metavar="FOLDER", help="The browser tests take the documentation's pictures.")
    parser.addoption("--every", type=int, default=1, metavar="N", help="The long kill suite tries every Nth line only.")


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Gives the folder as a function made it, which happens once in a process."""
    return MadeOnce(tmp_path_factory.mktemp("made"))
