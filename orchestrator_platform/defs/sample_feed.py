"""Writes a made-up feed shaped like CISA's, dirt included: files of changed records, and catalogue snapshots.

The same arguments give the same bytes. Knows nothing of the platform: it only writes files to be landed.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Literal

from .sample_records import START, facts_of, make_kev_entry, make_malformed, make_record

_FILES_PER_DAY = 4
_SHARE_NEW = 0.7
_NEXT_SHARE = 0.01
_BAD_SHARE = 0.2


@dataclass(frozen=True)
class SampleFeed:
    """What was written. `n_records` counts the well-formed records, `n_malformed` those that are not JSON."""

    folder: Path
    seed: int
    n_records: int
    n_malformed: int
    n_cves: int
    days: int
    files: tuple[Path, ...]
    kev_files: tuple[Path, ...]

    @property
    def vulnrichment(self) -> Path:
        return self.folder / "vulnrichment"

    @property
    def kev(self) -> Path:
        return self.folder / "kev"


@dataclass(frozen=True)
class SampleBatch:
    """One more file, and what is in it. `n_bad` rows of it must not be published."""

    file: Path
    n_records: int
    n_bad: int


Change = tuple[int, int]  # number of the CVE and revision of its record


def write_sample_feed(folder: Path, *, seed: int, n_records: int, days: int) -> SampleFeed:
    """Writes `n_records` well-formed records over `days` days, two malformed ones, and two catalogue snapshots.

    About 30 % of the records change an earlier one. From about 170 records on every kind of dirt is there.
    """
    changes, n_cves = _plan(Random(f"{seed}/plan"), n_records)  # noqa: S311  # nothing here is a secret
    feed = SampleFeed(folder, seed, n_records, 2, n_cves, days, (), ())
    files = [_write_changes(feed, day, slot, part) for day, slot, part in _spread(changes, days)]
    files += [_write_malformed(feed, number) for number in (1, 2)]
    kev_files = [_write_kev(feed, day) for day in sorted({0, days - 1})]
    return replace(feed, files=tuple(sorted(files)), kev_files=tuple(kev_files))


def write_next_batch(feed: SampleFeed, *, batch: int = 1) -> SampleBatch:
    """Writes one more file with about 1 % of the feed's rows, half new CVEs, half changed ones, on a later day."""
    changes = _next_changes(feed, batch)
    file = _write_changes(feed, feed.days + batch - 1, 0, changes)
    return SampleBatch(file, len(changes), 0)


def write_bad_batch(feed: SampleFeed, *, kind: Literal["labels", "malformed"], batch: int = 2) -> SampleBatch:
    """Writes one more file that the gate must hold back.

    `labels`: well-formed records that land, a fifth of them with an SSVC label that does not exist, which the marts'
    rules refuse. `malformed`: a fifth of the lines are cut off, more than the source's share of bad rows.
    """
    changes = _next_changes(feed, batch)
    bad = _pick_bad(feed, changes)
    day, lines = feed.days + batch - 1, []
    for change in changes:
        is_bad = change in bad
        exploitation = "widespread" if is_bad and kind == "labels" else None
        line = _line(feed, change, _clock(day, 0), exploitation)
        lines.append(line[: len(line) // 2] if is_bad and kind == "malformed" else line)
    return SampleBatch(_write_lines(feed, day, 0, lines), len(lines), len(bad))


def _pick_bad(feed: SampleFeed, changes: Sequence[Change]) -> frozenset[Change]:
    clean = [change for change in reversed(changes) if facts_of(feed.seed, change[0]).dirt is None]
    return frozenset(clean[: max(1, round(len(changes) * _BAD_SHARE))])


def _plan(rng: Random, n_records: int) -> tuple[list[Change], int]:
    revisions: list[int] = []
    changes = []
    for _ in range(n_records):
        if not revisions or rng.random() < _SHARE_NEW:
            revisions.append(0)
            number = len(revisions) - 1
        else:
            number = rng.randrange(len(revisions))
            revisions[number] += 1
        changes.append((number, revisions[number]))
    return changes, len(revisions)


def _spread(changes: Sequence[Change], days: int) -> Iterable[tuple[int, int, Sequence[Change]]]:
    """The first file holds a quarter of all, as the real feed once did; the others share the rest."""
    slots = [(day, slot) for day in range(days) for slot in range(_FILES_PER_DAY)]
    first = len(changes) // 4
    per_file = max(1, -(-(len(changes) - first) // max(1, len(slots) - 1)))
    bounds = [0, *range(first, len(changes), per_file), len(changes)]
    for (day, slot), start, end in zip(slots, bounds, bounds[1:], strict=False):
        if start < end:
            yield day, slot, changes[start:end]


def _next_changes(feed: SampleFeed, batch: int) -> list[Change]:
    rng = Random(f"{feed.seed}/batch/{batch}")  # noqa: S311  # nothing here is a secret
    n_rows = max(6, round(feed.n_records * _NEXT_SHARE))
    n_changed = min(n_rows // 2, feed.n_cves - 1)
    first_new = feed.n_cves + batch * n_rows
    old = rng.sample(range(1, feed.n_cves), n_changed)
    return [(number, 101 + 2 * batch) for number in old] + [(first_new + i, 0) for i in range(n_rows - n_changed)]


def _clock(day: int, slot: int) -> datetime:
    return START + timedelta(days=day, hours=2 * slot, minutes=7 * slot)


def _path(feed: SampleFeed, day: int, slot: int, ending: str) -> Path:
    at, tag = _clock(day, slot), Random(f"{feed.seed}/{day}/{slot}").getrandbits(32)  # noqa: S311  # no secret
    return feed.vulnrichment / f"dt={at:%Y-%m-%d}" / f"{at:%H%M%S}-{tag:08x}{ending}"


def _line(feed: SampleFeed, change: Change, at: datetime, exploitation: str | None = None) -> str:
    record = make_record(feed.seed, *change, at, exploitation)
    return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _write_changes(feed: SampleFeed, day: int, slot: int, changes: Sequence[Change]) -> Path:
    return _write_lines(feed, day, slot, [_line(feed, change, _clock(day, slot)) for change in changes])


def _write_lines(feed: SampleFeed, day: int, slot: int, lines: Sequence[str]) -> Path:
    text = "".join(f"{line}\n" for line in lines)
    return _write(_path(feed, day, slot, ".ndjson.gz"), gzip.compress(text.encode(), mtime=0))


def _write_malformed(feed: SampleFeed, number: int) -> Path:
    day, slot = feed.days - 1, number % _FILES_PER_DAY
    text = make_malformed(feed.seed, number, 8, _clock(day, slot))
    return _write(_path(feed, day, slot, f"-{facts_of(feed.seed, number).cve_id}.json"), text.encode())


def _write_kev(feed: SampleFeed, day: int) -> Path:
    """The later snapshot has the entries of the first, but for one taken out, and those added since.

    Most are assessed as exploited; a few are not, because the assessment is behind.
    """
    known = [n for n in range(feed.n_cves) if facts_of(feed.seed, n).is_exploited or n % 97 == 11]
    listed = known[: len(known) // 2] if day == 0 else known[1:]
    entries = [make_kev_entry(feed.seed, number, START + timedelta(days=number % 3)) for number in listed]
    entries.append(make_kev_entry(feed.seed, 900_000, START))  # in the catalogue, not in the feed
    text = io.StringIO()
    writer = csv.DictWriter(text, list(entries[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)
    return _write(feed.kev / f"{_clock(day, 0):%Y-%m-%d}.csv", text.getvalue().encode())


def _write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path
