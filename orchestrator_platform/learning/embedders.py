"""How embedders are identified and opened, as one value that whoever builds or judges vectors is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..records.embedders import EmbedderIdentity, EmbedderOptions
from .embedder import Embedder


@dataclass(frozen=True)
class Embedders:
    """`identify` is quick and loads no engine; both take the folder that paths in the options are relative to."""

    identify: Callable[[EmbedderOptions, Path], EmbedderIdentity]
    open: Callable[[EmbedderOptions, Path], Embedder]


def opened_once(embedders: Embedders) -> Embedders:
    """Returns the same embedders, each opened once for everybody who shares this value."""
    opened: dict[tuple[str, Path], Embedder] = {}

    def open_(options: EmbedderOptions, folder: Path) -> Embedder:
        which = (options.model_dump_json(), folder)
        if which not in opened:
            opened[which] = embedders.open(options, folder)
        return opened[which]

    return Embedders(embedders.identify, open_)


def local_embedders(cache: Path) -> Embedders:
    """Returns those that a component's YAML can name; what they prepare once is kept in `cache`."""

    def identify(options: EmbedderOptions, folder: Path) -> EmbedderIdentity:
        from .open_embedder import identify

        return identify(options, cache=cache, base_folder=folder)

    def open_(options: EmbedderOptions, folder: Path) -> Embedder:
        from .open_embedder import open_embedder

        return open_embedder(options, cache=cache, base_folder=folder)

    return Embedders(identify, open_)
