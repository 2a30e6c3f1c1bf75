"""Lets a case try what it tries, looks at what readers get afterwards, and asks the commands what they say of it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from red_team.arena import FORGED, TOTALS, Arena, Readable, elsewhere

from orchestrator_platform.errors import DbtFailed, OrchestratorError
from orchestrator_platform.gate.outcomes import Escalated, Failed, Held, Outcome, Rejected
from orchestrator_platform.operations.audit import audit_again
from orchestrator_platform.operations.records_of import receipt
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.served import read_served
from orchestrator_platform.records.findings import Finding
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.records.verdicts import Decision

Tried = Sequence[Outcome] | str
# dbt hands on what was refused as text.
_NOT_RUN, _REFUSED = "may not run", "the statement is refused"


class Became(StrEnum):
    """BLOCKED: an answer, and readers see what they saw. DETECTED: something changed, and a command says so.
    NEITHER: something changed, and nothing says so.
    """

    BLOCKED = "blocked"
    DETECTED = "detected"
    NEITHER = "neither"


@dataclass(frozen=True)
class Case:
    """One way to do harm. `attempt` returns outcomes, or in words what stopped it; errors it raises are answers.

    `why` is the reason where nothing stops it. `dbt` asks for a project with a dbt model.
    """

    name: str
    who: str
    tries: str
    attempt: Callable[[Arena], Tried]
    dbt: bool = False
    why: str = ""


@dataclass(frozen=True)
class Found:
    """What became of a case, and who said what about it."""

    became: Became
    said: str


def face(case: Case, arena: Arena, before: Readable) -> Found:
    """Runs the attempt and returns what it came to, as readers and commands of a new process see it."""
    said = _try(case, arena)
    if not _is_harmed(before, arena.readable()) and not arena.strangers():
        assert said, f"{case.name}: nothing happened, so nothing was tried"
        return Found(Became.BLOCKED, said)
    told = elsewhere(tell, arena)
    assert told or case.why, f"{case.name}: nothing says so, and no reason is given"
    return Found(Became.DETECTED, told) if told else Found(Became.NEITHER, case.why)


def _try(case: Case, arena: Arena) -> str:
    try:
        tried = case.attempt(arena)
    except OrchestratorError as error:
        return _REFUSED if isinstance(error, DbtFailed) and _NOT_RUN in str(error) else f"`{error.code}`"
    return tried if isinstance(tried, str) else in_words(tried)


def in_words(outcomes: Sequence[Outcome]) -> str:
    """Returns the first answer that is a no; nothing where all went through."""
    return next((answer for outcome in outcomes if (answer := _answer(outcome))), "")


def _answer(outcome: Outcome) -> str:
    match outcome:
        case Rejected(verdict=verdict):
            return f"rejected by {_names(verdict.blocking)}"
        case Escalated():
            return "escalated to a person"
        case Held():
            return "held"
        case Failed(message=message):
            return _REFUSED if _NOT_RUN in message else "the build fails"
        case _:
            return ""


def _names(findings: Sequence[Finding]) -> str:
    ran = [finding for finding in findings if not finding.message.startswith("did not run")] or findings
    return f"`{ran[0].check}`"


def _is_harmed(before: Readable, after: Readable) -> bool:
    kept = all(after.versions.get(key) == rows for key, rows in before.versions.items())
    forged = any(isinstance(rows, str) or FORGED in repr(rows) for rows in after.served.values())
    return forged or not kept


def tell(arena: Arena) -> str:
    """Returns what the commands say first that people run anyway, from the cheapest to the dearest."""
    return next(_told(arena), "")


def _told(arena: Arena) -> Iterator[str]:
    platform = arena.open()
    assets = [AssetKey(asset) for asset in platform.cut().heads]
    for asset in assets:
        if any(not finding.passed and finding.check == "checks_kept" for finding in receipt(platform, asset).findings):
            yield "`orchestrator receipt`: `checks_kept`"
    yield from _said_by("the check `served`", lambda: _served(arena, assets))
    for asset in assets:
        yield from _said_by("`orchestrator check`", lambda asset=asset: _audited(arena, asset))
    yield from _said_by("`orchestrator build`", lambda: in_words(arena.build()))
    yield from _said_by("`orchestrator rollback`", lambda: _rolled_back(arena))


def _served(arena: Arena, assets: Sequence[AssetKey]) -> str:
    served = read_served(arena.gate(), assets).values()
    return "a failed check" if any(not found.finding.passed for found in served) else ""


def _audited(arena: Arena, asset: str) -> str:
    verdict = audit_again(arena.gate(), asset).verdict
    # What a person approved is asked again, and tells nothing of who that was.
    return _names(verdict.blocking) if verdict.decision is Decision.REJECT else ""


def _rolled_back(arena: Arena) -> str:
    rollback(arena.gate(), Goal(TOTALS, 1), why="to look at it", by="ada")
    return ""


def _said_by(command: str, run: Callable[[], str]) -> Iterator[str]:
    try:
        said = run()
    except OrchestratorError as error:
        said = f"`{error.code}`"
    if said:
        yield f"{command}: {said}"
