from datetime import UTC, datetime
from pathlib import Path

from orchestrator_platform.gate.fingerprint import table_fingerprint
from orchestrator_platform.gate.plan import KnownInputs, Need, plan_build
from orchestrator_platform.gate.withhold import root_causes, withheld_by
from orchestrator_platform.records.candidates import AssetKind
from orchestrator_platform.records.contracts import Column, Contract
from orchestrator_platform.records.declarations import AssetDeclaration, PythonBuild
from orchestrator_platform.records.keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from orchestrator_platform.records.receipts import Head

RAW, A, B, C = (AssetKey(f"s.{name}") for name in ("raw", "a", "b", "c"))


def declare(key: AssetKey, *parents: AssetKey, code: str = "1") -> AssetDeclaration:
    return AssetDeclaration(
        key=key,
        kind=AssetKind.TABLE,
        contract=Contract(asset=key, columns=(Column(name="id", type="BIGINT"),), grain=("id",)),
        parents=parents,
        code_version=code,
        build=PythonBuild(Path("t.py"), "f"),
        producer=AgentName("p"),
        auditor=AgentName("q"),
        group="s",
    )


def head(key: AssetKey, data: str, fingerprint: str = "") -> Head:
    return Head(
        asset=key,
        version=Version(1),
        snapshot=Snapshot(2),
        data_version=data,
        fingerprint=fingerprint,
        n_rows=1,
        candidate=CandidateId("c"),
        published_at=datetime(2024, 1, 1, tzinfo=UTC),
    )


NOTHING = KnownInputs(frozenset(), {})


def needs(declarations: list[AssetDeclaration], heads: list[Head], known: KnownInputs = NOTHING) -> dict[str, Need]:
    goal = {declaration.key for declaration in declarations}
    planned = plan_build(declarations, goal, {h.asset: h for h in heads}, known)
    return {item.asset: item.need for item in planned}


def test_same_parents_code_and_contract_need_no_build() -> None:
    a = declare(A, RAW)
    served = head(A, "a1", table_fingerprint(a, {RAW: "r1"}))
    assert needs([a], [head(RAW, "r1"), served]) == {A: Need.CURRENT}
    assert needs([a], [head(RAW, "r2"), served]) == {A: Need.STALE}
    assert needs([declare(A, RAW, code="2")], [head(RAW, "r1"), served]) == {A: Need.STALE}


def test_what_stands_on_a_stale_asset_is_stale() -> None:
    a, b = declare(A, RAW), declare(B, A)
    heads = [head(RAW, "r2"), head(A, "a1", "old"), head(B, "b1", table_fingerprint(b, {A: "a1"}))]
    assert needs([a, b], heads) == {A: Need.STALE, B: Need.STALE}


def test_a_rejected_fingerprint_is_not_built_again_and_its_children_use_what_serves() -> None:
    a, b = declare(A, RAW), declare(B, A)
    rejected = KnownInputs(frozenset({(A, table_fingerprint(a, {RAW: "r2"}))}), {})
    heads = [head(RAW, "r2"), head(A, "a1", "old"), head(B, "b1", table_fingerprint(b, {A: "a1"}))]
    assert needs([a, b], heads, rejected) == {A: Need.HELD, B: Need.CURRENT}


def test_inputs_that_gave_the_served_content_before_are_not_built_again() -> None:
    a = declare(A, RAW, code="2")
    known = KnownInputs(frozenset(), {(A, table_fingerprint(a, {RAW: "r1"})): "a1"})
    assert needs([a], [head(RAW, "r1"), head(A, "a1", "old")], known) == {A: Need.CURRENT}
    assert needs([a], [head(RAW, "r1"), head(A, "a2", "old")], known) == {A: Need.STALE}


def test_without_a_published_parent_an_asset_waits() -> None:
    assert needs([declare(A, RAW)], []) == {A: Need.WAITING}


def test_withholding_follows_building_judging_and_atomic_groups() -> None:
    assert withheld_by({A}, {A: set(), B: {A}, C: {B}}, {}) == {B: (A,), C: (B,)}
    assert withheld_by({A}, {A: set(), B: set(), C: {B}}, {A: "g", B: "g"}) == {B: (A,), C: (B,)}
    assert withheld_by(set(), {A: set(), B: {A}}, {A: "g", B: "g"}) == {}


def test_what_was_built_from_a_denied_candidate_is_no_cause_of_its_own() -> None:
    assert root_causes([A, B], {A: {RAW}, B: {A}}) == [A]
    assert root_causes([A, C], {A: {RAW}, B: {A}, C: {B}}) == [A]
    assert root_causes([A, B], {A: {RAW}, B: {RAW}}) == [A, B]
