"""Puts the audit of an embedding together: which checks it gets, and what they are given."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from ..learning.embedders import Embedders
from ..records.declarations import AssetDeclaration, EmbeddingBuild
from ..records.findings import Finding
from . import embedding_checks as own
from . import retrieval, vector_drift
from .candidate_view import CandidateView
from .embedded_anew import check_vectors_of_their_texts
from .embedding_checks import EmbeddingView


def check_names(build: object) -> Sequence[str]:
    """Returns the checks of an embedding; none for anything else."""
    if not isinstance(build, EmbeddingBuild):
        return ()
    golden = retrieval.CHECKS if build.options.golden else ()
    return (*own.CHECKS, *golden, *vector_drift.CHECKS)


def embedding_checks(
    view: CandidateView, declaration: AssetDeclaration, embedders: Embedders, cache: Path
) -> Sequence[tuple[str, Callable[[], Iterable[Finding]]]]:
    """Returns each check with its name; `cache` is the auditor's own, never the producer's."""
    build = declaration.build
    assert isinstance(build, EmbeddingBuild)
    seen = EmbeddingView(view, declaration.contract, build, lambda: embedders.open_declared(build))
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        (own.VECTORS, partial(own.check_vectors, seen)),
        (own.ONE_EMBEDDER, partial(own.check_one_embedder, seen)),
        (own.COVERAGE, partial(own.check_coverage, seen)),
        (own.OF_THEIR_TEXTS, partial(check_vectors_of_their_texts, seen)),
        (own.TEXTS, partial(own.check_texts, seen)),
    ]
    if build.options.golden:
        checks.append(("golden queries", retrieval.Retrieval(seen, build.options.golden, cache).findings))
    return (
        *checks,
        (vector_drift.DRIFT_VECTORS, partial(vector_drift.check_drift_of_vectors, seen, declaration.drift.severity)),
        (vector_drift.NEAR_DUPLICATES, partial(vector_drift.check_near_duplicates, seen)),
    )
