import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import ModelProto, numpy_helper

from orchestrator_platform.learning import int8_graph
from orchestrator_platform.learning.bert_graph import dense_layers
from orchestrator_platform.learning.int8_graph import divide_rows, quantise, read_ranges
from orchestrator_platform.learning.minilm import RANGES, build_plain_graph, find_minilm


@pytest.fixture(scope="module")
def plain() -> ModelProto:
    return build_plain_graph(find_minilm())


@pytest.fixture(scope="module")
def constants(plain: ModelProto) -> dict[str, np.ndarray]:
    return _constants(quantise(plain, read_ranges(RANGES)))


def _constants(model: ModelProto) -> dict[str, np.ndarray]:
    return {constant.name: numpy_helper.to_array(constant) for constant in model.graph.initializer}


@given(st.integers(1, 40).flatmap(lambda n: st.tuples(st.just(n), st.integers(-127 * n, 127 * n))))
def test_what_a_channel_weighs_is_divided_into_whole_numbers_of_eight_bits(said: tuple[int, int]) -> None:
    n_copies, whole = said
    parts = divide_rows(np.asarray([[5], [whole], [-5]]), np.asarray([1, n_copies, 1])).ravel().astype(int)
    assert parts[0] == 5
    assert parts[-1] == -5
    assert parts[1:-1].sum() == whole
    assert parts[1:-1].max() - parts[1:-1].min() <= 1
    assert np.abs(parts).max() <= 127


def test_weights_use_all_of_their_eight_bits(plain: ModelProto, constants: dict[str, np.ndarray]) -> None:
    for _, x, weight in dense_layers(plain):
        packed = constants[f"{weight}|int8"]
        assert np.abs(packed.astype(int)).max() == 127
        assert packed.shape[0] == (1_536 + 32 if x.endswith("wide") else 384)


def test_the_widened_layers_give_what_the_plain_ones_give(plain: ModelProto, constants: dict[str, np.ndarray]) -> None:
    before = _constants(plain)
    for layer in range(6):
        part = f"encoder.layer.{layer}."
        wide = constants[f"{part}wide|smoothing"]
        unpacked = constants[f"{part}output.dense.weight|int8"] * constants[f"{part}output.dense.weight|scale"]
        # Equal columns of the layer before mark the copies of one channel.
        given_twice = constants[f"{part}intermediate.dense.bias"]
        first = np.flatnonzero(np.append(True, (np.diff(given_twice) != 0) | (np.diff(wide) != 0)))
        summed = np.add.reduceat(unpacked * wide[:, None], first)
        plainly = before[f"{part}output.dense.weight"]
        assert summed.shape == plainly.shape
        # By how far rounding may move a weight, where a channel's factor counts against the column's step.
        step = constants[f"{part}output.dense.weight|scale"] * wide[first][:, None]
        assert (np.abs(summed - plainly) <= 0.51 * step).all()


def test_a_few_more_channels_make_the_coarsest_steps_fine(
    plain: ModelProto, constants: dict[str, np.ndarray], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8_graph, "_MORE_CHANNELS", 0)
    narrow = _constants(quantise(plain, read_ranges(RANGES)))
    names = [f"encoder.layer.{layer}.output.dense.weight|scale" for layer in range(6)]
    errors = [np.square(narrow[name]).mean() / np.square(constants[name]).mean() for name in names]
    assert min(errors) > 1.5
    assert min(errors[:4]) > 8
