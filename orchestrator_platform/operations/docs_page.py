"""dbt's own documentation of the project as one page: its models and tests, with the columns and rows that serve.

dbt's page is filled here, from the parsed project and the lake's receipts: nothing is run, and nothing sent anywhere.
"""

import json
from contextlib import closing
from importlib import resources
from pathlib import Path
from typing import Any

from ..errors import Misuse
from ..gate.context import Gate
from ..lake.history import read_receipts_at
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from ..storage import write_whole
from ..transforming.column_lineage import statement_of
from ..transforming.dbt_project import DbtNode
from ..transforming.recorded_builds import load_recorded_builds

# The marks in dbt's page that its own `docs generate --static` replaces.
_MANIFEST, _CATALOG = '"MANIFEST.JSON INLINE DATA"', '"CATALOG.JSON INLINE DATA"'


def write_docs(gate: Gate) -> Path:
    """Writes the page into the home's cache, and returns its file.

    Raises:
        Misuse: The project has no dbt models.
    """
    file = gate.settings.home.cache / "dbt-docs" / "index.html"
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, render_docs(gate))
    return file


def render_docs(gate: Gate) -> bytes:
    """Returns the page, complete in itself.

    Raises:
        Misuse: The project has no dbt models.
    """
    if not gate.dbt.nodes:
        raise Misuse("The project has no dbt models, so there is nothing to document. Add one: docs/add-a-table.md.")
    page = (resources.files("dbt.task.docs") / "index.html").read_text(encoding="utf-8")
    assert _MANIFEST in page
    assert _CATALOG in page
    return page.replace(_MANIFEST, _inline(_manifest(gate))).replace(_CATALOG, _inline(_catalog(gate))).encode()


def _inline(value: object) -> str:
    """A description with `</script>` in it must not end the script that it stands in."""
    return json.dumps(value, default=str).replace("</", "<\\/")


def _manifest(gate: Gate) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(gate.dbt.document.read_text(encoding="utf-8"))
    manifest["metadata"] |= {"send_anonymous_usage_stats": False, "user_id": None, "project_id": None}
    kept = list(load_recorded_builds(gate.dbt.manifest.parent).values())
    for node in gate.dbt.nodes:
        sql = statement_of([build for build in kept if build.unique_id == node.unique_id])
        if sql:
            manifest["nodes"][node.unique_id] |= {"compiled": True, "compiled_code": sql}
    return manifest


def _catalog(gate: Gate) -> dict[str, Any]:
    cut = gate.cut_for_readers()
    with closing(cut.connect()) as connection:
        receipts = read_receipts_at(connection, [(head.asset, head.version) for head in cut.heads.values()])
    served = {asset: receipt for (asset, _), receipt in receipts.items()}
    document = json.loads(gate.dbt.document.read_text(encoding="utf-8"))
    sources = {
        unique_id: AssetKey(f"{source['schema']}.{source['identifier']}")
        for unique_id, source in document["sources"].items()
    }
    return {
        "metadata": {"generated_at": gate.now().isoformat()},
        "nodes": {node.unique_id: _entry(node.unique_id, served[node.key]) for node in _served(gate, served)},
        "sources": {name: _entry(name, served[key]) for name, key in sources.items() if key in served},
        "errors": None,
    }


def _served(gate: Gate, served: dict[AssetKey, Receipt]) -> list[DbtNode]:
    return [node for node in gate.dbt.nodes if node.key in served]


def _entry(unique_id: str, receipt: Receipt) -> dict[str, Any]:
    told = {
        "version": ("Version", receipt.version),
        "rows": ("Rows", receipt.n_rows),
        "published": ("Published", f"{receipt.published_at:%Y-%m-%d %H:%M}Z"),
        "producer": ("Made by", receipt.producer),
        "auditor": ("Judged by", receipt.auditor),
    }
    return {
        "unique_id": unique_id,
        "metadata": {
            "type": "table",
            "database": "lake",
            "schema": receipt.asset.schema,
            "name": receipt.asset.name,
            "comment": None,
            "owner": str(receipt.producer),
        },
        "columns": {
            column.name: {"type": column.type, "index": place, "name": column.name, "comment": None}
            for place, column in enumerate(receipt.columns, 1)
        },
        "stats": {
            "has_stats": {"id": "has_stats", "label": "", "value": True, "include": False, "description": ""},
            **{
                name: {"id": name, "label": label, "value": str(value), "include": True, "description": label}
                for name, (label, value) in told.items()
            },
        },
    }
