"""The shipped embedding, with the real encoder: built from the feed, judged, and built again for what changed."""

import shutil
from pathlib import Path

import pytest

from orchestrator_platform.defs.sample_feed import write_next_batch, write_sample_feed
from orchestrator_platform.gate.outcomes import Outcome, Published
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.selftest import SelfTestOptions, selftest
from orchestrator_platform.records.selftests import Caught

ROOT = Path(__file__).resolve().parents[2]
ADVISORY = "embeddings.advisory"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Outcome, Outcome]:
    """A home with the generated feed built, then one more batch."""
    folder = tmp_path_factory.mktemp("feed")
    feed = write_sample_feed(folder / "feed", seed=7, n_records=150, days=2)
    first = Path(shutil.copytree(feed.vulnrichment, folder / "first"))
    home = folder / "home"
    land(opened(home).gate, "vulnrichment", [first])
    land(opened(home).gate, "kev", list(feed.kev_files))
    outcome = advisory(home)
    land(opened(home).gate, "vulnrichment", [write_next_batch(feed).file])
    return home, outcome, advisory(home)


def opened(home: Path) -> Platform:
    return Platform.open(home, ROOT)


def advisory(home: Path) -> Outcome:
    (outcome,) = (outcome for outcome in build(opened(home).gate).outcomes if outcome.asset == ADVISORY)
    return outcome


def test_every_advisory_with_a_text_has_its_vector(built: tuple[Path, Outcome, Outcome]) -> None:
    home, first, _ = built
    assert isinstance(first, Published), first
    assert first.counts is not None
    assert first.counts.reused == 0
    assert first.counts.embedded + first.counts.recalled <= first.receipt.n_rows
    assert first.receipt.producer == "data-orchestrator"
    assert first.receipt.auditor == "quality-assurance"
    missing = opened(home).query(
        "SELECT count(*) FROM marts.dim_vulnerability ANTI JOIN embeddings.advisory USING (cve_id)"
        " WHERE trim(coalesce(title, '') || coalesce(description, '')) <> ''"
    )
    assert missing.fetchall() == [(0,)]


def test_a_new_batch_embeds_only_what_is_new_in_it(built: tuple[Path, Outcome, Outcome]) -> None:
    _, first, second = built
    assert isinstance(first, Published)
    assert isinstance(second, Published)
    assert second.counts is not None
    assert first.counts is not None
    assert 0 < second.counts.embedded < first.counts.embedded / 10
    assert second.counts.reused > 0.9 * first.receipt.n_rows


def test_vectors_of_other_rows_and_of_another_model_are_rejected(built: tuple[Path, Outcome, Outcome]) -> None:
    home, _, _ = built
    kinds = frozenset({"shuffled_vectors", "foreign_vectors"})
    found = selftest(opened(home).gate, [ADVISORY], SelfTestOptions(kinds, n_clean=1))
    assert {defect.kind: defect.caught for defect in found.defects} == dict.fromkeys(kinds, Caught.BLOCKED)
    assert all("vectors_of_their_texts" in defect.checks for defect in found.defects)
    assert [batch.approved for batch in found.clean] == [True]
