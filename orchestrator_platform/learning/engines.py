"""What runs an ONNX graph: OpenVINO where it is installed, else onnxruntime. Knows no texts."""

import os
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..errors import EmbedderUnusable

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Arrays = Mapping[str, npt.NDArray[np.int64]]
    Floats = npt.NDArray[np.float32]

EngineName = Literal["openvino", "onnxruntime"]


class Engine(Protocol):
    """A loaded graph. It is used by one thread."""

    inputs: frozenset[str]
    outputs: tuple[str, ...]
    n_ahead: int

    def start(self, arrays: "Arrays") -> "Callable[[], Mapping[str, Floats]]":
        """Starts on a batch and returns what waits for its outputs; at most `n_ahead` may be started and not waited
        for.
        """
        ...


def installed_engine() -> EngineName:
    """Returns the engine that is used here.

    Raises:
        EmbedderUnusable: There is none.
    """
    if find_spec("openvino") is not None:
        return "openvino"
    if find_spec("onnxruntime") is not None:
        return "onnxruntime"
    raise EmbedderUnusable(
        embedder="engine",
        problem="neither openvino nor onnxruntime is installed",
        fix="Install one of them: `uv pip install onnxruntime`.",
    )


def count_cores() -> int:
    """Returns how many processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def load_engine(model: Path, *, n_cores: int, name: EngineName | None = None) -> Engine:
    """Returns the graph of an ONNX file, ready to run.

    Raises:
        EmbedderUnusable: The engine cannot read the file.
    """
    made = OpenVinoEngine if (name or installed_engine()) == "openvino" else OnnxRuntimeEngine
    try:
        return made(model, n_cores)
    except Exception as error:
        said = str(error).strip().splitlines()
        raise EmbedderUnusable(
            embedder=str(model),
            problem=f"the engine cannot load the file ({said[-1][:300] if said else type(error).__name__})",
            fix="Give a complete ONNX file of a sentence encoder, with its external data beside it.",
        ) from error


class OpenVinoEngine:
    """One thread to a batch and as many batches at a time as there are cores."""

    def __init__(self, model: Path, n_cores: int) -> None:
        import openvino

        core = openvino.Core()
        read = core.read_model(str(model))
        self._compiled = core.compile_model(read, "CPU", _openvino_options(n_cores))
        self.n_ahead = 2 * n_cores
        # Only asynchronous requests: synchronous ones from several threads wait for each other for ever.
        self._free = [self._compiled.create_infer_request() for _ in range(self.n_ahead)]
        self.inputs = frozenset(port.get_any_name() for port in self._compiled.inputs)
        self.outputs = tuple(port.get_any_name() for port in self._compiled.outputs)

    def start(self, arrays: "Arrays") -> "Callable[[], Mapping[str, Floats]]":
        request = self._free.pop()
        request.start_async(dict(arrays))

        def wait() -> "Mapping[str, Floats]":
            request.wait()
            found = {name: request.get_output_tensor(place).data.copy() for place, name in enumerate(self.outputs)}
            self._free.append(request)
            return found

        return wait


def _openvino_options(n_cores: int) -> dict[str, Any]:
    return {
        "NUM_STREAMS": n_cores,
        "INFERENCE_NUM_THREADS": n_cores,
        "ENABLE_CPU_PINNING": False,  # pinned, several processes crowd on one core
        "INFERENCE_PRECISION_HINT": "f32",  # else what is rounded to depends on the processor
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,  # quantised is what the graph says, and nothing else
    }


class OnnxRuntimeEngine:
    """All cores to one batch."""

    n_ahead = 1

    def __init__(self, model: Path, n_cores: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = n_cores, 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self.inputs = frozenset(port.name for port in self._session.get_inputs())
        self.outputs = tuple(port.name for port in self._session.get_outputs())

    def start(self, arrays: "Arrays") -> "Callable[[], Mapping[str, Floats]]":
        found = dict(zip(self.outputs, self._session.run(None, dict(arrays)), strict=True))
        return lambda: found
