import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from pydantic import ValidationError

from orchestrator_platform.records.embedders import EmbedderIdentity, EmbedderOptions

IDENTITY = EmbedderIdentity(
    name="m", weights="w", tokenizer="t", pooling="mean", normalised=True, max_tokens=256, precision="fp32", dim=3
)


def test_nothing_declared_is_the_default_embedder() -> None:
    assert EmbedderOptions().kind == "minilm"


def test_how_many_texts_go_at_once_is_what_is_said_or_what_suits_the_kind() -> None:
    assert EmbedderOptions().texts_at_once == 16
    assert EmbedderOptions(kind="onnx", folder="models/e5").texts_at_once == 32
    assert EmbedderOptions(batch_size=7).texts_at_once == 7


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"kind": "minilm", "url": "http://host"}, "minilm has no 'url'"),
        ({"kind": "onnx"}, "needs 'folder'"),
        ({"kind": "http", "url": "http://host", "model": "m"}, "needs 'dim'"),
        ({"kind": "http", "url": "ftp://host", "model": "m", "dim": 3}, "begin with http"),
        ({"kind": "http", "url": "http://me:pw@host", "model": "m", "dim": 3}, "no user, password"),
        ({"kind": "http", "url": "http://host/?key=pw", "model": "m", "dim": 3}, "query"),
        (
            {"kind": "http", "url": "http://host", "model": "m", "dim": 3, "key_variable": "sk-pw"},
            "never what it holds",
        ),
        ({"kind": "other"}, "'minilm', 'onnx' or 'http'"),
        ({"batch_size": 0}, "greater than or equal to 1"),
        ({"speed": "fast"}, "Extra inputs"),
    ],
)
def test_what_does_not_fit_the_kind_is_refused_without_showing_a_secret(said: dict[str, object], problem: str) -> None:
    with pytest.raises(ValidationError) as caught:
        EmbedderOptions.model_validate(said)
    assert problem in str(caught.value)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize("change", [{"dim": 4}, {"precision": "int8"}, {"pooling": "cls"}, {"tokenizer": "u"}])
def test_whatever_changes_a_vector_changes_the_identity(change: dict[str, object]) -> None:
    assert IDENTITY.hash() == EmbedderIdentity.model_validate_json(IDENTITY.canonical_json()).hash()
    assert IDENTITY.model_copy(update=change).hash() != IDENTITY.hash()
    assert len(IDENTITY.hash()) == 16


def test_the_options_on_the_page_are_options() -> None:
    page = (Path(__file__).parents[2] / "docs" / "embedders.md").read_text(encoding="utf-8")
    said = [
        yaml.safe_load(text)["embedder"]
        for text in re.findall(r"^```\n(embedder:.*?)^```$", page, re.MULTILINE | re.DOTALL)
    ]
    assert [EmbedderOptions.model_validate(one).kind for one in said] == ["minilm", "onnx", "http"]


def test_the_package_starts_without_an_engine() -> None:
    code = (
        "import sys, orchestrator_platform.learning.open_embedder as o, orchestrator_platform.learning.embedder\n"
        "from orchestrator_platform.learning import minilm, onnx_folder, http_embedder, calibration\n"
        "heavy = {'numpy', 'onnx', 'openvino', 'onnxruntime', 'tokenizers', 'httpx', 'tenacity'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
