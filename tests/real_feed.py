"""The real feed's texts, where it is at hand: descriptions of advisories, and the catalogue's as questions for them."""

import csv
import gzip
import json
import os
from pathlib import Path

import pytest

FEED = Path(os.environ.get("ORCHESTRATOR_FEED", Path(__file__).resolve().parents[2] / "shared" / "data"))


def require_feed() -> Path:
    """Returns the feed's folder; a test that needs it is skipped, by name, where it is absent."""
    if not (FEED / "vulnrichment").is_dir():
        pytest.skip(f"needs the real feed, which is not at {FEED} (set ORCHESTRATOR_FEED)")
    return FEED


def read_texts(n_texts: int) -> dict[str, tuple[str, str | None]]:
    """Returns English descriptions of May by their record's name, each with the catalogue's question where it has one;
    those that have one come first.
    """
    feed = require_feed()
    with (feed / "kev" / "known_exploited_vulnerabilities.csv").open(encoding="utf-8", newline="") as stream:
        questions = {row["cveID"]: row["shortDescription"] for row in csv.DictReader(stream)}
    texts = {}
    for file in sorted((feed / "vulnrichment" / "2024-05").rglob("*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            record = json.loads(line)
            said = record["containers"]["cna"].get("descriptions") or []
            english = [one["value"] for one in said if one["lang"].lower().startswith("en")]
            if english:
                texts[record["cveMetadata"]["cveId"]] = english[0]
    names = sorted(texts, key=lambda name: (name not in questions, name))[:n_texts]
    return {name: (texts[name], questions.get(name)) for name in names}
