"""Runs a project's Python file by its path.

The file is compiled from its bytes: no byte code is written beside it, and none is read. Python takes byte code for
current where the file's second and size are, so that of two edits within a second the first would run.
"""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path
from types import ModuleType

from .errors import DefinitionError


def run_python_file(file: Path, *, anew: bool = False) -> ModuleType:
    """Returns the file as a module: the one that its bytes gave before, or with `anew` one that nothing has touched.

    Raises:
        DefinitionError: The file cannot be read, is not Python, or does not run.
    """
    try:
        source = file.read_bytes()
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise DefinitionError(file=file, problem=problem, fix="Mend the path, or write the file.") from error
    name = f"project_file_{hashlib.sha256(str(file.resolve()).encode() + b'|' + source).hexdigest()[:32]}"
    if name in sys.modules and not anew:
        return sys.modules[name]
    spec = importlib.util.spec_from_loader(name, loader=None, origin=str(file))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(file)
    # Annotations are looked up through sys.modules, so the module must be there while it runs.
    sys.modules[name] = module
    try:
        exec(compile(source, str(file), "exec"), module.__dict__)  # noqa: S102 - it is code of the project
    except BaseException as error:
        del sys.modules[name]
        # A file that ends the process would end everything that loads the project.
        if isinstance(error, DefinitionError) or not isinstance(error, Exception | SystemExit):
            raise
        raise _failure(file, error) from error
    return module


def _failure(file: Path, error: Exception | SystemExit) -> DefinitionError:
    if isinstance(error, SyntaxError) and error.filename == str(file):
        problem = f"is not valid Python: {error.msg}"
        return DefinitionError(file=file, line=error.lineno, problem=problem, fix="Mend the file.")
    problem = f"does not run: {type(error).__name__}: {error}"
    fix = "Mend the file; it must import without side effects."
    return DefinitionError(file=file, line=line_in(file, error), problem=problem, fix=fix)


def line_in(file: Path, error: BaseException) -> int | None:
    """Returns the last line of the file that was at work when the error arose; none where it was not."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename) == file]
    return lines[-1] if lines else None
