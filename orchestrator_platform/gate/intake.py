"""Takes landed files in: hashes each once, keeps its bytes in the archive, tells known bytes from new ones.

A landed file is never altered. It leaves landing only when its rows are accounted for.
"""

import hashlib
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..audits.raw_checks import archived_path
from ..reading.landing_files import LandedFile, arrival_of, identity_of
from ..records.ledger import FileState, LedgerEntry
from ..storage import writing

_ASIDE = ".removing"


@dataclass(frozen=True)
class TakenFile:
    landed: LandedFile
    sha256: str


@dataclass(frozen=True)
class Intake:
    """Landed files by what is to be done with them.

    `duplicates` hold bytes that are accounted for already, here or in the ledger; `accounted` are
    files that a crash left in landing after their rows were committed, known by the very arrival that
    the ledger has; `held` belong to a rejected candidate; `changing` were written to while they were read.
    """

    fresh: tuple[TakenFile, ...]
    duplicates: tuple[TakenFile, ...]
    accounted: tuple[TakenFile, ...]
    held: tuple[TakenFile, ...]
    changing: tuple[LandedFile, ...]


def take_in(files: Sequence[LandedFile], ledger: Sequence[LedgerEntry], held: Collection[str], archive: Path) -> Intake:
    """Copies new bytes into the archive and sorts the files. Landing itself is only read."""
    arrivals = {(entry.file, entry.file_sha256, entry.identity) for entry in ledger}
    known = {entry.file_sha256 for entry in ledger}
    sorted_files: dict[str, list[TakenFile]] = {name: [] for name in ("fresh", "duplicates", "accounted", "held")}
    changing = []
    for file in files:
        sha256 = archive_file(file, archive)
        if sha256 is None:
            changing.append(file)
            continue
        taken = TakenFile(file, sha256)
        if (file.name, sha256, file.arrival) in arrivals:
            sorted_files["accounted"].append(taken)
        elif sha256 in known:
            sorted_files["duplicates"].append(taken)
        elif sha256 in held:
            sorted_files["held"].append(taken)
        else:
            known.add(sha256)
            sorted_files["fresh"].append(taken)
    return Intake(changing=tuple(changing), **{name: tuple(found) for name, found in sorted_files.items()})


def archive_file(file: LandedFile, archive: Path) -> str | None:
    """Keeps a copy of the file's bytes under their hash; returns the hash, `None` if it changed meanwhile."""
    archive.mkdir(parents=True, exist_ok=True)
    partial = archive / f".{os.getpid()}-{os.urandom(4).hex()}.partial"
    digest = hashlib.sha256()
    try:
        with writing(archive), file.path.open("rb") as reading, partial.open("xb") as copy:
            while chunk := reading.read(1 << 20):
                digest.update(chunk)
                copy.write(chunk)
            copy.flush()
            os.fsync(copy.fileno())
            after = os.fstat(reading.fileno())
        if identity_of(after) != file.identity:
            return None
        target = archived_path(archive, digest.hexdigest())
        target.parent.mkdir(exist_ok=True)
        partial.chmod(0o444)
        partial.replace(target)
    except FileNotFoundError:
        return None
    finally:
        partial.unlink(missing_ok=True)
    return digest.hexdigest()


def duplicate_rows(known: Sequence[LedgerEntry], batch: Mapping[str, int], taken: TakenFile) -> int:
    """Returns how many rows a file of known bytes holds: as many as when they were first read."""
    if taken.sha256 in batch:
        return batch[taken.sha256]
    return next(
        entry.n_rows for entry in known if entry.file_sha256 == taken.sha256 and entry.state is not FileState.DUPLICATE
    )


def retire(files: Sequence[TakenFile]) -> None:
    """Removes files from landing whose rows are accounted for; another file of the same name stays."""
    removed: set[str] = set()
    for taken in files:
        with suppress(FileNotFoundError):
            # A hard link has the arrival of those removed before it, and their removal gave it another one.
            if taken.landed.arrival in removed or arrival_of(taken.landed.path.lstat()) == taken.landed.arrival:
                _remove(taken.landed)
                removed.add(taken.landed.arrival)


def put_back(folder: Path) -> None:
    """Gives their places back to files that a crash left half-removed: what they are is found out anew."""
    for aside in folder.rglob(f".*{_ASIDE}"):
        for file in aside.iterdir():
            _put_back(file)
        aside.rmdir()


def _remove(file: LandedFile) -> None:
    # Looked at again in a folder of our own: another file may have come in between.
    aside = file.path.with_name(f".{os.urandom(8).hex()}{_ASIDE}")
    aside.mkdir()
    try:
        moved = _move_aside(file.path, aside)
        if identity_of(moved.lstat()) == file.identity:
            moved.unlink()
        else:
            _put_back(moved)
    finally:
        # What could not be put back stays aside for `put_back`.
        with suppress(OSError):
            aside.rmdir()


def _move_aside(file: Path, aside: Path) -> Path:
    return file.rename(aside / file.name)


def _put_back(file: Path) -> None:
    place = file.parent.parent / file.name
    try:
        os.link(file, place)
        file.unlink()
    except FileExistsError:
        file.rename(place.with_name(f"{place.stem}-{os.urandom(4).hex()}{place.suffix}"))
