"""Loads a class out of a Python file by the file's path. Knows nothing of pandera or of contracts.

The file is compiled from its bytes each time it changes: no byte code is written beside it, and an
edit within the same second is seen.
"""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from ..errors import DefinitionError
from .places import Place, class_names


def load_class(file: Path, class_name: str) -> type:
    """Returns the class of that name from the file.

    Raises:
        DefinitionError: The file is missing or does not run, or holds no such class.
    """
    found = getattr(_load_module(file), class_name, None)
    if isinstance(found, type):
        return found
    known = ", ".join(class_names(file)) or "none"
    raise Place(str(file)).error(f"has no class {class_name!r}", f"Classes in the file: {known}.")


def _load_module(file: Path) -> ModuleType:
    source = _read(file)
    name = f"orchestrator_contract_{hashlib.sha256(str(file.resolve()).encode() + b'|' + source).hexdigest()[:32]}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(file))
    if spec is None:
        raise Place(str(file)).error("cannot be loaded as a module", "Is it a Python file?")
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(file)
    # Annotations are looked up through sys.modules, so the module must be there while it runs.
    sys.modules[name] = module
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - a contract is code of the project
    except Exception as error:
        del sys.modules[name]
        raise _failure(file, error) from error
    return module


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise Place(str(file)).error(
            f"cannot be read: {error.strerror}", "A contract names an existing file: mend the path."
        ) from error


def _failure(file: Path, error: Exception) -> DefinitionError:
    if isinstance(error, SyntaxError):
        return Place(str(file), error.lineno).error(f"is not valid Python: {error.msg}", "Mend the file.")
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
    return Place(str(file), lines[-1] if lines else None).error(
        f"does not run: {type(error).__name__}: {error}", "Mend the file; it must import without side effects."
    )
