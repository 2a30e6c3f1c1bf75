import io
import json
import pickle
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import skops.io
from made_examples import SMALL, make_examples
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder

from orchestrator_platform.errors import UntrustedModel
from orchestrator_platform.learning.models.artefact import pack_model, predict, types_of, unpack_model

COLUMNS = ["text", "maker", "number"]


@pytest.fixture(scope="module")
def fitted() -> Any:
    frame = make_examples()
    model = make_pipeline(SMALL.prepare(), SMALL.build({"c": 1.0}, 7))  # type: ignore[misc]
    return model.fit(frame[COLUMNS], frame["kind"] != "none")


@pytest.fixture(scope="module")
def packed(fitted: Any) -> bytes:
    return pack_model(fitted)


def changed(data: bytes, change: Any = lambda schema: None, **files: bytes) -> bytes:
    """Returns the artefact with its tree changed and files put in the place of its own."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as before, zipfile.ZipFile(content, "w") as after:
        for name in before.namelist():
            part = files.get(name, before.read(name))
            if name == "schema.json":
                schema = json.loads(part)
                change(schema)
                part = json.dumps(schema).encode()
            after.writestr(name, part)
    return content.getvalue()


def first_array(data: bytes) -> str:
    return next(name for name in zipfile.ZipFile(io.BytesIO(data)).namelist() if name.endswith(".npy"))


def test_a_model_comes_back_and_answers_alike(fitted: Any, packed: bytes) -> None:
    frame = make_examples(seed=8)[COLUMNS]
    assert np.array_equal(predict(unpack_model(packed), frame), fitted.predict_proba(frame))


def test_packing_what_was_unpacked_gives_the_same_bytes(packed: bytes) -> None:
    assert pack_model(unpack_model(packed)) == packed
    assert len(packed) < 100_000


def test_a_type_outside_the_list_is_named_and_nothing_is_built() -> None:
    forest = RandomForestClassifier(n_estimators=2).fit([[0.0], [1.0]], [0, 1])
    with pytest.raises(UntrustedModel, match=r"sklearn\.ensemble\._forest\.RandomForestClassifier"):
        unpack_model(pack_model(forest))


def test_a_type_that_the_project_allows_is_loaded() -> None:
    forest = RandomForestClassifier(n_estimators=2).fit([[0.0], [1.0]], [0, 1])
    data = pack_model(forest)
    assert unpack_model(data, types_of(data)).predict([[1.0]]).shape == (1,)


def shout(frame: Any) -> Any:
    return frame


def test_a_function_in_an_artefact_is_refused_even_if_its_name_is_allowed() -> None:
    import os

    with pytest.raises(UntrustedModel, match=r"posix\.system"):
        unpack_model(pack_model(FunctionTransformer(os.system)))
    data = pack_model(FunctionTransformer(shout))
    with pytest.raises(UntrustedModel, match="shout"):
        unpack_model(data, [*types_of(data), f"{__name__}.shout"])


def test_a_column_may_be_passed_through_as_it_is() -> None:
    rows = pd.DataFrame({"score": [0.0, 1.0, 2.0, 3.0], "vendor": ["a", "b", "a", "b"]})
    columns = ColumnTransformer([("vendor", OneHotEncoder(), ["vendor"]), ("score", "passthrough", ["score"])])
    fitted = make_pipeline(columns, LogisticRegression()).fit(rows, [0, 0, 1, 1])
    assert (unpack_model(pack_model(fitted)).predict_proba(rows) == fitted.predict_proba(rows)).all()


def test_a_made_up_artefact_runs_nothing(packed: bytes, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"

    def plant(schema: dict[str, Any]) -> None:
        word = {
            "__class__": "str",
            "__module__": "builtins",
            "__loader__": "JsonNode",
            "content": json.dumps(str(trace)),
        }
        arguments = {"__class__": "tuple", "__module__": "builtins", "__loader__": "TupleNode", "content": [word]}
        schema["content"]["content"]["memory"] = {
            "__class__": "mkdir",
            "__module__": "os",
            "__loader__": "ConstructorFromReduceNode",
            "content": arguments,
        }

    data = changed(packed, plant)
    # The plant is real: whoever trusts it runs it.
    skops.io.loads(data, trusted=[*types_of(packed), "os.mkdir"])
    assert trace.exists()
    trace.rmdir()
    for allowed in ((), ("os.mkdir",)):
        with pytest.raises(UntrustedModel, match=r"os\.mkdir"):
            unpack_model(data, allowed)
    assert not trace.exists()


class _Runs:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.file,))


def test_a_pickle_in_the_place_of_an_array_is_refused_and_not_read(packed: bytes, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    content = io.BytesIO()
    np.save(content, np.asarray([_Runs(trace)], dtype=object), allow_pickle=True)
    with pytest.raises(UntrustedModel, match="array of Python objects"):
        unpack_model(changed(packed, **{first_array(packed): content.getvalue()}))
    with pytest.raises(UntrustedModel, match="no artefact"):
        unpack_model(pickle.dumps(_Runs(trace)))
    assert not trace.exists()


def test_a_tree_of_an_older_protocol_is_refused(packed: bytes) -> None:
    with pytest.raises(UntrustedModel, match="protocol 0"):
        unpack_model(changed(packed, lambda schema: schema.update(protocol=0)))


def test_a_tree_whose_branches_lead_nowhere_is_refused(fitted: Any) -> None:
    model = unpack_model(pack_model(fitted))
    trees = model.steps[-1][1].members_[1].classifier_
    trees._predictors[0][0].nodes["left"][0] = 4_000_000
    with pytest.raises(UntrustedModel, match="branch to the left"):
        unpack_model(pack_model(model))


def test_a_tree_that_asks_for_a_column_that_is_not_there_is_refused(fitted: Any) -> None:
    model = unpack_model(pack_model(fitted))
    model.steps[-1][1].members_[1].classifier_._predictors[0][0].nodes["feature_idx"][0] = 900
    with pytest.raises(UntrustedModel, match="column that is not there"):
        unpack_model(pack_model(model))


@pytest.mark.parametrize("data", [b"", b"PK\x05\x06" + bytes(18), b"no zip at all"])
def test_what_is_no_artefact_is_refused(data: bytes) -> None:
    with pytest.raises(UntrustedModel, match="no artefact"):
        unpack_model(data)


def test_an_artefact_cut_short_is_refused(packed: bytes) -> None:
    with pytest.raises(UntrustedModel):
        unpack_model(packed[: len(packed) // 2])


def test_equal_models_that_share_parts_differently_are_packed_alike() -> None:
    one, other = LogisticRegression(), LogisticRegression()
    one.extra = [shared := "a" * 40, shared]
    other.extra = ["".join(["a"] * 40), "".join(["a"] * 40)]
    assert pack_model(one) == pack_model(other)


@pytest.mark.parametrize("place", range(40, 400, 30))
def test_an_artefact_that_was_damaged_anywhere_is_refused(packed: bytes, place: int) -> None:
    damaged = bytearray(packed)
    for at in range(place, place + 20):
        damaged[at] ^= 0x5A
    with pytest.raises(UntrustedModel):
        unpack_model(bytes(damaged))


def array_said_to_be(shape: tuple[int, ...], type_: str, body: bytes = b"") -> bytes:
    content = io.BytesIO()
    header = {"descr": type_, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(content, header)
    return content.getvalue() + body


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return content.getvalue()


ZEROS = array_said_to_be((25_000_000,), "<f8", bytes(200_000_000))
SCHEMA = json.dumps({"protocol": 2, "content": []}).encode()


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param({"0.npy": array_said_to_be((10**14,), "<f8")}, "of which 0 bytes are there", id="claims"),
        pytest.param({"0.npy": array_said_to_be((10**14,), "|V0")}, "of which 0 bytes are there", id="of nothing"),
        pytest.param({"0.npy": ZEROS}, "more than 64 MB when it is unpacked", id="zeros"),
        pytest.param({"0.npz": zipped(**{"a.npy": ZEROS})}, "0.npz: more than 64 MB when", id="zeros inside"),
        pytest.param({"0.npz": zipped(**{"a.npz": zipped()})}, "a.npz, which is no array", id="ever deeper inside"),
        pytest.param({f"{n}.npy": b"" for n in range(20_001)}, "more than 20,000 parts", id="parts"),
        pytest.param({"schema.json": b"[" + b"[]," * 12_000_000 + b"0]"}, "a tree of 36,000,003 bytes", id="tree"),
        pytest.param({"schema.json": b"[" * 500_000}, "no artefact: RecursionError", id="deep tree"),
    ],
)
def test_an_artefact_that_would_fill_memory_is_refused_before_it_does(files: dict[str, bytes], said: str) -> None:
    data = zipped(**{"schema.json": SCHEMA, **files})
    tracemalloc.start()
    try:
        with pytest.raises(UntrustedModel, match=said):
            unpack_model(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 64 * 1024**2


def test_names_that_an_artefact_made_up_are_told_in_short() -> None:
    node = {"__class__": "c" * 1_000_000, "__module__": "m", "__loader__": "ObjectNode"}
    with pytest.raises(UntrustedModel, match=r"m\.ccc") as refused:
        unpack_model(zipped(**{"schema.json": json.dumps({"protocol": 2, "content": [node]}).encode()}))
    assert len(str(refused.value)) < 1_000
