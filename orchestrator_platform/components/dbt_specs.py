"""What dagster-dbt says of the project's models, by the conventions its users know, under the platform's keys."""

import json
from collections.abc import Mapping
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from ..projections.dagster_values import dagster_key
from ..records.keys import AssetKey
from ..transforming.dbt_project import DbtProject


class TableTranslator(DagsterDbtTranslator):
    """dagster-dbt's translator with the keys of the lake, `schema.table`, for models and sources alike.

    dbt's tests are left out: they are audits, which every candidate goes through with the platform's own.
    """

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=False, enable_source_metadata=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = dbt_resource_props.get("identifier") or dbt_resource_props.get("alias")
        return dagster_key(AssetKey(f"{dbt_resource_props['schema']}.{name}"))


def model_specs(project: DbtProject) -> Mapping[AssetKey, dg.AssetSpec]:
    """Returns each model, snapshot and seed with its description and code, dbt tags, owners and condition."""
    manifest = json.loads(project.document.read_text(encoding="utf-8"))
    translator = TableTranslator()
    return {node.key: translator.get_asset_spec(manifest, node.unique_id, project=None) for node in project.nodes}
