"""A small project with a table of features: reports as they landed, graded by a reviewer in later records."""

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from small_project import AGENT_FILES, gate_of, open_project, write, write_files

from orchestrator_platform.gate.outcomes import Outcome
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land

FEATURES = "features.report"

COMPONENT = """
    type: orchestrator_platform.components.FeaturesComponent
    attributes:
      asset: features.report
      log: raw.report
      key: [id]
      seen_at: try_strptime(regexp_extract(_file, '[0-9]{4}-[0-9]{2}-[0-9]{2}'), '%Y-%m-%d')
      allow: [$.report]
      paths:
        seller: $.report.seller
        words: $.report["spoken words"]
        first_link: $.report.links[0]
      sql: features.sql
      labels: labels.sql
      history:
        - by: vendor
          of: {grade: [good, bad]}
      contract: contract.py:Report
"""
SQL = """
    SELECT id, seller AS vendor, length(words) AS n_letters, first_link AS link FROM records
"""
LABELS = """
    -- A grade is known since the first record that has one.
    SELECT id, any_value(_landed_seq) AS _landed_seq, NULL::TIMESTAMP AS known_at, any_value(grade) AS grade FROM (
        SELECT id, _landed_seq, record ->> '$.review.grade' AS grade FROM raw.report
        WHERE record ->> '$.review.grade' IS NOT NULL
        QUALIFY row_number() OVER (PARTITION BY id ORDER BY _landed_seq) = 1
    ) GROUP BY id;
"""
CONTRACT = """
    import pandas as pd
    import pandera.pandas as pa


    class Report(pa.DataFrameModel):
        id: str
        vendor: str = pa.Field(nullable=True)
        n_letters: pd.Int64Dtype = pa.Field(nullable=True)
        link: str = pa.Field(nullable=True)
        grade: str = pa.Field(nullable=True, isin=["good", "bad"])

        class Config:
            strict = True
            metadata = {"grain": ["id"]}
"""
FILES = AGENT_FILES | {
    "pyproject.toml": '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\n',
    "defs/report/defs.yaml": """
        type: orchestrator_platform.components.SourceComponent
        attributes:
          name: report
          asset: raw.report
          contract: contract.py:Report
          pattern: ["**/*.ndjson"]
          record_column: record
          columns: {id: $.id}
    """,
    "defs/report/contract.py": """
        import pandera.pandas as pa


        class Report(pa.DataFrameModel):
            id: str
            record: str

            class Config:
                strict = True
                metadata = {"grain": "none"}
    """,
    "defs/features/defs.yaml": COMPONENT,
    "defs/features/features.sql": SQL,
    "defs/features/labels.sql": LABELS,
    "defs/features/contract.py": CONTRACT,
}


def make_reports(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """Writes the project and returns its folder; `changes` replace or add files."""
    return write_files(folder, {**FILES, **(changes or {})})


def report(
    name: str, seller: str = "acme", *, grade: str | None = None, words: str = "", links: tuple[str, ...] = ()
) -> dict[str, Any]:
    record: dict[str, Any] = {"id": name, "report": {"seller": seller, "spoken words": words, "links": list(links)}}
    return record | ({"review": {"grade": grade}} if grade else {})


def land_day(folder: Path, day: str, *records: Mapping[str, Any]) -> None:
    """Lands a file of that day; the order of the calls is the order of landing."""
    file = write(folder / "incoming" / f"{day}.ndjson", "".join(json.dumps(record) + "\n" for record in records))
    hour_ago = time.time() - 3600
    os.utime(file, (hour_ago, hour_ago))
    land(gate_of(folder), "report", [file])


def built_features(folder: Path) -> Outcome:
    """Builds, and returns what became of the features."""
    (outcome,) = (o for o in build(gate_of(folder), [FEATURES]).outcomes if o.asset == FEATURES)
    return outcome


def rows(folder: Path, columns: str) -> list[tuple[Any, ...]]:
    """Returns the served rows' columns, in the order of the key."""
    return open_project(folder).read(FEATURES).order("id").project(columns).fetchall()
