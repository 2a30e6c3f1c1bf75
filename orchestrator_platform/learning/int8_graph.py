"""The encoder's dense layers in 8-bit integers, from ranges that were measured once. Knows no engine.

Each input channel is scaled so that part of its spread moves into the weights (smoothing), which lets one scale serve
the whole tensor; the scales are constants, and so a text's vector does not depend on its neighbours in a batch. A few
channels of the feed-forward layers are far larger than the others. Smoothed, their weights would take all of the 8 bits
and leave few to the others; such a channel is computed several times over, and its weight divided among the copies.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .bert_graph import dense_layers

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from onnx import ModelProto

    Floats = npt.NDArray[np.float32]

# Counts up with every change of the numbers that come out: it is part of the vectors' identity.
RECIPE = 2
# All of the 8 bits: sums of two products then need more than 16, which processors without VNNI do not give them.
_LARGEST_WEIGHT = 127
_LARGEST_INPUT = 255
_SMOOTHING, _SMOOTHING_OF_WIDE = 0.8, 0.9
# So many channels are added to the feed-forward layers' 1,536.
_MORE_CHANNELS = 32
_WIDE = "wide"
_TINY = 1e-4


@dataclass(frozen=True, eq=False)
class ChannelRanges:
    """The lowest and highest value of each channel of one dense layer's input, float32, shape (channels,)."""

    low: "Floats"
    high: "Floats"


def read_ranges(file: Path) -> Mapping[str, ChannelRanges]:
    """Returns the ranges by the name of the layer's input."""
    import numpy as np

    with np.load(file, allow_pickle=False) as kept:
        names = sorted({name.rpartition("|")[0] for name in kept.files})
        return {
            name: ChannelRanges(kept[f"{name}|low"].astype(np.float32), kept[f"{name}|high"].astype(np.float32))
            for name in names
        }


def quantise(model: "ModelProto", ranges: Mapping[str, ChannelRanges]) -> "ModelProto":
    """Returns a copy whose dense layers multiply 8-bit inputs with 8-bit weights, one scale per output column."""
    made = copy.deepcopy(model)
    constants = {constant.name: constant for constant in made.graph.initializer}
    layers = list(dense_layers(made))
    before: dict[str, list[Any]] = {}
    new: list[Any] = []
    inputs: dict[str, _Input] = {}
    for _, x, _ in layers:
        if x not in inputs:
            inputs[x] = _plan_input(x, ranges[x], [_array(constants[name]) for _, other, name in layers if other == x])
            if x.endswith(_WIDE):
                _widen(constants, x, inputs[x].copies)
    placed: set[str] = set()
    for node, x, weight in layers:
        nodes, added = _quantised_input(x, inputs[x]) if x not in placed else ([], [])
        unpacked, of_weight = _quantised_weight(weight, _array(constants[weight]), inputs[x])
        before[node.name] = [*nodes, unpacked]
        new += [*added, *of_weight]
        node.input[0], node.input[1] = f"{x}|read", unpacked.output[0]
        made.graph.initializer.remove(constants[weight])
        placed.add(x)
    ordered = [item for node in made.graph.node for item in (*before.get(node.name, ()), node)]
    del made.graph.node[:]
    made.graph.node.extend(ordered)
    made.graph.initializer.extend(new)
    return made


@dataclass(frozen=True, eq=False)
class _Input:
    """How one dense layer's input becomes 8 bits: a factor for each channel, how often it is computed, and its range
    once divided by the factor.
    """

    smoothing: "Floats"
    copies: "npt.NDArray[np.int64]"
    low: float
    high: float


def _plan_input(x: str, ranges: ChannelRanges, weights: "list[Floats]") -> _Input:
    import numpy as np

    wide = x.endswith(_WIDE)
    largest_weight = np.maximum(np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0), _TINY)
    smoothing = _smoothing(ranges, largest_weight, _SMOOTHING_OF_WIDE if wide else _SMOOTHING)
    return _Input(
        smoothing,
        _copies(largest_weight * smoothing, _MORE_CHANNELS if wide else 0),
        min(float((ranges.low / smoothing).min()), 0.0),
        max(float((ranges.high / smoothing).max()), 0.0),
    )


def _smoothing(ranges: ChannelRanges, largest_weight: "Floats", share: float) -> "Floats":
    """Returns the factor of each channel, their geometric mean one."""
    import numpy as np

    largest_input = np.maximum(np.maximum(np.abs(ranges.low), np.abs(ranges.high)), _TINY)
    factors = largest_input**share / largest_weight ** (1 - share)
    made: Floats = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
    return made


def _copies(largest_weight: "Floats", n_more: int) -> "npt.NDArray[np.int64]":
    """Returns how often each channel is computed: always once more that whose share of its weight is the largest."""
    import numpy as np

    copies = np.ones(len(largest_weight), np.int64)
    for _ in range(n_more):
        copies[(largest_weight / copies).argmax()] += 1
    return copies


def _widen(constants: Mapping[str, Any], x: str, copies: "npt.NDArray[np.int64]") -> None:
    """Lets the layer that makes this input give each channel as often as it is to be computed."""
    import numpy as np
    from onnx import numpy_helper

    for part in ("weight", "bias"):
        constant = constants[f"{x.removesuffix(_WIDE)}intermediate.dense.{part}"]
        constant.CopyFrom(numpy_helper.from_array(np.repeat(_array(constant), copies, axis=-1), constant.name))


def _array(constant: Any) -> "Floats":
    from onnx import numpy_helper

    found: Floats = numpy_helper.to_array(constant)
    return found


def _quantised_input(x: str, plan: _Input) -> tuple[list[Any], list[Any]]:
    import numpy as np
    from onnx import helper, numpy_helper

    scale = np.float32((plan.high - plan.low) / _LARGEST_INPUT)
    zero = np.uint8(np.clip(round(-plan.low / float(scale)), 0, _LARGEST_INPUT))
    divisors = 1 / np.repeat(plan.smoothing, plan.copies)
    constants = [
        numpy_helper.from_array(np.asarray(value), f"{x}|{name}")
        for name, value in (("smoothing", divisors), ("scale", scale), ("zero", zero))
    ]
    steps = [
        ("Mul", [x, f"{x}|smoothing"], f"{x}|smooth"),
        ("QuantizeLinear", [f"{x}|smooth", f"{x}|scale", f"{x}|zero"], f"{x}|int8"),
        ("DequantizeLinear", [f"{x}|int8", f"{x}|scale", f"{x}|zero"], f"{x}|read"),
    ]
    nodes = [helper.make_node(op, inputs, [output], name=f"node_{output}") for op, inputs, output in steps]
    return nodes, constants


def _quantised_weight(name: str, weight: "Floats", plan: _Input) -> tuple[Any, list[Any]]:
    import numpy as np
    from onnx import helper, numpy_helper

    smooth, copies = weight * plan.smoothing[:, None], plan.copies[:, None]
    largest = np.abs(smooth / copies).max(axis=0)
    scale = np.maximum(largest / _LARGEST_WEIGHT, np.finfo(np.float32).tiny).astype(np.float32)
    most = _LARGEST_WEIGHT * copies
    packed = divide_rows(np.clip(np.rint(smooth / scale), -most, most).astype(np.int64), plan.copies)
    parts = {"int8": packed, "scale": scale, "zero": np.zeros(scale.shape, np.int8)}
    constants = [numpy_helper.from_array(value, f"{name}|{part}") for part, value in parts.items()]
    inputs = [f"{name}|{part}" for part in parts]
    return helper.make_node("DequantizeLinear", inputs, [f"{name}|read"], name=f"node_{name}|read", axis=1), constants


def divide_rows(whole: "npt.NDArray[np.int64]", copies: "npt.NDArray[np.int64]") -> "npt.NDArray[np.int8]":
    """Returns each row as often as it is computed, as whole numbers that differ by at most one and add up to it."""
    import numpy as np

    first = np.repeat(np.cumsum(copies) - copies, copies)
    turn = (np.arange(copies.sum()) - first)[:, None]
    rows, of_row = np.repeat(whole, copies, axis=0), np.repeat(copies, copies)[:, None]
    made: npt.NDArray[np.int8] = ((rows + turn) // of_row).astype(np.int8)
    return made
