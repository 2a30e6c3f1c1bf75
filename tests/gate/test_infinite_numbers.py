"""An infinity among the features: whoever breaks over it says in which column it stands, and in how many rows."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_models import MODEL, gate_of_models, items, write_items
from small_scores import SCORES, build_all, copied, make_scores, publish_model, train_late

from orchestrator_platform.gate.outcomes import Failed, Published
from orchestrator_platform.operations.build import build


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_scores(tmp_path_factory.mktemp("made") / "project")
    build(gate_of_models(folder), ["features.items"])
    assert isinstance(publish_model(folder), Published)
    return folder


def with_infinities(folder: Path, is_labelled: bool) -> int:
    """Publishes examples of which some, with a label or without one, have an infinite score; returns how many rows."""
    frame: pd.DataFrame = items(40)
    places = frame.index[frame.late.notna() == is_labelled][:3]
    frame.loc[places, "score"] = np.inf
    write_items(folder, frame)
    assert isinstance(build_all(folder, "features.items")["features.items"], Published)
    return int((frame.late.notna() == is_labelled).sum())


def test_a_training_names_the_infinite_column(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "project")
    n_rows = with_infinities(folder, is_labelled=True)
    failed = train_late(folder)
    assert isinstance(failed, Failed), failed
    assert f"`score` is infinite in 3 of {n_rows} rows" in failed.message
    assert f"orchestrator train {MODEL}" in failed.message


def test_scores_name_the_infinite_column(made: Path, tmp_path: Path) -> None:
    folder = copied(made, tmp_path / "project")
    n_rows = with_infinities(folder, is_labelled=False)
    failed = build_all(folder, SCORES)[SCORES]
    assert isinstance(failed, Failed), failed
    assert f"`score` is infinite in 3 of {n_rows} rows" in failed.message
