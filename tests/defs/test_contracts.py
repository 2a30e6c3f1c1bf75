"""The sources declare options that the platform knows; their contracts hold for the real feeds and refuse dirt."""

import csv
import gzip
import json
from importlib import util
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from orchestrator_platform.operations.component_files import SourceAttributes
from orchestrator_platform.records.declarations import FilesAre

DEFS = Path(__file__).parents[2] / "orchestrator_platform" / "defs"
RECORD = {"cve_id": "CVE-2024-0001", "state": "PUBLISHED", "date_updated": "2024-03-01T00:00:00Z", "record": "{}"}
ENTRY = {
    "cveID": "CVE-2024-0001",
    "vendorProject": "Acme",
    "product": "Anvil",
    "vulnerabilityName": "Acme Anvil",
    "dateAdded": "2024-03-01",
    "shortDescription": "…",
    "requiredAction": "…",
    "dueDate": "2024-03-22",
    "knownRansomwareCampaignUse": "Unknown",
    "notes": None,
    "cwes": None,
}


def _schema(source: str) -> Any:
    attributes = yaml.safe_load((DEFS / source / "defs.yaml").read_text(encoding="utf-8"))["attributes"]
    file, name = attributes["contract"].split(":")
    spec = util.spec_from_file_location(f"{source}_contract", DEFS / source / file)
    assert spec is not None
    assert spec.loader is not None
    module = util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, name).to_schema()


def _failing(source: str, rows: list[dict[str, Any]]) -> set[str]:
    import pandera.errors as pandera_errors

    schema = _schema(source)
    frame = pd.DataFrame(rows, columns=list(schema.columns)).astype("str")
    try:
        schema.validate(frame, lazy=True)
    except pandera_errors.SchemaErrors as errors:
        return set(errors.failure_cases["column"])
    return set()


@pytest.mark.parametrize("source", ["vulnrichment", "kev"])
def test_a_source_declares_options_that_the_platform_knows(source: str) -> None:
    declared = yaml.safe_load((DEFS / source / "defs.yaml").read_text(encoding="utf-8"))
    parsed = SourceAttributes.model_validate(declared["attributes"])
    assert declared["type"] == "orchestrator_platform.components.SourceComponent"
    assert parsed.files_are is (FilesAre.CHANGES if source == "vulnrichment" else FilesAre.SNAPSHOT)
    assert set(parsed.columns) <= set(_schema(source).columns)


def test_a_plain_record_and_a_plain_entry_pass() -> None:
    assert _failing("vulnrichment", [RECORD, {**RECORD, "date_updated": None}]) == set()
    assert _failing("kev", [ENTRY]) == set()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("cve_id", "CVE-24-1"),
        ("cve_id", None),
        ("state", "published?"),
        ("date_updated", "01/03/2024"),
        ("date_updated", "2024-03-01"),
        ("record", None),
    ],
)
def test_a_record_that_breaks_its_contract_is_found(column: str, value: str | None) -> None:
    assert _failing("vulnrichment", [RECORD, {**RECORD, column: value}]) == {column}


@pytest.mark.parametrize(
    ("column", "value"),
    [("cveID", "none"), ("dateAdded", "1 May"), ("dueDate", None), ("knownRansomwareCampaignUse", "?")],
)
def test_an_entry_that_breaks_its_contract_is_found(column: str, value: str | None) -> None:
    assert _failing("kev", [ENTRY, {**ENTRY, column: value}]) == {column}


def test_the_real_records_keep_the_contract(real_feed: Path) -> None:
    rows = []
    for file in sorted((real_feed / "vulnrichment").glob("2024-0[56]/*/*.ndjson.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                metadata = json.loads(line)["cveMetadata"]
                columns = {"cve_id": metadata["cveId"], "state": metadata["state"]}
                rows.append({**columns, "date_updated": metadata.get("dateUpdated"), "record": "{}"})
    assert len(rows) == 12_515 + 24_821
    assert _failing("vulnrichment", rows) == set()


def test_the_real_catalogues_keep_the_contract(real_feed: Path) -> None:
    files = sorted((real_feed / "kev").glob("*.csv"))
    assert len(files) == 4
    for file in files:
        with file.open(encoding="utf-8", newline="") as lines:
            rows = [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]
        assert _failing("kev", rows) == set()
