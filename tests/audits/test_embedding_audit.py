"""What an embedding is rejected for: every planted defect, by the check that names it."""

from pathlib import Path

import pytest
from embedded_notes import (
    COMPONENT,
    GOLDEN,
    GOLDEN_SQL,
    NOTES,
    embedded,
    gate_of_notes,
    make_notes,
    note,
    outcome_of,
    write_notes,
)
from hashed_embedder import hashed_embedders
from small_project import write_files

from orchestrator_platform.audits import retrieval
from orchestrator_platform.gate.cycle.order import bench_of
from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.gate.workbench import open_workbench
from orchestrator_platform.lake.published import cut_published
from orchestrator_platform.learning.embedder import Embedder
from orchestrator_platform.learning.embedders import Embedders
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.copied_cut import copy_cut
from orchestrator_platform.operations.proposals import Proposal, Proposer
from orchestrator_platform.operations.selftest import SelfTestOptions, selftest
from orchestrator_platform.records.findings import Finding, Severity
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.selftests import Caught, SelfTested
from orchestrator_platform.records.verdicts import Verdict

ASSET = AssetKey(NOTES)
KINDS = {
    "shuffled_vectors": "vectors_of_their_texts",
    "foreign_vectors": "vectors_of_their_texts",
    "coarse_vectors": "vectors_of_their_texts",
    "stretched_vectors": "vectors",
    "shortened_vectors": "vectors",
    "not_a_number": "vectors",
    "dropped_rows": "coverage",
    "duplicated_rows": "grain_note_id_chunk_unique",
    "orphan_keys": "coverage",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eighty notes and their vectors, published; only to be read."""
    folder = make_notes(tmp_path_factory.mktemp("made"), golden=True)
    write_notes(folder, [note(number) for number in range(80)])
    embedded(folder)
    return folder


@pytest.fixture(scope="module")
def found(made: Path) -> SelfTested:
    return selftest(gate_of_notes(made), [NOTES], SelfTestOptions(frozenset(KINDS), n_clean=2))


@pytest.mark.parametrize(("kind", "check"), KINDS.items())
def test_a_planted_defect_is_rejected_by_the_check_that_names_it(found: SelfTested, kind: str, check: str) -> None:
    planted = [defect for defect in found.defects if defect.kind == kind]
    assert planted
    assert {defect.caught for defect in planted} == {Caught.BLOCKED}
    assert all(check in defect.checks for defect in planted)


def test_clean_batches_pass(found: SelfTested) -> None:
    assert [batch.approved for batch in found.clean] == [True] * len(found.clean)
    assert found.clean


def gone() -> Embedder:
    raise ValueError("no embedder here")


def judged(folder: Path, relation: str, opens: Embedders | None = None) -> dict[str, Finding]:
    """The findings on a content that is proposed as the next version; `served` in the text is the one that serves."""
    gate = gate_of_notes(folder, opens)
    cut = cut_published(gate.layout, 5)
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as bench:
        copied = copy_cut(cut, sorted(cut.heads), (), bench.folder / "published.duckdb")
        with bench.connect(ASSET) as connection:
            proposer = Proposer(
                bench_of(gate, copied, bench),
                copied,
                gate.audit_plan(ASSET),
                connection,
                bench.folder / "p",
                gate.now(),
            )
            verdict = proposer.judge(Proposal("planted", relation.replace("served", f"lake.{ASSET.quoted}")))
    assert isinstance(verdict, Verdict)
    return {finding.check: finding for finding in verdict.findings}


def test_a_mix_of_embedders_is_rejected_even_where_their_vectors_are_alike(made: Path) -> None:
    mixed = "(SELECT * REPLACE (CASE WHEN note_id % 2 = 0 THEN 'another' ELSE embedder END AS embedder) FROM served)"
    finding = judged(made, mixed)["one_embedder"]
    assert (finding.passed, finding.n_failing) == (False, 40)
    assert "40 rows are of another embedder than hashed-words" in finding.message


def test_a_missing_part_of_the_source_is_counted_and_shown(made: Path) -> None:
    finding = judged(made, "(SELECT * FROM served WHERE note_id >= 20)")["coverage"]
    assert (finding.passed, finding.n_failing) == (False, 20)
    assert finding.message == "20 rows of the source have no vector"
    assert {int(row["note_id"]) for row in finding.sample} <= set(range(20))


def test_hashes_of_now_over_vectors_of_another_text_are_found(made: Path) -> None:
    """The hashes are right, only the vectors were not made anew."""
    other = "(SELECT vector FROM served AS o WHERE o.note_id = 79 - s.note_id)"
    swapped = f"(SELECT * REPLACE ({other} AS vector) FROM served AS s)"
    findings = judged(made, swapped)
    assert findings["coverage"].passed
    assert not findings["vectors_of_their_texts"].passed
    assert "are not those of their texts" in findings["vectors_of_their_texts"].message
    assert not findings["retrieval_ndcg"].passed


def test_stale_vectors_after_a_change_of_text_are_named(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    rows = [note(number) for number in range(40)]
    write_notes(folder, rows)
    embedded(folder)
    write_notes(folder, [*rows[:30], *(note(number, words="otherwise") for number in range(30, 40))])
    build(gate_of_notes(folder), ["marts.notes"])
    finding = judged(folder, "(SELECT * REPLACE (n_tokens + 1 AS n_tokens) FROM served)")["coverage"]
    assert finding.message == "10 rows are of another text than the source has now"


def test_another_text_than_was_asked_for_answers_worse_and_is_rejected(tmp_path: Path) -> None:
    """Vectors, hashes and texts agree with each other: golden queries alone can know that it is the wrong column."""
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [note(number) for number in range(60)])
    embedded(folder)
    without_floor = GOLDEN.replace(", min_ndcg: 0.5", "")
    write_files(folder, {"defs/vectors/defs.yaml": COMPONENT.replace("[title, body]", "[german]") + without_floor})
    outcome = outcome_of(folder)
    assert isinstance(outcome, Rejected)
    assert {finding.check for finding in outcome.verdict.blocking} == {
        "retrieval_ndcg", "retrieval_recall", "retrieval_mrr"
    }  # fmt: skip
    (ndcg,) = (finding for finding in outcome.verdict.blocking if finding.check == "retrieval_ndcg")
    assert "from the published version" in ndcg.message
    assert ndcg.sample[0]["measured"] == "0.0"


def test_quality_below_the_floor_is_rejected_at_first_sight(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_files(
        folder,
        {
            "defs/vectors/defs.yaml": COMPONENT.replace("[title, body]", "[german]") + GOLDEN,
            "defs/vectors/golden.sql": GOLDEN_SQL,
        },
    )
    write_notes(folder, [note(number) for number in range(60)])
    outcome = outcome_of(folder)
    assert isinstance(outcome, Rejected)
    assert [finding.check for finding in outcome.verdict.blocking] == ["retrieval_ndcg"]
    assert "floor 0.5" in outcome.verdict.blocking[0].message


@pytest.mark.parametrize(
    ("selects", "says"),
    [
        ("SELECT question AS query, note_id FROM marts.notes WHERE note_id < 0", "golden.sql selects no question"),
        ("SELECT '  ' AS query, note_id FROM marts.notes", "golden.sql selects no question"),
        (
            "SELECT question AS query, note_id + 1000 AS note_id FROM marts.notes",
            "no row that answers one of the 20 questions of golden.sql has a vector",
        ),
    ],
)
def test_a_floor_that_no_question_can_be_asked_for_was_not_reached(tmp_path: Path, selects: str, says: str) -> None:
    folder = make_notes(tmp_path, golden=True, changes={"defs/vectors/golden.sql": selects})
    write_notes(folder, [note(number) for number in range(20)])
    outcome = outcome_of(folder)
    assert isinstance(outcome, Rejected)
    (ndcg,) = outcome.verdict.blocking
    assert ndcg.check == "retrieval_ndcg"
    assert says in ndcg.message
    assert "min_ndcg 0.5 was not shown to hold. Mend what it selects from" in ndcg.message
    recall = next(finding for finding in outcome.verdict.findings if finding.check == "retrieval_recall")
    assert (recall.passed, recall.severity) == (False, Severity.WARN)  # no floor was asked for


def test_of_very_many_golden_questions_some_are_asked_always_the_same_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = "SELECT question || ' ' || i AS query, note_id FROM marts.notes, range(1000) AS r(i)"
    folder = make_notes(tmp_path, golden=True, changes={"defs/vectors/golden.sql": many})
    monkeypatch.setattr(retrieval, "MOST_QUESTIONS", 50)
    rows = [note(number) for number in range(100)]
    write_notes(folder, rows)
    embedded(folder)
    write_notes(folder, [*rows, note(100)])
    outcome = outcome_of(folder)
    assert isinstance(outcome, Published)
    (ndcg,) = (finding for finding in outcome.findings if finding.check == "retrieval_ndcg")
    assert "over 50 questions (of 101,000, by their hash)" in ndcg.message
    assert ndcg.passed


def test_a_fall_that_may_be_noise_is_a_warning(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    rows = [note(number) for number in range(60)]
    write_notes(folder, rows)
    embedded(folder)
    write_notes(folder, [note(0, words="of nothing in particular"), *rows[1:]])
    outcome = outcome_of(folder)
    assert isinstance(outcome, Published)
    (ndcg,) = (finding for finding in outcome.findings if finding.check == "retrieval_ndcg")
    assert (ndcg.passed, ndcg.severity) == (False, Severity.WARN)
    assert "-0.050 from the published version, between" in ndcg.message


def test_more_rows_alone_are_no_fall(tmp_path: Path) -> None:
    """Questions are compared over the rows of both versions: the more there is to find, the harder every question."""
    folder = make_notes(tmp_path, golden=True)
    rows = [note(number) for number in range(60)]
    write_notes(folder, rows)
    embedded(folder)
    write_notes(folder, [*rows, *((1000 + i, *note(i * 3)[1:]) for i in range(20))])
    outcome = outcome_of(folder)
    assert isinstance(outcome, Published)
    (ndcg,) = (finding for finding in outcome.findings if finding.check == "retrieval_ndcg")
    assert ndcg.passed, ndcg.message
    assert ndcg.measured < 1
    assert "rows of both versions have the same vectors" in ndcg.message


def test_another_embedder_is_compared_with_the_answers_noted_then(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [note(number) for number in range(60)])
    embedded(folder)
    outcome = outcome_of(folder, gate_of_notes(folder, hashed_embedders(salt="other")))
    assert isinstance(outcome, Published)
    assert outcome.counts is not None
    assert (outcome.counts.embedded, outcome.counts.reused) == (60, 0)
    (ndcg,) = (finding for finding in outcome.findings if finding.check == "retrieval_ndcg")
    assert "against another embedder's answers" in ndcg.message
    assert ndcg.passed


def test_vectors_that_tell_nothing_apart_are_a_warning(made: Path) -> None:
    findings = judged(made, "(SELECT * REPLACE ((SELECT min(vector) FROM served) AS vector) FROM served)")
    assert findings["near_duplicates"].measured == 1.0
    assert not findings["near_duplicates"].passed
    assert not findings["drift_vectors"].passed


def test_an_embedder_that_is_gone_rejects_and_says_why(made: Path) -> None:
    findings = judged(made, "(SELECT * FROM served WHERE note_id >= 20)", opens=hashed_embedders(gone))
    assert not findings["vectors_of_their_texts_ran"].passed
    assert "no embedder here" in findings["vectors_of_their_texts_ran"].message
    assert findings["vectors_of_their_texts"].message.startswith("did not run")
