"""New files of a project, proposed before they are written: none is overwritten, and a project never loads less well
with them than without.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import Misuse, OrchestratorError
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..settings import Settings
from .project_assets import Declarations, load_declarations, load_gate

_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True)
class NewFiles:
    """What would be written, by path; `unsure` is what a person has to decide, `steps` what comes next."""

    kind: str
    name: str
    asset: str
    files: Mapping[Path, str]
    unsure: tuple[str, ...] = ()
    steps: tuple[str, ...] = field(default=())


def asset_named(name: str, schema: str, kind: str) -> AssetKey:
    """Returns the asset of a name, which may come with a schema of its own.

    Raises:
        Misuse: It can be no asset's name.
    """
    own, dot, last = name.partition(".")
    schema, last = (own, last) if dot else (schema, own)
    if not _NAME.fullmatch(schema) or not _NAME.fullmatch(last):
        raise Misuse(
            f"{name!r} cannot be a {kind}'s name. Nothing was written. Begin with a letter; then a-z, 0-9 and _, at"
            f" most 63 in all. It is called {schema or 'schema'}.NAME, unless you name another schema: other.NAME."
        )
    return AssetKey(f"{schema}.{last}")


def class_name(asset: AssetKey) -> str:
    """Returns what a contract's class for the asset is called."""
    return "".join(part.capitalize() for part in asset.name.split("_") if part)


def identifier(name: str) -> str:
    """Returns the name as Python takes it."""
    import keyword

    return f"{name}_" if keyword.iskeyword(name) or keyword.issoftkeyword(name) else name


def declared_in(settings: Settings) -> Declarations:
    """Returns what the project declares now; it may have no agents yet."""
    return load_declarations(settings)


def refuse_existing(files: Sequence[Path], what: str) -> None:
    """Raises Misuse where one of the files is there."""
    there = [str(file) for file in files if file.exists() or file.is_symlink()]
    if there:
        raise Misuse(
            f"{' and '.join(there)} is there already. Nothing was written. Edit it, or choose another name for the"
            f" {what}."
        )


def write_new(settings: Settings, new: NewFiles) -> str:
    """Writes the files, and takes them back where the project loads without them and not with them.

    Returns what keeps the project from loading, before as after; nothing where it loads.

    Raises:
        Misuse: One of them is there already, or the project would not load any more; nothing is written then.
    """
    refuse_existing(tuple(new.files), new.kind)
    problem = _write_if_it_loads(settings, new)
    if not problem:
        return ""
    if not _problem(settings):
        raise Misuse(f"The project would not load with the {new.kind} {new.name}, so nothing was written: {problem}")
    for file, text in new.files.items():
        _write(file, text)
    return problem


def _write_if_it_loads(settings: Settings, new: NewFiles) -> str:
    """Returns what keeps the project from loading with the files, which are not there then."""
    made: list[Path] = []
    problem = "interrupted"
    try:
        for file, text in new.files.items():
            made += _write(file, text)
        problem = _problem(settings)
    finally:
        if problem:
            _take_back(made)
    return problem


def _problem(settings: Settings) -> str:
    try:
        load_gate(settings)
    except OrchestratorError as error:
        return str(error)
    return ""


def _write(file: Path, text: str) -> list[Path]:
    """Returns what was made, folders first."""
    missing = [folder for folder in reversed(file.parents) if not folder.exists()]
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("x", encoding="utf-8") as writing:
        writing.write(text)
    return [*missing, file]


def _take_back(made: Sequence[Path]) -> None:
    import shutil

    for path in reversed(made):
        if not path.exists():
            continue
        if path.is_dir():
            # What was compiled beside a file goes with it.
            shutil.rmtree(path / "__pycache__", ignore_errors=True)
            if not any(path.iterdir()):
                path.rmdir()
        else:
            path.unlink(missing_ok=True)


def new_asset(
    settings: Settings, name: str, schema: str, kind: str
) -> tuple[AssetKey, dict[AssetKey, AssetDeclaration]]:
    """Returns the key of a new asset, and what is declared beside it.

    Raises:
        Misuse: The name cannot be one, or it is declared already.
    """
    asset = asset_named(name, schema, kind)
    declared = {declaration.key: declaration for declaration in declared_in(settings).assets}
    if asset in declared:
        raise Misuse(f"{asset} is declared already. Nothing was written. Choose another name.")
    return asset, declared
