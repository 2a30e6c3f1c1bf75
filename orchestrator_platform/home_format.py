"""In which format a home was written: its marker, what this version can read, and the folders that it makes."""

import json
from typing import TYPE_CHECKING

from .errors import Misuse, NewerHome

if TYPE_CHECKING:
    from .settings import Home

HOME_FORMAT = 2


def read_home_format(home: "Home") -> int | None:
    """Returns the format in which the home was written; `None` where nothing says.

    Raises:
        Misuse: The marker cannot be read.
    """
    if not home.marker.exists():
        return None
    try:
        return int(json.loads(home.marker.read_text(encoding="utf-8"))["format"])
    except (ValueError, KeyError, TypeError) as error:
        raise Misuse(
            f"{home.marker} cannot be read ({error}). Nothing else was read."
            " Look: `orchestrator doctor`, or choose another home."
        ) from error


def write_home_format(home: "Home", number: int = HOME_FORMAT) -> None:
    """Marks the home as of this format, in one rename."""
    partial = home.marker.with_suffix(".json.partial")
    partial.write_text(json.dumps({"format": number}) + "\n", encoding="utf-8")
    partial.replace(home.marker)


def check_home_format(home: "Home") -> None:
    """Raises NewerHome where the home was written by a newer format; a missing home is fine."""
    found = read_home_format(home)
    if found is not None and found > HOME_FORMAT:
        raise NewerHome(home=home.root, found=found, known=HOME_FORMAT)


def make_home(home: "Home") -> None:
    """Creates the home's folders and its format marker where they are missing."""
    check_home_format(home)
    for folder in (
        home.landing,
        home.archive,
        home.lake,
        home.candidates,
        home.workbenches,
        home.journal,
        home.projections,
        home.cache,
        home.dagster,
    ):
        folder.mkdir(parents=True, exist_ok=True)
    if not home.marker.exists():
        write_home_format(home)
