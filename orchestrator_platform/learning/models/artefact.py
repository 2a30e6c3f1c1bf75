"""An estimator as bytes and back: equal estimators give equal bytes, and reading them executes nothing.

The format is skops': a zip with a tree of types and arrays, no pickle. What is read is compared with a list of types
before anything of it is built; what the list's own types could do harm with is refused as well.
"""

import io
import json
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
_MOST_BYTES, _MOST_FILES = 512 * 1024**2, 20_000


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
            wrong = sorted(set(_wrong_parts(packed, {*ALLOWED_TYPES, *allowed})))
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


def _wrong_parts(packed: zipfile.ZipFile, allowed: Collection[str]) -> Iterator[str]:
    infos = packed.infolist()
    if len(infos) > _MOST_FILES or sum(info.file_size for info in infos) > _MOST_BYTES:
        yield f"more than {_MOST_BYTES // 1024**2} MB or {_MOST_FILES:,} parts"
        return
    if len({info.filename for info in infos}) != len(infos):
        yield "two parts of one name"
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
        if info.filename != _SCHEMA:
            yield from _wrong_array(info.filename, packed)


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
        if name.endswith(".npz"):
            yield from _wrong_arrays_inside(name, packed)
        else:
            yield f"{name}, which is no array"
        return
    with packed.open(name) as stream:
        version = npy.read_magic(stream)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        if read(stream)[2].hasobject:
            yield f"{name}, an array of Python objects"


def _wrong_arrays_inside(name: str, packed: zipfile.ZipFile) -> Iterator[str]:
    with zipfile.ZipFile(io.BytesIO(packed.read(name))) as inner:
        for info in inner.infolist():
            yield from (f"{name}: {problem}" for problem in _wrong_array(info.filename, inner))
