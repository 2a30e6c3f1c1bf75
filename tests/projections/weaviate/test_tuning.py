"""Index settings are measured on the embedding's own vectors; what is proposed finds enough, and nothing is changed."""

import json

import pytest
from projections.weaviate.serving_things import asked

from orchestrator_platform.errors import Misuse, UnknownAsset
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.targets import declared_targets
from orchestrator_platform.operations.tune import tune, usual_grid
from orchestrator_platform.operations.tuning_report import describe, draw, proposal, read_evidence
from orchestrator_platform.records.embeddings import IndexSettings
from orchestrator_platform.records.keys import AgentName, AssetKey, Version
from orchestrator_platform.records.tunings import Measured, Tuning, memory_of

ASSET = "embeddings.advisory"
PERSON = AgentName("person")


def measured(recall: float, p95_ms: float, memory_bytes: int = 1000, **settings: object) -> Measured:
    return Measured(
        settings=IndexSettings.model_validate(settings),
        recall=recall,
        p50_ms=p95_ms / 2,
        p95_ms=p95_ms,
        import_seconds=1,
        memory_bytes=memory_bytes,
    )


def tuning(*all_measured: Measured, min_recall: float = 0.99) -> Tuning:
    return Tuning(
        asset=AssetKey(ASSET),
        version=Version(3),
        n_vectors=100,
        dim=8,
        n_questions=10,
        k=10,
        min_recall=min_recall,
        current=IndexSettings(),
        measured=all_measured,
    )


def test_what_is_measured_is_reported_and_the_served_collection_is_left_alone(advisories: Gate) -> None:
    (target,) = [each.target for each in declared_targets(advisories) if each.target.name.startswith("weaviate:")]
    before = target.serving()

    found, report = tune(advisories, ASSET, by=PERSON, settings=usual_grid((4, 128), (64,), (8,), ("none", "bq")))

    assert [(one.settings.ef, one.settings.quantization) for one in found.measured] == [
        (4, "none"),
        (128, "none"),
        (4, "bq"),
        (128, "bq"),
    ]
    exact = found.measured[1]
    assert exact.recall >= 0.99
    assert exact.p50_ms <= exact.p95_ms
    assert found.proposed is not None
    assert (found.n_vectors, found.version) == (155, 1)
    assert target.serving() == before
    with asked(target) as client:  # type: ignore[arg-type]
        assert not client.collections.exists(f"{target.plan.alias}_tuned")  # type: ignore[attr-defined]
    assert report.read_text(encoding="utf-8") == describe(found)
    assert Tuning.model_validate(json.loads((report.parent / "tuning.json").read_text())) == found
    (evidence,) = (
        each for each in read_evidence(advisories.settings.home, found.asset, found.version) if each.report == report
    )
    assert evidence.tuning == found
    assert (report.parent / "plot.svg").read_text(encoding="utf-8").count("<circle") == 4


def test_the_front_holds_what_nothing_beats_and_the_quickest_that_finds_enough_is_proposed() -> None:
    poor, good, slow = measured(0.8, 1.0, ef=8), measured(0.995, 2.0, ef=64), measured(1.0, 5.0, ef=256)
    beaten = measured(0.99, 3.0, ef=65)
    found = tuning(slow, beaten, poor, good)
    assert found.front == (poor, good, slow)
    assert found.proposed == good
    assert "ef: 64" in proposal(found)


def test_where_nothing_finds_enough_nothing_is_proposed() -> None:
    found = tuning(measured(0.8, 1.0, ef=8))
    assert found.proposed is None
    assert "No setting reached the recall of 0.99" in proposal(found)


def test_settings_that_are_there_already_are_said_to_be_right() -> None:
    assert "are the quickest that find enough" in proposal(tuning(measured(1.0, 1.0)))


def test_the_plot_is_well_formed() -> None:
    from xml.etree import ElementTree

    root = ElementTree.fromstring(draw(tuning(measured(0.9, 1.0, ef=8), measured(1.0, 2.0, quantization="bq"))))  # noqa: S314
    assert root.tag.endswith("svg")


def test_quantised_vectors_take_less() -> None:
    sizes = [memory_of(IndexSettings(quantization=kind), 1000, 384) for kind in ("none", "rq", "bq")]
    assert sizes == sorted(sizes, reverse=True)


def test_what_cannot_be_tuned_says_why(advisories: Gate) -> None:
    with pytest.raises(UnknownAsset, match=r"no asset 'embeddings\.nothing'"):
        tune(advisories, "embeddings.nothing", by=PERSON)
    with pytest.raises(UnknownAsset):
        tune(advisories, "raw.orders", by=PERSON)
    bare = declare_local(advisories)
    with pytest.raises(Misuse, match="files are searched exactly"):
        tune(bare, ASSET, by=PERSON)


def declare_local(gate: Gate) -> Gate:
    from embedded import declare_embedding

    return declare_embedding(gate)
