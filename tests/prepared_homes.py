"""The small project, kept at the moment before each act of the platform, so that the act may be tried many times.

What is kept is put back where it was made: a home's paths are its own.
"""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from asking_project import ASKS
from killed_line import Act
from small_project import gate_of, make_project, open_project, write, write_orders
from whole_home import read_landed

from orchestrator_platform.errors import AlreadySettled
from orchestrator_platform.operations.approve import approve
from orchestrator_platform.operations.backup import back_up, verify
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.discard import discard
from orchestrator_platform.operations.gc import collect_garbage
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.projections import project as bring_up
from orchestrator_platform.operations.records_of import quarantine
from orchestrator_platform.operations.releases import release, releases
from orchestrator_platform.operations.replay import replay
from orchestrator_platform.operations.restore import restore
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.records.ledger import QuarantineKind
from orchestrator_platform.settings import Settings, load_settings

CONTRACT = "defs/orders/contract.py"


def land_files(project: Path) -> None:
    """Lands what lies in landing, and one file that is copied there."""
    land(gate_of(project), "orders", [project / "incoming/copied.csv"])


def build_tables(project: Path) -> None:
    build(gate_of(project))


def roll_back(project: Path) -> None:
    rollback(gate_of(project), Goal(asset="raw.orders", version=1), why="a test")


def release_all(project: Path) -> None:
    gate = gate_of(project)
    if "summer" not in {named.name for named in releases(open_project(project))}:
        release(gate, "summer", by="ann", why="a test")


def approve_totals(project: Path) -> None:
    with suppress(AlreadySettled):
        approve(gate_of(project), _number(project, QuarantineKind.CANDIDATE), approver="ann", reason="a test")


def discard_totals(project: Path) -> None:
    with suppress(AlreadySettled):
        discard(gate_of(project), _number(project, QuarantineKind.CANDIDATE), why="a test")


def replay_rows(project: Path) -> None:
    with suppress(AlreadySettled):
        replay(gate_of(project), _number(project, QuarantineKind.ROWS))


def replay_totals(project: Path) -> None:
    with suppress(AlreadySettled):
        replay(gate_of(project), _number(project, QuarantineKind.CANDIDATE))


def collect(project: Path) -> None:
    """Frees every version that does not serve, and every rejected candidate."""
    collect_garbage(open_project(project), by="ann")


def back_up_home(project: Path) -> None:
    back_up(_settings(project), project / "backup", by="ann")


def restore_home(project: Path) -> None:
    """Makes the home from the backup, unless it is there."""
    if not is_there(project):
        restore(_settings(project), project / "backup", by="ann")


def is_there(project: Path) -> bool:
    return (project / "home/lake/catalog.sqlite").exists()


def _settings(project: Path) -> Settings:
    return load_settings(project / "home", project)


def _number(project: Path, kind: QuarantineKind) -> int:
    return next(entry.id for entry in quarantine(open_project(project)) if entry.kind is kind)


@dataclass(frozen=True)
class Homes:
    """`project` is where all happens; `kept` has a copy of it for each act, by the act's name."""

    project: Path
    kept: Path

    def put_back(self, act: Act) -> Path:
        """Makes the project what it was before the act, and returns it."""
        shutil.rmtree(self.project, ignore_errors=True)
        shutil.copytree(self.kept / act.__name__, self.project)
        return self.project

    def landed(self, act: Act) -> dict[str, list[int]]:
        """Returns the orders in every file that was landed before the act, or is by it, by the file's sha256."""
        return read_landed(
            *(self.kept / act.__name__ / place for place in ("home/landing", "home/archive", "incoming"))
        )

    def keep(self, *acts: Act) -> None:
        for act in acts:
            shutil.copytree(self.project, self.kept / act.__name__)


def make_homes(folder: Path) -> Homes:
    """Makes every home once, in the order in which a project comes to them."""
    homes = Homes(folder / "project", folder / "kept")
    project = make_project(homes.project, changes=ASKS)
    land(gate_of(project), "orders", [_first_orders(project)])
    build(gate_of(project))
    _drop_second_orders(project)
    homes.keep(land_files)
    land_files(project)
    homes.keep(build_tables)
    build_tables(project)
    homes.keep(roll_back, release_all)
    _allow_refunds(project)
    homes.keep(replay_rows)
    _forbid_refunds(project)
    land(gate_of(project), "orders", [write_orders(project, "large.csv", (31, "ada", 500, "open"))])
    build(gate_of(project))
    homes.keep(approve_totals, discard_totals)
    _ask_no_more(project)
    homes.keep(replay_totals)
    replay_totals(project)
    homes.keep(back_up_home)
    back_up_home(project)
    shutil.move(project / "home", folder / "home")
    homes.keep(restore_home)
    shutil.move(folder / "home", project / "home")
    _keep_nothing_old(project)
    homes.keep(collect)
    return homes


def finish(project: Path, act: Act) -> None:
    """What follows a crash: the same act once more, and nothing done by hand."""
    act(project)
    # An act that was done before the crash has nothing to tell; the next one would bring the journal up.
    bring_up(gate_of(project))
    if act is back_up_home:
        verify(project / "backup")


def _first_orders(project: Path) -> Path:
    return write_orders(project, "first.csv", (1, "ada", 10, "open"), (2, "bob", 3, "paid"), (3, "eve", -1, "open"))


def _drop_second_orders(project: Path) -> None:
    """Two files are moved into landing, one of them with the first one's bytes; a third is to be copied there."""
    landing = project / "home/landing/orders"
    (project / "incoming/first.csv").rename(landing / "again.csv")
    write_orders(project, "moved.csv", (11, "ada", 5, "open"), (12, "eve", -7, "open")).rename(landing / "moved.csv")
    write_orders(project, "copied.csv", (21, "bob", 8, "paid"), (22, "bob", 9, "gone"))


def _allow_refunds(project: Path) -> None:
    _edit(project, CONTRACT, "ge=0", "ge=-100")


def _forbid_refunds(project: Path) -> None:
    _edit(project, CONTRACT, "ge=-100", "ge=0")


def _ask_no_more(project: Path) -> None:
    _edit(project, "defs/marts/large.py", ">= 100", ">= 1000")


def _keep_nothing_old(project: Path) -> None:
    names = ("days", "versions", "rejected", "rejected_days", "reader_hours")
    settings = project / "pyproject.toml"
    policy = "".join(f"{name} = 0\n" for name in names)
    write(settings, f"{settings.read_text(encoding='utf-8')}\n[tool.orchestrator.retention]\n{policy}")


def _edit(project: Path, file: str, before: str, after: str) -> None:
    text = (project / file).read_text(encoding="utf-8")
    assert before in text
    write(project / file, text.replace(before, after))
