"""What takes seconds to make is made once in a process, and given back as it was to every test that starts from it."""

import shutil
from collections.abc import Callable
from pathlib import Path

Make = Callable[[Path], object]


class MadeOnce:
    """What functions make in a folder. It is put back where it was made: a home's paths, and what dbt made of a
    project, are of that place.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[Make, Path] = {}

    def __call__(self, make: Make) -> Path:
        """Returns the folder as `make` left it, whatever was done in it since; who asks again ends what was before."""
        if make not in self._made:
            self._made[make] = place = self._folder / str(len(self._made))
            make(_new(place / "project"))
            shutil.copytree(place / "project", place / "kept", symlinks=True)
            return place / "project"
        place = self._made[make]
        shutil.rmtree(place / "project")
        shutil.copytree(place / "kept", place / "project", symlinks=True)
        return place / "project"


def _new(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
