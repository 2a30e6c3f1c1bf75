"""One pass of tables through the gate: built together, closed, judged together, published together."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import duckdb

from ...audits.audit import AuditPlan
from ...audits.candidate_view import next_relation
from ...errors import Misuse, StorageFailed
from ...lake.commit import Quarantined
from ...lake.published import PublishedCut
from ...lake.session import suit_threads
from ...records.candidates import ParentRead
from ...records.declarations import AssetDeclaration, DbtBuild, FrameBuild
from ...records.keys import AssetKey
from ...records.slices import Slice, slices_fingerprint
from ...records.verdicts import Decision, Verdict
from ...storage import storage_problem
from ..audit import audit_candidates
from ..build import Built, Frame, build_stages
from ..candidate import Closed, Draft, close_candidate, verify_files
from ..context import Gate
from ..fingerprint import table_fingerprint
from ..memory import remember_unchanged
from ..outcomes import Counts, Escalated, Failed, Held, Outcome, Published, Rejected, Unchanged, Withheld
from ..plan import KnownInputs, PlannedSlices
from ..publish import Publication
from ..slices import only_slices
from ..withhold import blamed_for, root_causes, withheld_by
from ..workbench import Workbench
from .building import Builder
from .order import Order, bench_of, entry_for, judged_events, judged_in, keep_verdict, publish_in, remove_candidate


@dataclass
class TablePass:
    """One pass over one published cut, in one workbench.

    `frames` are what functions of others returned; `undecided` are tables whose slices were not approved together,
    and may be in smaller parts: they have no outcome.
    """

    gate: Gate
    order: Order
    cut: PublishedCut
    workbench: Workbench
    closed: dict[AssetKey, Closed] = field(default_factory=dict)
    outcomes: dict[AssetKey, Outcome] = field(default_factory=dict)
    counts: dict[AssetKey, Counts] = field(default_factory=dict)
    frames: Mapping[AssetKey, Frame] = field(default_factory=dict)
    undecided: set[AssetKey] = field(default_factory=set)

    def run(self, stale: Sequence[AssetDeclaration], known: KnownInputs) -> Mapping[AssetKey, Outcome]:
        """Returns an outcome for each of the assets, which come parents first."""
        for stage in build_stages(stale):
            self._build(stage, known)
        if self.closed:
            self._judge()
        return self.outcomes

    def _build(self, stage: Sequence[AssetDeclaration], known: KnownInputs) -> None:
        self.gate.say(f"building {', '.join(declaration.key for declaration in stage)}")
        is_dbt = isinstance(stage[0].build, DbtBuild)
        # Open while dbt builds: as long as one connection is, the others find the extensions loaded.
        with self.workbench.connect(stage[0].key) as connection:
            if is_dbt and any(declaration.parents for declaration in stage):
                suit_threads(connection, self._largest())
            from_dbt = {item.asset: item for item in self._build_dbt(stage)} if is_dbt else {}
            for declaration in stage:
                outcome = None if is_dbt else self._not_to_build(declaration, known)
                if outcome is None:
                    built = from_dbt.get(declaration.key) or self._build_one(connection, declaration)
                    outcome = self._close(connection, declaration, built, known)
                if outcome is not None:
                    self.outcomes[declaration.key] = outcome

    def _build_one(self, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration) -> Built:
        built = self._builder.build(connection, declaration, self._relations(), self._parents_read(declaration))
        if built.counts is not None:
            self.counts[declaration.key] = built.counts
        return built

    def _build_dbt(self, stage: Sequence[AssetDeclaration]) -> tuple[Built, ...]:
        return self._builder.build_dbt(stage, self._relations())

    @property
    def _builder(self) -> Builder:
        return Builder(self.gate, self.order, self.cut, self.workbench, self.frames)

    def _largest(self) -> int:
        """The rows of the largest table that can be read here."""
        served = [head.n_rows for head in self.cut.heads.values()]
        return max([*served, *(item.manifest.n_rows for item in self.closed.values())], default=0)

    def _relations(self) -> dict[AssetKey, str]:
        candidates = self.gate.settings.home.candidates
        closed = {
            asset: next_relation(item.manifest, candidates / item.manifest.id) for asset, item in self.closed.items()
        }
        return self.cut.relations() | closed

    def _close(
        self, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, built: Built, known: KnownInputs
    ) -> Outcome | None:
        """Closes one build; an outcome instead where there is nothing to judge."""
        if spoiled := self._spoiled(declaration):
            return spoiled
        if problem := storage_problem(built.error):
            raise StorageFailed(path=self.workbench.folder, problem=problem)
        if built.error:
            return Failed(declaration.key, built.error)
        if settled := self._settled(declaration, known, built):
            return settled
        partition, slices = declaration.partition, self._slices(declaration, known)
        draft = Draft(
            asset=declaration.key,
            kind=declaration.kind,
            relation=only_slices(partition, built.relation, self.order.slices) if partition else built.relation,
            key=built.key,
            parents=self._parents_read(declaration),
            fingerprint=slices_fingerprint(slices) if slices else self._fingerprint(declaration, known, built),
            code_version=declaration.code_version,
            contract_hash=declaration.contract.hash(),
            producer=declaration.producer,
            reason=self.order.reason,
            part=built.part,
            gone=built.gone,
            partition=partition,
            slices=slices,
            together=self.order.together,
        )
        try:
            self.closed[declaration.key] = close_candidate(
                connection,
                draft,
                self.cut.heads.get(declaration.key),
                self.gate.settings.home.candidates,
                candidate_id=self.gate.new_candidate(),
                now=self.gate.now(),
            )
        except (Misuse, duckdb.Error) as error:
            # A relation that a function returned is computed here for the first time.
            return Failed(declaration.key, str(error))
        return None

    def _not_to_build(self, declaration: AssetDeclaration, known: KnownInputs) -> Outcome | None:
        """An outcome where building would be for nothing."""
        return self._spoiled(declaration) or self._settled(declaration, known)

    def _spoiled(self, declaration: AssetDeclaration) -> Outcome | None:
        spoiled = tuple(parent for parent in declaration.required_parents if self._is_spoiled(parent))
        return Withheld(declaration.key, spoiled) if spoiled else None

    def _settled(self, declaration: AssetDeclaration, known: KnownInputs, built: Built | None = None) -> Outcome | None:
        """An outcome where it is known what these inputs give; of slices, those that need it were ordered."""
        if self.order.rebuild or declaration.partition is not None:
            return None
        if isinstance(declaration.build, FrameBuild) and built is None:
            return None
        fingerprint = self._fingerprint(declaration, known, built)
        if known.is_current(declaration.key, fingerprint, self.cut.heads.get(declaration.key)):
            return Unchanged(declaration.key, "its parents were built anew and did not change")
        held = known.held_back(declaration.key, fingerprint, self.cut.heads)
        return Held(declaration.key, held.why, held.look) if held is not None else None

    def _fingerprint(self, declaration: AssetDeclaration, known: KnownInputs, built: Built | None) -> str:
        parents = self._parents_read(declaration)
        if built is not None and built.inputs:
            return table_fingerprint(declaration, {}, built.inputs)
        besides = known.besides.get(declaration.key, "")
        return table_fingerprint(declaration, {parent.asset: parent.data_version for parent in parents}, besides)

    def _slices(self, declaration: AssetDeclaration, known: KnownInputs) -> tuple[Slice, ...]:
        """The ordered slices, as what they are made from says."""
        planned = known.slices.get(declaration.key, PlannedSlices())
        return tuple(item.slice for item in planned.slices if item.name in self.order.slices)

    def _is_spoiled(self, parent: AssetKey) -> bool:
        return isinstance(self.outcomes.get(parent), Failed | Held | Withheld)

    def _parents_read(self, declaration: AssetDeclaration) -> tuple[ParentRead, ...]:
        if declaration.key in self.frames:
            return self.frames[declaration.key].parents
        read = [parent for parent in declaration.parents if self._is_there(parent, declaration)]
        return tuple(self._parent_read(parent) for parent in read)

    def _is_there(self, parent: AssetKey, declaration: AssetDeclaration) -> bool:
        head = self.cut.heads.get(parent)
        return parent in self.closed or parent not in declaration.optional_parents or bool(head and not head.withdrawn)

    def _parent_read(self, parent: AssetKey) -> ParentRead:
        closed, head = self.closed.get(parent), self.cut.heads.get(parent)
        if closed is not None and not closed.unchanged:
            manifest = closed.manifest
            return ParentRead(asset=parent, version=None, data_version=manifest.data_version, candidate=manifest.id)
        assert head is not None
        return ParentRead(asset=parent, version=head.version, data_version=head.data_version)

    def _judge(self) -> None:
        plans = {asset: self.gate.audit_plan(asset) for asset in self.closed}
        self.gate.say(f"auditing {', '.join(self.closed)}")
        bench = bench_of(self.gate, self.cut, self.workbench)
        verdicts = audit_candidates(
            bench,
            [(item.manifest, plans[asset]) for asset, item in self.closed.items()],
            verify_files,
            now=self.gate.now(),
        )
        by_asset = {verdict.asset: verdict for verdict in verdicts}
        changed = {asset for asset, item in self.closed.items() if not item.unchanged}
        denied = root_causes(
            [asset for asset, verdict in by_asset.items() if verdict.decision is not Decision.APPROVE],
            {
                asset: {parent.asset for parent in item.manifest.parents}
                | (blamed_for(by_asset[asset], plans[asset]) & changed)
                for asset, item in self.closed.items()
            },
        )
        depends_on = self._depends_on(plans, changed)
        if denied and len(self.order.slices) > 1 and not self.order.together:
            self._leave_undecided(denied)
            return
        rejected = {asset for asset in denied if by_asset[asset].decision is Decision.REJECT}
        # Nobody can approve what was judged against a candidate that is not published.
        denied = [asset for asset in denied if asset in rejected or not depends_on[asset] & rejected]
        withheld = withheld_by(denied, depends_on, self._atomic_groups())
        passed = [asset for asset in self.closed if asset not in denied and asset not in withheld]
        self.outcomes |= {asset: Withheld(asset, because) for asset, because in withheld.items()}
        self._settle(by_asset, denied, passed)
        for asset in (*passed, *withheld):
            remove_candidate(self.gate.settings.home.candidates, self.closed[asset].manifest.id)

    def _leave_undecided(self, denied: Sequence[AssetKey]) -> None:
        """Slices that were judged together may owe that to one of them: nothing is put aside for it."""
        self.undecided |= set(denied)
        for asset in denied:
            remove_candidate(self.gate.settings.home.candidates, self.closed[asset].manifest.id)

    def _depends_on(
        self, plans: Mapping[AssetKey, AuditPlan], changed: AbstractSet[AssetKey]
    ) -> dict[AssetKey, set[AssetKey]]:
        """What each candidate was built from or judged against; a parent with the served content harms nobody."""
        return {
            asset: ({parent.asset for parent in item.manifest.parents} | plans[asset].reads) & changed - {asset}
            for asset, item in self.closed.items()
        }

    def _atomic_groups(self) -> dict[AssetKey, str | None]:
        spoiled = {asset: self.gate.assets[asset].atomic for asset in self.outcomes if self._is_spoiled(asset)}
        return spoiled | {asset: self.gate.assets[asset].atomic for asset in self.closed}

    def _settle(
        self, verdicts: Mapping[AssetKey, Verdict], denied: Sequence[AssetKey], passed: Sequence[AssetKey]
    ) -> None:
        changed = [asset for asset in passed if not self.closed[asset].unchanged]
        same = [asset for asset in passed if self.closed[asset].unchanged]
        if changed or denied:
            self._publish(verdicts, denied, changed)
        remembered = {}
        for asset in same:
            head = self.cut.heads[asset]
            remembered[asset, self.closed[asset].manifest.fingerprint] = head.data_version
            self.outcomes[asset] = Unchanged(asset, "it was built anew with the same content", verdicts[asset])
        remember_unchanged(self.gate.settings.home.cache, remembered)

    def _publish(
        self, verdicts: Mapping[AssetKey, Verdict], denied: Sequence[AssetKey], changed: Sequence[AssetKey]
    ) -> None:
        for asset in denied:
            keep_verdict(self.gate.settings.home.candidates, verdicts[asset])
        done = publish_in(
            self.gate,
            Publication(
                judged=tuple(judged_in(self.gate, self.closed[a].manifest, verdicts[a]) for a in changed),
                agent=self.order.agent,
                reason=self.order.reason,
                # Whoever signs does it for the person who asked, or for the agent that delegated it.
                on_behalf_of=self.order.on_behalf_of or self.order.agent,
                quarantined=tuple(
                    Quarantined(
                        entry_for(self.gate, self.cut.heads, self.closed[asset].manifest, verdicts[asset]),
                        by=verdicts[asset].auditor,
                    )
                    for asset in denied
                ),
                events=tuple(
                    event
                    for asset in (*changed, *denied)
                    for event in judged_events(
                        self.gate, self.order, self.closed[asset].manifest, verdicts[asset], self.counts.get(asset)
                    )
                ),
            ),
        )
        for receipt in done.receipts:
            self.outcomes[receipt.asset] = Published(receipt.asset, receipt, self.counts.get(receipt.asset))
        for entry in done.quarantined:
            made = Rejected if verdicts[entry.asset].decision is Decision.REJECT else Escalated
            self.outcomes[entry.asset] = made(
                entry.asset, self.closed[entry.asset].manifest, verdicts[entry.asset], entry.id
            )
