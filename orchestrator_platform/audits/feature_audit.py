"""Puts the audit of a table of features together: which checks it gets, and what they are given."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..records.declarations import AssetDeclaration, FeaturesBuild
from ..records.findings import Finding
from . import feature_checks as own
from .candidate_view import CandidateView
from .feature_history import HISTORY, check_history
from .feature_view import FeatureView


def check_names(build: object) -> Sequence[str]:
    """Returns the checks of a table of features; none for anything else."""
    if not isinstance(build, FeaturesBuild):
        return ()
    labels = (own.LABELS,) if build.labels is not None else ()
    history = (HISTORY,) if build.options.history else ()
    return (own.ALLOWED, own.EXAMPLES, own.OF_RECORD, *labels, *history)


def feature_checks(
    view: CandidateView, declaration: AssetDeclaration
) -> Sequence[tuple[str, Callable[[], Iterable[Finding]]]]:
    """Returns each check with its name."""
    build = declaration.build
    assert isinstance(build, FeaturesBuild)
    seen = FeatureView(view, declaration.contract, build, declaration.parents)
    checks: list[tuple[str, Callable[[], Iterable[Finding]]]] = [
        (own.ALLOWED, partial(own.check_allowed_places, seen)),
        (own.EXAMPLES, partial(own.check_examples, seen)),
        (own.OF_RECORD, partial(own.check_features_of_their_record, seen)),
    ]
    if build.labels is not None:
        checks.append((own.LABELS, partial(own.check_labels, seen)))
    if build.options.history:
        checks.append((HISTORY, partial(check_history, seen)))
    return checks
