"""The made-up feed is the same for the same seed, holds every kind of dirt, and its bad batches are bad."""

import csv
import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from orchestrator_platform.defs.sample_feed import SampleFeed, write_bad_batch, write_next_batch, write_sample_feed


def _lines(files: Iterable[Path]) -> list[str]:
    packed = [file for file in files if file.suffix == ".gz"]
    return [line for file in packed for line in gzip.decompress(file.read_bytes()).decode().splitlines()]


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> SampleFeed:
    return write_sample_feed(tmp_path_factory.mktemp("feed"), seed=1, n_records=400, days=3)


@pytest.fixture(scope="module")
def records(feed: SampleFeed) -> list[dict[str, Any]]:
    return [json.loads(line) for line in _lines(feed.files)]


def _labels(record: dict[str, Any]) -> list[list[dict[str, str]]]:
    metrics = [metric for container in record["containers"]["adp"] for metric in container["metrics"]]
    return [metric["other"]["content"]["options"] for metric in metrics if "other" in metric]


def test_the_same_seed_writes_the_same_bytes_and_another_does_not(feed: SampleFeed, tmp_path: Path) -> None:
    again = write_sample_feed(tmp_path / "again", seed=1, n_records=400, days=3)
    other = write_sample_feed(tmp_path / "other", seed=2, n_records=400, days=3)
    contents = [
        [(file.relative_to(written.folder), file.read_bytes()) for file in (*written.files, *written.kev_files)]
        for written in (feed, again, other)
    ]
    assert contents[0] == contents[1] != contents[2]


def test_it_counts_what_it_wrote(feed: SampleFeed, records: list[dict[str, Any]]) -> None:
    assert len(records) == feed.n_records == 400
    assert len({record["cveMetadata"]["cveId"] for record in records}) == feed.n_cves < 400
    assert sum(file.suffix == ".json" for file in feed.files) == feed.n_malformed == 2


def test_files_are_named_by_day_and_time_and_sort_in_the_order_of_landing(feed: SampleFeed) -> None:
    names = [file.relative_to(feed.vulnrichment).as_posix() for file in feed.files]
    pattern = r"dt=\d{4}-\d\d-\d\d/\d{6}-[0-9a-f]{8}(\.ndjson\.gz|-CVE-\d{4}-\d+\.json)"
    assert all(re.fullmatch(pattern, name) for name in names)
    assert names == sorted(names)


def test_malformed_records_are_not_json(feed: SampleFeed) -> None:
    for file in feed.files:
        if file.suffix == ".json":
            with pytest.raises(json.JSONDecodeError):
                json.loads(file.read_text(encoding="utf-8"))


def test_every_kind_of_dirt_is_there(records: list[dict[str, Any]]) -> None:
    text = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    dates = [record["cveMetadata"].get("dateUpdated") for record in records]
    kinds = {
        "a label in capitals": re.search(r'"Exploitation": "(None|PoC|Active)"', text),
        "a label in small letters": re.search(r'"Exploitation": "none"', text),
        "a date with Z": any(date and date.endswith("Z") for date in dates),
        "a date with an offset": any(date and date.endswith("+02:00") for date in dates),
        "a date without a zone": any(date and re.fullmatch(r"[\dT:-]{19}", date) for date in dates),
        "a fraction without a zone": any(date and re.fullmatch(r"[\dT:-]{19}\.\d+", date) for date in dates),
        "no date": None in dates,
        "an integer score": re.search(r'"baseScore": \d+,', text),
        "a fractional score": re.search(r'"baseScore": \d+\.\d', text),
        **{f"a score under {key}": key in text for key in ("cvssV4_0", "cvssV3_1", "cvssV3_0", "cvssV2_0")},
        "an n/a vendor": '"vendor": "n/a"' in text,
        "a German text": '"lang": "de"' in text,
        "two English texts": re.search(r'"lang": "en-US"[^]]*"lang": "en"', text),
        "a tombstone": '"state": "REJECTED"' in text,
        "two assessments": any(len(_labels(record)) > 1 for record in records),
        "no assessment": any(not _labels(record) for record in records),
    }
    assert {kind for kind, found in kinds.items() if not found} == set()


def test_records_change_their_labels_land_again_unchanged_and_carry_older_dates(records: list[dict[str, Any]]) -> None:
    seen: dict[str, dict[str, Any]] = {}
    relabelled = repeated = older = 0
    for record in records:
        before = seen.get(record["cveMetadata"]["cveId"])
        if before:
            relabelled += _labels(before) != _labels(record)
            repeated += before == record
            older += record["cveMetadata"].get("dateUpdated", "9") < before["cveMetadata"].get("dateUpdated", "")
        seen[record["cveMetadata"]["cveId"]] = record
    assert relabelled
    assert repeated
    assert older


def test_the_catalogue_lists_what_the_feed_says_is_exploited_and_takes_an_entry_out(feed: SampleFeed) -> None:
    listed = []
    for file in feed.kev_files:
        with file.open(encoding="utf-8", newline="") as lines:
            listed.append({row["cveID"] for row in csv.DictReader(lines)})
    assert listed[0] - listed[1]
    assert listed[1] - listed[0]
    assert '"Active"' in "".join(_lines(feed.files)) or '"active"' in "".join(_lines(feed.files))


def test_the_next_batch_is_about_one_per_cent_and_lands_after_the_feed(tmp_path: Path) -> None:
    feed = write_sample_feed(tmp_path, seed=4, n_records=2_000, days=2)
    batch = write_next_batch(feed)
    assert batch.n_records == len(_lines([batch.file])) == 20
    assert batch.file > max(feed.files)
    assert all(json.loads(line) for line in _lines([batch.file]))


@pytest.mark.parametrize("n_records", [20, 200, 2_000])
def test_the_bad_batches_are_bad(tmp_path: Path, n_records: int) -> None:
    feed = write_sample_feed(tmp_path, seed=4, n_records=n_records, days=2)
    labels = write_bad_batch(feed, kind="labels", batch=2)
    malformed = write_bad_batch(feed, kind="malformed", batch=3)
    unknown = [line for line in _lines([labels.file]) if json.loads(line) and '"widespread"' in line]
    assert len(unknown) == labels.n_bad > 0
    broken = 0
    for line in _lines([malformed.file]):
        try:
            json.loads(line)
        except json.JSONDecodeError:
            broken += 1
    assert broken == malformed.n_bad > 0.05 * malformed.n_records
