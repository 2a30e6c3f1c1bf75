"""Turns outcomes of a branch into reports: checks with their places, differences, promises, measures."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from ..errors import Misuse, OrchestratorError
from ..gate.context import Gate
from ..gate.outcomes import Escalated, Failed, Held, Outcome, Published, Rejected, Unchanged, Waiting, Withheld
from ..lake.published import PublishedCut
from ..records.candidates import AssetKind
from ..records.checked import AssetChange, Case, CaseState, state_of
from ..records.ci import AssetReport, Metric
from ..records.contract_changes import Direction, PromiseChange
from ..records.declarations import AssetDeclaration, DbtBuild, EmbeddingBuild, ModelBuild, PythonBuild
from ..records.diffs import TableDiff
from ..records.findings import Finding, Severity
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from .ci_changes import CODE, PARENTS, descendants
from .ci_promises import CALIBRATED, find_promises, measured_metrics
from .platform import Platform
from .written_places import Places

NOT_LOOSENED, ROWS_KEPT, BUILT = "contract_not_loosened", "rows_kept", "built"
OWN_CHECKS = (NOT_LOOSENED, ROWS_KEPT)
_BY_CODE = DbtBuild | PythonBuild


@dataclass(frozen=True)
class Allowances:
    """What a person lets pass: a check everywhere, or of one asset."""

    everywhere: frozenset[str]
    of_assets: frozenset[tuple[str, str]]

    @classmethod
    def parse(cls, texts: Sequence[str]) -> "Allowances":
        """Returns what `check` and `check:asset` say.

        Raises:
            Misuse: It is none of the checks that can be allowed.
        """
        pairs = [text.partition(":") for text in texts]
        unknown = next((check for check, _, _ in pairs if check not in OWN_CHECKS), None)
        if unknown is not None:
            known = ", ".join(OWN_CHECKS)
            raise Misuse(f"{unknown!r} is nothing that can be allowed. Nothing was done. There are: {known}.")
        everywhere = frozenset(check for check, _, asset in pairs if not asset)
        return cls(everywhere, frozenset((check, asset) for check, _, asset in pairs if asset))

    def require_known(self, assets: Collection[str]) -> None:
        """Raises Misuse where something is allowed of an asset that there is not."""
        unknown = next((asset for _, asset in sorted(self.of_assets) if asset not in assets), None)
        if unknown is not None:
            raise Misuse(f"Something is allowed of {unknown!r}, which the project does not declare. Mend --allow.")

    def let(self, check: str, asset: AssetKey) -> bool:
        return check in self.everywhere or (check, str(asset)) in self.of_assets


@dataclass(frozen=True)
class Reporter:
    """Knows what served and what the branch changes; the cut is of what served, the gate's lake holds what was made."""

    gate: Gate
    cut: PublishedCut
    receipts: Mapping[AssetKey, Receipt]
    changes: Sequence[AssetChange]
    allowances: Allowances
    max_rows_lost: float
    moved: dict[AssetKey, Receipt] = field(default_factory=dict)

    @cached_property
    def places(self) -> Places:
        return Places(self.gate)

    @cached_property
    def platform(self) -> Platform:
        return Platform.of(self.gate)

    @cached_property
    def changed(self) -> Mapping[AssetKey, AssetChange]:
        return {change.asset: change for change in self.changes}

    def tables(self, outcomes: Sequence[Outcome]) -> tuple[AssetReport, ...]:
        """Returns a report of each, in their order; of what only stands on the branch, if something came of it."""
        self.moved.update({done.asset: done.receipt for done in outcomes if isinstance(done, Published)})
        shown = [outcome for outcome in outcomes if outcome.asset in self.changed or not _is_nothing(outcome)]
        return tuple(self._report(outcome) for outcome in shown)

    def _report(self, outcome: Outcome) -> AssetReport:
        declaration = self.gate.assets[outcome.asset]
        match outcome:
            case Published(receipt=receipt):
                said = f"would be version {receipt.version}"
                return self.judged(declaration, "published", receipt.findings, said, made=receipt)
            case Unchanged(verdict=verdict, why=why):
                return self.judged(declaration, "unchanged", verdict.findings if verdict else (), why)
            case Rejected(verdict=verdict, quarantine=number) | Escalated(verdict=verdict, quarantine=number):
                word = "rejected" if isinstance(outcome, Rejected) else "escalated"
                why = "what served would serve on" if word == "rejected" else "a person would have to approve it"
                return self.judged(declaration, word, verdict.findings, why, candidate=number)
            case Failed(message=message):
                return self.judged(declaration, "failed", (), message, broken=CaseState.FAILED)
            case Withheld(because_of=because_of):
                why = f"because of {', '.join(because_of)}"
                return self.judged(declaration, "withheld", (), why, broken=CaseState.SKIPPED)
            case Held(why=why) | Waiting(why=why):
                return self.judged(declaration, "waiting", (), why, broken=CaseState.SKIPPED)

    def judged(
        self,
        declaration: AssetDeclaration,
        outcome: str,
        findings: Sequence[Finding],
        why: str = "",
        *,
        made: Receipt | None = None,
        candidate: int | None = None,
        broken: CaseState | None = None,
        notes: tuple[str, ...] = (),
    ) -> AssetReport:
        """Returns the report of one asset that findings were made of, or that was `broken` before there were any."""
        asset, before = declaration.key, self.receipts.get(declaration.key)
        diff, notes = self._diff(declaration, before, made, candidate, notes)
        promises, unsure = find_promises(self.gate, before) if before and asset in self.changed else ((), "")
        cases = [self._case(declaration, finding) for finding in findings]
        if broken is not None:
            place = self.places.of_failure(declaration, why)
            cases.append(Case(subject=asset, check=BUILT, state=broken, message=why, file=place.file, line=place.line))
        cases += [*self._own(declaration, promises), *self._rows_kept(declaration, before, diff)]
        below = descendants(self.gate, [asset])
        change = self.changed.get(asset)
        above = descendants(self.gate, self.changed.keys()).get(asset, ())
        return AssetReport(
            asset=asset,
            kind=declaration.kind,
            changed=change.what if change else (),
            because_of=() if change else above,
            outcome=outcome,
            why=why,
            base_version=before.version if before else None,
            quarantine=candidate,
            auditor=declaration.auditor,
            diff=diff,
            rows=_rows_of(declaration, made),
            promises=promises,
            metrics=tuple(_metrics(declaration, before.findings if before else (), tuple(findings))),
            downstream=tuple(below),
            cases=tuple(cases),
            notes=(*notes, *([unsure] if unsure else []), *_seats(declaration, before)),
        )

    def _case(self, declaration: AssetDeclaration, finding: Finding) -> Case:
        place = self.places.of_check(declaration, finding.check, finding.message)
        asks = not finding.passed and finding.severity is Severity.ESCALATE
        return Case(
            subject=declaration.key,
            check=finding.check,
            state=state_of(finding),
            message=f"a person must approve: {finding.message}" if asks else finding.message,
            measured=finding.measured,
            limit=finding.limit,
            n_failing=finding.n_failing,
            file=place.file,
            line=place.line,
        )

    def _own(self, declaration: AssetDeclaration, promises: Sequence[PromiseChange]) -> Iterator[Case]:
        """A contract may be loosened, by a person who says so."""
        asset, change = declaration.key, self.changed.get(declaration.key)
        if change is None or asset not in self.receipts:
            return
        looser = [promise for promise in promises if promise.direction is Direction.LOOSER]
        columns = tuple(column for promise in looser for column in promise.columns)
        place = self.places.of_contract(declaration, columns)
        said = "; ".join(promise.said for promise in looser)
        yield Case(
            subject=asset,
            check=NOT_LOOSENED,
            state=self._allowed(NOT_LOOSENED, asset) if looser else CaseState.PASSED,
            message=f"the contract is loosened: {said}. {_allow(NOT_LOOSENED, asset)}" if looser else "",
            measured=len(looser),
            limit=0,
            file=place.file,
            line=place.line,
        )

    def _rows_kept(
        self, declaration: AssetDeclaration, before: Receipt | None, diff: TableDiff | None
    ) -> Iterator[Case]:
        """Rows are gone because of the table's own code, or of what it makes of parents that kept theirs."""
        asset, change = declaration.key, self.changed.get(declaration.key)
        made_otherwise = change is not None and {CODE, PARENTS} & set(change.what)
        moved = self.moved.keys() & set(declaration.parents)
        if (
            before is None
            or diff is None
            or not (made_otherwise or (moved and isinstance(declaration.build, _BY_CODE)))
        ):
            return
        n_lost, share = rows_lost(diff)
        lost = share > self.max_rows_lost
        if lost and any(self._lost(parent) for parent in moved):
            return
        place = self.places.of_asset(declaration)
        of = f"of {', '.join(sorted(moved))}, which kept theirs" if moved else "of unchanged parents"
        said = f"{n_lost:,} of {diff.before.n_rows:,} rows are gone ({share:.1%}), {of}"
        yield Case(
            subject=asset,
            check=ROWS_KEPT,
            state=self._allowed(ROWS_KEPT, asset) if lost else CaseState.PASSED,
            message=f"{said}. {_allow(ROWS_KEPT, asset)}" if lost else said,
            measured=round(share, 4),
            limit=self.max_rows_lost,
            n_failing=n_lost,
            file=place.file,
            line=place.line,
        )

    def _lost(self, parent: AssetKey) -> bool:
        """Whether a table that was made anew lacks rows, or is no table, of which nobody can say that."""
        before = self.receipts.get(parent)
        diff, _ = self._diff(self.gate.assets[parent], before, self.moved[parent], None, ())
        return before is None or diff is None or rows_lost(diff)[1] > self.max_rows_lost

    def _allowed(self, check: str, asset: AssetKey) -> CaseState:
        return CaseState.ALLOWED if self.allowances.let(check, asset) else CaseState.FAILED

    def _diff(
        self,
        declaration: AssetDeclaration,
        before: Receipt | None,
        made: Receipt | None,
        candidate: int | None,
        notes: tuple[str, ...],
    ) -> tuple[TableDiff | None, tuple[str, ...]]:
        """Vectors and artefacts tell nobody anything row by row."""
        if declaration.kind is not AssetKind.TABLE or (made is None and candidate is None):
            return None, notes
        version = before.version if before is not None and candidate is None else None
        try:
            found = self.platform.diff(declaration.key, from_version=version, candidate=candidate)
        except OrchestratorError as error:
            return None, (*notes, f"It could not be compared with what serves: {error}")
        return found, notes


def rows_lost(diff: TableDiff) -> tuple[int, float]:
    """Returns how many rows are gone, and their share: keys where there is one."""
    n_lost = diff.n_removed if diff.grain else max(diff.before.n_rows - diff.after.n_rows, 0)
    return n_lost, n_lost / diff.before.n_rows if diff.before.n_rows else 0.0


def _is_nothing(outcome: Outcome) -> bool:
    return isinstance(outcome, Unchanged)


def _allow(check: str, asset: AssetKey) -> str:
    return f"If that is meant: --allow {check}:{asset}"


def _rows_of(declaration: AssetDeclaration, made: Receipt | None) -> str:
    if made is None or declaration.kind is AssetKind.TABLE:
        return ""
    return f"{made.n_rows:,} rows (+{made.n_inserted:,} −{made.n_deleted:,})"


def _seats(declaration: AssetDeclaration, before: Receipt | None) -> Iterator[str]:
    if before is not None and before.auditor != declaration.auditor:
        yield f"It is audited by {declaration.auditor}; what serves was by {before.auditor}."
    if before is not None and before.producer != declaration.producer:
        yield f"It is produced by {declaration.producer}; what serves was by {before.producer}."


def _metrics(
    declaration: AssetDeclaration, before: tuple[Finding, ...], after: tuple[Finding, ...]
) -> Iterator[Metric]:
    names = _metric_names(declaration)
    was, now = measured_metrics(before, names), measured_metrics(after, names)
    for name in [finding.check for finding in after if finding.check in names]:
        values = [found[name].measured if name in found else None for found in (was, now)]
        numbers = [float(value) if isinstance(value, int | float) else None for value in values]
        limit = now[name].limit if name in now else None
        told = float(limit) if isinstance(limit, int | float) else None
        yield Metric(name=name, before=numbers[0], after=numbers[1], limit=told)


def _metric_names(declaration: AssetDeclaration) -> frozenset[str]:
    match declaration.build:
        case EmbeddingBuild():
            from ..audits.retrieval import CHECKS

            return frozenset(CHECKS)
        case ModelBuild(options=options):
            from ..audits.model_names import BASELINE, CHAMPION, metric_checks, slice_checks

            return frozenset((*metric_checks(options), *slice_checks(options), BASELINE, CHAMPION, CALIBRATED))
        case _:
            return frozenset()
