"""Stock Dagster over the same feed and the same dbt models, as its tutorials have it; the default executor runs it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from benchmarks.plain.raw_tables import CVE_RECORD, KEV, read_catalogue, read_records, write_table

DATABASE = Path(os.environ["PLAIN_DATABASE"])
RECORDS = Path(os.environ["PLAIN_RECORDS"])
CATALOGUE = [Path(file) for file in os.environ["PLAIN_CATALOGUE"].split(os.pathsep)]
DBT_PROJECT = Path(os.environ["PLAIN_DBT_PROJECT"])


@dg.asset(key=["raw", "cve_record"])
def cve_record() -> dg.MaterializeResult[None]:
    frame = CVE_RECORD.validate(read_records(RECORDS), lazy=True)
    write_table(DATABASE, "cve_record", frame)
    return dg.MaterializeResult(metadata={"dagster/row_count": len(frame)})


@dg.asset(key=["raw", "kev"])
def kev() -> dg.MaterializeResult[None]:
    frame = KEV.validate(read_catalogue(CATALOGUE), lazy=True)
    write_table(DATABASE, "kev", frame)
    return dg.MaterializeResult(metadata={"dagster/row_count": len(frame)})


@dbt_assets(manifest=DBT_PROJECT / "target" / "manifest.json", exclude="source:scores+ source:raw.landed_file+")  # type: ignore[untyped-decorator]
def tables(context: dg.AssetExecutionContext, dbt: DbtCliResource) -> Iterator[Any]:
    yield from dbt.cli(["build"], context=context).stream()


defs = dg.Definitions(
    assets=[cve_record, kev, tables],
    resources={"dbt": DbtCliResource(project_dir=str(DBT_PROJECT), profiles_dir=str(DBT_PROJECT / "plain_profile"))},
)
