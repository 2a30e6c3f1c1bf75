"""Producers that do more than produce: dbt models, hooks and Python tables."""

from textwrap import dedent

from red_team.arena import AS_PUBLISHED, FORGED, ORDERS, TOTALS, Arena, elsewhere
from red_team.facing import Case, Tried, in_words
from small_project import DBT_FILES, FILES

TABLES = dedent(FILES["defs/marts/tables.py"]).lstrip("\n")
MADE = '    return orders.aggregate("customer, sum(amount) AS total")\n'
PROJECT_YML = dedent(DBT_FILES["dbt/dbt_project.yml"]).lstrip("\n")
STATUSES_SQL = dedent(DBT_FILES["dbt/models/statuses.sql"]).strip()


def forged_total(total: int) -> str:
    """The body of a table with a row that no order explains."""
    row = f"orders.limit(1).project(\"'{FORGED}' AS customer, {total}.0::DOUBLE AS total\")"
    return MADE.rstrip("\n") + f".union({row})\n"


def write_totals(arena: Arena, *, first: str = "", made: str = MADE, head: str = "") -> None:
    """Rewrites the Python table `marts.totals`: statements when it is loaded, when it runs, what it returns."""
    body = "".join(f"    {line}\n" for line in dedent(first).strip().splitlines())
    arena.write("defs/marts/tables.py", dedent(head).lstrip("\n") + TABLES.replace(MADE, body + made))


def build(arena: Arena) -> str:
    return in_words(arena.build())


def _model(arena: Arena, sql: str) -> Tried:
    arena.write("dbt/models/statuses.sql", sql)
    return arena.build("marts.statuses")


def _attach(arena: Arena) -> str:
    return f"attach 'ducklake:sqlite:{arena.lake / 'catalog.sqlite'}' as mine"


def _pre_hook(arena: Arena) -> Tried:
    return _model(arena, f'{{{{ config(pre_hook="{_attach(arena)}") }}}}\n{STATUSES_SQL}')


def _on_run_start(arena: Arena) -> Tried:
    arena.write("dbt/dbt_project.yml", f'{PROJECT_YML}on-run-start: ["{_attach(arena)}"]\n')
    return _model(arena, f"{STATUSES_SQL}\nhaving true")


def _copy_over(arena: Arena) -> Tried:
    forged = f"copy (select 0 as order_id) to '{arena.parquet_of(ORDERS)[0]}'"
    return _model(arena, f'{{% if execute %}}{{% do run_query("{forged}") %}}{{% endif %}}\n{STATUSES_SQL}')


def _reads_a_file(arena: Arena) -> Tried:
    file = arena.write("forged.csv", f"status,n_orders\n{FORGED},1\n")
    return _model(arena, f"select status, n_orders from read_csv('{file}')")


def _attach_by_query(arena: Arena) -> Tried:
    attach = _attach(arena).replace("'", "''")
    return _model(arena, f"select 'open' as status, 1::bigint as n_orders from query('{attach}')")


def _writes_the_catalog(arena: Arena) -> Tried:
    attach = f"ATTACH 'ducklake:sqlite:{arena.lake / 'catalog.sqlite'}' AS mine (DATA_INLINING_ROW_LIMIT 0)"
    write_totals(
        arena,
        first=f"""
            from orchestrator_platform.lake.session import connect
            with connect() as mine:
                mine.execute({attach!r})
                mine.execute("INSERT INTO mine.marts.totals VALUES ('{FORGED}', 1)")
        """,
    )
    return elsewhere(build, arena)


def _writes_over_a_published_file(arena: Arena) -> Tried:
    file = arena.parquet_of(TOTALS)[-1]
    write_totals(
        arena,
        first=f"""
            from pathlib import Path
            file, fresh = Path({str(file)!r}), Path({str(file.with_suffix(".new"))!r})
            with duckdb.connect() as mine:
                forged = f"SELECT * REPLACE (total + 1 AS total) FROM '{{file}}'"
                mine.execute(f"COPY ({{forged}}) TO '{{fresh}}' {AS_PUBLISHED}")
            file.chmod(0o644)
            file.write_bytes(fresh.read_bytes())
            fresh.unlink()
            raise RuntimeError("enough")
        """,
    )
    return elsewhere(build, arena)


def _says_yes_itself(arena: Arena) -> Tried:
    write_totals(
        arena,
        first="""
            import orchestrator_platform.gate.audit as audit
            import orchestrator_platform.gate.publish as publish
            from orchestrator_platform.records.verdicts import Decision
            audit.decide = lambda *_: Decision.APPROVE
            publish.check_seal = lambda *_: None
        """,
        made=forged_total(5000),
    )
    return elsewhere(build, arena)


def _lies_in_every_process(arena: Arena) -> Tried:
    write_totals(
        arena,
        head="""
            import orchestrator_platform.gate.audit as audit

            honest = audit.audit_candidate


            def audit_candidate(*args):
                return tuple(found.model_copy(update={"passed": True}) for found in honest(*args))


            audit.audit_candidate = audit_candidate
        """,
        made=forged_total(5000),
    )
    return elsewhere(build, arena)


def _makes_rows_up(arena: Arena) -> Tried:
    write_totals(arena, made=forged_total(1))
    return arena.build()


def _ends_the_program(arena: Arena) -> Tried:
    write_totals(arena, first="import os\nos._exit(0)")
    return elsewhere(build, arena)


def _cleans_up(arena: Arena) -> Tried:
    mine = arena.project / "mine.sqlite"
    write_totals(
        arena,
        first=f"""
            import shutil
            from orchestrator_platform.lake.session import connect
            shutil.copy({str(arena.lake / "readers.sqlite")!r}, {str(mine)!r})
            with connect() as connection:
                connection.execute("ATTACH 'ducklake:sqlite:{mine}' AS mine")
                connection.execute("DROP TABLE mine.marts.ranking")
                last = connection.execute("SELECT max(snapshot_id) FROM mine.snapshots()").fetchone()[0]
                versions = list(range(last))
                connection.execute(f"CALL ducklake_expire_snapshots('mine', versions => {{versions}})").fetchall()
                connection.execute("CALL ducklake_cleanup_old_files('mine', cleanup_all => true)").fetchall()
            raise RuntimeError("enough")
        """,
    )
    return elsewhere(build, arena)


_ANYTHING = "a Python table is a program; its auditor judges the rows that it made, not where it had them from"
_IN_PROCESS = "code of the project runs in the process that audits, and in every later one"

CASES = (
    Case("hook_attaches", "dbt model", "a pre-hook attaches the writer's catalog", _pre_hook, dbt=True),
    Case("run_start_attaches", "dbt project", "`on-run-start` attaches the writer's catalog", _on_run_start, dbt=True),
    Case("copy_over_published", "dbt model", "`run_query` copies over a published file", _copy_over, dbt=True),
    Case("model_reads_file", "dbt model", "reads a file that nobody landed", _reads_a_file, dbt=True),
    Case("query_attaches", "dbt model", "attaches the catalog through `query()`", _attach_by_query, dbt=True),
    Case("writes_catalog", "Python table", "inserts rows into the writer's catalog", _writes_the_catalog),
    Case("overwrites_file", "Python table", "writes other rows over a published file", _writes_over_a_published_file),
    Case("cleans_up", "Python table", "expires and cleans up through a copy of the catalog", _cleans_up),
    Case("approves_itself", "Python table", "replaces decision and seal in the running process", _says_yes_itself),
    Case(
        "lies_always",
        "Python table",
        "makes every finding of every process pass",
        _lies_in_every_process,
        why=_IN_PROCESS,
    ),
    Case(
        "makes_rows_up",
        "Python table",
        "returns a row that obeys every rule and has no source",
        _makes_rows_up,
        why=_ANYTHING,
    ),
    Case("ends_program", "Python table", "ends the program in the middle of a build", _ends_the_program),
)
