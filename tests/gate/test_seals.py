"""Each way in which a verdict stops holding, and that nothing is published then."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write_orders

from orchestrator_platform.errors import BaseMoved, CandidateDamaged, NotPermitted, Refusal, SealBroken
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle import table_pass
from orchestrator_platform.gate.publish import Done, Publication, publish
from orchestrator_platform.gate.seal import InForce, Judged
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.candidates import Manifest
from orchestrator_platform.records.findings import Finding, Severity
from orchestrator_platform.records.keys import AgentName, CandidateId, Version
from orchestrator_platform.records.verdicts import Decision, decide, seal_of

NOW = datetime(2024, 5, 8, tzinfo=UTC)


@dataclass(frozen=True)
class Held:
    """What was about to be published when it was stopped."""

    gate: Gate
    publication: Publication

    @property
    def judged(self) -> Judged:
        return self.publication.judged[0]

    def publish(self, judged: Judged | None = None, gate: Gate | None = None) -> Done:
        items = (judged or self.judged,)
        used = gate or self.gate
        return publish(
            used.layout,
            used.settings.home.candidates,
            replace(self.publication, judged=items),
            lambda: InForce(used.principals, used.seats),
            lock_timeout_seconds=5,
            now=NOW,
            event_id="event",
        )


class Stopped(Exception):
    pass


def make_landed(folder: Path) -> None:
    project = make_project(folder)
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", (1, "ada", 10, "open"), (2, "bob", 3, "paid"))])


@pytest.fixture
def held(made_once: MadeOnce, monkeypatch: pytest.MonkeyPatch) -> Held:
    """A candidate of marts.totals, approved, stopped just before its publication."""
    gate, caught = gate_of(made_once(make_landed)), []

    def stop(_: Gate, publication: Publication) -> Done:
        caught.append(publication)
        raise Stopped

    with monkeypatch.context() as patched:
        patched.setattr(table_pass, "publish_in", stop)
        with pytest.raises(Stopped):
            build(gate, ["marts.totals"])
    return Held(gate, caught[0])


def published(held: Held) -> set[str]:
    return set(open_project(held.gate.settings.project.root).cut().heads)


def test_an_unbroken_seal_publishes(held: Held) -> None:
    held.publish()
    assert published(held) == {"raw.orders", "marts.totals"}


def with_declaration(**changes: Any) -> Callable[[Held], Judged]:
    return lambda held: replace(held.judged, declaration=replace(held.judged.declaration, **changes))


def with_manifest(**changes: Any) -> Callable[[Held], Judged]:
    return lambda held: replace(held.judged, manifest=held.judged.manifest.model_copy(update=changes))


def with_verdict(**changes: Any) -> Callable[[Held], Judged]:
    return lambda held: replace(held.judged, verdict=held.judged.verdict.model_copy(update=changes))


def with_finding(**changes: Any) -> Callable[[Held], Judged]:
    """A forger who keeps the decision and the seal, and changes what was found."""

    def forge(held: Held) -> Judged:
        first, *others = held.judged.verdict.findings
        return with_verdict(findings=(first.model_copy(update=changes), *others))(held)

    return forge


def without_a_finding(held: Held) -> Judged:
    return with_verdict(findings=held.judged.verdict.findings[1:])(held)


def resealed(manifest: Callable[[Manifest], Manifest]) -> Callable[[Held], Judged]:
    """A forger who changes the manifest and makes the seal fit it."""

    def forge(held: Held) -> Judged:
        forged, old = manifest(held.judged.manifest), held.judged.verdict.seal
        seal = seal_of(forged, old.producer_permissions, old.auditor_permissions)
        return replace(held.judged, manifest=forged, verdict=held.judged.verdict.model_copy(update={"seal": seal}))

    return forge


def without_parent(manifest: Manifest) -> Manifest:
    parent = manifest.parents[0].model_copy(update={"version": Version(9)})
    return manifest.model_copy(update={"parents": (parent,)})


def with_candidate_parent(manifest: Manifest) -> Manifest:
    parent = manifest.parents[0].model_copy(update={"version": None, "candidate": CandidateId("unpublished")})
    return manifest.model_copy(update={"parents": (parent,)})


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_declaration(code_version="other"), "the code"),
        (with_declaration(producer=AgentName("judge")), "the producer"),
        (with_declaration(auditor=AgentName("other")), "the auditor"),
        (with_manifest(n_rows=7), "the candidate"),
        (with_manifest(data_version="other"), "the candidate"),
        (with_verdict(asset="marts.ranking"), "the asset"),
        (with_verdict(decision=Decision.REJECT), "what the findings amount to"),
        (with_finding(passed=False), "what the findings amount to was approve .* and is reject"),
        (with_finding(passed=False, severity=Severity.ESCALATE), "and is escalate"),
        (with_verdict(findings=()), "and is reject"),
        (without_a_finding, "and is reject"),
        (with_verdict(candidate="another"), "the candidate"),
        (resealed(without_parent), "the parent raw.orders"),
        (resealed(with_candidate_parent), "the parent raw.orders"),
    ],
)
def test_a_broken_seal_publishes_nothing(held: Held, change: Callable[[Held], Judged], message: str) -> None:
    with pytest.raises(SealBroken, match=message):
        held.publish(change(held))
    assert published(held) == {"raw.orders"}


def test_a_loosened_contract_breaks_the_seal(held: Held) -> None:
    loose = held.judged.declaration.contract.model_copy(update={"rules": ()})
    with pytest.raises(SealBroken, match="the contract"):
        held.publish(with_declaration(contract=loose)(held))
    assert published(held) == {"raw.orders"}


@pytest.mark.parametrize("seat", ["maker", "judge"])
def test_permissions_edited_after_the_audit_break_the_seal(held: Held, seat: str) -> None:
    agent = held.gate.principals[AgentName(seat)]
    edited = agent.model_copy(update={"may": agent.may[:-1]})
    gate = replace(held.gate, principals={**held.gate.principals, edited.name: edited})
    with pytest.raises(SealBroken, match="permissions"):
        held.publish(gate=gate)
    assert published(held) == {"raw.orders"}


def test_a_producer_that_may_not_publish_publishes_nothing(held: Held) -> None:
    maker = held.gate.principals[AgentName("maker")]
    edited = maker.model_copy(update={"may": tuple(act for act in maker.may if act != "publish")})
    resealed = held.judged.verdict.seal.model_copy(update={"producer_permissions": edited.permissions_hash()})
    gate = replace(held.gate, principals={**held.gate.principals, edited.name: edited})
    with pytest.raises(NotPermitted, match=r"maker may not publish marts\.totals"):
        held.publish(with_verdict(seal=resealed)(held), gate)
    assert published(held) == {"raw.orders"}


def test_a_producer_that_judged_itself_is_refused(held: Held) -> None:
    with pytest.raises(NotPermitted):
        held.publish(with_verdict(auditor=AgentName("maker"))(held))
    assert published(held) == {"raw.orders"}


def test_a_candidate_edited_after_the_audit_is_refused(held: Held) -> None:
    manifest = held.judged.manifest
    file = held.gate.settings.home.candidates / manifest.id / manifest.files[0].name
    file.chmod(0o644)
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(CandidateDamaged, match="other bytes"):
        held.publish()
    assert published(held) == {"raw.orders"}


def test_a_candidate_whose_file_is_gone_is_refused(held: Held) -> None:
    manifest = held.judged.manifest
    (held.gate.settings.home.candidates / manifest.id / manifest.files[0].name).unlink()
    with pytest.raises(CandidateDamaged, match="missing"):
        held.publish()
    assert published(held) == {"raw.orders"}


def test_an_old_verdict_cannot_be_replayed(held: Held) -> None:
    held.publish()
    with pytest.raises((BaseMoved, Refusal)):
        held.publish()
    assert open_project(held.gate.settings.project.root).cut().heads["marts.totals"].version == 1


def test_no_finding_is_no_approval() -> None:
    passed = Finding(asset="marts.t", check="schema", passed=True)
    assert decide((), frozenset()) is Decision.REJECT
    assert decide((passed,), frozenset({"schema", "grain"})) is Decision.REJECT
    assert decide((passed,), frozenset({"schema"})) is Decision.APPROVE
    failed = passed.model_copy(update={"passed": False})
    assert decide((failed,), frozenset({"schema"})) is Decision.REJECT
