"""Compares what a verdict was sealed to with what holds at the moment of publication. It changes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..authority.acts import Act
from ..authority.agent_files import Principal, load_agent_files
from ..authority.permissions import person, require, require_distinct
from ..authority.seats import Seats
from ..errors import SealBroken
from ..records.candidates import Manifest
from ..records.declarations import AssetDeclaration, ModelBuild, SourceBuild
from ..records.keys import AgentName, AssetKey, CandidateId, Version
from ..records.receipts import Head
from ..records.verdicts import Approval, Verdict, decide, seal_of
from .context import Gate
from .definition_files import ChangedFile, changed_files, is_below


@dataclass(frozen=True)
class Judged:
    """A candidate, its verdict, the declaration under which it was judged, and the checks that had to be made.

    `approval` is a person's answer where the verdict asks for one. `fingerprint` is that of the candidate's inputs
    under what it was judged by, where that is not what it was built under.
    """

    manifest: Manifest
    verdict: Verdict
    declaration: AssetDeclaration
    checks: frozenset[str]
    approval: Approval | None = None
    fingerprint: str = ""


@dataclass(frozen=True)
class InForce:
    """What holds now: who may do what, and how the files on disk differ from those that were loaded."""

    principals: Mapping[AgentName, Principal]
    seats: Mapping[AssetKey, Seats]
    changed: tuple[ChangedFile, ...] = ()


def read_in_force(gate: Gate, judged: Sequence[Judged]) -> InForce:
    """Reads agent files and definition files anew: both can be edited while something is built and judged."""
    roots = frozenset(root for item in judged for root in item.declaration.declared_in)
    return InForce(
        principals={principal.name: principal for principal in load_agent_files(gate.settings.project.agents)},
        seats=gate.seats,
        changed=changed_files(gate.definition_files, roots),
    )


def check_seal(
    item: Judged,
    together: Sequence[Judged],
    heads: Mapping[AssetKey, Head],
    in_force: InForce,
    published: Mapping[CandidateId, Version],
) -> None:
    """Compares everything that the verdict was sealed to with what holds now.

    `published` are parents that were candidates when they were read, and are versions since.

    Raises:
        SealBroken: Something differs; the message names it.
        NotPermitted: Producer and auditor are the same agent, the producer may not publish, or the approver
            is no person.
    """
    manifest, verdict = item.manifest, item.verdict
    require_distinct(manifest.producer, verdict.auditor)
    for what, sealed, found in _sealed(item, in_force):
        if sealed != found:
            raise SealBroken(
                asset=manifest.asset, what=what, sealed=sealed, found=found, again=_again(item.declaration)
            )
    approver = person(item.approval.approver) if item.approval is not None else None
    if approver is not None:
        require(approver, Act.APPROVE, manifest.asset, {})
    producer = in_force.principals[manifest.producer]
    require(producer, Act.PUBLISH, manifest.asset, in_force.seats, approved_by=approver)
    _check_files(item, in_force.changed)
    _check_parents(manifest, together, heads, published)


def _again(declaration: AssetDeclaration) -> str:
    build = declaration.build
    if isinstance(build, ModelBuild):
        return f"orchestrator train {declaration.key}"
    return f"orchestrator land {build.name}" if isinstance(build, SourceBuild) else ""


def _sealed(item: Judged, in_force: InForce) -> Sequence[tuple[str, str, str]]:
    """What is compared: its name, as it was sealed, as it is now."""
    manifest, verdict, declared = item.manifest, item.verdict, item.declaration
    producer, auditor = in_force.principals.get(manifest.producer), in_force.principals.get(verdict.auditor)
    now = seal_of(
        manifest,
        producer.permissions_hash() if producer else "missing",
        auditor.permissions_hash() if auditor else "missing",
    )
    return (
        ("the producer", manifest.producer, declared.producer),
        ("the auditor", verdict.auditor, declared.auditor),
        ("the asset", verdict.asset, manifest.asset),
        ("the candidate", verdict.seal.manifest, now.manifest),
        ("the contract", verdict.seal.contract, declared.contract.hash()),
        ("the code", manifest.code_version, declared.code_version),
        ("the producer's permissions", verdict.seal.producer_permissions, now.producer_permissions),
        ("the auditor's permissions", verdict.seal.auditor_permissions, now.auditor_permissions),
        ("what the findings amount to", verdict.decision, decide(verdict.findings, item.checks)),
    )


def _check_files(item: Judged, changed: Sequence[ChangedFile]) -> None:
    """A contract, a check or a model that was edited after it was loaded is not what the verdict is about."""
    own = [file for file in changed if is_below(file.path, frozenset(item.declaration.declared_in))]
    if own:
        more = f" (and {len(own) - 1} more files)" if len(own) > 1 else ""
        raise SealBroken(
            asset=item.manifest.asset,
            what=f"{own[0].path}{more}",
            sealed=own[0].loaded[:12],
            found=own[0].found[:12],
            again=_again(item.declaration),
        )


def _check_parents(
    manifest: Manifest,
    together: Sequence[Judged],
    heads: Mapping[AssetKey, Head],
    published: Mapping[CandidateId, Version],
) -> None:
    beside = {other.manifest.asset: other.manifest for other in together}
    for parent in manifest.parents:
        if parent.candidate is not None:
            other = beside.get(parent.asset)
            head = heads.get(parent.asset)
            found = other.id if other else (head.candidate if head else None)
            if found != parent.candidate and parent.candidate not in published:
                raise SealBroken(
                    asset=manifest.asset,
                    what=f"the parent {parent.asset}",
                    sealed=f"candidate {parent.candidate}",
                    found=f"candidate {found}",
                )
        elif parent.version is not None:
            head = heads.get(parent.asset)
            if head is None or head.version < parent.version:
                raise SealBroken(
                    asset=manifest.asset,
                    what=f"the parent {parent.asset}",
                    sealed=f"version {parent.version}",
                    found=f"version {head.version if head else 'none'}",
                )
