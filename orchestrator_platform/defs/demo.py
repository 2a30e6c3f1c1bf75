"""Tells the platform's story in the terminal, on a feed made for it or on a real one.

Run as `python -m orchestrator_platform.defs.demo [--feed FOLDER]`.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from orchestrator_platform.gate.context import Gate
    from orchestrator_platform.gate.outcomes import Outcome
    from orchestrator_platform.operations.land import LandResult
    from orchestrator_platform.operations.platform import Platform

_MARKER = ".demo"
# The project that this pipeline belongs to.
_PROJECT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


@dataclass(frozen=True)
class Feed:
    """What the story is told with: the first files, one more batch, one batch that must be held back."""

    name: str
    records: Path
    catalogue: Sequence[Path]
    next_batch: Path
    bad_batch: Path


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns the exit code: 0 where the story went as told."""
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--feed", type=Path, help="a folder with vulnrichment/ and kev/, instead of a generated feed")
    parser.add_argument("--home", type=Path, help="where to build it (made anew); by default .orchestrator/demo")
    parser.add_argument("--records", type=int, default=3000, help="size of the generated feed")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="demo-feed-") as folder:
        feed = real_feed(given.feed, Path(folder)) if given.feed else sample_feed(Path(folder), given.records)
        return tell(feed, _fresh_home(given.home))


def sample_feed(folder: Path, n_records: int) -> Feed:
    """Returns a feed from the seeded generator, with every kind of dirt that the real one has."""
    from orchestrator_platform.defs.sample_feed import write_bad_batch, write_next_batch, write_sample_feed

    sample = write_sample_feed(folder / "feed", seed=7, n_records=n_records, days=7)
    first = folder / "first"
    shutil.copytree(sample.vulnrichment, first)
    return Feed(
        name=f"a generated feed of {sample.n_records} records",
        records=first,
        catalogue=sample.kev_files,
        next_batch=_alone(write_next_batch(sample).file, sample.vulnrichment, folder / "next"),
        bad_batch=_alone(write_bad_batch(sample, kind="labels").file, sample.vulnrichment, folder / "bad"),
    )


def _alone(path: Path, below: Path, folder: Path) -> Path:
    """Returns a folder that holds nothing else, under the same name: the name tells the day."""
    target = folder / path.relative_to(below)
    target.parent.mkdir(parents=True)
    if path.is_dir():
        shutil.copytree(path, target)
    else:
        shutil.copy2(path, target)
    return folder


def real_feed(folder: Path, scratch: Path) -> Feed:
    """Returns CISA's feed as it lies in `folder`: one month, then the first day of the next one."""
    months = sorted(path for path in (folder / "vulnrichment").iterdir() if path.is_dir())
    days = sorted(path for path in months[1].iterdir() if path.is_dir())
    made = sample_feed(scratch, 300)
    return Feed(
        name=f"the feed in {folder}, month {months[0].name}",
        records=months[0],
        catalogue=[folder / "kev" / "known_exploited_vulnerabilities.csv"],
        next_batch=_alone(days[0], months[1], scratch / "first-day"),
        bad_batch=made.bad_batch,
    )


def tell(feed: Feed, home: Path) -> int:
    """Goes through the chapters; each one checks what it says."""
    from orchestrator_platform.gate.outcomes import Published, Rejected, Unchanged
    from orchestrator_platform.operations.build import build
    from orchestrator_platform.operations.land import land
    from orchestrator_platform.operations.platform import Platform

    platform = Platform.open(home, _PROJECT)
    gate = replace(platform.gate, say=_progress)

    _chapter(1, f"First build, on {feed.name}")
    took, landed = _timed(lambda: land(gate, "vulnrichment", [feed.records], reason="the demo's first files"))
    _show_landed(landed, took)
    took_first = took
    took, listed = _timed(lambda: land(gate, "kev", list(feed.catalogue), reason="the demo's catalogue"))
    _show_landed(listed, took)
    took_first += took
    took, first = _timed(lambda: build(gate, reason="the demo's first build"))
    took_first += took
    _show(gate, first.outcomes, took)
    _show_triage(platform)

    _chapter(2, "The same again: nothing changed, so nothing is built")
    took, again = _timed(lambda: build(gate, reason="the demo's second build"))
    _show(gate, [], took)
    same = _without_models(gate, again.outcomes)
    print(f"  {len(same)} tables are up to date; that took {took / took_first:.0%} of the first run's time")

    _chapter(3, "One new batch: cost follows change")
    took, more = _timed(lambda: land(gate, "vulnrichment", [feed.next_batch], reason="the demo's new batch"))
    _show_landed(more, took)
    took, grown = _timed(lambda: build(gate, reason="the demo's new batch"))
    _show(gate, grown.outcomes, took)
    receipts = [outcome.receipt for outcome in grown.outcomes if isinstance(outcome, Published)]
    written, served = sum(item.n_inserted for item in receipts), sum(item.n_rows for item in receipts)
    print(f"  {written:,} rows were written; in full it would have been {served:,}")

    _chapter(4, "A bad batch: well-formed records with labels that do not exist")
    took, bad = _timed(lambda: land(gate, "vulnrichment", [feed.bad_batch], reason="the demo's bad batch"))
    _show_landed(bad, took)
    took, held = _timed(lambda: build(gate, reason="the demo's bad batch"))
    _show(gate, held.outcomes, took)
    print("  what was published still answers:")
    _show_triage(platform)

    _chapter(5, "Asked by meaning and by words: which advisories are about this?")
    _show_answers(platform, "remote attackers run code without logging in")

    _where_next(home, [outcome.quarantine for outcome in held.outcomes if isinstance(outcome, Rejected)])
    went_well = (
        all(isinstance(outcome, Published) for outcome in _without_models(gate, first.outcomes))
        and all(isinstance(outcome, Unchanged) for outcome in same)
        and not grown.is_no
        and held.is_no
    )
    if not went_well:
        print("The story did not go as told: see the outcomes above.", file=sys.stderr)
    return 0 if went_well else 1


def _without_models(gate: "Gate", outcomes: "Sequence[Outcome]") -> "list[Outcome]":
    """Models wait for a person, who trains them: no part of the story."""
    from orchestrator_platform.gate.outcomes import Waiting
    from orchestrator_platform.records.candidates import AssetKind

    def waits(outcome: "Outcome") -> bool:
        return isinstance(outcome, Waiting) and gate.assets[outcome.asset].kind is AssetKind.MODEL

    return [outcome for outcome in outcomes if not waits(outcome)]


def _fresh_home(home: Path | None) -> Path:
    folder = home or _PROJECT / ".orchestrator" / "demo"
    if folder.exists() and any(folder.iterdir()) and not (folder / _MARKER).exists():
        raise SystemExit(f"{folder} holds something else than a demo. Nothing was changed. Name another with --home.")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARKER).touch()
    return folder


def _timed(act: Callable[[], T]) -> tuple[float, T]:
    start = time.perf_counter()
    result = act()
    return time.perf_counter() - start, result


def _progress(message: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K  … {message[:100]}", end="", file=sys.stderr, flush=True)


def _clear_progress() -> None:
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def _chapter(number: int, title: str) -> None:
    print(f"\n{number}. {title}", flush=True)


def _show_landed(result: "LandResult", seconds: float) -> None:
    from orchestrator_platform.cli.ledger import sum_line

    _clear_progress()
    print(f"  landed in {seconds:.1f} s: {result.source}, {sum_line(result.landed.ledger)}")
    for entry in result.landed.quarantined:
        reasons = ", ".join(f"{count} × {rule}" for rule, count in entry.reasons.items())
        print(f"    quarantine {entry.id}: {reasons}")


def _show(gate: "Gate", outcomes: "Sequence[Outcome]", seconds: float) -> None:
    from orchestrator_platform.cli.outcomes import outcome_lines
    from orchestrator_platform.gate.outcomes import Published
    from orchestrator_platform.operations.status import read_serving

    _clear_progress()
    print(f"  built in {seconds:.1f} s")
    told = _without_models(gate, outcomes)
    for line in outcome_lines(told, read_serving(gate)):
        print(f"    {line}")
    n_waiting = len(outcomes) - len(told)
    if n_waiting:
        print(f"    {n_waiting} models wait: only a person starts a training, with `orchestrator train MODEL`,")
        print("    and they learn from a feed of more than 15 days of real labels")
    receipts = [outcome.receipt for outcome in outcomes if isinstance(outcome, Published)]
    for producer, auditor in sorted({(item.producer, item.auditor) for item in receipts}):
        print(f"    made by {producer}, judged by {auditor}")


def _show_triage(platform: "Platform") -> None:
    rows = platform.query(
        "SELECT decision, count(*) AS n, count(*) FILTER (WHERE is_in_kev) AS in_kev"
        " FROM marts.triage GROUP BY decision ORDER BY n DESC"
    ).fetchall()
    listed = ", ".join(f"{decision or 'undecided'} {n} ({in_kev} in KEV)" for decision, n, in_kev in rows)
    print(f"  marts.triage says: {listed}")


def _show_answers(platform: "Platform", question: str) -> None:
    from orchestrator_platform.cli.text import shorten

    took, found = _timed(lambda: platform.search(question, k=3))
    print(f"  “{question}”, asked of {found.asset} version {found.version} in {took:.1f} s")
    for hit in found.hits:
        what = hit.title or next(iter(hit.show.values()), "")
        print(f"    {hit.score:.2f}  {hit.key[0]}  {shorten(what, 80)}")


def _where_next(home: Path, quarantined: Sequence[int]) -> None:
    print("\nWhere to look next")
    commands = ["status", "ledger", "history marts.triage", "receipt marts.triage", "journal"]
    commands += [f"quarantine show {number}" for number in quarantined[:1]]
    commands.append('search "remote code execution in a VPN gateway"')
    commands.append('query "select cve_id, decision from marts.triage limit 5"')
    print("  . .venv/bin/activate")
    print(f"  export ORCHESTRATOR_HOME={home}")
    for command in commands:
        print(f"  orchestrator {command}")
    print("  make dev      # the same in Dagster's UI, on http://127.0.0.1:3000")


if __name__ == "__main__":
    sys.exit(main())
