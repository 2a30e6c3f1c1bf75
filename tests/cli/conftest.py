from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from small_project import make_project, write, write_orders

from orchestrator_platform.cli.edge import run

Call = Callable[..., "Said"]


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def orchestrator(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Runs the command line in this process, in the folder given; its imports are paid once."""

    def call(folder: Path, *arguments: object) -> Said:
        monkeypatch.chdir(folder)
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        return Said(code, *capsys.readouterr())

    return call


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which something was published, something quarantined and something rejected; only to be read.

    `raw.orders` has two versions, `marts.totals` and `marts.ranking` one; a second one of totals was rejected.
    """
    folder = make_project(tmp_path_factory.mktemp("told"))
    first = write_orders(folder, "may.csv", (1, "ann", 10, "open"), (2, "bob", 20, "paid"), (3, "ann", -5, "open"))
    evil = write(folder / "incoming" / "june.csv", 'order_id,customer,amount,status\n4,"e\x1b[2Jve",5000,open\n')
    for arguments in (["land", "orders", first], ["build"], ["land", "orders", evil], ["build"]):
        run(["--project", str(folder), *map(str, arguments)])
    return folder
