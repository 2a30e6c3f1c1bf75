"""Tables that somebody else's functions return: how they are declared to the gate, and brought through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..authority.acts import Act
from ..authority.agent_files import Invocation, Principal
from ..authority.permissions import Permission, permission
from ..authority.seats import Seats
from ..authority.selections import select_assets
from ..contracts.contract_cache import CodeFiles, cached_pandera_contract
from ..errors import BaseMoved, DefinitionError
from ..gate.build import Frame
from ..gate.context import Gate
from ..gate.cycle.frames import publish_frame
from ..gate.cycle.order import Order
from ..gate.definition_files import hash_files
from ..gate.outcomes import Outcome
from ..home_format import make_home
from ..lake.content import hash_file
from ..records.candidates import AssetKind, ParentRead
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, FrameBuild
from ..records.keys import AgentName, AssetKey
from ..settings import Settings, load_settings_around
from .project_assets import load_gate, selectable
from .projections import project
from .storing import stores

_ATTEMPTS = 5
_ORCHESTRATOR = AgentName("orchestrator")


@dataclass(frozen=True)
class GatedTable:
    """What a function's decorator says of the table that it returns; `contract` is `file.py:Class` beside its file."""

    key: AssetKey
    contract: str
    producer: AgentName
    auditor: AgentName
    file: Path
    line: int
    function: str
    group: str = "default"
    description: str = ""
    parents: tuple[AssetKey, ...] = ()

    def wrong(self, problem: str, fix: str) -> DefinitionError:
        """Returns the error that names the function's line."""
        return DefinitionError(file=self.file, line=self.line, problem=f"{self.function}() {problem}", fix=fix)


def gate_over(table: GatedTable) -> Gate:
    """Returns the gate of the project that the function's file is in, with its table among the assets.

    Raises:
        DefinitionError: The contract, an agent or the key is wrong; the message has file and line.
        Misuse: The file is in no project.
    """
    settings = load_settings_around(table.file)
    make_home(settings.home)
    gate = load_gate(settings)
    if table.key in gate.assets:
        raise table.wrong(f"makes {table.key}, which {gate.assets[table.key].origin} makes too", "Give it another key.")
    declared = _declaration(table, settings)
    _require_seats(table, declared, gate.principals)
    seats = Seats(table.producer, table.auditor)
    return replace(
        gate,
        assets={**gate.assets, table.key: declared},
        seats={**gate.seats, table.key: seats},
        definition_files={**gate.definition_files, **hash_files(declared.declared_in)},
    )


@stores
def bring_frame(
    gate: Gate,
    asset: AssetKey,
    returned: object,
    parents: Sequence[ParentRead] = (),
    *,
    reason: str,
    on_behalf_of: str = "",
    started: Invocation = Invocation.AUTOMATIC,
) -> Outcome:
    """Makes a candidate of what a function returned, has it judged by the other agent, and publishes what is approved.

    Args:
        parents: The versions that the function was given, where that is known; else those that serve now.

    Raises:
        BaseMoved: Other publications came first again and again.
        NotPermitted: An agent may not do its part.
    """
    frame = Frame(_many_times(returned), _served_parents(gate, asset, {parent.asset: parent for parent in parents}))
    order = Order(frozenset({asset}), _ORCHESTRATOR, reason, on_behalf_of, started=started)
    for attempt in range(_ATTEMPTS):
        try:
            outcome = publish_frame(gate, order, frame)
            break
        except BaseMoved as error:
            if attempt == _ATTEMPTS - 1:
                raise
            gate.say(f"{error} Trying again.")
    project(gate)
    return outcome


def _many_times(returned: object) -> object:
    """A stream of batches can be read once; what was read has to be there for another attempt."""
    named = (type(returned).__module__.split(".")[0], type(returned).__name__)
    return returned.read_all() if named == ("pyarrow", "RecordBatchReader") else returned  # type: ignore[attr-defined]


def _served_parents(gate: Gate, asset: AssetKey, given: Mapping[AssetKey, ParentRead]) -> tuple[ParentRead, ...]:
    heads = gate.cut().heads
    served = {
        parent: ParentRead(asset=parent, version=heads[parent].version, data_version=heads[parent].data_version)
        for parent in gate.assets[asset].parents
        if parent in heads and not heads[parent].withdrawn
    }
    return tuple((served | dict(given)).values())


def _declaration(table: GatedTable, settings: Settings) -> AssetDeclaration:
    contract = _contract(table, settings)
    return AssetDeclaration(
        key=table.key,
        kind=AssetKind.TABLE,
        contract=contract,
        parents=table.parents,
        optional_parents=frozenset(table.parents),
        code_version=hash_file(table.file),
        build=FrameBuild(table.file, table.function),
        producer=table.producer,
        auditor=table.auditor,
        group=table.group,
        description=table.description,
        origin=f"{table.file}:{table.line}",
        kinds=("table", "python", "ducklake"),
        declared_in=(table.file, _contract_file(table)),
    )


def _contract(table: GatedTable, settings: Settings) -> Contract:
    name = table.contract.partition(":")[2]
    file = _contract_file(table)
    if not name:
        raise table.wrong(f"has the contract {table.contract!r}, which names no class", "Write `contract.py:Orders`.")
    if not file.is_file():
        raise table.wrong(f"has its contract in {file}, which is not there", "Name a file beside this one.")
    return cached_pandera_contract(settings.home.cache / "contracts", table.key, file, name, depends_on=CodeFiles(()))


def _contract_file(table: GatedTable) -> Path:
    return (table.file.parent / table.contract.partition(":")[0]).resolve()


def _require_seats(table: GatedTable, declared: AssetDeclaration, principals: Mapping[AgentName, Principal]) -> None:
    if table.producer == table.auditor:
        fix = "Name another agent as its auditor."
        raise table.wrong(f"has {table.producer} in both seats: the auditor is never the producer", fix)
    seats = {table.key: Seats(table.producer, table.auditor)}
    known = ", ".join(sorted(principals)) or "none"
    for name, role, acts in (
        (table.producer, "produces", (Act.BUILD, Act.PUBLISH)),
        (table.auditor, "audits", (Act.AUDIT, Act.QUARANTINE)),
    ):
        principal = principals.get(name)
        if principal is None:
            raise table.wrong(f"names the agent {name!r}, which has no file", f"Agents with a file: {known}.")
        selections = principal.produces if role == "produces" else principal.audits
        if not any(table.key in select_assets(selection, [selectable(declared)]) for selection in selections):
            raise table.wrong(
                f"names {name}, which by {principal.file} {role} no {table.key}",
                f"Add a selection of it to `{role}` there, such as `group:{table.group}`.",
            )
        lacking = [act for act in acts if permission(principal, act, table.key, seats) is not Permission.ALLOWED]
        if lacking:
            raise table.wrong(f"names {name}, which by {principal.file} may not {lacking[0]}", "Add it to `may` there.")
