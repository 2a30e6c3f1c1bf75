"""What dagster-dbt says of the project's models, by the conventions its users know, under the platform's keys."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings

from ..projections.dagster_values import dagster_key
from ..records.keys import AssetKey
from ..transforming.dbt_project import DbtNode, DbtProject


class TableTranslator(DagsterDbtTranslator):
    """dagster-dbt's translator with the keys of the lake, `schema.table`, for models and sources alike.

    dbt's tests are left out: they are audits, which every candidate goes through with the platform's own.
    """

    def __init__(self) -> None:
        super().__init__(DagsterDbtTranslatorSettings(enable_asset_checks=False, enable_source_metadata=False))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        name = dbt_resource_props.get("identifier") or dbt_resource_props.get("alias")
        return dagster_key(AssetKey(f"{dbt_resource_props['schema']}.{name}"))


def model_specs(project: DbtProject, docs_address: str) -> Mapping[AssetKey, dg.AssetSpec]:
    """Returns each model, snapshot and seed with its description and code, dbt tags, owners, condition, and where
    dbt's documentation of it is found.
    """
    manifest = json.loads(project.document.read_text(encoding="utf-8"))
    translator = TableTranslator()
    return {
        node.key: translator.get_asset_spec(manifest, node.unique_id, project=None).merge_attributes(
            metadata={"dbt_docs": _docs(docs_address, node)}
        )
        for node in project.nodes
    }


def _docs(address: str, node: DbtNode) -> dg.MetadataValue[Any]:
    """A page may link to a server of this machine's, never to a file of it: else the command stands there."""
    if not address:
        return dg.MetadataValue.text("orchestrator docs --open")
    return dg.MetadataValue.url(f"{address}#!/{node.resource_type}/{quote(node.unique_id)}")
