"""Tells whether a file that declares something was written since. Reads names and times, and no contents."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..settings import Settings

_NOT_DECLARING = frozenset({"target", "logs", "dbt_packages", "__pycache__"})


def definition_state(settings: Settings) -> object:
    """Returns what changes whenever a file that declares something is written."""
    project = settings.project
    folders = (project.defs, project.agents, project.dbt_project)
    declared = frozenset(entry for folder in folders for entry in _files(folder))
    return declared | set(_stated(str(project.root / "pyproject.toml")))


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    for place, below, names in os.walk(folder):
        below[:] = [name for name in below if name not in _NOT_DECLARING]
        for name in names:
            yield from _stated(os.path.join(place, name))  # noqa: PTH118 - called for every file, again and again


def _stated(file: str) -> Iterator[tuple[str, int, int]]:
    try:
        status = os.stat(file)  # noqa: PTH116 - as above
    except OSError:
        return
    yield file, status.st_mtime_ns, status.st_size
