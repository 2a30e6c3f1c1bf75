"""From what a component declares to an embedder, or to what its vectors will be."""

from collections.abc import Mapping
from pathlib import Path

from ..records.embedders import EmbedderIdentity, EmbedderOptions
from ..settings import load_secret
from .embedder import Embedder


def open_embedder(
    options: EmbedderOptions, *, cache: Path, base_folder: Path, environment: Mapping[str, str] | None = None
) -> Embedder:
    """Returns the embedder. Engines, graphs and connections are opened at the first text.

    Args:
        cache: Where built graphs and hashes of files are kept; anything in it may be deleted.
        base_folder: What a relative `folder` is relative to.
        environment: Where a key is looked up; the process's own by default.

    Raises:
        EmbedderUnusable: A file or a key is missing, or is another one than is known.
    """
    if options.kind == "minilm":
        from .minilm import open_minilm

        return open_minilm(options, cache)
    if options.kind == "onnx":
        from .onnx_folder import open_onnx_folder

        return open_onnx_folder(options, cache, base_folder)
    from .http_embedder import open_endpoint

    variable = options.key_variable
    given = () if environment is None else (environment,)
    return open_endpoint(options, load_secret(variable, *given) if variable else None)


def identify(options: EmbedderOptions, *, cache: Path, base_folder: Path) -> EmbedderIdentity:
    """Returns what the embedder's vectors will be. Loads no engine, reads no large file twice, needs no key.

    Raises:
        EmbedderUnusable: A file is missing, or is another one than is known.
    """
    if options.kind == "minilm":
        from .engines import installed_engine
        from .minilm import find_minilm, identify_minilm

        return identify_minilm(options, find_minilm(), cache, installed_engine())
    if options.kind == "onnx":
        from .onnx_folder import identify_onnx_folder

        return identify_onnx_folder(options, cache, base_folder)
    from .http_embedder import identify_endpoint

    return identify_endpoint(options)
