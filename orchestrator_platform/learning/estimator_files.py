"""Finds a project's estimator: an `Estimator` under a name in a Python file beside the component."""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ..errors import DefinitionError
from .estimators import Estimator


def load_estimator(file: Path, name: str) -> Estimator:
    """Returns the estimator of that name.

    Raises:
        DefinitionError: The file cannot be run, or holds no such estimator.
    """
    found = getattr(_run(file), name, None)
    if isinstance(found, Estimator):
        return found
    fix = f"Write `{name} = Estimator(build=…, suggest=…)` there."
    raise DefinitionError(file=file, problem=f"holds no estimator {name!r}", fix=fix)


def _run(file: Path) -> ModuleType:
    try:
        source = file.read_bytes()
    except OSError as error:
        raise DefinitionError(file=file, problem=f"cannot be read: {error.strerror}", fix="Mend the path.") from error
    name = f"estimator_{hashlib.sha256(str(file.resolve()).encode() + source).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(file))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(file)
    sys.modules[name] = module
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102  # an estimator is code of the project
    except Exception as error:
        del sys.modules[name]
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        line = error.lineno if isinstance(error, SyntaxError) else lines[-1] if lines else None
        problem = f"cannot be run: {type(error).__name__}: {error}"
        raise DefinitionError(file=file, line=line, problem=problem, fix="Mend the file.") from error
    return module
