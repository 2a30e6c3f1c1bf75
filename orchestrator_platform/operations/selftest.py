"""Tests the gate itself: plants defects into copies of what serves, and sees whether the audits find them.

Nothing is published, put aside or kept: every candidate is closed and judged in a scratch folder.
"""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from ..audits.audit import AuditPlan
from ..audits.planted_defects import KINDS, Defect, plant_defects
from ..audits.planted_ground import Ground, read_ground
from ..errors import Misuse, UnknownAsset
from ..gate.audit import ServedRecords
from ..gate.context import Gate
from ..gate.cycle.order import bench_of
from ..gate.workbench import Workbench, open_workbench
from ..lake.history import read_receipts
from ..lake.published import PublishedCut
from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Contract
from ..records.keys import AssetKey
from ..records.selftests import Caught, CleanBatch, LeftOut, PlantedDefect, SelfTested
from ..records.verdicts import Decision, Verdict
from .audit import served_records
from .clean_batches import clean_batches
from .copied_cut import CopiedCut, copy_cut
from .proposals import NotClosed, Proposal, Proposer

MAX_ROWS = 200_000
_SERVED = "served_rows"
_CLOSING = "closing"


@dataclass(frozen=True)
class SelfTestOptions:
    """`n_columns` bounds the candidates of one kind in one asset; a table of more than `max_rows` is left out."""

    kinds: frozenset[str] = frozenset()
    seed: int = 0
    n_columns: int | None = None
    max_rows: int = MAX_ROWS
    n_clean: int = 10


def selftest(gate: Gate, assets: Collection[str], options: SelfTestOptions) -> SelfTested:
    """Returns what became of every planted defect and every clean batch, by default of all served assets.

    Raises:
        UnknownAsset: The project declares no such asset.
        Misuse: There is no such kind of defect, or nothing serves.
        NotPermitted: An auditor may not judge its asset.
    """
    _require_known(gate, assets, options)
    cut = gate.cut()
    chosen = [asset for asset in gate.assets if asset in assets or not assets]
    left_out = [found for asset in chosen if (found := _left_out(gate, cut, asset, options))]
    tested = [asset for asset in chosen if asset not in {item.asset for item in left_out}]
    if not tested:
        why = "; ".join(f"{item.asset} {item.why}" for item in left_out) or "the project declares no asset"
        raise Misuse(f"There is nothing to test with: {why}. Look: `orchestrator status`.")
    defects: list[PlantedDefect] = []
    clean: list[CleanBatch] = []
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
        gate.say("copying what serves")
        bench = Workbench(workbench.folder, _copied(gate, cut, tested, workbench.folder / "published.duckdb"))
        for asset in tested:
            with _open_trial(gate, cut, bench, asset, options) as trial:
                clean += trial.judge_clean(options)
                defects += trial.judge_defects(options)
    return SelfTested(seed=options.seed, defects=tuple(defects), clean=tuple(clean), left_out=tuple(left_out))


@dataclass
class _Trial:
    """One asset: what serves of it, and whoever proposes and judges."""

    gate: Gate
    plan: AuditPlan
    proposer: Proposer
    ground: Ground
    records: ServedRecords
    usual: frozenset[tuple[str, object]] = frozenset()

    @property
    def asset(self) -> AssetKey:
        return self.plan.declaration.key

    def judge_clean(self, options: SelfTestOptions) -> Iterable[CleanBatch]:
        batches = clean_batches(self.proposer.connection, self.ground, self.plan, self.records, options.n_clean)
        for number, proposal in enumerate(batches):
            self.gate.say(f"{self.asset}: clean batch {number + 1} of {len(batches)}")
            verdict = self.proposer.judge(proposal, even_unchanged=True)
            if number == 0 and isinstance(verdict, Verdict):
                self.usual = frozenset(_failed(verdict))
            approved = isinstance(verdict, Verdict) and verdict.decision is Decision.APPROVE
            checks = () if approved else _checks(verdict, frozenset())
            yield CleanBatch(asset=self.asset, batch=proposal.name, approved=approved, checks=checks)

    def judge_defects(self, options: SelfTestOptions) -> Iterable[PlantedDefect]:
        defects = _chosen(list(plant_defects(self.ground, options.kinds)), options)
        for number, defect in enumerate(defects):
            self.gate.say(f"{self.asset}: defect {number + 1} of {len(defects)}, {defect.kind.name}")
            proposal = Proposal(
                defect.kind.name, defect.relation, ledger=self.records.ledger, rejected=self.records.rejected
            )
            judged = self.proposer.judge(proposal)
            if judged is not None:
                yield self._told(defect, judged)

    def _told(self, defect: Defect, judged: Verdict | NotClosed) -> PlantedDefect:
        checks = _checks(judged, self.usual)
        caught = Caught.WARNED if checks else Caught.MISSED
        if isinstance(judged, NotClosed) or judged.decision is not Decision.APPROVE:
            caught = Caught.BLOCKED
        parents = self.plan.declaration.parents
        advice = defect.advice.replace("PARENT", parents[0] if parents else "PARENT")
        return PlantedDefect(
            asset=self.asset,
            kind=defect.kind.name,
            columns=defect.columns,
            caught=caught,
            checks=checks,
            advice=advice if caught is Caught.MISSED else "",
        )


@contextmanager
def _open_trial(
    gate: Gate, cut: PublishedCut, workbench: Workbench, asset: AssetKey, options: SelfTestOptions
) -> Iterator[_Trial]:
    """The served rows are brought near once: every defect is planted in them."""
    plan = gate.audit_plan(asset)
    assert isinstance(workbench.cut, CopiedCut)
    with workbench.connect(asset) as connection:
        connection.execute(f"CREATE TEMP TABLE {_SERVED} AS FROM lake.{asset.quoted}")
        older = workbench.cut.older_relation(asset)
        ground = read_ground(connection, _SERVED, _keys(plan.declaration.contract), options.seed, older)
        bench = replace(bench_of(gate, workbench.cut, workbench), local=workbench.cut.copied)
        proposer = Proposer(bench, workbench.cut, plan, connection, workbench.folder / "proposed", gate.now())
        yield _Trial(gate, plan, proposer, ground, _records(gate, cut, asset))


def _copied(gate: Gate, cut: PublishedCut, tested: Collection[AssetKey], file: Path) -> CopiedCut:
    """What the audits of these assets may read; a check that the project brings along may read anything."""
    plans = [gate.audit_plan(asset) for asset in tested]
    read = set(tested).union(*(plan.reads for plan in plans))
    if any(plan.declaration.checks for plan in plans):
        read |= set(cut.heads)
    connection = cut.connect()
    try:
        receipts = [read_receipts(connection, asset) for asset in tested]
    finally:
        connection.close()
    older = [before for served, *others in receipts for before in others[:1] if before.columns == served.columns]
    return copy_cut(cut, sorted(read & set(cut.heads)), older, file)


def _keys(contract: Contract) -> tuple[str, ...]:
    """Columns that identify a row, or tie it to its parent."""
    promised = contract.rows.on if contract.rows else ()
    unique = (name for names in contract.unique for name in names)
    return tuple(dict.fromkeys((*(contract.grain or ()), *promised, *unique)))


def _records(gate: Gate, cut: PublishedCut, asset: AssetKey) -> ServedRecords:
    """Without them no raw table could be accounted for."""
    connection = cut.connect()
    try:
        return served_records(gate, connection, asset)
    finally:
        connection.close()


def _chosen(defects: list[Defect], options: SelfTestOptions) -> list[Defect]:
    """At most so many of each kind, which ones the seed decides."""
    if options.n_columns is None:
        return defects
    of_kind: dict[str, list[Defect]] = {}
    for defect in sorted(defects, key=lambda d: sha256_of([options.seed, d.kind.name, d.columns, d.relation])):
        of_kind.setdefault(defect.kind.name, []).append(defect)
    kept = [defect for found in of_kind.values() for defect in found[: options.n_columns]]
    return [defect for defect in defects if defect in kept]


def _failed(verdict: Verdict) -> Iterable[tuple[str, object]]:
    return ((finding.check, finding.measured) for finding in verdict.findings if not finding.passed)


def _checks(judged: Verdict | NotClosed | None, usual: frozenset[tuple[str, object]]) -> tuple[str, ...]:
    """The checks that failed and do not fail in the same way on what serves."""
    if not isinstance(judged, Verdict):
        return (_CLOSING,)
    return tuple(dict.fromkeys(check for check, measured in _failed(judged) if (check, measured) not in usual))


def _left_out(gate: Gate, cut: PublishedCut, asset: AssetKey, options: SelfTestOptions) -> LeftOut | None:
    head = cut.heads.get(asset)
    if gate.assets[asset].kind is AssetKind.MODEL:
        return LeftOut(asset=asset, why="is a model: each defect would be a training of its own")
    if head is None:
        return LeftOut(asset=asset, why="has no version that serves")
    if not 0 < head.n_rows <= options.max_rows:
        return LeftOut(asset=asset, why=f"has {head.n_rows:,} rows, and 1 to {options.max_rows:,} are tested with")
    return None


def _require_known(gate: Gate, assets: Collection[str], options: SelfTestOptions) -> None:
    unknown = next((asset for asset in assets if asset not in gate.assets), None)
    if unknown is not None:
        raise UnknownAsset(name=unknown, known=list(gate.assets))
    names = [kind.name for kind in KINDS]
    strange = sorted(options.kinds - set(names))
    if strange:
        raise Misuse(f"{strange[0]!r} is no kind of defect. There are: {', '.join(names)}.")
