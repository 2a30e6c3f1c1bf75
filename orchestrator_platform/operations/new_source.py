"""Writes the component and the contract of a new source: the use case behind `orchestrator new source`."""

import re
from collections.abc import Sequence
from pathlib import Path

import yaml

from ..errors import Misuse
from ..reading.propose_source import propose_source
from ..settings import Settings
from .new_files import NewFiles, refuse_existing

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,62}")


def propose_new_source(settings: Settings, name: str, files: Sequence[Path], folder: Path | None = None) -> NewFiles:
    """Returns what would be written, from one look at the sample files.

    Args:
        folder: Where the component goes, by default a folder of its name.

    Raises:
        Misuse: The name cannot be a source's, or files of it are there already.
    """
    if not _NAME.fullmatch(name):
        raise Misuse(
            f"{name!r} cannot be a source's name. Nothing was written. Begin with a letter; then a-z, 0-9, _ and -,"
            " at most 63 in all."
        )
    folder = folder or settings.project.defs / name
    targets = folder / "defs.yaml", folder / "contract.py"
    refuse_existing(targets, "source")
    proposal = propose_source(name, files)
    component = proposal.component_yaml()
    texts = component, proposal.contract_py()
    asset = str(yaml.safe_load(component)["attributes"]["asset"])
    steps = (
        f"Read both files and edit them: {asset} promises what the contract says.",
        f"One agent must produce {asset} and another audit it: `orchestrator agents check`.",
        f"`orchestrator land {name} FILE…`",
    )
    return NewFiles("source", name, asset, dict(zip(targets, texts, strict=True)), tuple(proposal.unsure), steps)
