import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embedded_texts import embed_all

from orchestrator_platform.errors import EmbedderUnusable, EmbeddingFailed
from orchestrator_platform.learning.embedder import Embedder
from orchestrator_platform.learning.open_embedder import identify, open_embedder
from orchestrator_platform.records.embedders import EmbedderOptions

WORDS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "red", "green", "blue", "fish", "bird")
DIM = 4
TABLE = np.random.default_rng(7).normal(size=(len(WORDS), DIM)).astype(np.float32)


def write_model(folder: Path, *, graph: str = "onnx/model.onnx", **changes: Any) -> Path:
    """Writes an encoder in the usual layout whose token vectors are rows of a table."""
    options = {"output": "last_hidden_state", "step": None, "extra_input": None, "table": TABLE, **changes}
    (folder / graph).parent.mkdir(parents=True)
    (folder / graph).write_bytes(_graph(**options))
    _write_tokenizer(folder / "tokenizer.json")
    (folder / "config.json").write_text(json.dumps({"hidden_size": DIM, "max_position_embeddings": 16}))
    return folder


def _graph(output: str, step: str | None, extra_input: str | None, table: "np.ndarray[Any, Any]") -> bytes:
    from onnx import TensorProto, helper, numpy_helper

    nodes = [helper.make_node("Gather", ["table", "input_ids"], ["tokens"])]
    last = "tokens"
    if step == "batch_scale":
        quantised = ["packed", "scale", "zero"]
        nodes.append(helper.make_node("DynamicQuantizeLinear", ["tokens"], quantised))
        nodes.append(helper.make_node("DequantizeLinear", quantised, ["scaled"]))
        last = "scaled"
    if output == "sentence_embedding":
        nodes.append(helper.make_node("ReduceSum", [last, "axis"], ["summed"], keepdims=0))
        last = "summed"
    nodes.append(helper.make_node("Identity", [last], [output]))
    shape = ["batch", DIM] if output == "sentence_embedding" else ["batch", "tokens", DIM]
    names = ["input_ids", "attention_mask", *([extra_input] if extra_input else [])]
    # An input that nothing uses would be dropped.
    nodes += [helper.make_node("Cast", [name], [f"{name}_seen"], to=TensorProto.FLOAT) for name in names[1:]]
    seen = [helper.make_tensor_value_info(f"{name}_seen", TensorProto.FLOAT, ["batch", "tokens"]) for name in names[1:]]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"]) for name in names],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape), *seen],
        [numpy_helper.from_array(table, "table"), numpy_helper.from_array(np.array([1]), "axis")],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    return bytes(made.SerializeToString())


def _write_tokenizer(file: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    numbers = {word: number for number, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token=WORDS[3]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    # What a file says of padding and truncation is not what decides.
    tokenizer.enable_padding(length=64)
    tokenizer.enable_truncation(4)
    tokenizer.save(str(file))


def opened(folder: Path, tmp_path: Path, **more: Any) -> Embedder:
    options = EmbedderOptions(kind="onnx", folder=folder.name, **more)
    return open_embedder(options, cache=tmp_path / "cache", base_folder=folder.parent)


def unit(rows: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    vector = rows.mean(axis=0)
    return np.asarray(vector / np.linalg.norm(vector))


RED_FISH = [1, 4, 7, 2]


@pytest.mark.parametrize("graph", ["model.onnx", "onnx/model.onnx"])
def test_the_mean_of_the_tokens_is_the_vector(tmp_path: Path, graph: str) -> None:
    found = embed_all(opened(write_model(tmp_path / "tiny", graph=graph), tmp_path), ["red fish", "blue " * 9, ""])
    np.testing.assert_allclose(found[0], unit(TABLE[RED_FISH]), atol=1e-6)
    np.testing.assert_allclose(found[1], unit(TABLE[[1, *[6] * 9, 2]]), atol=1e-6)
    np.testing.assert_allclose(found[2], unit(TABLE[[1, 2]]), atol=1e-6)


@pytest.mark.parametrize("said", [{"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, {}])
def test_the_first_token_is_the_vector_where_the_folder_or_the_component_says_so(
    tmp_path: Path, said: dict[str, bool]
) -> None:
    folder = write_model(tmp_path / "tiny")
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"word_embedding_dimension": DIM, **said}))
    embedder = opened(folder, tmp_path) if said else opened(folder, tmp_path, pooling="cls")
    assert embedder.identity.pooling == "cls"
    np.testing.assert_allclose(embed_all(embedder, ["red fish"])[0], unit(TABLE[[1]]), atol=1e-6)


def test_a_graph_that_pools_itself_is_left_to_it(tmp_path: Path) -> None:
    folder = write_model(
        tmp_path / "tiny",
        output="sentence_embedding",
        table=np.vstack([np.zeros((1, DIM)), TABLE[1:]]).astype(np.float32),
    )
    np.testing.assert_allclose(embed_all(opened(folder, tmp_path), ["red fish"])[0], unit(TABLE[RED_FISH]), atol=1e-6)


def test_segments_are_given_to_a_graph_that_asks_for_them(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny", extra_input="token_type_ids")
    np.testing.assert_allclose(embed_all(opened(folder, tmp_path), ["red fish"])[0], unit(TABLE[RED_FISH]), atol=1e-6)


def test_a_graph_that_scales_a_batch_as_a_whole_gets_one_text_at_a_time(tmp_path: Path) -> None:
    loud = TABLE.copy()
    loud[8] *= 100
    embedder = opened(write_model(tmp_path / "tiny", step="batch_scale", table=loud), tmp_path)
    together = embed_all(embedder, ["red fish", "bird bird", "green"])
    np.testing.assert_array_equal(together[0], embed_all(embedder, ["red fish"])[0])


def test_a_text_is_cut_where_the_model_ends_whatever_the_tokenizers_file_says(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny")
    (batch,) = opened(folder, tmp_path).embed(["blue " * 30])
    assert (batch.n_tokens.tolist(), batch.truncated.tolist()) == ([32], [True])
    assert opened(folder, tmp_path).identity.max_tokens == 16
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    assert opened(folder, tmp_path).identity.max_tokens == 12
    assert opened(folder, tmp_path, max_tokens=9).identity.max_tokens == 9


def test_other_weights_are_another_identity_although_the_folder_is_the_same(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny", graph="model.onnx")
    before = opened(folder, tmp_path).identity
    (folder / "model.onnx").write_bytes(_graph("last_hidden_state", None, None, TABLE + 1))
    after = identify(EmbedderOptions(kind="onnx", folder="tiny"), cache=tmp_path / "cache", base_folder=tmp_path)
    assert before.weights != after.weights
    (folder / "model.onnx_data").write_bytes(b"weights outside")
    assert opened(folder, tmp_path).identity.weights not in {before.weights, after.weights}


def test_an_unchanged_file_is_hashed_once(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny")
    identity = opened(folder, tmp_path).identity
    for kept in (tmp_path / "cache" / "file-hashes").iterdir():
        kept.write_text(kept.read_text().replace(identity.weights, "kept"))
    assert opened(folder, tmp_path).identity.weights == "kept"


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("tokenizer.json", None, "has no tokenizer.json"),
        ("config.json", None, "cannot be read"),
        ("config.json", "{", "cannot be read"),
        ("config.json", "{}", "how long its vectors are"),
        ("onnx/model.onnx", None, "neither model.onnx nor onnx/model.onnx"),
        ("1_Pooling", '{"pooling_mode_max_tokens": true}', "pools in a way"),
    ],
)
def test_a_folder_that_is_no_encoder_says_what_is_missing(
    tmp_path: Path, file: str, content: str | None, problem: str
) -> None:
    folder = write_model(tmp_path / "tiny")
    if file == "1_Pooling":
        (folder / file).mkdir()
        (folder / file / "config.json").write_text(str(content))
    elif content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    with pytest.raises(EmbedderUnusable, match=problem):
        opened(folder, tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbedderUnusable, match=r"nowhere cannot be used: it is no folder"):
        opened(tmp_path / "nowhere", tmp_path)


def test_a_file_that_is_no_graph_is_named_with_what_the_engine_says(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny")
    (folder / "onnx" / "model.onnx").write_bytes(b"no graph")
    with pytest.raises(EmbedderUnusable, match="the engine cannot load the file"):
        embed_all(opened(folder, tmp_path), ["red"])


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny")
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(EmbedderUnusable, match=r"tokenizer\.json cannot be used: it is no tokenizer"):
        embed_all(opened(folder, tmp_path), ["red"])


def test_a_graph_that_asks_for_more_than_texts_is_refused(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "tiny", extra_input="pixel_values")
    with pytest.raises(EmbedderUnusable, match="asks for pixel_values"):
        embed_all(opened(folder, tmp_path), ["red"])


def test_a_model_that_gives_no_vector_is_found_out(tmp_path: Path) -> None:
    broken = TABLE.copy()
    broken[4] = np.nan
    with pytest.raises(EmbeddingFailed, match="not finite"):
        embed_all(opened(write_model(tmp_path / "tiny", table=broken), tmp_path), ["red"])
    other = write_model(tmp_path / "other")
    (other / "config.json").write_text(json.dumps({"hidden_size": 9}))
    with pytest.raises(EmbeddingFailed, match="vectors of 4 numbers, and its files promise 9"):
        embed_all(opened(other, tmp_path), ["red"])
