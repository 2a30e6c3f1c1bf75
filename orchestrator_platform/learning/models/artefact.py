"""An estimator as bytes and back: equal estimators give equal bytes, and reading them executes nothing.

The format is skops': a zip with a tree of types and arrays, no pickle. What is read is compared with a list of types
before anything of it is built; what the list's own types could do harm with is refused as well.
"""

import io
import json
import math
import zipfile
from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ...errors import UntrustedModel
from .allowed_types import ALLOWED_NODES, ALLOWED_TYPES
from .tree_nodes import wrong_trees

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

FORMAT = "skops"
_SCHEMA = "schema.json"
_LEAST_TIME = (1980, 1, 1, 0, 0, 0)
PROTOCOL = 2
_MB = 1024**2
# What is unpacked is held whole. An honest artefact gets a few times as large; one that gets much larger is made to.
_MOST_BYTES, _MOST_FILES, _MOST_TREE_BYTES = 512 * _MB, 20_000, 32 * _MB
_ALWAYS_BYTES, _MOST_TIMES = 64 * _MB, 32


def pack_model(estimator: Any) -> bytes:
    """Returns the estimator as skops bytes: no clock, no addresses of this process in them."""
    import skops.io

    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(estimator))) as written:
        return _write(json.loads(written.read(_SCHEMA)), written)


def _write(schema: dict[str, Any], written: zipfile.ZipFile) -> bytes:
    numbers: dict[Any, int] = {}
    files: dict[str, bytes] = {}
    _renumber(schema, numbers, files, written)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name, data in {**files, _SCHEMA: json.dumps(schema, separators=(",", ":")).encode()}.items():
            info = zipfile.ZipInfo(name, _LEAST_TIME)
            info.create_system = 3
            packed.writestr(info, data, zipfile.ZIP_DEFLATED, 6)
    return content.getvalue()


def _renumber(node: Any, numbers: dict[Any, int], files: dict[str, bytes], written: zipfile.ZipFile) -> None:
    """Puts a place in the tree where there is an address; the same object keeps one number."""
    if isinstance(node, list):
        for one in node:
            _renumber(one, numbers, files, written)
    if not isinstance(node, dict):
        return
    if node.get("__loader__") == "JsonNode":
        # Plain values are equal wherever they stand; which of them share an address is chance.
        node.pop("__id__", None)
    elif "__id__" in node:
        node["__id__"] = numbers.setdefault(node["__id__"], len(numbers) + 1)
    if isinstance(node.get("file"), str):
        suffix = node["file"].rpartition(".")[2]
        data = written.read(node["file"])
        node["file"] = next((name for name, known in files.items() if known == data), f"{len(files)}.{suffix}")
        files[node["file"]] = data
    for one in node.values():
        _renumber(one, numbers, files, written)


def unpack_model(data: bytes, allowed: Collection[str] = ()) -> Any:
    """Returns the estimator.

    Args:
        data: What `pack_model` wrote, or what somebody says it wrote.
        allowed: Types, by module and name, that may be in it besides the platform's own list.

    Raises:
        UntrustedModel: A type, a function or an array of Python objects is in it that the list does not allow, or it
            is no such file. Nothing of it was built.
    """
    import skops.io

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            wrong = sorted(set(_wrong_parts(packed, len(data), {*ALLOWED_TYPES, *allowed})))
    except Exception as error:  # a file that was made up may be wrong in any way
        raise UntrustedModel(culprits=(), problem=f"it is no artefact: {type(error).__name__}: {error}") from error
    if wrong:
        raise UntrustedModel(culprits=wrong, problem="it holds what is not allowed")
    try:
        estimator = skops.io.loads(data, trusted=sorted({*ALLOWED_TYPES, *allowed}))
    except Exception as error:  # a file that was made up may be wrong in any way
        raise UntrustedModel(culprits=(), problem=f"it cannot be built: {type(error).__name__}: {error}") from error
    if broken := wrong_trees(estimator):
        raise UntrustedModel(culprits=broken, problem="it holds trees whose branches lead nowhere")
    return estimator


def predict(estimator: Any, rows: "pd.DataFrame") -> "npt.NDArray[np.float64]":
    """Returns the probabilities of the rows, shape (n, n_classes), the classes in the order of the model."""
    import numpy as np

    return np.asarray(estimator.predict_proba(rows), dtype=np.float64)


def types_of(data: bytes) -> frozenset[str]:
    """Returns the types in an artefact, by module and name; nothing of it is built."""
    with zipfile.ZipFile(io.BytesIO(data)) as packed:
        return frozenset(f"{one['__module__']}.{one['__class__']}" for one in _nodes(_read_schema(packed)))


def _wrong_parts(packed: zipfile.ZipFile, size: int, allowed: Collection[str]) -> Iterator[str]:
    infos = packed.infolist()
    most = min(_MOST_BYTES, max(_ALWAYS_BYTES, _MOST_TIMES * size))
    if too_much := _too_much(packed, most):
        yield too_much
        return
    if len({info.filename for info in infos}) != len(infos):
        yield "two parts of one name"
        return
    if (tree := packed.getinfo(_SCHEMA).file_size) > _MOST_TREE_BYTES:
        yield f"a tree of {tree:,} bytes, more than {_MOST_TREE_BYTES // _MB} MB"
        return
    schema = _read_schema(packed)
    if schema.get("protocol") != PROTOCOL:
        # Older protocols are read by other code, which nobody writes any more.
        yield f"protocol {schema.get('protocol')!r}"
    for node in _nodes(schema):
        name, loader = f"{node['__module__']}.{node['__class__']}", node["__loader__"]
        if loader not in ALLOWED_NODES:
            yield f"{name} ({loader})"
        elif loader != "JsonNode" and name not in allowed:
            yield name
    for info in infos:
        if info.filename.endswith(".npz"):
            yield from _wrong_arrays_inside(info.filename, packed, most)
        elif info.filename != _SCHEMA:
            yield from _wrong_array(info.filename, packed)


def _too_much(packed: zipfile.ZipFile, most: int) -> str:
    """What is said to be in it is all that is ever read of it: a part that holds more ends there."""
    infos = packed.infolist()
    if len(infos) <= _MOST_FILES and sum(info.file_size for info in infos) <= most:
        return ""
    return f"more than {most // _MB} MB when it is unpacked, or more than {_MOST_FILES:,} parts"


def _read_schema(packed: zipfile.ZipFile) -> Mapping[str, Any]:
    schema = json.loads(packed.read(_SCHEMA))
    if not isinstance(schema, dict):
        raise TypeError("its tree is no tree")
    return schema


def _nodes(node: Any) -> Iterator[Mapping[str, Any]]:
    """Yields whatever the format could take for a node, wherever it stands."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            if "__loader__" in one or "__class__" in one or "__module__" in one:
                yield one
            waiting.extend(one.values())
        elif isinstance(one, list):
            waiting.extend(one)


def _wrong_array(name: str, packed: zipfile.ZipFile) -> Iterator[str]:
    from numpy.lib import format as npy

    if not name.endswith(".npy"):
        yield f"{name}, which is no array"
        return
    with packed.open(name) as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(stream)
        if dtype.hasobject:
            yield f"{name}, an array of Python objects"
            return
        n_values = math.prod(int(size) for size in shape)
        found = packed.getinfo(name).file_size - stream.tell()
    if n_values * dtype.itemsize != found or (n_values and not dtype.itemsize):
        yield f"{name}, an array said to be of shape {shape} and type {dtype}, of which {found:,} bytes are there"


def _wrong_arrays_inside(name: str, packed: zipfile.ZipFile, most: int) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(packed.read(name))) as inner:
        if too_much := _too_much(inner, most):
            yield f"{name}: {too_much}"
            return
        for info in inner.infolist():
            yield from (f"{name}: {problem}" for problem in _wrong_array(info.filename, inner))
