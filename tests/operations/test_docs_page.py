"""dbt's documentation as one page: of what is declared and of what serves, shown on loopback only."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from small_project import gate_of, make_project, write_orders

from orchestrator_platform.errors import Misuse
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.docs_page import render_docs, write_docs
from orchestrator_platform.operations.docs_server import serve_docs
from orchestrator_platform.operations.land import land


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_project(tmp_path_factory.mktemp("documented"), dbt=True)
    gate = gate_of(folder)
    land(gate, "orders", [write_orders(folder, "a.csv", (1, "ann", 3, "open"), (2, "bob", 4, "paid"))])
    assert not build(gate).is_no
    return folder


def test_the_page_has_the_models_their_code_and_the_rows_that_serve(project: Path) -> None:
    manifest, catalog = _data(render_docs(gate_of(project)).decode())
    (unique_id,) = [name for name in manifest["nodes"] if name.startswith("model.")]
    assert "create" in manifest["nodes"][unique_id]["compiled_code"].lower()
    entry = catalog["nodes"][unique_id]
    assert entry["stats"]["rows"]["value"] == "2"
    assert entry["stats"]["auditor"]["value"] == "judge"
    assert list(entry["columns"]) == ["status", "n_orders"]
    assert any(entry["metadata"]["name"] == "orders" for entry in catalog["sources"].values())


def test_the_page_reports_its_use_to_nobody(project: Path) -> None:
    manifest, _ = _data(render_docs(gate_of(project)).decode())
    assert manifest["metadata"]["send_anonymous_usage_stats"] is False


def test_no_text_of_the_project_ends_the_script_that_it_stands_in(project: Path) -> None:
    before = render_docs(gate_of(project)).count(b"</script>")
    models = project / "dbt/models/models.yml"
    text = models.read_text(encoding="utf-8")
    models.write_text(text.replace("How many orders", "</script><script>alert(1)</script> How many"), encoding="utf-8")
    page = write_docs(gate_of(project)).read_bytes()
    assert b"alert(1)" in page
    assert page.count(b"</script>") == before


def test_a_project_without_dbt_has_nothing_to_document(tmp_path: Path) -> None:
    with pytest.raises(Misuse, match="no dbt models"):
        render_docs(gate_of(make_project(tmp_path)))


def test_it_is_served_on_loopback_under_its_own_name_only(project: Path) -> None:
    with serve_docs(gate_of(project).settings, 0) as address:
        with urllib.request.urlopen(address, timeout=60) as answer:  # noqa: S310 - loopback
            assert b"How many" in answer.read()
        for request in (
            urllib.request.Request(address, headers={"Host": "evil.example"}),  # noqa: S310
            urllib.request.Request(f"{address}etc/passwd"),  # noqa: S310
        ):
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=60)  # noqa: S310
            assert refused.value.code in {403, 404}
            refused.value.close()


def _data(page: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The manifest and the catalog, as dbt's page reads them."""
    found = re.search(r"\{manifest:(\{.*\}),catalog:(\{.*?\})\},r=\{project", page)
    assert found is not None
    return json.loads(found.group(1)), json.loads(found.group(2))
