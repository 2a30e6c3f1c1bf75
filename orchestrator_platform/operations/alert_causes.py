"""What people should know of, as it stands now: read from the lake, the notes of serving copies, and the clock."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

from ..gate.context import Gate
from ..lake.history import read_escalated, read_files_refused, read_quarantine
from ..lake.published import PublishedCut
from ..projections.serving import remembered
from ..records.alerts import About, Cause
from ..records.asks import Ask
from ..records.ledger import QuarantineEntry, QuarantineKind, QuarantineState
from .asks import read_asks
from .freshness import Punctuality, read_freshness
from .targets import declared_targets


def find_causes(gate: Gate, about: Sequence[About]) -> tuple[Cause, ...]:
    """Returns what lasts now, in the order of `about`; changes nothing."""
    cut = gate.cut_for_readers()
    found: Mapping[About, Callable[[], Iterator[Cause]]] = {
        About.REJECTED: lambda: _quarantined(cut, About.REJECTED),
        About.ESCALATED: lambda: _quarantined(cut, About.ESCALATED),
        About.ROWS: lambda: _quarantined(cut, About.ROWS),
        About.LATE: lambda: _late(gate),
        About.LAGGING: lambda: _lagging(gate),
        About.ASKED: lambda: (_asked(ask) for ask in read_asks(gate) if ask.waits),
    }
    return tuple(cause for each in dict.fromkeys(about) for cause in found[each]())


def _quarantined(cut: PublishedCut, about: About) -> Iterator[Cause]:
    with closing(cut.connect()) as connection:
        entries = [each for each in read_quarantine(connection) if each.state is QuarantineState.WAITING]
        escalated = read_escalated(connection, [each.candidate for each in entries if each.candidate])
        refused = read_files_refused(connection)
    for entry in entries:
        if entry.kind is QuarantineKind.CANDIDATE:
            kind = About.ESCALATED if entry.candidate in escalated else About.REJECTED
        elif entry.kind is QuarantineKind.ROWS:
            kind = About.REJECTED if entry.id in refused else About.ROWS
        else:
            continue
        if kind is about:
            yield _of_entry(entry, about)


def _of_entry(entry: QuarantineEntry, about: About) -> Cause:
    reasons = ", ".join(f"{number:,} × {reason}" if number else reason for reason, number in entry.reasons.items())
    what = {About.ESCALATED: "a person must approve it", About.ROWS: "rows were put aside"}.get(about, "not published")
    return Cause(
        id=f"{about}:{entry.id}",
        about=about,
        subject=entry.asset,
        says=f"{what} ({reasons}). What served before still serves.",
        look=f"orchestrator quarantine show {entry.id}",
        since=entry.since,
    )


def _late(gate: Gate) -> Iterator[Cause]:
    for age in read_freshness(gate, gate.assets).values():
        # What never served has no age, and is no surprise.
        if age.since is not None and age.punctuality is Punctuality.LATE:
            yield Cause(
                id=f"{About.LATE}:{age.asset}:{age.since.isoformat()}",
                about=About.LATE,
                subject=age.asset,
                says=f"{age.says}.",
                look="orchestrator status",
                since=age.since,
            )


def _lagging(gate: Gate) -> Iterator[Cause]:
    for declared in declared_targets(gate):
        noted = remembered(gate.settings.home.projections, declared.target.name)
        if noted is not None and noted.error:
            yield Cause(
                id=f"{About.LAGGING}:{noted.target}",
                about=About.LAGGING,
                subject=noted.target,
                says=noted.error,
                look="orchestrator projections",
            )


def _asked(ask: Ask) -> Cause:
    return Cause(
        id=f"{About.ASKED}:{ask.number}",
        about=About.ASKED,
        subject=ask.asset,
        says=f"{ask.evidence.says} A person may start it.",
        look=f"orchestrator asks approve {ask.number} --why TEXT",
        since=ask.asked_at,
    )
