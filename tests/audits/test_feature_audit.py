"""Leaks and mistakes planted into what builds features: each is found by the check that is named after it."""

import inspect
import shutil
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from featured import FEATURES, SQL, built_features, land_day, make_reports, report
from small_project import gate_of

from orchestrator_platform.gate.outcomes import Outcome, Published, Rejected
from orchestrator_platform.operations.build import build
from orchestrator_platform.records.declarations import FeaturesBuild
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.transforming import features


@pytest.fixture(scope="module")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with five days of reports, one of which landed late."""
    folder = make_reports(tmp_path_factory.mktemp("reports"))
    land_day(folder, "2024-01-02", report("a", grade="good", links=("x",)), report("b", "other", grade="bad"))
    land_day(folder, "2024-01-03", report("c"), report("d", grade="bad"), report("e", "other", words="to say"))
    land_day(folder, "2024-01-01", report("late", "other"))
    land_day(folder, "2024-01-05", report("c", "renamed", grade="good"), report("f"), report("g", "other"))
    return folder


@pytest.fixture
def folder(landed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(landed, tmp_path / "project"))


def failed_checks(outcome: Outcome) -> set[str]:
    assert isinstance(outcome, Rejected), outcome
    return {finding.check for finding in outcome.verdict.findings if finding.blocks}


def mutant(function: Callable[..., object], old: str, new: str) -> object:
    """Returns the function with one piece of its text replaced."""
    source = textwrap.dedent(inspect.getsource(function))
    assert old in source
    made: dict[str, object] = {}
    exec(source.replace(old, new), vars(features), made)  # noqa: S102  # the planted defect
    return made[function.__name__]


def test_what_is_built_as_it_should_be_is_published(folder: Path) -> None:
    assert isinstance(built_features(folder), Published)


@pytest.mark.parametrize(
    ("method", "old", "new", "check"),
    [
        ("history", "x.day > u.day", "x.day >= u.day", "history_of_earlier_days"),
        ("history", "greatest(e.{SEEN_AT}, l.{LABEL_KNOWN_AT})", "e.{SEEN_AT}", "history_of_earlier_days"),
        ("seen", "max(seen) OVER (ORDER BY {LANDED_SEQ})", "seen", "examples"),
        ("examples", "min({LANDED_SEQ})", "max({LANDED_SEQ})", "examples"),
        ("labels", "greatest(g.{KNOWN_AT}, s.{SEEN_AT})", "TIMESTAMP '2000-01-01'", "labels_as_known"),
    ],
)
def test_a_leak_in_the_build_is_found(
    folder: Path, monkeypatch: pytest.MonkeyPatch, method: str, old: str, new: str, check: str
) -> None:
    monkeypatch.setattr(features._Maker, method, mutant(getattr(features._Maker, method), old, new))
    assert check in failed_checks(built_features(folder))


def test_features_taken_from_a_later_record_are_found(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    last = "(FROM {log} QUALIFY row_number() OVER (PARTITION BY id ORDER BY {LANDED_SEQ} DESC) = 1) AS l"
    old = "{log} AS l JOIN {records} AS r ON l.{LANDED_SEQ} = r.{LANDED_SEQ}"
    later = mutant(features.record_columns, old, f"{last} JOIN {{records}} AS r ON l.id = r.__k0")
    monkeypatch.setattr(features, "record_columns", later)
    assert failed_checks(built_features(folder)) == {"features_of_their_record"}


def test_values_from_outside_of_the_allowed_places_are_found(folder: Path) -> None:
    gate = gate_of(folder)
    declared = gate.assets[AssetKey(FEATURES)]
    assert isinstance(declared.build, FeaturesBuild)
    paths = (("seller", ("review", "grade")), *declared.build.paths[1:])
    leaking = replace(declared, build=replace(declared.build, paths=paths))
    (outcome,) = build(replace(gate, assets={**gate.assets, declared.key: leaking}), [FEATURES]).outcomes
    assert "allowed_places" in failed_checks(outcome)


@pytest.mark.parametrize(
    "looks_around",
    [
        "count(*) OVER (PARTITION BY seller)",
        "(SELECT count(*) FROM records AS other WHERE other.seller = records.seller)",
        "(SELECT count(*) FROM records AS other WHERE other._landed_seq > records._landed_seq)",
    ],
)
def test_features_that_depend_on_other_records_are_found(folder: Path, looks_around: str) -> None:
    make_reports(folder, {"defs/features/features.sql": SQL.replace("length(words)", looks_around)})
    assert failed_checks(built_features(folder)) == {"features_of_their_record"}
