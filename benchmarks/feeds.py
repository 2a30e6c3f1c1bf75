"""The feed that is measured on: the real one where a folder is given, else one generated like it."""

import csv
import gzip
import io
import shutil
from dataclasses import dataclass
from pathlib import Path

RECORDS, QUICK_RECORDS = 12_500, 3_000
_ONE_PERCENT = 0.01


@dataclass(frozen=True)
class Feed:
    """`month` is what is landed first; `next_file` holds about one percent of its rows; `days` follow the month."""

    name: str
    month: Path
    n_records: int
    catalogue: tuple[Path, ...]
    next_file: Path
    n_next: int
    days: tuple[tuple[Path, int], ...]


def open_feed(folder: Path | None, scratch: Path, *, quick: bool) -> Feed:
    return _real(folder) if folder else _generated(scratch, QUICK_RECORDS if quick else RECORDS)


def _real(folder: Path) -> Feed:
    months = sorted(path for path in (folder / "vulnrichment").iterdir() if path.is_dir())
    lines = _lines_by_file(months[1])
    n_records = sum(_lines_by_file(months[0]).values())
    wanted = n_records * _ONE_PERCENT
    nearest = min(sorted(lines), key=lambda name: abs(lines[name] - wanted))
    days = sorted(path for path in months[1].iterdir() if path.is_dir())
    return Feed(
        name=f"the real feed, {months[0].name} ({n_records:,} records), then {months[1].name} day by day",
        month=months[0],
        n_records=n_records,
        catalogue=(folder / "kev" / "known_exploited_vulnerabilities.csv",),
        next_file=months[1] / nearest,
        n_next=lines[nearest],
        days=tuple((day, sum(n for name, n in lines.items() if name.startswith(f"{day.name}/"))) for day in days),
    )


def _lines_by_file(month: Path) -> dict[str, int]:
    text = gzip.decompress((month / "manifest.csv.gz").read_bytes()).decode("utf-8")
    counts: dict[str, int] = {}
    for row in csv.DictReader(io.StringIO(text)):
        if row["file"]:
            counts[row["file"]] = counts.get(row["file"], 0) + 1
    return {name: n for name, n in counts.items() if (month / name).is_file()}


def _generated(scratch: Path, n_records: int) -> Feed:
    from orchestrator_platform.defs.sample_feed import write_next_batch, write_sample_feed

    whole = write_sample_feed(scratch / "feed", seed=11, n_records=3 * n_records, days=24)
    days = sorted(whole.vulnrichment.iterdir())
    lines = {day: sum(_count(file) for file in day.rglob("*.ndjson.gz")) for day in days}
    month, cut = (
        scratch / "month",
        next(i for i in range(len(days)) if sum(lines[d] for d in days[: i + 1]) >= n_records),
    )
    for day in days[: cut + 1]:
        shutil.copytree(day, month / day.name)
    n_month = sum(lines[day] for day in days[: cut + 1])
    small = write_sample_feed(scratch / "small", seed=11, n_records=n_month, days=1)
    batch = write_next_batch(small)
    return Feed(
        name=f"a generated feed of {n_month:,} records, then {len(days) - cut - 1} more days",
        month=month,
        n_records=n_month,
        catalogue=whole.kev_files,
        next_file=batch.file,
        n_next=batch.n_records,
        days=tuple((day, lines[day]) for day in days[cut + 1 :]),
    )


def _count(file: Path) -> int:
    return gzip.decompress(file.read_bytes()).count(b"\n")
