"""Writes the component and the contract of a new source: the use case behind `orchestrator new source`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import Misuse
from ..reading.propose_source import propose_source
from ..settings import Settings

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@dataclass(frozen=True)
class NewSource:
    """The files of a source as proposed, by path; `unsure` is what a person has to decide."""

    name: str
    asset: str
    files: Mapping[Path, str]
    unsure: tuple[str, ...]


def propose_new_source(settings: Settings, name: str, files: Sequence[Path]) -> NewSource:
    """Returns what would be written, from one look at the sample files.

    Raises:
        Misuse: The name cannot be a source's, or files of it are there already.
    """
    if not _NAME.fullmatch(name):
        raise Misuse(
            f"{name!r} cannot be a source's name. Nothing was written. Begin with a letter; then a-z, 0-9, _ and -,"
            " at most 63 in all."
        )
    folder = settings.project.defs / name
    targets = folder / "defs.yaml", folder / "contract.py"
    _refuse_existing(targets)
    proposal = propose_source(name, files)
    component = proposal.component_yaml()
    texts = component, proposal.contract_py()
    asset = str(yaml.safe_load(component)["attributes"]["asset"])
    return NewSource(name, asset, dict(zip(targets, texts, strict=True)), tuple(proposal.unsure))


def write_new_source(source: NewSource) -> None:
    """Writes the files; one that is there is never overwritten.

    Raises:
        Misuse: One of them is there already.
    """
    _refuse_existing(tuple(source.files))
    for file, text in source.files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("x", encoding="utf-8") as writing:
            writing.write(text)


def _refuse_existing(files: Sequence[Path]) -> None:
    there = [str(file) for file in files if file.exists()]
    if there:
        raise Misuse(
            f"{' and '.join(there)} is there already. Nothing was written. Edit it, or choose another name for the"
            " source."
        )
