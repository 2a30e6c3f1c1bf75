"""Measures the ranges that 8 bits must hold, from texts that lie beside this file, and writes them to be kept.

`python -m orchestrator_platform.learning.calibration FILE` writes what `minilm_ranges.npz` holds.
"""

import copy
import io
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..storage import write_whole
from .bert_graph import dense_layers
from .engines import count_cores, load_engine
from .int8_graph import ChannelRanges
from .minilm import MAX_TOKENS, build_plain_graph, find_minilm
from .tokens import ModelTokenizer

if TYPE_CHECKING:
    from onnx import ModelProto

TEXTS = Path(__file__).parent / "calibration_texts.txt"


def read_calibration_texts(file: Path = TEXTS) -> list[str]:
    """Returns the texts, one a line."""
    return [line for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]


def measure_ranges(texts: Sequence[str], folder: Path) -> Mapping[str, ChannelRanges]:
    """Returns the lowest and highest value that each channel of each dense layer's input takes over the texts."""
    import numpy as np

    model = build_plain_graph(folder)
    names = list(dict.fromkeys(x for _, x, _ in dense_layers(model)))
    tokens = ModelTokenizer(folder / "tokenizer.json", MAX_TOKENS).encode(texts)
    found: dict[str, ChannelRanges] = {}
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "open.onnx"
        file.write_bytes(_with_outputs(model, names).SerializeToString())
        engine = load_engine(file, n_cores=count_cores())
        for one in tokens:  # each alone: nothing is padded, and nothing must be masked
            outputs = engine.start({"input_ids": one.ids[None], "attention_mask": np.ones_like(one.ids)[None]})()
            for name in names:
                values, before = outputs[name][0], found.get(name)
                low, high = values.min(axis=0), values.max(axis=0)
                found[name] = (
                    ChannelRanges(np.minimum(low, before.low), np.maximum(high, before.high))
                    if before
                    else ChannelRanges(low, high)
                )
    return found


def _with_outputs(model: "ModelProto", names: Sequence[str]) -> "ModelProto":
    from onnx import TensorProto, helper

    opened = copy.deepcopy(model)
    opened.graph.output.extend(helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in names)
    return opened


def write_ranges(ranges: Mapping[str, ChannelRanges], file: Path) -> None:
    """Writes the ranges in 16-bit floats, so that the last bits of a processor's arithmetic do not show."""
    import numpy as np

    arrays = {
        f"{name}|{side}": getattr(found, side).astype(np.float16)
        for name, found in sorted(ranges.items())
        for side in ("low", "high")
    }
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_whole(file, content.getvalue())


def main(arguments: Sequence[str]) -> int:
    """Writes the ranges to the file that is named."""
    if len(arguments) != 1:
        print(__doc__, file=sys.stderr)
        return 2
    write_ranges(measure_ranges(read_calibration_texts(), find_minilm()), Path(arguments[0]))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
