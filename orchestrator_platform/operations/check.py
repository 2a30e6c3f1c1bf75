"""The audits alone, on what waits or serves, for many assets at once: the use case behind `orchestrator check`."""

from collections.abc import Sequence

from ..authority.selections import select_assets
from ..errors import Misuse, UnknownAsset
from ..gate.context import Gate
from ..records.checked import Case, CaseState
from ..records.findings import Finding, Severity
from ..records.keys import AssetKey
from .audit import AuditedAgain, audit_again, pending_candidate
from .project_assets import selectable
from .written_places import Places

_SEATS = ("producer", "auditor")
_ORDER = (Severity.WARN, Severity.ESCALATE, Severity.ERROR)


def check_assets(gate: Gate, selections: Sequence[str]) -> tuple[AuditedAgain, ...]:
    """Judges what waits, or else what serves, of every asset that is selected, parents first; publishes nothing.

    Args:
        selections: Assets by name, `group:`, `kind:` and the like as agent files select, `producer:` and `auditor:`
            with an agent; none selects all. What was not named itself is left out where nothing of it is there.

    Raises:
        UnknownAsset: There is no asset of that name.
        Misuse: A selection cannot be read, or nothing of it is there to judge.
        NotPermitted: An auditor may not judge its asset.
    """
    chosen = select(gate, selections)
    served = gate.cut().heads
    there = [key for key in chosen if key in selections or key in served or pending_candidate(gate, key) is not None]
    if not there:
        raise Misuse("There is nothing to check: of what was asked for, nothing serves and nothing waits.")
    return tuple(audit_again(gate, key) for key in there)


def select(gate: Gate, selections: Sequence[str]) -> tuple[AssetKey, ...]:
    """Returns the assets that any of the selections means, parents first; all of them where there is none.

    Raises:
        UnknownAsset: There is no asset of that name.
        Misuse: A selection cannot be read, or means nothing.
    """
    if not selections:
        return tuple(gate.assets)
    found = {key for text in selections for key in _select(gate, text)}
    return tuple(key for key in gate.assets if key in found)


def _select(gate: Gate, text: str) -> frozenset[AssetKey]:
    if text in gate.assets:
        return frozenset({AssetKey(text)})
    field, _, agent = text.partition(":")
    if field in _SEATS:
        if agent not in gate.principals:
            known = ", ".join(sorted(gate.principals))
            raise Misuse(f"There is no agent {agent!r}. Nothing was checked. Known: {known}.")
        return frozenset(key for key, seats in gate.seats.items() if getattr(seats, field) == agent)
    if ":" not in text and "*" not in text:
        raise UnknownAsset(name=text, known=list(gate.assets))
    try:
        found = select_assets(text, [selectable(declaration) for declaration in gate.assets.values()])
    except ValueError as error:
        raise Misuse(f"The selection {text!r} cannot be read: {error}. Nothing was checked.") from error
    if not found:
        raise Misuse(f"The selection {text!r} means no asset. Nothing was checked. Look: `orchestrator status`.")
    return found


def cases_of(gate: Gate, judged: Sequence[AuditedAgain], severity: Severity) -> tuple[Case, ...]:
    """Returns a case for each finding; one that failed with at least this severity is a no."""
    places = Places(gate)
    return tuple(_case(places, gate, finding, severity) for item in judged for finding in item.verdict.findings)


def _case(places: Places, gate: Gate, finding: Finding, severity: Severity) -> Case:
    place = places.of_check(gate.assets[finding.asset], finding.check, finding.message)
    is_no = _ORDER.index(finding.severity) >= _ORDER.index(severity)
    state = CaseState.PASSED if finding.passed else (CaseState.FAILED if is_no else CaseState.WARNED)
    return Case(
        subject=finding.asset,
        check=finding.check,
        state=state,
        message=finding.message,
        measured=finding.measured,
        limit=finding.limit,
        n_failing=finding.n_failing,
        file=place.file,
        line=place.line,
    )
