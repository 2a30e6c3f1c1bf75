"""What `ci` says of models and embeddings that a branch makes worse."""

import shutil
from pathlib import Path

import pytest
from ci_project import check_branch, edit, failed, report_of
from embedded_notes import NOTES, embedded, make_notes, note, write_notes
from hashed_embedder import HashedEmbedder, _direction, hashed_embedders
from small_models import MODEL, PERSON, gate_of_models, make_models

from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.train import train


class FirstLetters(HashedEmbedder):
    """Knows texts by their first letter alone."""

    def vector(self, text: str):  # type: ignore[no-untyped-def]
        return (_direction(text[:1]) / 8).astype("float32")


def test_an_embedder_that_is_swapped_for_a_worse_one(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [note(number) for number in range(60)])
    embedded(folder)
    same = check_branch(folder, embedders=hashed_embedders())
    assert (same.is_no, same.changes) == (False, ())
    worse = check_branch(folder, embedders=hashed_embedders(lambda: FirstLetters("letters"), salt="letters"))
    assert worse.is_no
    case = failed(worse)[NOTES, "retrieval_ndcg"]
    assert case.file == "defs/vectors/defs.yaml"
    (ndcg,) = [metric for metric in report_of(worse, NOTES).metrics if metric.name == "retrieval_ndcg"]
    assert ndcg.before is not None
    assert ndcg.after is not None
    assert ndcg.after < ndcg.before - 0.3


@pytest.fixture(scope="module")
def champion(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_models(tmp_path_factory.mktemp("champion"))
    build(gate_of_models(folder))
    assert not train(gate_of_models(folder), [MODEL], reason="a test", on_behalf_of=PERSON).is_no
    return folder


def test_a_model_that_does_not_beat_its_champion_any_more(champion: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(champion, tmp_path / "project"))
    edit(folder, "defs/models/estimator.py", '["score", "size"]', '["size"]')
    edit(folder, "defs/models/defs.yaml", "floors: {roc_auc: 0.7}", "floors: {roc_auc: 0.4}")
    report = check_branch(folder)
    model = report_of(report, MODEL)
    assert model.outcome == "rejected"
    assert "better by" in failed(report)[MODEL, "champion"].message
    assert "roc_auc: at least 0.7 → 0.4" in failed(report)[MODEL, "contract_not_loosened"].message
    (auc,) = [metric for metric in model.metrics if metric.name == "roc_auc"]
    assert auc.before is not None
    assert auc.after is not None
    assert auc.after < auc.before
