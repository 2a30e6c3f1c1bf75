"""What a branch would do to a published lake, found out over that lake: the use case behind `orchestrator ci`.

What the branch changes is built, audited and published in a home that lies over the given one, by the same code that
does it at home. The given one is only read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter

from ..authority.agent_files import Invocation
from ..authority.permissions import Person
from ..authority.seats import Seats
from ..errors import OrchestratorError, Refusal
from ..gate.context import Gate, silent, utc_now
from ..gate.cycle.order import Order
from ..gate.outcomes import Outcome
from ..lake.layout import LakeLayout
from ..lake.published import cut_published
from ..learning.embedders import Embedders
from ..records.checked import AssetChange, Case, CaseState
from ..records.ci import CiReport
from ..records.declarations import ModelBuild, SourceBuild
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from ..settings import Home, Settings
from .build import ORCHESTRATOR, build_in_passes, judging_anew
from .ci_changes import REMOVED, descendants, find_changes, served_receipts
from .ci_loading import PROJECT, cases_of_loading, loading_failed
from .ci_raw import report_raw
from .ci_report import Allowances, Reporter
from .overlay import make_overlay, overlay_alone
from .project_assets import load_gate
from .storing import stores


@dataclass(frozen=True)
class CiOptions:
    """`allowed` are `check` or `check:asset` that a person lets pass; `max_rows_lost` is a share of a table's rows."""

    allowed: tuple[str, ...] = ()
    max_rows_lost: float = 0.05


def run_ci(
    settings: Settings,
    options: CiOptions,
    person: Person,
    *,
    embedders: Embedders | None = None,
    say: Callable[[str], None] = silent,
    now: Callable[[], datetime] = utc_now,
) -> CiReport:
    """Returns what the project, as it stands, would do to the home that the settings' home lies over.

    Args:
        person: Who starts it: models are trained for nobody else.

    Raises:
        Misuse: Nothing is published there, or what is allowed is no check, or its folder is another's.
        HomeMoved, NewerHome: The given home cannot be read.
        LockTimeout: Another command works in the overlay.
    """
    allowances = Allowances.parse(options.allowed)
    assert settings.over is not None
    with overlay_alone(Home(settings.over), settings.home):
        return _judge(settings, options, allowances, person, embedders, say, now)


def _judge(
    settings: Settings,
    options: CiOptions,
    allowances: Allowances,
    person: Person,
    embedders: Embedders | None,
    say: Callable[[str], None],
    now: Callable[[], datetime],
) -> CiReport:
    assert settings.over is not None
    started_at, began = now(), perf_counter()
    say(f"lying over {settings.over}")
    make_overlay(Home(settings.over), settings.home, anew=True)
    report = CiReport(
        lake=str(settings.over), overlay=str(settings.home.root), snapshot=None, started_at=started_at, seconds=0
    )
    say("loading the project")
    try:
        gate = replace(load_gate(settings, embedders), say=say, now=now)
    except OrchestratorError as error:
        if not loading_failed(error):
            raise
        cases = cases_of_loading(settings, error, _seats(settings))
        found = report.model_copy(update={"cases": cases})
    else:
        found = _run(gate, report, options, allowances, person)
    return found.model_copy(update={"seconds": round(perf_counter() - began, 3)})


def _seats(settings: Settings) -> dict[AssetKey, Seats]:
    receipts = served_receipts(cut_published(LakeLayout(settings.home.lake), settings.lock_timeout_seconds))
    return {asset: Seats(receipt.producer, receipt.auditor) for asset, receipt in receipts.items()}


@stores
def _run(gate: Gate, report: CiReport, options: CiOptions, allowances: Allowances, person: Person) -> CiReport:
    cut = gate.cut()
    receipts = served_receipts(cut)
    changes = find_changes(gate, cut, receipts)
    allowances.require_known(gate.assets)
    reporter = Reporter(gate, cut, receipts, changes, allowances, options.max_rows_lost)
    raw = [report_raw(reporter, gate.assets[change.asset], change) for change in changes if _is_raw(gate, change)]
    outcomes, refused = _build(gate, changes, person)
    gate.say("comparing with what serves")
    tables = reporter.tables(outcomes)
    return report.model_copy(
        update={
            "snapshot": cut.snapshot,
            "changes": changes,
            "cases": (*cases_of_loading(gate.settings), *refused),
            "assets": (*raw, *tables),
            "notes": tuple(_removed(changes, receipts)),
        }
    )


def _is_raw(gate: Gate, change: AssetChange) -> bool:
    declaration = gate.assets.get(change.asset)
    return declaration is not None and isinstance(declaration.build, SourceBuild)


def _build(
    gate: Gate, changes: tuple[AssetChange, ...], person: Person
) -> tuple[tuple[Outcome, ...], tuple[Case, ...]]:
    """Builds what the branch changes and whatever is made of it; models only where the branch changes themselves."""
    own = {c.asset for c in changes if c.asset in gate.assets and not _is_raw(gate, c)}
    models = {key for key, declared in gate.assets.items() if isinstance(declared.build, ModelBuild)}
    goal = own | (descendants(gate, own).keys() - models)
    if not goal:
        return (), ()
    order = Order(
        frozenset(goal),
        ORCHESTRATOR,
        "what the branch changes",
        person.name,
        started=Invocation.MANUAL,
        named=frozenset(own & models),
    )
    try:
        return build_in_passes(gate, order, judging_anew(gate)), ()
    except Refusal as error:
        return (), (Case(subject=PROJECT, check="permissions", state=CaseState.FAILED, message=str(error)),)


def _removed(changes: tuple[AssetChange, ...], receipts: Mapping[AssetKey, Receipt]) -> list[str]:
    return [
        f"{change.asset} is not declared any more; version {receipts[change.asset].version} of it would serve on."
        for change in changes
        if REMOVED in change.what
    ]
