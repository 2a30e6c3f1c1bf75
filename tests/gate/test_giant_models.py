"""Models that are made to fill memory or disk: each is turned away with a message, and what serves goes on."""

import io
import os
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small_models import gate_of_models, training_with
from small_scores import make_scores, publish_model, train_late

from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.models import list_models


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = make_scores(tmp_path_factory.mktemp("made") / "project")
    build(gate_of_models(made), ["features.items"])
    assert isinstance(publish_model(made), Published)
    return made


def grown_by(place: Path, data: bytes) -> bytes:
    """The artefact that was trained, with one part more."""
    content = io.BytesIO((place / "artefact.skops").read_bytes())
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
        packed.writestr("more.npy", data)
    return content.getvalue()


def zeros(_: dict[str, Any]) -> bytes:
    content = io.BytesIO()
    np.save(content, np.zeros(12_500_000))
    return content.getvalue()


@pytest.mark.parametrize(
    ("more", "check", "said"),
    [
        pytest.param(lambda _: os.urandom(100_000_000), "artefact_size", r"MB, more than 32 MB \(`max_a", id="large"),
        pytest.param(zeros, "artefact_types", "more than 64 MB when it is unpacked", id="zeros"),
    ],
)
def test_an_artefact_that_is_too_large_is_rejected_and_never_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, more: Any, check: str, said: str
) -> None:
    plant = training_with(lambda place, answer: grown_by(place, more(answer)))
    monkeypatch.setattr("orchestrator_platform.gate.train.run_fresh", plant)
    rejected = train_late(folder, rebuild=True)
    assert isinstance(rejected, Rejected), rejected
    (finding,) = [finding for finding in rejected.verdict.blocking if finding.check == check]
    assert re.search(said, finding.message), finding.message
    assert [(version.version, version.alias) for version in list_models(gate_of_models(folder))] == [(1, "champion")]
