"""The rule of a rollback, on receipts alone: which version serves, which are retracted, because of what."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from paper_lineages import LOG, Paper

from orchestrator_platform.errors import Misuse, TargetRetracted
from orchestrator_platform.gate.plan import KnownInputs
from orchestrator_platform.gate.quarantine import retracted_fingerprints
from orchestrator_platform.records.candidates import Form
from orchestrator_platform.records.keys import AssetKey

A, B, C = "marts.a", "marts.b", "marts.c"


@pytest.fixture
def paper() -> Paper:
    return Paper()


def test_rows_of_a_retracted_base_take_an_incremental_table_back_although_its_parent_is_clean(paper: Paper) -> None:
    paper.land()
    paper.build(A, LOG)
    paper.build(B, LOG, reads_base=True)
    paper.build(B, A, reads_base=True)
    paper.build(B, LOG, reads_base=True)  # b@3 reads the log alone, over b@2
    paper.roll(A, None)
    assert paper.serves(B) == 1
    assert set(paper.retracted()) == {"marts.a@1", "marts.b@2", "marts.b@3"}


def test_a_table_built_in_full_is_not_taken_back_with_its_base(paper: Paper) -> None:
    paper.land()
    paper.build(A, LOG)
    paper.build(B, A)
    paper.build(B, LOG, form=Form.DELTA)  # in full, and without a; the delta is only what differs
    paper.roll(A, None)
    assert (paper.serves(B), paper.receipt(B).version) == (2, 2)
    assert set(paper.retracted()) == {"marts.a@1", "marts.b@1"}


@pytest.mark.parametrize(("form", "serves"), [(Form.DELTA, None), (Form.WHOLE, 2)])
def test_a_receipt_that_does_not_say_whether_it_reads_its_base_is_judged_by_its_form(
    paper: Paper, form: Form, serves: int | None
) -> None:
    paper.land()
    paper.build(A, LOG)
    paper.build(B, A)
    paper.build(B, LOG, reads_base=None, form=form)
    paper.roll(A, None)
    assert paper.serves(B) == serves


def test_what_was_built_after_a_rollback_stands_on_the_restored_version(paper: Paper) -> None:
    paper.land()
    paper.land()
    paper.roll(LOG, 1)
    paper.land()  # log@4 stands on log@3, which is log@1
    paper.build(A, LOG)
    paper.roll(LOG, 2)
    assert paper.retracted() == {"raw.log@4": {LOG}, "marts.a@1": {LOG}}
    assert paper.serves(A) is None
    paper.roll(LOG, 4)
    assert paper.retracted().keys() == {"raw.log@2", "raw.log@5"}, "log@5 shows what log@2 holds"
    assert (paper.serves(LOG), paper.serves(A)) == (4, 1)


def test_a_version_that_restores_another_names_the_same_content(paper: Paper) -> None:
    paper.land()
    paper.land()
    paper.roll(LOG, 1)
    paper.roll(LOG, 2)
    paper.roll(LOG, 3)  # log@3 is log@1
    assert paper.receipt(LOG).restores == 1


def test_two_causes_are_lifted_one_by_one(paper: Paper) -> None:
    for _ in range(2):
        paper.land()
        paper.build(A, LOG)
        paper.build(C, A)
    paper.roll(A, 1)
    paper.roll(LOG, 1)
    assert paper.retracted()["marts.c@2"] == {LOG, A}
    paper.roll(LOG, 2)
    assert paper.retracted()["marts.c@2"] == {A}
    assert paper.serves(C) == 1
    paper.roll(A, 2)
    assert (paper.serves(A), paper.serves(C)) == (2, 2)


def test_a_version_made_from_what_stays_retracted_is_refused(paper: Paper) -> None:
    for _ in range(2):
        paper.land()
        paper.build(A, LOG)
    paper.roll(LOG, 1)
    with pytest.raises(TargetRetracted, match=r"Roll raw\.log forward first"):
        paper.plan(A, 2)


def test_a_version_that_is_not_there_or_empty_is_misuse(paper: Paper) -> None:
    paper.land()
    paper.roll(LOG, None)
    with pytest.raises(Misuse, match="is none of its versions"):
        paper.plan(LOG, 9)
    with pytest.raises(Misuse, match="it is empty"):
        paper.plan(LOG, 2)


def test_a_rollback_to_what_serves_changes_nothing(paper: Paper) -> None:
    paper.land()
    paper.land()
    assert paper.plan(LOG, 2).changes_nothing
    paper.roll(LOG, 1)
    assert paper.plan(LOG, 1).changes_nothing
    assert not paper.plan(LOG, 2).changes_nothing


def test_parents_come_before_what_is_made_of_them(paper: Paper) -> None:
    for _ in range(2):
        paper.land()
        paper.build("marts.z", LOG)
        paper.build(A, "marts.z")
    assert [step.asset for step in paper.plan(LOG, 1).steps] == [LOG, "marts.z", A]


def test_only_inputs_taken_back_themselves_are_held(paper: Paper) -> None:
    """What was made from them would come back only with their content, and would then be right."""
    for _ in range(2):
        paper.land()
        paper.build(A, LOG)
        paper.build(C, A)
    paper.roll(A, 1)
    known = KnownInputs(frozenset(), {}, retracted_fingerprints(paper.retractions))
    held = known.held_back(AssetKey(A), "marts.a-2", {})
    assert held is not None
    assert "rolled back" in held.why
    assert known.held_back(AssetKey(C), "marts.c-2", {}) is None
    paper.roll(A, 2)
    assert retracted_fingerprints(paper.retractions) == frozenset()


PARENTS = {LOG: (), A: (LOG,), B: (LOG,), C: (A, B), "marts.d": (C, LOG)}
READS_BASE = {LOG: True, A: False, B: True, C: False, "marts.d": True}
MOVES = st.tuples(
    st.sampled_from([*PARENTS, LOG, A]), st.one_of(st.none(), st.none(), st.integers(0, 9)), st.integers(1, 3)
)


class Model:
    """The rule as a person would say it: an asset serves its newest version that nothing retracted went into."""

    def __init__(self, paper: Paper) -> None:
        self.paper = paper
        self.taken_back: dict[str, set[int]] = {asset: set() for asset in PARENTS}

    def origin(self, asset: str, version: int) -> int | None:
        receipt = self.paper.receipts[AssetKey(asset)][version - 1]
        return None if receipt.withdrawn else receipt.restores or version

    def is_retracted(self, asset: str, version: int) -> bool:
        receipt = self.paper.receipts[AssetKey(asset)][version - 1]
        went_in = [(parent.asset, self.origin(parent.asset, int(parent.version or 0))) for parent in receipt.parents]
        if READS_BASE[asset] and receipt.base_version:
            went_in.append((AssetKey(asset), self.origin(asset, receipt.base_version)))
        retracted = (self.is_retracted(name, number) for name, number in went_in if number)
        return version in self.taken_back[asset] or any(retracted)

    def stands_on(self, asset: str, version: int) -> set[int]:
        base = self.paper.receipts[AssetKey(asset)][version - 1].base_version
        below = self.origin(asset, base) if base else None
        return {version} | (self.stands_on(asset, below) if below else set())

    def built(self, asset: str) -> list[int]:
        versions = range(1, len(self.paper.receipts[AssetKey(asset)]) + 1)
        return [version for version in versions if self.origin(asset, version) == version]

    def newest(self, asset: str) -> int | None:
        return max((v for v in self.built(asset) if not self.is_retracted(asset, v)), default=None)


@given(st.lists(MOVES, min_size=6, max_size=30))
@settings(max_examples=300, deadline=None, derandomize=True)
def test_every_asset_serves_its_newest_version_without_anything_retracted(
    moves: list[tuple[str, int | None, int]],
) -> None:
    paper = Paper()
    model = Model(paper)
    for asset, to, n_parents in [*((asset, None, 3) for asset in PARENTS), *moves]:
        _move(paper, model, asset, to, n_parents)
        for name in map(str, paper.receipts):
            assert paper.serves(name) == model.newest(name)
            expected = {v for v in model.built(name) if model.is_retracted(name, v)}
            assert {v for v in model.built(name) if f"{name}@{v}" in paper.retracted()} == expected


def _move(paper: Paper, model: Model, asset: str, to: int | None, n_parents: int) -> None:
    if to is None:
        # What is built may read another part of its parents than the version before.
        parents = PARENTS[asset][-n_parents:]
        if all(AssetKey(parent) in paper.receipts and paper.serves(parent) for parent in parents):
            paper.build(asset, *parents, reads_base=READS_BASE[asset])
        return
    if AssetKey(asset) not in paper.receipts:
        return
    versions = len(paper.receipts[AssetKey(asset)])
    version = to % (versions + 1)
    target = model.origin(asset, version) if version else None
    if version and target is None:
        with pytest.raises(Misuse):
            paper.roll(asset, version)
        return
    before = model.taken_back[asset]
    model.taken_back[asset] = set(model.built(asset)) - (model.stands_on(asset, target) if target else set())
    if target and model.is_retracted(asset, target):
        model.taken_back[asset] = before
        with pytest.raises(TargetRetracted):
            paper.roll(asset, version)
        return
    paper.roll(asset, version or None)
