"""Makes a small home with the code that is installed and packs it: `python make_old_home.py format-1.tar.xz`.

Run it before the format changes. The home has two versions of `raw.orders`, one of `marts.totals` and
`marts.ranking`, rows in quarantine and a rejected candidate; it must open for ever.
"""

import sys
import tarfile
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from small_project import gate_of, make_project, write_orders

from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land

_PACKED = ("home.json", "archive", "candidates", "journal", "landing", "lake", "projections")


def fill(folder: Path) -> Path:
    """Returns the home of a project in this folder, in which something was published, held back and rejected."""
    make_project(folder)
    may = write_orders(folder, "may.csv", (1, "ann", 10, "open"), (2, "bob", 20, "paid"), (3, "ann", -5, "open"))
    june = write_orders(folder, "june.csv", (4, "eve", 5000, "open"))
    for file in (may, june):
        land(gate_of(folder), "orders", [file])
        build(gate_of(folder))
    return folder / "home"


def pack(home: Path, target: Path) -> None:
    """Packs what is state: no caches, no scratch."""
    with tarfile.open(target, "w:xz") as packed:
        for name in _PACKED:
            if (home / name).exists():
                packed.add(home / name, name)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        pack(fill(Path(scratch) / "project"), Path(sys.argv[1]))
