"""Random batches through every strategy: what the workbench builds on a base is what dbt builds without one.

Two references, both plain dbt without the workbench's macros: one file that lasts, built batch after batch (no
refresh can rebuild a snapshot), and a new file in which everything is built at once.
"""

import json
import random
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from orchestrator_platform.transforming import dbt_invocation

START = datetime(2026, 3, 1, tzinfo=UTC)
LATEST = """
select id, arg_max(amount, seq) as amount, arg_max(note, seq) as note, max(seq) as seq, sum(1) as seen
from {{ source('raw', 'events') }} group by id
"""
CHANGED = """
{% if is_incremental() %}having id in (
    select id from {{ source('raw', 'events') }} where seq > (select coalesce(max(seq), -1) from {{ this }})
){% endif %}
"""


def _incremental(config: str) -> str:
    return f"{{{{ config(materialized='incremental', {config}) }}}}"


MODELS = {
    "models/sources.yml": """
sources:
  - name: raw
    schema: raw
    tables:
      - name: current
      - name: events
        config: {event_time: ts}
        columns: [{name: seq, data_tests: [unique, not_null]}]
""",
    "models/appended.sql": """
{{ config(materialized='incremental', incremental_strategy='append', meta={'x': 1}) }}
select seq, id, amount from {{ source('raw', 'events') }}
{% if is_incremental() %}where seq > (select coalesce(max(seq), -1) from {{ this }}){% endif %}
""",
    "models/replaced.sql": _incremental("incremental_strategy='delete+insert', unique_key='id'")
    + LATEST.replace("max(seq) as seq,", "max(seq) as seq, max(ts)::timestamp as changed_at,")
    + CHANGED,
    "models/merged.sql": _incremental("incremental_strategy='merge', unique_key=['id', 'note']")
    + LATEST.replace("arg_max(note, seq)", "coalesce(note, '-')").replace("by id", "by id, coalesce(note, '-')")
    + CHANGED,
    "models/by_default.sql": _incremental("unique_key='id', on_schema_change='sync_all_columns'") + LATEST + CHANGED,
    "models/batched.sql": """
{{ config(materialized='incremental', incremental_strategy='microbatch', event_time='day', batch_size='day',
          begin='2026-03-01', lookback=2) }}
select date_trunc('day', ts)::timestamp as day, id, count(*) as n, sum(amount) as amount
from {{ source('raw', 'events') }} group by all
""",
    "models/top.sql": """
{{ config(materialized='table') }}
select m.id, m.amount, b.n from {{ ref('replaced') }} m
left join (select id, sum(n) as n from {{ ref('batched') }} group by id) b using (id)
""",
    "models/counted.sql": """
{{ config(materialized='view') }} select count(*) as n, sum(seen) as seen from {{ ref('merged') }}
""",
    "models/tests.yml": """
models:
  - name: appended
    columns:
      - {name: seq, data_tests: [unique, not_null]}
      - {name: amount, data_tests: [{accepted_values: {arguments: {values: [1, 2, 3, 4, 5, 6, 7], quote: false}}}]}
  - name: replaced
    columns: [{name: id, data_tests: [unique]}, {name: note, data_tests: [{not_null: {config: {severity: warn}}}]}]
  - name: batched
    columns: [{name: day, data_tests: [{unique: {config: {severity: warn}}}]}]
  - name: top
    columns:
      - name: id
        data_tests: [unique, {relationships: {arguments: {to: "ref('by_default')", field: id}}}]
""",
    "tests/nothing_lost.sql": """
select 1 where (select count(*) from {{ ref('appended') }}) != (select count(*) from {{ source('raw', 'events') }})
""",
    "snapshots/history.yml": """
snapshots:
  - name: by_time
    relation: ref('replaced')
    config: {unique_key: id, strategy: timestamp, updated_at: changed_at, hard_deletes: invalidate}
  - name: by_value
    relation: source('raw', 'current')
    config: {unique_key: [id, kind], strategy: check, check_cols: all, hard_deletes: new_record}
""",
}
TABLES = ["appended", "replaced", "merged", "by_default", "batched", "top", "counted"]
HISTORY = ["by_time", "by_value"]
CLOCK = """
{% macro duckdb__snapshot_get_time() %}'{{ var("orchestrator_run_time") }}'::timestamp{% endmacro %}
"""


class PlainDbt:
    """dbt as a person would run it, on copies of the raw tables in a file of its own."""

    def __init__(self, shop, folder: Path) -> None:
        self.shop, self.folder, self.file = shop, folder, folder / "plain.duckdb"
        shutil.copytree(shop.root, folder / "project")
        (folder / "project" / "macros" / "clock.sql").write_text(CLOCK)
        output = {"type": "duckdb", "path": str(self.file)}
        (folder / "profiles.yml").write_text(json.dumps({"shop": {"target": "dev", "outputs": {"dev": output}}}))
        self.manifest = self._invoke(["parse", "--vars", json.dumps({"orchestrator_run_time": ""})])

    def _invoke(self, command: list[str]):
        from dbt.adapters.duckdb.connections import DuckDBConnectionManager
        from dbt.cli.main import dbtRunner

        command += ["--project-dir", str(self.folder / "project"), "--profiles-dir", str(self.folder)]
        command += ["--log-path", str(self.folder), "--log-level", "none", "--log-level-file", "none", "--quiet"]
        done = dbtRunner(manifest=getattr(self, "manifest", None)).invoke([*command, "--no-send-anonymous-usage-stats"])
        dbt_invocation._close_scratch(DuckDBConnectionManager)
        assert done.exception is None, done.exception
        return done.result

    def build(self, now: datetime, since: datetime) -> dict[str, str]:
        with duckdb.connect(str(self.file)) as file:
            file.execute(f"ATTACH '{self.shop.lake}' AS lake (READ_ONLY); CREATE SCHEMA IF NOT EXISTS raw")
            for name in ("events", "current"):
                file.execute(f"CREATE OR REPLACE TABLE raw.{name} AS FROM lake.raw.{name}")
        command = ["build", "--vars", json.dumps({"orchestrator_run_time": f"{now:%Y-%m-%d %H:%M:%S.%f}"})]
        command += ["--event-time-start", f"{since:%Y-%m-%d}", "--event-time-end", f"{_end_of_day(now):%Y-%m-%d}"]
        return {r.node.name: str(r.status) for r in self._invoke(command) if r.node.resource_type == "test"}

    def read(self, name: str):
        with duckdb.connect(str(self.file)) as file:
            return _content(file, f"marts.{name}")


def _end_of_day(now: datetime) -> datetime:
    return datetime(now.year, now.month, now.day, tzinfo=UTC) + timedelta(days=1)


def _content(connection, relation: str):
    columns = [
        (r[0], r[1].replace("HUGEINT", "BIGINT")) for r in connection.execute(f"DESCRIBE FROM {relation}").fetchall()
    ]
    return columns, sorted(connection.execute(f"FROM {relation}").fetchall(), key=repr)


def _land(shop, chance: random.Random, now: datetime, seq: int, n: int) -> None:
    rows = []
    for i in range(n):
        at = max(START, now - timedelta(minutes=chance.randrange(2 * 24 * 60)))
        note = chance.choice(["NULL", "'a'", "'b'", "'☃'"])
        rows.append(f"({seq + i}, {chance.randrange(12)}, {chance.randrange(1, 9)}, {note}, '{at:%Y-%m-%d %H:%M:%S}')")
    if rows:
        shop.sql(f"INSERT INTO raw.events VALUES {', '.join(rows)}")
    for kind in ("x", "y"):
        key = chance.randrange(6)
        shop.sql(f"DELETE FROM raw.current WHERE id = {key} AND kind = '{kind}'")
        if chance.random() < 0.7:
            value = chance.choice(["NULL", "1", "2"])
            shop.sql(f"INSERT INTO raw.current VALUES ({key}, '{kind}', {value})")


def _compare(shop, seed: int, n_batches: int, full_every: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - a test's data, not a secret
    shop.write(MODELS)
    shop.sql("CREATE TABLE raw.events (seq BIGINT, id INTEGER, amount INTEGER, note VARCHAR, ts TIMESTAMP)")
    shop.sql("CREATE TABLE raw.current (id INTEGER, kind VARCHAR, value INTEGER)")
    (shop.folder / "plain").mkdir()
    lasting, seq = PlainDbt(shop, shop.folder / "plain"), 0
    forms: dict[str, set[str]] = {name: set() for name in [*TABLES, *HISTORY]}
    for batch in range(n_batches):
        now, n = START + timedelta(hours=9 * batch + 1), chance.choice([0, 1, 3, 30])
        _land(shop, chance, now, seq, n)
        seq += n
        workbench = shop.new_workbench()
        built = shop.build(workbench, run_time=now)
        whole = {name: _read(shop, workbench, node.relation) for name, node in built.items()}
        shop.publish(workbench, built)
        for name, node in built.items():
            forms[name].add(node.form)
        tests = {name: result.status for name, result in shop.test(shop.new_workbench()).items()}
        expected_tests = lasting.build(now, START if batch == 0 else _end_of_day(now) - timedelta(days=3))
        for name in forms:
            expected, served = lasting.read(name), _read(shop, shop.lake, f"marts.{name}")
            assert served == expected, (seed, batch, name, "published", built[name])
            assert whole[name] == expected, (seed, batch, name, "workbench", built[name])
        assert tests == expected_tests, (seed, batch)
        if batch % full_every == full_every - 1:
            _compare_full(shop, now, batch)
    _assert_deltas(forms)


def _read(shop, file: Path, relation: str):
    with duckdb.connect(str(file)) as connection:
        if file != shop.lake:
            connection.execute(shop.setup[0])
        return _content(connection, relation)


def _compare_full(shop, now: datetime, batch: int) -> None:
    folder = shop.folder / f"full-{batch}"
    folder.mkdir()
    full = PlainDbt(shop, folder)
    full.build(now, START)
    for name in TABLES:
        assert _read(shop, shop.lake, f"marts.{name}") == full.read(name), (batch, name, "full")


def _assert_deltas(forms: dict[str, set[str]]) -> None:
    """A comparison in which everything was rebuilt whole would prove nothing."""
    for name in ("replaced", "merged", "by_default", "batched", *HISTORY):
        assert "delta" in forms[name], (name, forms)
    assert forms["appended"] == {"whole", "append"}
    assert forms["top"] == forms["counted"] == {"whole"}


def test_an_incremental_build_equals_a_full_one(shop):
    _compare(shop, seed=1, n_batches=6, full_every=6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 6))
def test_an_incremental_build_equals_a_full_one_over_many_batches(shop, seed):
    _compare(shop, seed, n_batches=25, full_every=6)
