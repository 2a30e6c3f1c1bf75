"""What the shipped features make of one record."""

import json
from pathlib import Path

import duckdb
import pytest
import yaml

from orchestrator_platform.sql import literal

FOLDER = Path(__file__).resolve().parents[2] / "orchestrator_platform" / "defs" / "features"


def cvss_of(vector: str) -> dict[str, object]:
    """Returns the columns of CVSS that are made of a record with this vector."""
    paths = yaml.safe_load((FOLDER / "defs.yaml").read_text(encoding="utf-8"))["attributes"]["paths"]
    columns = ", ".join(f"NULL::VARCHAR AS {name}" for name in paths if name != "metrics")
    metrics = json.dumps([{"cvssV3_1": {"vectorString": vector, "baseScore": 7.8}}])
    with duckdb.connect() as connection:
        seen = "'CVE-2024-1' AS cve_id, 1 AS _landed_seq, '2024-06-01'::TIMESTAMP AS seen_at"
        connection.sql(f"SELECT {seen}, {columns}, {literal(metrics)} AS metrics").create_view("records")
        found = connection.execute((FOLDER / "features.sql").read_text(encoding="utf-8"))
        names = [str(one[0]) for one in found.description]
        row = found.fetchone()
    assert row is not None
    return {name: value for name, value in zip(names, row, strict=True) if name.startswith("cvss_")}


@pytest.mark.parametrize(
    ("said", "maturity"), [("/E:P/RL:O/RC:C", "P"), ("/E:U/RL:O/RC:C", "U"), ("/E:X", None), ("", None)]
)
def test_how_far_exploits_have_got_is_read_from_the_vector(said: str, maturity: str | None) -> None:
    found = cvss_of(f"CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H{said}")
    assert found["cvss_e"] == maturity
    assert (found["cvss_av"], found["cvss_a"]) == ("N", "H")
