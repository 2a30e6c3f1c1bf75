"""A BERT encoder's weights as a plain ONNX graph: token ids and mask in, unit vectors out. Knows no engine."""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from onnx import ModelProto

OUTPUT = "sentence_embedding"
_OPSET, _IR_VERSION = 18, 9
# As far below every attention score as it takes for the exponential to be exactly zero in fp32.
_MASKED = -1e4


@dataclass(frozen=True)
class BertShape:
    """What the graph needs of an encoder's `config.json`."""

    n_layers: int
    n_heads: int
    hidden: int
    epsilon: float


def read_bert_shape(config: Path) -> BertShape:
    said = json.loads(config.read_text(encoding="utf-8"))
    return BertShape(
        said["num_hidden_layers"], said["num_attention_heads"], said["hidden_size"], said["layer_norm_eps"]
    )


def read_tensors(file: Path) -> "Mapping[str, npt.NDArray[np.float32]]":
    """Returns the fp32 tensors of a safetensors file by name, others left out; nothing in such a file is executed."""
    import numpy as np

    raw = file.read_bytes()
    start = 8 + int.from_bytes(raw[:8], "little")
    tensors = {}
    for name, said in json.loads(raw[8:start]).items():
        if said.get("dtype") == "F32":
            begin, end = said["data_offsets"]
            tensors[name] = np.frombuffer(raw[start + begin : start + end], "<f4").reshape(said["shape"])
    return tensors


def build_bert_graph(
    shape: BertShape, tensors: "Mapping[str, npt.NDArray[np.float32]]", max_tokens: int
) -> "ModelProto":
    """Returns the encoder with masked mean pooling and unit length as its last steps.

    Inputs `input_ids` and `attention_mask`, int64, shape (batch, tokens); output `sentence_embedding`, float32, shape
    (batch, hidden). The input of every dense layer has a name that does not change from build to build, so that ranges
    measured once can be found again.
    """
    graph = _Graph(tensors)
    mask = graph.add("Cast", "attention_mask", to=1)
    scores_mask = _scores_mask(graph, mask)
    x = _embeddings(graph, shape, max_tokens)
    for layer in range(shape.n_layers):
        x = _layer(graph, shape, f"encoder.layer.{layer}.", x, scores_mask)
    _pool(graph, x, mask)
    return graph.model(shape.hidden)


class _Graph:
    """Nodes and constants under construction."""

    def __init__(self, tensors: "Mapping[str, npt.NDArray[np.float32]]") -> None:
        self._tensors, self._nodes, self._constants = tensors, list[Any](), dict[str, Any]()

    def add(self, op: str, *inputs: str, out: str | None = None, **attributes: object) -> str:
        from onnx import helper

        output = out or f"{op}_{len(self._nodes)}"
        self._nodes.append(helper.make_node(op, list(inputs), [output], name=f"node_{output}", **attributes))
        return output

    def constant(self, name: str, value: object, kind: str = "float32") -> str:
        import numpy as np
        from onnx import numpy_helper

        if name not in self._constants:
            self._constants[name] = numpy_helper.from_array(np.ascontiguousarray(np.asarray(value, kind)), name)
        return name

    def integers(self, *values: int) -> str:
        return self.constant("integers_" + "_".join(map(str, values)), values, "int64")

    def tensor(self, name: str) -> "npt.NDArray[np.float32]":
        return self._tensors[name]

    def dense(self, x: str, layer: str) -> str:
        product = self.add("MatMul", x, self.constant(f"{layer}.weight", self.tensor(f"{layer}.weight").T))
        return self.add("Add", product, self.constant(f"{layer}.bias", self.tensor(f"{layer}.bias")))

    def norm(self, x: str, layer: str, epsilon: float, out: str | None = None) -> str:
        names = [self.constant(f"{layer}.{part}", self.tensor(f"{layer}.{part}")) for part in ("weight", "bias")]
        return self.add("LayerNormalization", x, *names, out=out, axis=-1, epsilon=epsilon)

    def model(self, hidden: int) -> "ModelProto":
        from onnx import TensorProto, helper

        inputs = [
            helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
            for name in ("input_ids", "attention_mask")
        ]
        output = helper.make_tensor_value_info(OUTPUT, TensorProto.FLOAT, ["batch", hidden])
        graph = helper.make_graph(self._nodes, "encoder", inputs, [output], list(self._constants.values()))
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)


def _scores_mask(graph: _Graph, mask: str) -> str:
    absent = graph.add("Sub", graph.constant("one", 1.0), graph.add("Unsqueeze", mask, graph.integers(1, 2)))
    return graph.add("Mul", absent, graph.constant("masked", _MASKED))


def _embeddings(graph: _Graph, shape: BertShape, max_tokens: int) -> str:
    # One segment only: the first segment's embedding is a constant, and goes with the positions.
    positions = graph.tensor("embeddings.position_embeddings.weight")[:max_tokens]
    places = graph.constant("positions", positions + graph.tensor("embeddings.token_type_embeddings.weight")[0])
    words = graph.constant("words", graph.tensor("embeddings.word_embeddings.weight"))
    length = graph.add("Shape", "input_ids", start=1, end=2)
    here = graph.add("Slice", places, graph.integers(0), length, graph.integers(0))
    both = graph.add("Add", graph.add("Gather", words, "input_ids"), here)
    return graph.norm(both, "embeddings.LayerNorm", shape.epsilon, out="encoder.layer.0.input")


def _layer(graph: _Graph, shape: BertShape, layer: str, x: str, scores_mask: str) -> str:
    width = shape.hidden // shape.n_heads

    def heads(name: str, order: list[int]) -> str:
        projected = graph.dense(x, f"{layer}attention.self.{name}")
        return graph.add(
            "Transpose", graph.add("Reshape", projected, graph.integers(0, 0, shape.n_heads, width)), perm=order
        )

    scores = graph.add("MatMul", heads("query", [0, 2, 1, 3]), heads("key", [0, 2, 3, 1]))
    scaled = graph.add("Div", scores, graph.constant("root_of_width", math.sqrt(width)))
    weights = graph.add("Softmax", graph.add("Add", scaled, scores_mask), axis=-1)
    context = graph.add("Transpose", graph.add("MatMul", weights, heads("value", [0, 2, 1, 3])), perm=[0, 2, 1, 3])
    joined = graph.add("Reshape", context, graph.integers(0, 0, shape.hidden), out=f"{layer}context")
    attended = graph.add("Add", graph.dense(joined, f"{layer}attention.output.dense"), x)
    middle = graph.norm(attended, f"{layer}attention.output.LayerNorm", shape.epsilon, out=f"{layer}middle")
    wide = _gelu(graph, graph.dense(middle, f"{layer}intermediate.dense"), f"{layer}wide")
    added = graph.add("Add", graph.dense(wide, f"{layer}output.dense"), middle)
    return graph.norm(added, f"{layer}output.LayerNorm", shape.epsilon, out=_after(layer))


def _after(layer: str) -> str:
    number = int(layer.split(".")[2])
    return f"encoder.layer.{number + 1}.input"


def _gelu(graph: _Graph, x: str, out: str) -> str:
    error = graph.add("Erf", graph.add("Div", x, graph.constant("root_of_two", math.sqrt(2))))
    weighed = graph.add("Mul", x, graph.add("Add", error, graph.constant("one", 1.0)))
    return graph.add("Mul", weighed, graph.constant("half", 0.5), out=out)


def _pool(graph: _Graph, x: str, mask: str) -> None:
    # The sum has the direction of the mean, and the length is divided away.
    summed = graph.add("MatMul", graph.add("Unsqueeze", mask, graph.integers(1)), x)
    flat = graph.add("Squeeze", summed, graph.integers(1))
    graph.add("Div", flat, graph.add("ReduceL2", flat, graph.integers(-1), keepdims=1), out=OUTPUT)


def dense_layers(model: "ModelProto") -> Iterator[tuple[Any, str, str]]:
    """Yields each dense layer: its node, the name of its input, and the name of its weights."""
    shapes = {constant.name: len(constant.dims) for constant in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type == "MatMul" and shapes.get(node.input[1]) == 2:
            yield node, node.input[0], node.input[1]
