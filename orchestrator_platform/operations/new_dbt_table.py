"""Writes a new table as a dbt model, with a dbt project where there is none. Knows nothing of tables in Python."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ..errors import Misuse
from ..records.contracts import Column
from ..records.declarations import AssetDeclaration, DbtBuild
from ..records.keys import AssetKey
from ..settings import Settings
from .component_files import DbtTablesAttributes, read_component_files
from .new_columns import EXAMPLE, grain_among, own_columns, quoted_sql
from .new_files import NewFiles, refuse_existing


def has_dbt(settings: Settings) -> bool:
    """Whether the project has dbt tables."""
    found = read_component_files(settings.project.defs)
    return any(isinstance(component.attributes, DbtTablesAttributes) for component in found)


def propose_dbt_project(settings: Settings, folder: Path) -> NewFiles:
    """Returns the component of all dbt tables, with a dbt project where there is none.

    Raises:
        Misuse: The project has it already.
    """
    if has_dbt(settings):
        raise Misuse(
            "The project has dbt tables already: one component is for all of them. Nothing was written. Add one:"
            " `orchestrator new table NAME --dbt`."
        )
    files = {folder / "defs.yaml": _DBT_COMPONENT, **dict(_missing_project(settings))}
    refuse_existing(tuple(files), "dbt tables")
    steps = ("`orchestrator new table NAME --dbt` writes a model with its contract.",)
    return NewFiles("dbt tables", folder.name, "", files, steps=steps)


def _missing_project(settings: Settings) -> Iterator[tuple[Path, str]]:
    folder = settings.project.dbt_project
    if (folder / "dbt_project.yml").exists():
        return
    name = "".join(c if c.isalnum() else "_" for c in settings.project.root.name.lower()).strip("_")
    name = name if name[:1].isalpha() else f"project_{name}"
    for file, text in _DBT_PROJECT.items():
        yield folder / file, text.replace("PROJECT", name)


@dataclass(frozen=True)
class DbtTable:
    """A model with its YAML, made of a table that is declared already, or of a row of its own."""

    settings: Settings
    asset: AssetKey
    parent: AssetDeclaration | None

    def propose(self, steps: tuple[str, ...]) -> NewFiles:
        """Returns what would be written."""
        columns = own_columns(self.parent.contract) if self.parent else EXAMPLE
        untyped = [column.name for column in columns if not column.type]
        models = self._models
        files = {
            **dict(self._missing()),
            models / f"{self.asset.name}.sql": self._sql(columns),
            models / f"{self.asset.name}.yml": self._yaml(columns),
        }
        unsure = tuple(f"column {name}: the parent's contract gives it no type" for name in untyped)
        return NewFiles("table", self.asset.name, self.asset, files, unsure, steps)

    @property
    def _models(self) -> Path:
        models = self.settings.project.dbt_project / "models"
        own = models / self.asset.schema
        return own if own.is_dir() else models

    def _missing(self) -> Iterator[tuple[Path, str]]:
        """What a project needs once to have dbt tables at all."""
        if not has_dbt(self.settings):
            yield self.settings.project.defs / "dbt" / "defs.yaml", _DBT_COMPONENT
        yield from _missing_project(self.settings)

    def _sql(self, columns: Sequence[Column]) -> str:
        if self.parent is None:
            said, source = "    1::BIGINT AS id,\n    'first' AS name", ""
        else:
            said = ",\n".join(f"    {quoted_sql(column.name)}" for column in columns)
            source = f"\nFROM {self._reference(self.parent)}"
        return (
            f"{{{{ config(schema='{self.asset.schema}') }}}}\n"
            "-- One SELECT over ref() and source(). materialized='incremental' above builds only what is new.\n"
            f"SELECT\n{said}{source}\n"
        )

    def _reference(self, parent: AssetDeclaration) -> str:
        if isinstance(parent.build, DbtBuild):
            return f"{{{{ ref('{parent.build.unique_id.split('.')[2]}') }}}}"
        return f"{{{{ source('{self._source_name(parent.key)}', '{parent.key.name}') }}}}"

    def _source_name(self, key: AssetKey) -> str:
        return next((name for name, _ in self._sources(key)), key.schema)

    def _sources(self, key: AssetKey) -> Iterator[tuple[str, Path]]:
        """Yields what the dbt project calls the schema of a table that it declares as a source, and where."""
        models = self.settings.project.dbt_project / "models"
        for file in sorted([*models.rglob("*.yml"), *models.rglob("*.yaml")]):
            document = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
            for source in document.get("sources") or []:
                tables = {str(table.get("identifier") or table["name"]) for table in source.get("tables") or []}
                if source.get("schema", source["name"]) == key.schema and key.name in tables:
                    yield str(source["name"]), file

    def _yaml(self, columns: Sequence[Column]) -> str:
        names = [column.name for column in columns]
        grain = grain_among(self.parent, names)
        key = "[" + ", ".join(grain) + "]" if grain else "none"
        rows = (
            f"\n        rows: {{same_as: {self.parent.key}}} # or subset_of, at_most_one_per"
            if self.parent and grain
            else ""
        )
        parent = self.parent
        source = ""
        if parent is not None and not isinstance(parent.build, DbtBuild) and not list(self._sources(parent.key)):
            source = f"sources:\n  - name: {parent.key.schema}\n    tables: [{{name: {parent.key.name}}}]\n"
        listed = "\n".join(self._column(column, grain) for column in columns)
        return (
            f"{source}models:\n"
            f"  - name: {self.asset.name}\n"
            "    description: What it is for, in a sentence. The UI shows it.\n"
            "    config:\n"
            "      meta:\n"
            f"        grain: {key} # its key, or none{rows}\n"
            "    columns: # what it promises; dbt's tests are audits, and block\n"
            f"{listed}\n"
        )

    def _column(self, column: Column, grain: Sequence[str] | None) -> str:
        kind = f", data_type: {column.type}" if column.type else ""
        tests = [] if column.nullable else ["not_null"]
        tests += ["unique"] if grain == (column.name,) else []
        said = f", data_tests: [{', '.join(tests)}]" if tests else ""
        pii = ", config: {meta: {pii: true}}" if column.pii else ""
        return f"      - {{name: {column.name}{kind}{said}{pii}}}"


_DBT_COMPONENT = """\
# Every model, snapshot and seed of the dbt project becomes an audited table. One such component is enough.
type: orchestrator_platform.components.DbtTablesComponent
attributes: {}
"""
_DBT_PROJECT = {
    "dbt_project.yml": """\
name: PROJECT
version: "1.0.0"
config-version: 2
profile: PROJECT
flags: {send_anonymous_usage_stats: false}
models:
  PROJECT:
    +schema: marts
    +materialized: table
""",
    "profiles.yml": """\
# For a plain `dbt build` on your machine; the platform brings a workbench of its own.
PROJECT:
  target: dev
  outputs:
    dev: {type: duckdb, path: target/dev.duckdb}
""",
    "macros/generate_schema_name.sql": """\
{# A schema is taken as it is written, so that `marts.totals` is the table's key. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name if custom_schema_name is not none else target.schema }}
{%- endmacro %}
""",
}
