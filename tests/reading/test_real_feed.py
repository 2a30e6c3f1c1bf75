import hashlib
import os
import time
from pathlib import Path

import pytest

from orchestrator_platform.reading.landing_files import find_landed_files
from orchestrator_platform.reading.read_files import FileToRead, count_records, read_files
from orchestrator_platform.records.contracts import Column
from orchestrator_platform.records.declarations import SourceOptions

from .conftest import rows_in

FEED = Path(os.environ.get("ORCHESTRATOR_FEED", Path(__file__).resolve().parents[3] / "shared" / "data"))
PATHS = {
    "cve_id": "$.cveMetadata.cveId",
    "state": "$.cveMetadata.state",
    "date_updated": "$.cveMetadata.dateUpdated",
}


@pytest.mark.skipif(not (FEED / "vulnrichment").is_dir(), reason="needs the real feed (set ORCHESTRATOR_FEED)")
def test_every_record_of_may_is_read_or_has_an_address(tmp_path: Path) -> None:
    options = SourceOptions(pattern=("**/*.ndjson.gz", "**/*.json"), record_column="record", columns=PATHS)
    found = find_landed_files(FEED / "vulnrichment" / "2024-05", options, now=time.time(), settle_seconds=2)
    files = [FileToRead(f.path, f.name, hashlib.sha256(f.path.read_bytes()).hexdigest()) for f in found.ready]
    columns = [Column(name=name, type="VARCHAR") for name in (*PATHS, "record")]
    read = read_files("raw.cve_record", files, columns, options, tmp_path)
    assert (sum(file.n_rows for file in read), sum(file.n_written for file in read)) == (12_518, 12_515)
    rejected = [address for file in read for address in file.rejected]
    assert [(address.line, address.rule) for address in rejected] == [(1, "json")] * 3
    assert all(address.file.endswith(".json") and address.position.startswith("line 1") for address in rejected)
    assert not any(file.refused for file in read)
    assert count_records(files, options) == {file.sha256: file.n_rows for file in read}
    rows = rows_in(tmp_path)
    place = {file.sha256: number for number, file in enumerate(files)}
    order = [(place[row["_file_sha256"]], row["_line"]) for row in rows]
    assert order == sorted(order)
    assert all(f'"cveId":"{row["cve_id"]}"' in row["record"] for row in rows)
