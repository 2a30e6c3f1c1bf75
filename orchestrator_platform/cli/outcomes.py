"""What became of assets, in words and as JSON: one line per asset. Decides nothing and prints nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

from ..gate.outcomes import Counts, Escalated, Failed, Held, Outcome, Published, Rejected, Unchanged, Waiting, Withheld
from ..gate.quarantine import counts, describe_finding
from ..records.embeddings import EmbeddingCounts
from ..records.findings import Finding
from ..records.keys import AssetKey, Version
from ..records.scores import ScoringCounts
from ..records.slices import names_in_words
from .text import count, plural, visible, width

_NAMED_FINDINGS = 3
_MESSAGE_LIMIT = 600


@dataclass(frozen=True)
class _Told:
    """An outcome in one word and one sentence."""

    asset: AssetKey
    word: str
    sentence: str


def outcome_lines(outcomes: Sequence[Outcome], serving: Mapping[AssetKey, Version]) -> Iterator[str]:
    """Yields a line per outcome, with the warnings of a published one indented below it.

    Args:
        serving: What serves after all this, so that what was not published says what still does.
    """
    told = [_tell(outcome, serving) for outcome in outcomes]
    longest = max((width(item.asset) for item in told), default=0)
    for outcome, item in zip(outcomes, told, strict=True):
        yield f"{item.asset.ljust(longest)}  {item.word.ljust(9)}  {item.sentence}"
        for finding in warnings_of(outcome):
            yield f"{' ' * longest}  warning    {visible(describe_finding(finding))}"


def warnings_of(outcome: Outcome) -> tuple[Finding, ...]:
    """Returns what the auditor found and did not block: of a version that was published, or found unchanged."""
    findings: tuple[Finding, ...] = ()
    match outcome:
        case Published():
            findings = outcome.findings
        case Unchanged(verdict=verdict) if verdict is not None:
            findings = verdict.findings
    return tuple(finding for finding in findings if not finding.passed)


def outcome_json(outcome: Outcome, serving: Mapping[AssetKey, Version]) -> dict[str, Any]:
    """Returns an outcome as an object; every one has asset, outcome, serving version and why."""
    told = _tell(outcome, serving)
    shown: dict[str, Any] = {
        "asset": outcome.asset,
        "outcome": told.word,
        "version": serving.get(outcome.asset),
        "why": told.sentence,
    }
    match outcome:
        case Published(receipt=receipt):
            shown |= receipt.model_dump(
                mode="json", include={"base_version", "n_rows", "n_inserted", "n_deleted", "snapshot"}
            )
            shown |= {"slices": [item.name for item in receipt.slices]} if receipt.slices else {}
            shown["findings"] = [_finding_json(finding) for finding in warnings_of(outcome)]
            shown |= {"counts": outcome.counts.model_dump(mode="json")} if outcome.counts else {}
        case Rejected() | Escalated():
            shown |= {"quarantine": outcome.quarantine, "candidate": outcome.manifest.id}
            slices = [item.name for item in outcome.manifest.slices]
            shown |= {"slices": slices} if slices else {}
            shown["findings"] = [_finding_json(finding) for finding in _reasons(outcome)]
        case Withheld():
            shown["because_of"] = list(outcome.because_of)
    return shown


def _tell(outcome: Outcome, serving: Mapping[AssetKey, Version]) -> _Told:  # noqa: PLR0911  # one for each outcome
    asset = outcome.asset
    still = _still_serves(serving.get(asset))
    match outcome:
        case Published():
            return _Told(asset, "published", _published(outcome))
        case Unchanged(why=why):
            return _Told(asset, "unchanged", visible(why))
        case Rejected():
            return _Told(asset, "rejected", f"{_why_not(outcome)}; {still}; {_look(outcome.quarantine)}")
        case Escalated():
            why = f"a person must approve it: {_why_not(outcome)}"
            return _Told(asset, "escalated", f"{why}; {still}; {_look(outcome.quarantine)}")
        case Held(why=why, look=command):
            look = f"; look: `{visible(command)}`" if command else ""
            return _Told(asset, "held", f"{visible(why)}; {still}{look}")
        case Withheld(because_of=because_of):
            return _Told(asset, "withheld", f"because of {', '.join(because_of)}; {still}")
        case Waiting(why=why):
            return _Told(asset, "waiting", visible(why))
        case Failed(message=message):
            return _Told(asset, "failed", f"{_one_line(message)}; {still}")
        case _:
            assert_never(outcome)


def _published(outcome: Published) -> str:
    receipt = outcome.receipt
    change = f"version {receipt.base_version or 'none'} → {receipt.version}"
    if receipt.slices:
        change = f"{change}, {names_in_words([item.name for item in receipt.slices])}"
    rows = f"{change}, {plural(receipt.n_rows, 'row')} (+{count(receipt.n_inserted)} −{count(receipt.n_deleted)})"
    return f"{rows}; {_made(outcome.counts)}" if outcome.counts else rows


def _made(counts: Counts) -> str:
    if isinstance(counts, EmbeddingCounts):
        return _embedded(counts)
    if isinstance(counts, ScoringCounts):
        return _scored(counts)
    n_examples, n_trials = plural(counts.n_examples, "example"), plural(counts.n_trials, "trial")
    return f"{n_examples}, {n_trials}, {counts.seconds:.1f} s, {counts.peak_mb:,.0f} MB"


def _scored(counts: ScoringCounts) -> str:
    if not counts.model_version:
        return "no model is published"
    said = f"{count(counts.scored)} scored by version {counts.model_version}, {count(counts.reused)} reused"
    return f"{said}, {count(counts.removed)} removed" if counts.removed else said


def _embedded(counts: EmbeddingCounts) -> str:
    """What the producer says of the texts: those that were embedded first, since they are what costs."""
    said = [f"{count(counts.embedded)} embedded", f"{count(counts.reused)} reused"]
    for number, word in (
        (counts.recalled, "recalled"),
        (counts.removed, "removed"),
        (counts.truncated, "truncated"),
        (counts.empty, "empty"),
    ):
        said += [f"{count(number)} {word}"] if number else []
    return ", ".join(said)


def _reasons(outcome: Rejected | Escalated) -> tuple[Finding, ...]:
    return tuple(finding for finding in outcome.verdict.findings if counts(finding, outcome.verdict.decision))


def _why_not(outcome: Rejected | Escalated) -> str:
    reasons = _reasons(outcome)
    if not reasons:
        return "the audit found nothing to approve"
    named = "; ".join(visible(describe_finding(finding)) for finding in reasons[:_NAMED_FINDINGS])
    if outcome.manifest.slices:
        named = f"{names_in_words([item.name for item in outcome.manifest.slices])}: {named}"
    more = len(reasons) - _NAMED_FINDINGS
    return f"{named}; and {plural(more, 'more finding')}" if more > 0 else named


def _still_serves(version: Version | None) -> str:
    return f"version {version} still serves" if version is not None else "no version serves yet"


def _look(quarantine: int) -> str:
    return f"look: `orchestrator quarantine show {quarantine}`"


def _one_line(message: str) -> str:
    """A build's message may be a compiler's page; one line of it is enough to know where to look."""
    text = " ".join(message.split())
    return visible(text if len(text) <= _MESSAGE_LIMIT else text[:_MESSAGE_LIMIT] + "…").rstrip(".")


def _finding_json(finding: Finding) -> dict[str, Any]:
    return finding.model_dump(mode="json", exclude={"asset"})
