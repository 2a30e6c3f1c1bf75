"""Lineages on paper: receipts alone, and the plans made from them, without any lake. The rule is tested on these."""

from datetime import UTC, datetime

from orchestrator_platform.gate.lineage import Lineage
from orchestrator_platform.gate.rollback_plan import Known, RollbackPlan, plan_rollback, wish_version
from orchestrator_platform.records.candidates import AssetKind, Form, ParentRead
from orchestrator_platform.records.keys import AgentName, AssetKey, CandidateId, Snapshot, Version
from orchestrator_platform.records.receipts import Receipt, head_of
from orchestrator_platform.records.retractions import Retraction
from orchestrator_platform.records.verdicts import Seal

NOW = datetime(2024, 5, 8, tzinfo=UTC)
LOG = "raw.log"


class Paper:
    """What a lake would say: receipts by asset, oldest first, and what is taken back."""

    def __init__(self) -> None:
        self.receipts: dict[AssetKey, list[Receipt]] = {}
        self.retractions: tuple[Retraction, ...] = ()
        self.snapshot = Snapshot(1)

    def receipt(self, asset: str) -> Receipt:
        return self.receipts[AssetKey(asset)][-1]

    def serves(self, asset: str) -> int | None:
        """Returns the version whose content serves, `None` for an empty table."""
        receipt = self.receipt(asset)
        return None if receipt.withdrawn else receipt.restores or receipt.version

    def retracted(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = {}
        for item in self.retractions:
            found.setdefault(f"{item.asset}@{item.version}", set()).add(item.cause)
        return found

    def build(self, asset: str, *parents: str, reads_base: bool | None = False, form: Form = Form.WHOLE) -> Version:
        key, before = AssetKey(asset), self.receipts.get(AssetKey(asset), [])
        version = Version(len(before) + 1)
        self.snapshot = Snapshot(self.snapshot + 1)
        read = [self.receipt(parent) for parent in parents]
        receipt = Receipt(
            asset=key, kind=AssetKind.TABLE, version=version, snapshot=self.snapshot,
            candidate=CandidateId(f"{asset}-{version}"), form=form,
            base_version=before[-1].version if before else None,
            parents=tuple(ParentRead(asset=r.asset, version=r.version, data_version=r.data_version) for r in read),
            columns=(), n_rows=1, n_inserted=1, n_deleted=0, data_version=f"{asset}-{version}",
            fingerprint=f"{asset}-{version}", code_version="code", contract_hash="contract",
            producer=AgentName("producer"), auditor=AgentName("auditor"),
            seal=Seal(manifest="m", contract="c", producer_permissions="p", auditor_permissions="a"),
            findings=(), files=(), reason="a test", published_at=NOW, reads_base=reads_base,
        )  # fmt: skip
        self.receipts[key] = [*before, receipt]
        return version

    def land(self) -> Version:
        return self.build(LOG, reads_base=True, form=Form.APPEND)

    def known(self) -> Known:
        return Known(
            snapshot=self.snapshot,
            heads={asset: head_of(receipts[-1]) for asset, receipts in self.receipts.items()},
            lineage=Lineage.of(receipt for receipts in self.receipts.values() for receipt in receipts),
            retractions=self.retractions,
            readable=tuple(Snapshot(number) for number in range(1, self.snapshot + 1)),
        )

    def plan(self, asset: str, to: int | None) -> RollbackPlan:
        known = self.known()
        version = Version(to) if to is not None else None
        return plan_rollback(known, wish_version(known, AssetKey(asset), version), "a test")

    def roll(self, asset: str, to: int | None) -> RollbackPlan:
        """Makes a plan true on paper."""
        plan = self.plan(asset, to)
        self.snapshot = Snapshot(self.snapshot + 1)
        for step in plan.steps:
            receipts = self.receipts[step.asset]
            source = receipts[(step.restores or step.serves) - 1]
            change = {"version": step.becomes, "snapshot": self.snapshot, "base_version": step.serves}
            change |= {"restores": step.restores, "withdrawn": step.restores is None, "candidate": f"r{self.snapshot}"}
            receipts.append(source.model_copy(update=change))
        self.retractions = tuple(
            item if item.snapshot else item.model_copy(update={"snapshot": self.snapshot}) for item in plan.after
        )
        return plan
