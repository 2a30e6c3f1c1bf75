"""The events of one publication: each is signed by the agent in whose seat it was done."""

from collections.abc import Iterator, Sequence

from ..authority.acts import Act
from ..lake.commit import Quarantined
from ..records.events import Event
from ..records.keys import AgentName
from ..records.ledger import QuarantineKind
from ..records.receipts import Receipt


def signed_events(record: Event, receipts: Sequence[Receipt], quarantined: Sequence[Quarantined]) -> tuple[Event, ...]:
    """Returns who published what, then who put which candidate aside.

    Args:
        record: What is said where nothing was published or put aside: that files were accounted for.
    """
    candidates = [item for item in quarantined if item.entry.kind is QuarantineKind.CANDIDATE]
    published = [_published(record, agent, receipts, quarantined) for agent in _names(r.producer for r in receipts)]
    aside = [_put_aside(record, agent, candidates) for agent in _names(item.by or record.agent for item in candidates)]
    events = [*published, *aside] or [_with_entries(record, quarantined)]
    return tuple(
        event.model_copy(update={"id": f"{record.id}-{place}" if place else record.id})
        for place, event in enumerate(events)
    )


def _names(names: Iterator[AgentName]) -> list[AgentName]:
    return list(dict.fromkeys(names))


def _published(
    record: Event, agent: AgentName, receipts: Sequence[Receipt], quarantined: Sequence[Quarantined]
) -> Event:
    own = [receipt for receipt in receipts if receipt.producer == agent]
    rows = [item for item in quarantined if item.entry.kind is QuarantineKind.ROWS]
    event = record.model_copy(
        update={
            "agent": agent,
            "act": Act.PUBLISH,
            "subject": ", ".join(f"{receipt.asset}@{receipt.version}" for receipt in own),
            "outcome": "published",
            "inputs": {receipt.asset: {p.asset: p.version for p in receipt.parents} for receipt in own},
            "details": record.details
            | {
                "versions": {receipt.asset: receipt.version for receipt in own},
                "n_rows": {receipt.asset: receipt.n_rows for receipt in own},
                "auditors": {receipt.asset: receipt.auditor for receipt in own},
            },
        }
    )
    return _with_entries(event, rows)


def _put_aside(record: Event, agent: AgentName, candidates: Sequence[Quarantined]) -> Event:
    own = [item for item in candidates if (item.by or record.agent) == agent]
    subject = ", ".join(sorted({item.entry.asset for item in own}))
    event = record.model_copy(update={"agent": agent, "act": Act.QUARANTINE, "subject": subject})
    return _with_entries(event, own)


def _with_entries(event: Event, quarantined: Sequence[Quarantined]) -> Event:
    numbers = {str(item.entry.id): item.entry.n_rows for item in quarantined}
    return event.model_copy(update={"details": event.details | {"quarantined": numbers}})
