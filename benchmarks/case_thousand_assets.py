"""A thousand assets in Dagster: how long definitions load, and a tick of the sensor that builds what changed."""

from collections.abc import Mapping
from pathlib import Path

from .reporting import Report, Row
from .running import Setting, interleave, python, run_child, spread

NAME = "thousand"
_LOAD, _TICK = 2.0, 0.5
_ASSETS, _QUICK_ASSETS, _PER_FOLDER = 1000, 200, 50

_AGENT = """---
name: {name}
description: {name}.
produces: [{produces}]
audits: [{audits}]
may: [{may}]
escalates: []
never: [approve]
invocation: automatic
context_budget: 1000
---
Work.
"""
_CONTRACT = """

class {name}(pa.DataFrameModel):
    key: int = pa.Field(ge=0)
    label: str
    amount: float = pa.Field(ge=0)

    class Config:
        strict = True
        metadata = {{"grain": {grain}}}
"""
_SOURCE = """type: orchestrator_platform.components.SourceComponent
attributes: {{name: s{n}, asset: raw.s{n}, contract: "contract.py:S{n}", pattern: ["*.csv"], format: csv}}
"""
_TABLE = """

@python_table(key="marts.t{n}", parents={{"parent": "{parent}"}}, contract="contract.py:T{n}")
def t{n}(parent):
    return parent.project("key, label, amount")
"""


def measure(setting: Setting) -> Report:
    """Half of the assets are dbt models, the other half Python tables, in folders of their own, one source for each."""
    n_assets = _QUICK_ASSETS if setting.quick else _ASSETS
    project = write_project(setting.scratch / "project", n_assets)
    home = setting.scratch / "home"
    command = python("-m", "benchmarks.children.load_assets", str(project), str(home))
    setting.say("loading it once: dbt parses, contracts are compiled")
    run_child(command)
    (runs,) = interleave(setting.repeats, lambda _: run_child(command), say=setting.say)
    said = {name: spread([float(run.said[name]) for run in runs]) for name in ("load", "idle", "changed")}
    counted = int(runs[-1].said["assets"])
    return Report(
        NAME,
        (
            Row(f"definitions of {counted:,} assets load", said["load"].show(" s"), "", said["load"].show(" s"),
                f"≤ {_LOAD:g} s", said["load"].median <= _LOAD),
            Row("…an idle tick", said["idle"].show(" s", 3), "", said["idle"].show(" s", 3), f"≤ {_TICK} s",
                said["idle"].median <= _TICK),
            Row("…a tick after something was published", said["changed"].show(" s"), "", said["changed"].show(" s")),
        ),
        ("Imports apart; the project was loaded before: dbt's manifest and the contracts are in the home's cache.",),
    )  # fmt: skip


def write_project(folder: Path, n_assets: int) -> Path:
    """Writes a project of sources, dbt models and Python tables; returns its folder."""
    files = {
        "pyproject.toml": '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\n',
        **_agents(),
        "defs/dbt/defs.yaml": "type: orchestrator_platform.components.DbtTablesComponent\nattributes: {}\n",
        "dbt/dbt_project.yml": 'name: many\nversion: "1.0.0"\nconfig-version: 2\nprofile: many\n'
        "flags: {send_anonymous_usage_stats: false}\nmodels: {many: {+schema: marts, +materialized: table}}\n",
        "dbt/profiles.yml": "many: {target: dev, outputs: {dev: {type: duckdb, path: target/scratch.duckdb}}}\n",
        "dbt/macros/schema.sql": "{% macro generate_schema_name(name, node) %}{{ name or 'marts' }}{% endmacro %}\n",
    }
    for start in range(0, n_assets, 2 * _PER_FOLDER):
        files |= _folder(start // (2 * _PER_FOLDER), start)
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _agents() -> Mapping[str, str]:
    seats = {
        "maker": ("'*'", "", "land, build, publish"),
        "judge": ("", "'*'", "audit, quarantine"),
        "orchestrator": ("", "", "plan, delegate"),
    }
    return {
        f"agents/{name}.md": _AGENT.format(name=name, produces=produces, audits=audits, may=may)
        for name, (produces, audits, may) in seats.items()
    }


def _folder(number: int, start: int) -> Mapping[str, str]:
    """One source, tables in a chain over it, and dbt models in a chain over the first table."""
    tables = range(start, start + _PER_FOLDER - 1)
    parents = [f"raw.s{number}", *(f"marts.t{n}" for n in tables)]
    contracts = "".join(_CONTRACT.format(name=f"T{n}", grain=["key"]) for n in tables)
    head = '"""What the tables promise."""\n\nimport pandera.pandas as pa\n'
    models = range(start, start + _PER_FOLDER)
    yml = "models:\n" + "".join(
        f"  - name: m{n}\n    description: Model {n}.\n    config: {{meta: {{grain: [key]}}}}\n    columns:\n"
        "      - {name: key, data_type: bigint, data_tests: [unique, not_null]}\n"
        "      - {name: label, data_type: varchar}\n      - {name: amount, data_type: double}\n"
        for n in models
    )
    source = f"sources:\n  - {{name: raw{number}, schema: raw, tables: [{{name: s{number}}}]}}\n"
    return {
        f"defs/s{number}/defs.yaml": _SOURCE.format(n=number),
        f"defs/s{number}/contract.py": head + _CONTRACT.format(name=f"S{number}", grain='"none"'),
        f"defs/t{number}/defs.yaml": "type: orchestrator_platform.components.PythonTableComponent\n"
        "attributes: {module: tables.py}\n",
        f"defs/t{number}/contract.py": head + contracts,
        f"defs/t{number}/tables.py": '"""Tables."""\n\nfrom orchestrator_platform import python_table\n'
        + "".join(_TABLE.format(n=n, parent=parent) for n, parent in zip(tables, parents, strict=False)),
        f"dbt/models/models{number}.yml": source + yml,
        **{
            f"dbt/models/m{n}.sql": f"select key, label, amount from {_model_parent(number, n, start)}\n"
            for n in models
        },
    }


def _model_parent(number: int, n: int, start: int) -> str:
    return f"{{{{ source('raw{number}', 's{number}') }}}}" if n == start else f"{{{{ ref('m{n - 1}') }}}}"
