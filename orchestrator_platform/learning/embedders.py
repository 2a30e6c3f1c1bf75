"""How embedders are identified and opened, as one value that whoever builds or judges vectors is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import EmbedderUnusable
from ..records.declarations import EmbeddingBuild
from ..records.embedders import EmbedderIdentity, EmbedderOptions
from .embedder import Embedder


@dataclass(frozen=True)
class Embedders:
    """`identify` is quick and loads no engine; both take the folder that paths in the options are relative to."""

    identify: Callable[[EmbedderOptions, Path], EmbedderIdentity]
    open: Callable[[EmbedderOptions, Path], Embedder]

    def open_declared(self, build: EmbeddingBuild) -> Embedder:
        """Returns the embedder of an embedding, once it is seen to be the one that is declared.

        Raises:
            EmbedderUnusable: It cannot be opened, or its vectors would not compare with those that are declared.
        """
        embedder, declared = self.open(build.options.embedder, build.folder), build.identity
        if embedder.identity != declared:
            raise EmbedderUnusable(
                embedder=embedder.identity.name,
                problem=f"it is {embedder.identity.hash()}, and {declared.name} ({declared.hash()}) is declared",
                fix="Were its files replaced? Run the same again, so that it is declared anew.",
            )
        return embedder


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
