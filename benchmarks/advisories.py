"""The texts that embeddings are measured on: a feed's descriptions, and the catalogue's as queries for them."""

import csv
import gzip
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .feeds import Feed


@dataclass(frozen=True)
class Advisories:
    """Different texts by the name of their record, and for each query the name of the record that answers it."""

    texts: dict[str, str]
    queries: dict[str, str]


def read_advisories(feed: Feed, most: int) -> Advisories:
    """Returns at most so many texts, those that a query asks for among them."""
    texts = dict(_descriptions(feed.month))
    queries: dict[str, str] = {}
    for file in feed.catalogue:
        with file.open(encoding="utf-8", newline="") as stream:
            queries |= {
                row["cveID"]: row["shortDescription"] for row in csv.DictReader(stream) if row["cveID"] in texts
            }
    kept = [*queries, *sorted(set(texts) - set(queries))][:most]
    return Advisories({name: texts[name] for name in kept}, {name: queries[name] for name in queries if name in kept})


def _descriptions(month: Path) -> list[tuple[str, str]]:
    found = []
    for file in sorted(month.rglob("*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue
            text = _description(record)
            if text:
                found.append((record["cveMetadata"]["cveId"], text))
    return found


def _description(record: dict[str, Any]) -> str | None:
    said = record.get("containers", {}).get("cna", {}).get("descriptions") or []
    english = [one.get("value") for one in said if str(one.get("lang", "")).lower().startswith("en")]
    return next(iter(english), None)
