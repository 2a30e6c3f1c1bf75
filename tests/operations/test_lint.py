"""What `lint` finds in files that nobody loads, how soon, and that it imports nothing large for it."""

import subprocess
import sys
from pathlib import Path

import pytest
from ci_project import FILES as WITH_DBT
from ci_project import edit
from small_project import make_project

from orchestrator_platform.operations.lint import lint
from orchestrator_platform.settings import load_settings

SHIPPED = Path(__file__).resolve().parents[2]
HEAVY = {"dagster", "dbt", "pandas", "pandera", "numpy", "polars", "sklearn", "onnx", "weaviate"}


def problems(folder: Path) -> list[str]:
    return [str(problem) for problem in lint(load_settings(folder / "home", folder)).problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_project(tmp_path, changes=WITH_DBT)


def test_the_shipped_project_and_the_small_one_are_without_a_problem(folder: Path) -> None:
    shipped = lint(load_settings(folder / "home", SHIPPED))
    assert (shipped.problems, shipped.seats_unchecked_because) == ([], "")
    assert shipped.n_agents == 8
    assert problems(folder) == []


def test_what_lint_knows_of_the_shipped_assets_is_what_loading_finds(folder: Path) -> None:
    from orchestrator_platform.operations.project_assets import load_declarations, selectable

    settings = load_settings(folder / "home", SHIPPED)
    loaded = {d.key: selectable(d) for d in load_declarations(settings).assets}
    found = {asset.key: asset for asset in lint(settings).assets}
    assert found.keys() == loaded.keys()
    assert {key: (found[key].group, found[key].kinds) for key in found} == {
        key: (loaded[key].group, loaded[key].kinds) for key in loaded
    }
    of_dbt = [key for key in loaded if "dbt" in loaded[key].kinds]
    # What a macro reads, only dbt knows.
    assert [
        key for key in of_dbt if not found[key].parents or not {*found[key].parents} <= {*loaded[key].parents}
    ] == []


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("agents/judge.md", "may: [audit,", "may: [audits,", "agents/judge.md:6: `may` has 'audits', which is no act"),
        ("agents/judge.md", "audits: ['*']", "audits: ['*', 'key:raw/none']", "agents/judge.md:5: `audits` has"),
        ("agents/judge.md", "audits: ['*']", "audits: ['key:raw/*']", "agents: no agent audits marts.spend"),
        ("agents/maker.md", "audits: []", "audits: ['*']", "agents/maker.md:5: maker audits"),
        ("defs/orders/defs.yaml", "pattern:", "patern:", "defs/orders/defs.yaml:6: `patern`"),
        ("defs/orders/defs.yaml", "contract.py:", "contracts.py:", "defs/orders/defs.yaml:5: names 'contracts.py'"),
        ("defs/orders/defs.yaml", "py:Orders", "py:Order", "defs/orders/defs.yaml:5: names 'Order', which contract.py"),
        ("defs/orders/contract.py", "ge=0)", "ge=0", "defs/orders/contract.py:7: is no Python"),
        ("defs/orders/contract.py", '"grain": "none"', "", "contract.py:12: does not say the table's grain"),
        ("defs/orders/contract.py", '"none"', '["id"]', "contract.py:12: names 'id', which is no column of Orders"),
        ("defs/orders/contract.py", '"none"', '"none", "row": 1', "contract.py:12: has 'row' in its metadata"),
        ("defs/marts/contract.py", '"same_as"', '"same"', "defs/marts/contract.py:19: promises rows"),
        ("dbt/models/models.yml", "data_type: DOUBLE}", "data_type: DUBLE}", "dbt/models/models.yml:7: cleaned column"),
        ("dbt/models/models.yml", "{grain: [customer]}", "{}", "dbt/models/models.yml:13: buyers does not say"),
        (
            "dbt/models/models.yml",
            "name: by_buyer",
            "name: by_byer",
            "models/models.yml:31: describes the model 'by_byer'",
        ),
        ("dbt/models/models.yml", "name: by_buyer", "name: [by_buyer", "dbt/models/models.yml:32: not valid YAML"),
        (
            "dbt/models/models.yml",
            "name: by_buyer",
            "name: by_buyer\n    name: again",
            "models.yml:32: `name` is said twice",
        ),
    ],
)
def test_what_is_wrong_is_said_with_file_and_line(folder: Path, file: str, before: str, after: str, said: str) -> None:
    edit(folder, file, before, after)
    found = problems(folder)
    assert any(said in problem for problem in found), found


def test_an_entry_that_is_no_mapping_is_left_to_dbt(folder: Path) -> None:
    edit(folder, "dbt/models/models.yml", "- name: by_buyer", "- by_buyer\n  - name: by_buyer")
    assert problems(folder) == []


def test_a_contract_that_is_computed_or_inherited_is_not_accused(folder: Path) -> None:
    contract = "defs/orders/contract.py"
    edit(folder, contract, 'metadata = {"grain": "none"}', 'metadata = dict(grain="none")')
    assert problems(folder) == []
    edit(folder, contract, "(pa.DataFrameModel)", "(Base)")
    edit(folder, contract, "import pandera.pandas as pa\n", "import pandera.pandas as pa\nfrom base import Base\n")
    assert problems(folder) == []


def test_where_a_schema_cannot_be_known_an_empty_seat_is_not_reported(folder: Path) -> None:
    (folder / "dbt/macros/schema.sql").unlink()
    edit(folder, "agents/judge.md", "audits: ['*']", "audits: ['key:raw/*']")
    found = lint(load_settings(folder / "home", folder))
    assert "cleaned" in found.seats_unchecked_because
    assert found.problems == []


def test_lint_imports_nothing_large(tmp_path: Path) -> None:
    code = (
        "import sys; from orchestrator_platform.cli.edge import run;"
        f"code = run(['lint', '--project', {str(SHIPPED)!r}, '--home', {str(tmp_path)!r}]);"
        "print(code, sorted({name.split('.')[0] for name in sys.modules}))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "no problem.\n0 [" in said
    assert not [name for name in HEAVY if f"'{name}'" in said]
