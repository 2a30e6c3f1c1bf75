"""Finds a project's estimator: an `Estimator` under a name in a Python file beside the component."""

from pathlib import Path

from ..errors import DefinitionError
from ..python_file import run_python_file
from .estimators import Estimator


def load_estimator(file: Path, name: str) -> Estimator:
    """Returns the estimator of that name.

    Raises:
        DefinitionError: The file cannot be run, or holds no such estimator.
    """
    found = getattr(run_python_file(file), name, None)
    if isinstance(found, Estimator):
        return found
    fix = f"Write `{name} = Estimator(build=…, suggest=…)` there."
    raise DefinitionError(file=file, problem=f"holds no estimator {name!r}", fix=fix)
