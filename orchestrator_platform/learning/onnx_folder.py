"""A sentence encoder in a folder of the usual layout: its ONNX file, its tokenizer, and what its own files say."""

import json
import mmap
from pathlib import Path
from typing import Any

from ..errors import EmbedderUnusable
from ..records.base import sha256_of
from ..records.embedders import EmbedderIdentity, EmbedderOptions
from .engines import count_cores, load_engine
from .file_hashes import hash_cached
from .local_embedder import LocalEmbedder, LocalModel
from .tokens import ModelTokenizer

_DEFAULT_MAX_TOKENS = 512
# A graph with this step scales a batch as a whole: texts would change each other's vectors.
_SCALES_A_BATCH = b"DynamicQuantizeLinear"
# Position 0 of these models is behind the number of their padding token.
_SHIFTED_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet"})


def open_onnx_folder(options: EmbedderOptions, cache: Path, base_folder: Path) -> LocalEmbedder:
    """Returns the embedder of a folder; graph and tokenizer are loaded at the first text.

    Raises:
        EmbedderUnusable: A file is missing or says what cannot be.
    """
    folder = _folder(options, base_folder)
    identity, graph = identify_onnx_folder(options, cache, base_folder), find_graph(folder)
    return LocalEmbedder(
        LocalModel(
            identity=identity,
            load_tokenizer=lambda: ModelTokenizer(folder / "tokenizer.json", identity.max_tokens),
            load_engine=lambda: load_engine(graph, n_cores=count_cores()),
            batch_size=options.texts_at_once,
            alone=_holds(graph, _SCALES_A_BATCH),
        )
    )


def identify_onnx_folder(options: EmbedderOptions, cache: Path, base_folder: Path) -> EmbedderIdentity:
    """Returns what the vectors of a folder's model will be, from its small files and the hashes of the large ones."""
    folder = _folder(options, base_folder)
    graph, tokenizer, config = find_graph(folder), folder / "tokenizer.json", _read(folder / "config.json", needed=True)
    if not tokenizer.is_file():
        raise _unusable(folder, "it has no tokenizer.json", "Save the tokenizer in its one-file form.")
    pooling_file = _read(folder / "1_Pooling" / "config.json")
    dim = pooling_file.get("word_embedding_dimension") or config.get("hidden_size") or config.get("dim")
    if not isinstance(dim, int):
        raise _unusable(folder, "it does not say how long its vectors are", "Add `hidden_size` to its config.json.")
    parts = [hash_cached(file, cache) for file in sorted(graph.parent.glob(f"{graph.name}*")) if file.is_file()]
    return EmbedderIdentity(
        name=folder.name,
        weights=parts[0] if len(parts) == 1 else sha256_of(parts),
        tokenizer=hash_cached(tokenizer, cache),
        pooling=options.pooling or _pooling(folder, pooling_file),
        normalised=True,
        max_tokens=_max_tokens(options, folder, config),
        precision="as-exported",
        dim=dim,
    )


def find_graph(folder: Path) -> Path:
    """Returns the folder's ONNX file."""
    for file in (folder / "model.onnx", folder / "onnx" / "model.onnx"):
        if file.is_file():
            return file
    raise _unusable(
        folder, "it has neither model.onnx nor onnx/model.onnx", "Export the model to ONNX into this folder."
    )


def _holds(file: Path, word: bytes) -> bool:
    with file.open("rb") as stream:
        try:
            with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return content.find(word) >= 0
        except ValueError:  # an empty file cannot be mapped
            return False


def _folder(options: EmbedderOptions, base_folder: Path) -> Path:
    folder = (base_folder / (options.folder or "")).expanduser().resolve()
    if not folder.is_dir():
        raise _unusable(folder, "it is no folder", f"`folder` is relative to {base_folder}.")
    return folder


def _pooling(folder: Path, said: dict[str, Any]) -> str:
    if not said or said.get("pooling_mode_mean_tokens") or said.get("pooling_mode") == "mean":
        return "mean"
    if said.get("pooling_mode_cls_token") or said.get("pooling_mode") == "cls":
        return "cls"
    raise _unusable(
        folder, "it pools in a way that is not known here", "Known are mean and cls; `pooling` chooses one."
    )


def _max_tokens(options: EmbedderOptions, folder: Path, config: dict[str, Any]) -> int:
    said = _read(folder / "sentence_bert_config.json").get("max_seq_length") or _DEFAULT_MAX_TOKENS
    positions = config.get("max_position_embeddings") or said
    if config.get("model_type") in _SHIFTED_POSITIONS:
        positions -= 2
    return int(min(options.max_tokens or said, positions))


def _read(file: Path, *, needed: bool = False) -> dict[str, Any]:
    if not file.is_file() and not needed:
        return {}
    try:
        said = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _unusable(file, f"it cannot be read ({error})", "Export the model anew.") from error
    return said if isinstance(said, dict) else {}


def _unusable(culprit: Path, problem: str, fix: str) -> EmbedderUnusable:
    return EmbedderUnusable(embedder=str(culprit), problem=problem, fix=fix)
