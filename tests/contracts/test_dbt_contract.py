"""A node of dbt's manifest becomes a contract. One test asks dbt itself for the manifest."""

import json
from typing import Any

import duckdb
import pytest

from orchestrator_platform.contracts.dbt_contract import dbt_contract
from orchestrator_platform.contracts.evaluate import evaluate_rules
from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.records.contracts import Column, Relation
from orchestrator_platform.records.keys import AssetKey

TRIAGE = AssetKey("marts.triage")

SCHEMA = """
models:
  - name: triage
    config:
      contract: {enforced: true}
      meta:
        grain: [cve_id]
        rows: {at_most_one_per: {parent: raw.cve_record, on: [cve_id]}}
    columns:
      - name: cve_id
        data_type: text
        description: the CVE's name
        data_tests: [not_null, unique]
      - name: score
        data_type: numeric(4,1)
        constraints: [{type: check, expression: "score <= 10", name: score at most 10}]
      - name: reporter
        data_type: varchar
        config: {meta: {pii: true}}
        data_tests:
          - not_null: {config: {severity: warn}}
"""


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    from dbt.cli.main import dbtRunner

    project = tmp_path_factory.mktemp("dbt")
    (project / "models").mkdir()
    (project / "models" / "triage.sql").write_text("select 'CVE-1' as cve_id, 1.0 as score, 'x' as reporter")
    (project / "models" / "schema.yml").write_text(SCHEMA)
    (project / "dbt_project.yml").write_text("name: shop\nversion: '1.0'\nprofile: shop\n")
    (project / "profiles.yml").write_text("shop: {target: dev, outputs: {dev: {type: duckdb, path: ':memory:'}}}\n")
    folder = str(project)
    result = dbtRunner().invoke(["--quiet", "parse", "--project-dir", folder, "--profiles-dir", folder])
    assert result.success, result.exception
    found: dict[str, Any] = json.loads((project / "target" / "manifest.json").read_text())
    return found


def node(**changes: Any) -> dict[str, Any]:
    return {
        "name": "triage",
        "unique_id": "model.shop.triage",
        "patch_path": "shop://models/schema.yml",
        "config": {"meta": {"grain": ["cve_id"]}},
        "columns": {"cve_id": {"name": "cve_id", "data_type": "varchar"}},
        **changes,
    }


def not_null(**config: Any) -> dict[str, Any]:
    return {"test_metadata": {"name": "not_null", "kwargs": {}}, "column_name": "cve_id", "config": config}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_what_dbt_itself_writes_becomes_a_contract(manifest: dict[str, Any]) -> None:
    tests = [entry for entry in manifest["nodes"].values() if entry["resource_type"] == "test"]
    assert len(tests) == 3
    contract = dbt_contract(TRIAGE, manifest["nodes"]["model.shop.triage"], tests)
    assert contract.columns == (
        Column(name="cve_id", type="VARCHAR", nullable=False, description="the CVE's name"),
        Column(name="score", type="DECIMAL(4,1)"),
        Column(name="reporter", type="VARCHAR", pii=True),
    )
    assert contract.grain == ("cve_id",)
    assert contract.closed
    assert contract.rows
    assert (contract.rows.relation, contract.rows.parent) == (Relation.AT_MOST_ONE_PER, "raw.cve_record")
    assert contract.origin == "models/schema.yml"
    assert contract.pandera is None
    with duckdb.connect() as connection:
        relation = "(select 'a' as cve_id, 10.1::decimal(4,1) as score, null::varchar as reporter)"
        results = evaluate_rules(connection, relation, contract)
    assert {result.rule.name: result.n_failing for result in results} == {"cve_id not null": 0, "score at most 10": 1}


def test_a_missing_grain_names_the_yaml_and_what_to_write() -> None:
    with pytest.raises(DefinitionError, match=r"models/schema\.yml: does not say the table's grain") as caught:
        dbt_contract(TRIAGE, node(config={}))
    assert "`config: meta:` of triage" in caught.value.fix
    with pytest.raises(DefinitionError, match=r"models/triage\.sql"):
        dbt_contract(TRIAGE, node(config={}, patch_path=None, original_file_path="models/triage.sql"))


@pytest.mark.parametrize(
    ("config", "nullable"),
    [
        ({"severity": "ERROR"}, False),
        ({"severity": "warn"}, True),
        ({"where": "cve_id > ''"}, True),
        ({"enabled": False}, True),
        ({"error_if": "> 10"}, True),
        ({"error_if": "!= 0", "warn_if": "!= 0"}, False),
    ],
)
def test_only_an_unconditional_not_null_test_makes_a_column_not_nullable(
    config: dict[str, Any], nullable: bool
) -> None:
    assert dbt_contract(TRIAGE, node(), [not_null(**config)]).columns[0].nullable is nullable


def test_a_test_of_another_model_says_nothing() -> None:
    other = {**not_null(), "attached_node": "model.shop.other"}
    assert dbt_contract(TRIAGE, node(), [other]).columns[0].nullable


def test_constraints_become_keys_and_rules() -> None:
    constraints = [
        {"type": "primary_key", "columns": ["cve_id"]},
        {"type": "check", "expression": "cve_id <> ''", "columns": []},
        {"type": "foreign_key", "columns": ["cve_id"], "expression": "other (id)"},
    ]
    contract = dbt_contract(TRIAGE, node(constraints=constraints))
    assert contract.unique == (("cve_id",),)
    assert not contract.columns[0].nullable
    assert [rule.sql for rule in contract.rules] == ["(cve_id <> '')"]


def test_a_column_without_a_type_promises_none_and_an_open_contract_allows_more() -> None:
    contract = dbt_contract(TRIAGE, node(columns={"cve_id": {"name": "cve_id", "data_type": None}}))
    assert contract.columns[0].type == ""
    assert not contract.closed


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"columns": {"cve_id": {"data_type": "nosuch"}}}, "which DuckDB does not know"),
        ({"config": {"meta": {"grain": ["x"], "closed": True}}}, "names 'x' in its grain"),
        ({"config": {"meta": {"grain": []}}}, "is no list of column names"),
        ({"config": {"meta": {"grain": ["a", "a"]}}}, "names a column twice"),
        ({"config": {"meta": {"grain": "none", "rows": {"same_as": "raw"}}}}, "is not an asset key"),
        ({"config": {"meta": {"grain": "none", "rows": "raw.x"}}}, "cannot be read"),
        ({"config": {"meta": {"grain": "none", "rows": {"same_as": {"parent": "a.b", "by": []}}}}}, "cannot be read"),
        ({"constraints": [{"type": "unique", "columns": ["cve_id"]}]}, "which may be null"),
    ],
)
def test_what_cannot_be_read_is_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        dbt_contract(TRIAGE, node(**changes))
    assert problem in caught.value.problem
    assert caught.value.file == "models/schema.yml"
