"""Golden queries: whether the vectors still answer questions whose answers are known, as well as was asked for, and
as well as the published ones.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from ..learning.kept_vectors import KeptVectors, vectors_of_texts
from ..learning.nearest import nearest_ids
from ..learning.retrieval_metrics import Quality, bootstrap_interval, judge_answers
from ..records.embeddings import CHUNK, EMBEDDER, VECTOR, GoldenQueries
from ..records.findings import SAMPLE_LIMIT, Finding, Severity
from ..sql import literal
from ..transforming.statement_check import check_query
from .candidate_view import create_views
from .embedding_checks import EmbeddingView
from .masking import mask_rows
from .past_answers import load_answers, write_answers
from .vector_blocks import vector_blocks

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

NDCG, RECALL, MRR = "retrieval_ndcg", "retrieval_recall", "retrieval_mrr"
CHECKS = (NDCG, RECALL, MRR)
# Fewer questions than this say nothing that a floor could stand on; more than the most say nothing more.
_FEWEST_QUESTIONS, MOST_QUESTIONS = 10, 2_000


@dataclass(frozen=True)
class Questions:
    """Questions in the order of their texts; `answers` are the ids of the rows that answer each.

    `n_selected` is how many the project's statement selects, of which these are some.
    """

    texts: tuple[str, ...]
    answers: tuple[frozenset[int], ...]
    n_selected: int

    def only(self, places: Sequence[int]) -> "Questions":
        picked = tuple(self.texts[i] for i in places), tuple(self.answers[i] for i in places)
        return Questions(*picked, self.n_selected)


@dataclass(frozen=True)
class Compared:
    """Each measure's change from the published version, per question; `about` says how it was compared."""

    changes: "Mapping[str, npt.NDArray[np.float64]]"
    about: str


@dataclass(frozen=True)
class Retrieval:
    """One candidate's answers. `cache` is the auditor's own."""

    seen: EmbeddingView
    golden: GoldenQueries
    cache: Path

    def findings(self) -> Iterator[Finding]:
        """Yields one finding per measure."""
        floors = ((NDCG, self.golden.min_ndcg), (RECALL, self.golden.min_recall), (MRR, self.golden.min_mrr))
        unanswerable = self._why_none_can_be_asked()
        if unanswerable:
            yield from (self._unasked(check, floor, unanswerable) for check, floor in floors)
            return
        compared = self._compare()
        write_answers(self.cache, self.seen.view.manifest.data_version, self.questions.texts, self.quality)
        yield from (self._judge(check, floor, compared) for check, floor in floors)

    @cached_property
    def questions(self) -> Questions:
        """What the project's statement selects, over the tables as they would be after the publication."""
        file, connection = self.seen.build.folder / self.golden.file, self.seen.view.connection
        sql = file.read_text(encoding="utf-8")
        check_query(sql, str(file))
        create_views(connection, self.seen.view.relations)
        # As a view of its own the text may end with a semicolon and comments.
        connection.sql(sql).create_view("_golden", replace=True)
        # By their hash, so that one version's audit asks what another's did.
        rows = connection.execute(
            f"FROM (SELECT query, list(DISTINCT {self.seen.key.id}), count(*) OVER () FROM _golden"
            f" WHERE trim(query) <> '' GROUP BY query ORDER BY sha256(query) LIMIT {MOST_QUESTIONS}) ORDER BY query"
        ).fetchall()
        texts, answers = tuple(row[0] for row in rows), tuple(frozenset(row[1]) for row in rows)
        return Questions(texts, answers, rows[0][2] if rows else 0)

    @cached_property
    def vectors(self) -> "npt.NDArray[np.float32]":
        """The questions' vectors, kept from one audit to the next."""
        kept = KeptVectors(self.cache / "questions" / self.seen.build.identity.hash())
        connection = self.seen.view.connection
        return vectors_of_texts(kept, connection, self.questions.texts, lambda: self.seen.embedder)

    @cached_property
    def quality(self) -> Quality:
        return self._ask(self.seen.view.next, self.vectors, self.questions)

    def _why_none_can_be_asked(self) -> str:
        n_questions, file = len(self.questions.texts), self.golden.file
        if not n_questions:
            return f"{file} selects no question"
        if not self._answered_in(self.seen.view.next):
            return f"no row that answers one of the {n_questions} questions of {file} has a vector"
        return ""

    def _unasked(self, check: str, floor: float, why: str) -> Finding:
        """A floor that nothing was measured against has not been reached."""
        severity, said = Severity.WARN, f"no golden question could be asked: {why}"
        if floor:
            name, severity = f"min_{check.removeprefix('retrieval_')}", Severity.ERROR
            said += (
                f", and so {name} {floor:g} was not shown to hold. Mend what it selects from, or take {name} out of"
                " the component"
            )
        return self._finding(check, passed=False, severity=severity, message=said, floor=floor)

    def _ask(self, relation: str, vectors: "npt.NDArray[np.float32]", questions: Questions) -> Quality:
        blocks = vector_blocks(self.seen.view.connection, relation, self.seen.key, self.seen.build.identity.dim)
        return judge_answers(nearest_ids(blocks, vectors, self.golden.k), questions.answers)

    def _compare(self) -> Compared | None:
        """The same questions over the rows that both versions have; `None` where there is nothing to compare with."""
        base, seen = self.seen.view.base, self.seen
        if base is None or not seen.count(f"(FROM {base} LIMIT 1)"):
            return None
        declared = literal(seen.build.identity.hash())
        if seen.count(f"(FROM {base} WHERE {EMBEDDER} <> {declared} LIMIT 1)"):
            return self._compare_with_past()
        keys = seen.key.listed
        changed = (
            f"(FROM {seen.view.next} SEMI JOIN {base} USING ({keys})"
            f" ANTI JOIN {base} USING ({keys}, {CHUNK}, {VECTOR}))"
        )
        if not seen.count(f"(FROM {changed} LIMIT 1)"):
            return Compared({}, "rows of both versions have the same vectors")
        shared = [
            f"(FROM {a} SEMI JOIN {b} USING ({keys}))" for a, b in ((base, seen.view.next), (seen.view.next, base))
        ]
        places = self._answered_in(shared[0])
        questions, vectors = self.questions.only(places), self.vectors[places]
        before, after = (self._ask(relation, vectors, questions) for relation in shared)
        return Compared(_changes(before, after), f"{len(places)} questions over the rows of both versions")

    def _compare_with_past(self) -> Compared:
        """Another embedder cannot be asked any more: its answers are compared as the auditor noted them then."""
        receipt = self.seen.view.base_receipt
        past = load_answers(self.cache, receipt.data_version) if receipt else {}
        places = [i for i, text in enumerate(self.questions.texts) if text in past]
        if not places:
            return Compared({}, "the published version is of another embedder, and its answers are not known any more")
        import numpy as np

        before = Quality(*(np.array([past[self.questions.texts[i]][m] for i in places]) for m in range(3)))
        after = Quality(*(values[places] for values in (self.quality.ndcg, self.quality.recall, self.quality.mrr)))
        return Compared(_changes(before, after), f"{len(places)} questions, against another embedder's answers")

    def _answered_in(self, relation: str) -> list[int]:
        found = self.seen.view.connection.execute(f"SELECT DISTINCT {self.seen.key.id} FROM {relation}").fetchnumpy()
        present = {int(i) for i in next(iter(found.values()))}
        return [i for i, wanted in enumerate(self.questions.answers) if wanted & present]

    def _judge(self, check: str, floor: float, compared: Compared | None) -> Finding:
        values = {NDCG: self.quality.ndcg, RECALL: self.quality.recall, MRR: self.quality.mrr}[check]
        mean, n_questions = float(values.mean()), len(values)
        named = f"{check.removeprefix('retrieval_')}@{self.golden.k} {mean:.3f} over {n_questions:,} questions"
        if self.questions.n_selected > n_questions:
            named += f" (of {self.questions.n_selected:,}, by their hash)"
        said, severity, passed = [named + (f", floor {floor:g}" if floor else "")], Severity.ERROR, True
        if mean < floor:
            passed, severity = False, Severity.ERROR if n_questions >= _FEWEST_QUESTIONS else Severity.WARN
        if compared is not None and check in compared.changes:
            change = compared.changes[check]
            fell, surely, text = _fall(change, self.golden.tolerance)
            said.append(f"{text} ({compared.about})")
            if fell and passed:
                certain = surely and len(change) >= _FEWEST_QUESTIONS
                passed, severity = False, Severity.ERROR if certain else Severity.WARN
        elif compared is not None:
            said.append(compared.about)
        return self._finding(
            check, passed=passed, severity=severity, message="; ".join(said), mean=mean, floor=floor, values=values
        )

    def _finding(
        self,
        check: str,
        *,
        passed: bool,
        severity: Severity,
        message: str,
        mean: float = 0.0,
        floor: float = 0.0,
        values: "npt.NDArray[np.float64] | None" = None,
    ) -> Finding:
        measured = [] if passed or values is None else values.tolist()
        worst = sorted(range(len(measured)), key=measured.__getitem__)[:SAMPLE_LIMIT]
        rows = [{"query": self.questions.texts[i], "measured": round(measured[i], 3)} for i in worst]
        return Finding(
            asset=self.seen.view.asset,
            check=check,
            passed=passed,
            severity=severity,
            measured=round(mean, 4),
            limit=floor,
            n_failing=sum(value < 1 for value in measured),
            sample=mask_rows(rows, self.seen.contract),
            engine="python",
            message=message,
        )


def _fall(change: "npt.NDArray[np.float64]", tolerance: float) -> tuple[bool, bool, str]:
    """Whether the mean fell by more than is tolerated, whether surely so, and the words for it."""
    mean = float(change.mean()) if len(change) else 0.0
    low, high = bootstrap_interval(change)
    text = f"{mean:+.3f} from the published version, between {low:+.3f} and {high:+.3f}, {tolerance:g} tolerated"
    return mean < -tolerance, high < -tolerance, text


def _changes(before: Quality, after: Quality) -> "Mapping[str, npt.NDArray[np.float64]]":
    return {NDCG: after.ndcg - before.ndcg, RECALL: after.recall - before.recall, MRR: after.mrr - before.mrr}
