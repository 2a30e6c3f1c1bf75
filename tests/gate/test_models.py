"""How a model comes to serve: trained because a person asked, judged by another agent, published by one gate."""

import json
import shutil
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from small_models import (
    COMPONENT,
    ITEMS,
    MODEL,
    PERSON,
    gate_of_models,
    items,
    make_models,
    training_with,
    write_items,
)
from small_project import write_files

from orchestrator_platform.authority.agent_files import Invocation
from orchestrator_platform.cli.commands import root
from orchestrator_platform.errors import (
    CandidateDamaged,
    DefinitionError,
    Misuse,
    NotPermitted,
    ProcessFailed,
    UnknownAsset,
)
from orchestrator_platform.gate import train as train_stage
from orchestrator_platform.gate.cycle import table_pass
from orchestrator_platform.gate.outcomes import Failed, Held, Outcome, Published, Rejected, Unchanged, Waiting
from orchestrator_platform.gate.plan import Need
from orchestrator_platform.learning.models.artefact import pack_model, unpack_model
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.build import build, plan
from orchestrator_platform.operations.diff import diff_states
from orchestrator_platform.operations.models import compare_models, list_models, reproduce_model
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.train import plan_training, train
from orchestrator_platform.records.declarations import ModelBuild
from orchestrator_platform.records.verdicts import Decision


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_models(tmp_path_factory.mktemp("made"))
    examples, waiting = build(gate_of_models(folder)).outcomes
    assert isinstance(examples, Published)
    assert isinstance(waiting, Waiting)
    published = trained(folder)
    assert isinstance(published, Published), published
    assert published.receipt.version == 1
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """The project with one model published, to be changed."""
    return Path(shutil.copytree(made, tmp_path / "project"))


def trained(folder: Path, **asked: Any) -> Outcome:
    (outcome,) = train(gate_of_models(folder), [MODEL], reason="a test", on_behalf_of=PERSON, **asked).outcomes
    return outcome


def with_more_days(folder: Path) -> None:
    """Five more days of examples are published; the model is as it was."""
    write_items(folder, items(45))
    examples, model = build(gate_of_models(folder)).outcomes
    assert isinstance(examples, Published)
    assert isinstance(model, Waiting), model


def row_of(folder: Path, columns: str, version: int | None = None) -> Sequence[Any]:
    row = Platform.open(folder / "home", folder).read(MODEL, version=version).project(columns).fetchone()
    assert row is not None
    return row


def test_a_build_trains_nothing_and_says_who_may(folder: Path) -> None:
    with_more_days(folder)
    gate = gate_of_models(folder)
    planned = {item.asset: item for item in plan(gate)}
    assert planned[MODEL].need is Need.UNSTARTED
    assert planned[MODEL].why == f"waits for a person: only a person starts that, by name: `orchestrator train {MODEL}`"
    for on_behalf_of in ("", PERSON, "maker"):
        assert not build(gate, on_behalf_of=on_behalf_of).is_no
        assert not build(gate, on_behalf_of=on_behalf_of, rebuild=True).is_no
    assert [version.version for version in list_models(gate)] == [1]


@pytest.mark.parametrize("started", [None, Invocation.AUTOMATIC])
@pytest.mark.parametrize("on_behalf_of", ["", "maker", "orchestrator"])
def test_nobody_but_a_person_starts_a_training(folder: Path, started: Invocation | None, on_behalf_of: str) -> None:
    """A sensor, a condition or an agent that names the model is refused, whatever the producer's file says."""
    with_more_days(folder)
    with pytest.raises(NotPermitted, match=f"maker may not train {MODEL}: only a person"):
        build(gate_of_models(folder), [MODEL], on_behalf_of=on_behalf_of, started=started)


def test_a_training_needs_a_name_that_is_a_models(folder: Path) -> None:
    gate = gate_of_models(folder)
    with pytest.raises(Misuse, match="No model was named"):
        train(gate, [], reason="", on_behalf_of=PERSON)
    with pytest.raises(UnknownAsset):
        train(gate, [ITEMS], reason="", on_behalf_of=PERSON)


def test_same_examples_and_code_are_not_trained_on_again(folder: Path) -> None:
    assert isinstance(trained(folder), Unchanged)
    (planned,) = plan_training(gate_of_models(folder), [MODEL], on_behalf_of=PERSON, rebuild=False)
    assert planned.need is Need.CURRENT


def test_a_model_trained_anew_is_the_same_content(folder: Path) -> None:
    """Neither the clock nor this process is in the row: a search that is made again publishes nothing."""
    again = trained(folder, rebuild=True)
    assert isinstance(again, Unchanged), again
    assert again.why == "it was built anew with the same content"


def test_a_model_is_reproduced_from_its_receipt_alone(folder: Path) -> None:
    """The examples have moved on since: what is read are those that were read then."""
    with_more_days(folder)
    reproduced = reproduce_model(gate_of_models(folder), "late", 1)
    assert (reproduced.agrees, reproduced.same_artefact, reproduced.furthest) == (True, True, 0)
    changed = (folder / "defs/models/estimator.py").read_text() + "\n# another estimator\n"
    (folder / "defs/models/estimator.py").write_text(changed)
    with pytest.raises(Misuse, match="other code or options"):
        reproduce_model(gate_of_models(folder), "late", 1)


def test_what_serves_is_judged_again_on_the_examples_that_it_was_made_from(folder: Path) -> None:
    with_more_days(folder)
    again = audit_again(gate_of_models(folder), MODEL)
    assert again.verdict.decision is Decision.APPROVE, [f for f in again.verdict.findings if not f.passed]


def test_a_second_version_is_listed_compared_and_taken_back(folder: Path) -> None:
    with_more_days(folder)
    assert isinstance(trained(folder), Published)
    gate = gate_of_models(folder)
    listed = [(version.version, version.alias, version.metric) for version in list_models(gate)]
    assert listed == [(2, "champion", "roc_auc"), (1, "", "roc_auc")]
    until = [version.trained_on_until for version in list_models(gate)]
    assert until == ["2024-06-04 14:00:00", "2024-05-30 14:00:00"]
    compared = compare_models(gate, MODEL, 1, 2)
    assert not compared.same_examples
    assert "of the model it is compared with" in compared.verdict
    assert {check for check, _, _ in compared.measured} >= {"roc_auc", "calibration"}
    rollback(gate, Goal(asset=MODEL, version=1), why="a test", by="ada")
    assert [version.alias for version in list_models(gate_of_models(folder))] == ["champion", "", ""]


def test_a_trainer_that_looks_at_the_holdout_is_rejected_and_the_champion_serves_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_more_days(folder)
    random = np.random.default_rng(1)

    def look_ahead(place: Path, answer: dict[str, Any]) -> bytes:
        model = unpack_model((place / "artefact.skops").read_bytes())
        everything = items(45).dropna(subset="late").sample(frac=0.8, random_state=random.integers(100))
        model.classifier.fit(everything[["vendor", "score", "size"]], everything["late"])
        answer["metrics"] = {"roc_auc": 1.0}
        return pack_model(model)

    monkeypatch.setattr("orchestrator_platform.gate.train.run_fresh", training_with(look_ahead))
    rejected = trained(folder)
    assert isinstance(rejected, Rejected), rejected
    assert [finding.check for finding in rejected.verdict.blocking] == ["trained_as_declared"]
    assert [version.alias for version in list_models(gate_of_models(folder))] == ["champion"]
    assert isinstance(trained(folder), Held)
    assert not build(gate_of_models(folder)).is_no, "a rejected training is no reason for a plain build to say no"


def test_a_candidate_that_was_changed_on_disk_after_its_audit_is_not_published(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_more_days(folder)
    publish = table_pass.publish_in

    def tamper(gate: Any, publication: Any) -> Any:
        for judged in publication.judged:
            file = gate.settings.home.candidates / judged.manifest.id / judged.manifest.files[0].name
            file.chmod(0o644)
            content = bytearray(file.read_bytes())
            content[len(content) // 2] ^= 1
            file.write_bytes(content)
        return publish(gate, publication)

    monkeypatch.setattr(table_pass, "publish_in", tamper)
    with pytest.raises(CandidateDamaged):
        trained(folder)
    assert [version.version for version in list_models(gate_of_models(folder))] == [1]


def test_an_estimator_that_breaks_fails_with_its_own_words(folder: Path) -> None:
    estimator = (folder / "defs/models/estimator.py").read_text()
    broken = estimator.replace(
        "def build(parameters, seed):", "def build(parameters, seed):\n    raise OSError('no room')"
    )
    (folder / "defs/models/estimator.py").write_text(broken)
    failed = trained(folder)
    assert isinstance(failed, Failed)
    assert "no room" in failed.message
    assert "orchestrator train models.late" in failed.message


def test_two_trainings_of_one_model_search_one_after_the_other(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, most_at_work, second_waits = [0], [0], threading.Event()

    def listen(text: str) -> None:
        if "waits for it" in text:
            second_waits.set()

    def train_beside() -> None:
        gate = replace(gate_of_models(folder), say=listen)
        train(gate, [MODEL], reason="the second", on_behalf_of=PERSON, rebuild=True)

    second = threading.Thread(target=train_beside)

    def search(*_: Any) -> dict[str, Any]:
        at_work[0] += 1
        most_at_work[0] = max(most_at_work[0], at_work[0])
        if not second.ident:
            second.start()
            second_waits.wait(30)
        at_work[0] -= 1
        raise ProcessFailed(module="training", problem="that will do", said="")

    monkeypatch.setattr(train_stage, "run_fresh", search)
    assert isinstance(trained(folder, rebuild=True), Failed)
    second.join()
    assert (second_waits.is_set(), most_at_work) == (True, [1])


def test_a_model_is_a_table_like_any_other(folder: Path) -> None:
    """Time travel, diff and query; the artefact is told by its size and hash, never as megabytes of digits."""
    size, sha256 = row_of(folder, "octet_length(artefact), artefact_sha256", version=1)
    result = CliRunner().invoke(
        root,
        ["query", f"select artefact from {MODEL}", "--json", "--home", str(folder / "home"), "--project", str(folder)],
    )
    assert json.loads(result.stdout) == [{"artefact": f"{size:,} bytes, sha256 {sha256}"}]
    diff = diff_states(Platform.open(folder / "home", folder), MODEL)
    assert diff.added[0]["artefact"] == f"{size:,} bytes, sha256 {sha256}"


def test_the_model_list_is_what_machines_read(folder: Path) -> None:
    result = CliRunner().invoke(
        root, ["model", "list", "--json", "--home", str(folder / "home"), "--project", str(folder)]
    )
    (listed,) = json.loads(result.stdout)
    assert {"model", "version", "alias", "metric", "value", "trained_on_until"} <= listed.keys()
    assert (listed["model"], listed["version"], listed["alias"]) == ("late", 1, "champion")


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("number: [score, size]", "number: [score, late]", "key, time and target are no features"),
        ("number: [score, size]", "number: [score, weight]", "no column 'weight'"),
        ("key: [item_id]", "key: [other]", r"has the grain \[item_id\]"),
        ("estimator.py:late", "other.py:late", "'other.py' is not there"),
        ("size >= 5", "size >= (select 5)", "a query within it"),
        ("size >= 5", "weight >= 5", "cannot be asked of features.items"),
        ('cluster: ["seen_at::DATE"]', 'cluster: ["read_text(vendor)"]', "cluster|read_text"),
        ("examples: features.items", "examples: features.others", "nothing declares it"),
        ("floors: {roc_auc: 0.7}", "floors: {roc_auc: .nan}", r"`floors.roc_auc`: Input should be a finite number"),
        ("minutes: 1}", "minutes: .inf}", r"`budget.minutes`: Input should be a finite number"),
    ],
)
def test_a_component_that_is_wrong_is_refused_with_file_and_line(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    folder = make_models(tmp_path)
    assert written in COMPONENT
    write_files(folder, {"defs/models/defs.yaml": COMPONENT.replace(written, instead)})
    with pytest.raises(DefinitionError, match=said) as raised:
        gate_of_models(folder)
    assert "defs/models/defs.yaml:" in str(raised.value)


def test_a_longer_search_that_finds_the_same_model_publishes_nothing(tmp_path: Path) -> None:
    folder = make_models(tmp_path)
    file = folder / "defs/models/estimator.py"
    file.write_text(file.read_text(encoding="utf-8").replace("0.1, 10, log=True", "1.0, 1.0"), encoding="utf-8")
    build(gate_of_models(folder))
    assert isinstance(trained(folder, trials=2), Published)
    assert isinstance(trained(folder, trials=3), Unchanged)


def test_another_budget_is_no_other_model(folder: Path) -> None:
    gate = gate_of_models(folder)
    declared = gate.assets[list_models(gate)[0].asset]
    assert isinstance(declared.build, ModelBuild)
    longer = COMPONENT.replace("trials: 3", "trials: 30")
    write_files(folder, {"defs/models/defs.yaml": longer})
    other = gate_of_models(folder).assets[declared.key]
    assert other.code_version == declared.code_version
    assert replace(other, build=declared.build) == declared
