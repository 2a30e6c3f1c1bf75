"""The encoder's dense layers in 8-bit integers, from ranges that were measured once. Knows no engine.

Each input channel is scaled so that part of its spread moves into the weights (smoothing), which lets one scale serve
the whole tensor; the scales are constants, and so a text's vector does not depend on its neighbours in a batch.
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

# Weights use half of the 8 bits: processors without VNNI add two products of 8 bits in 16, and would cut off the sum.
_LARGEST_WEIGHT = 63
_LARGEST_INPUT = 255
_SMOOTHING, _SMOOTHING_OF_WIDE = 0.65, 0.8
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
    """Returns a copy whose dense layers multiply 8-bit inputs with 7-bit weights, one scale per output column."""
    made = copy.deepcopy(model)
    constants = {constant.name: constant for constant in made.graph.initializer}
    before: dict[str, list[Any]] = {}
    new: list[Any] = []
    inputs: dict[str, tuple[str, Floats]] = {}
    layers = list(dense_layers(made))
    for node, x, weight in layers:
        if x not in inputs:
            sharing = [_array(constants[name]) for _, other, name in layers if other == x]
            nodes, added, inputs[x] = _quantised_input(x, ranges[x], sharing)
            before[node.name], new = nodes, [*new, *added]
        replaced, smoothing = inputs[x]
        unpacked, added = _quantised_weight(weight, _array(constants[weight]) * smoothing[:, None])
        before.setdefault(node.name, []).append(unpacked)
        new += added
        node.input[0], node.input[1] = replaced, unpacked.output[0]
        made.graph.initializer.remove(constants[weight])
    ordered = [item for node in made.graph.node for item in (*before.get(node.name, ()), node)]
    del made.graph.node[:]
    made.graph.node.extend(ordered)
    made.graph.initializer.extend(new)
    return made


def _array(constant: Any) -> "Floats":
    from onnx import numpy_helper

    found: Floats = numpy_helper.to_array(constant)
    return found


def _smoothing(x: str, ranges: ChannelRanges, weights: "list[Floats]") -> "Floats":
    """Returns the factor of each channel, their geometric mean one."""
    import numpy as np

    share = _SMOOTHING_OF_WIDE if x.endswith(".wide") else _SMOOTHING
    largest_input = np.maximum(np.maximum(np.abs(ranges.low), np.abs(ranges.high)), _TINY)
    largest_weight = np.maximum(np.max([np.abs(weight).max(axis=1) for weight in weights], axis=0), _TINY)
    factors = largest_input**share / largest_weight ** (1 - share)
    made: Floats = (factors / np.exp(np.log(factors).mean())).astype(np.float32)
    return made


def _quantised_input(
    x: str, ranges: ChannelRanges, weights: "list[Floats]"
) -> "tuple[list[Any], list[Any], tuple[str, Floats]]":
    import numpy as np
    from onnx import helper, numpy_helper

    smoothing = _smoothing(x, ranges, weights)
    low, high = min(float((ranges.low / smoothing).min()), 0.0), max(float((ranges.high / smoothing).max()), 0.0)
    scale = np.float32((high - low) / _LARGEST_INPUT)
    zero = np.uint8(np.clip(round(-low / float(scale)), 0, _LARGEST_INPUT))
    constants = [
        numpy_helper.from_array(np.asarray(value), f"{x}|{name}")
        for name, value in (("smoothing", 1 / smoothing), ("scale", scale), ("zero", zero))
    ]
    steps = [
        ("Mul", [x, f"{x}|smoothing"], f"{x}|smooth"),
        ("QuantizeLinear", [f"{x}|smooth", f"{x}|scale", f"{x}|zero"], f"{x}|int8"),
        ("DequantizeLinear", [f"{x}|int8", f"{x}|scale", f"{x}|zero"], f"{x}|read"),
    ]
    nodes = [helper.make_node(op, inputs, [output], name=f"node_{output}") for op, inputs, output in steps]
    return nodes, constants, (f"{x}|read", smoothing)


def _quantised_weight(name: str, weight: "Floats") -> tuple[Any, list[Any]]:
    import numpy as np
    from onnx import helper, numpy_helper

    scale = np.maximum(np.abs(weight).max(axis=0) / _LARGEST_WEIGHT, np.finfo(np.float32).tiny).astype(np.float32)
    packed = np.clip(np.rint(weight / scale), -_LARGEST_WEIGHT, _LARGEST_WEIGHT).astype(np.int8)
    parts = {"int8": packed, "scale": scale, "zero": np.zeros(scale.shape, np.int8)}
    constants = [numpy_helper.from_array(value, f"{name}|{part}") for part, value in parts.items()]
    inputs = [f"{name}|{part}" for part in parts]
    return helper.make_node("DequantizeLinear", inputs, [f"{name}|read"], name=f"node_{name}|read", axis=1), constants
