"""A contract that nothing changed comes from the cache, without pandera."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_platform.contracts import contract_cache
from orchestrator_platform.contracts.contract_cache import CodeFiles, cached_pandera_contract
from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.records.contracts import Contract
from orchestrator_platform.records.keys import AssetKey

ORDERS = AssetKey("raw.orders")
MODEL = """
import pandera.pandas as pa

class Orders(pa.DataFrameModel):
    id: int = pa.Field(ge=1, str_matches=r"\\d")

    class Config:
        metadata = {"grain": ["id"]}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "orders.py"
    path.write_text(MODEL)
    (tmp_path / "shared.py").write_text("LIMIT = 1\n")
    return path


def load(file: Path) -> Contract:
    depends_on = CodeFiles([file.parent / "shared.py"])
    return cached_pandera_contract(file.parent / "cache", ORDERS, file, "Orders", depends_on=depends_on)


def entry_of(file: Path) -> Path:
    (entry,) = (file.parent / "cache").iterdir()
    return entry


def test_the_second_time_the_same_contract_comes_without_pandera(file: Path) -> None:
    first = load(file)
    script = f"""
import sys
from pathlib import Path
from orchestrator_platform.contracts.contract_cache import CodeFiles, cached_pandera_contract
from orchestrator_platform.records.keys import AssetKey
file = Path({str(file)!r})
contract = cached_pandera_contract(
    file.parent / "cache", AssetKey("raw.orders"), file, "Orders", depends_on=CodeFiles([file.parent / "shared.py"])
)
assert "pandera" not in sys.modules and "pandas" not in sys.modules
print(contract.canonical_json())
"""
    ran = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=60)
    assert ran.stdout.strip() == first.canonical_json()
    assert load(file) == first


@pytest.mark.parametrize("changed", ["orders.py", "shared.py"])
def test_a_changed_file_makes_the_contract_anew(file: Path, changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    load(file)
    before = entry_of(file).read_text()
    path = file.parent / changed
    path.write_text(path.read_text().replace("1", "2"))
    found = load(file)
    assert entry_of(file).read_text() != before
    assert found.rules[0].name == ("id ≥ 2" if changed == "orders.py" else "id ≥ 1")


def test_another_version_of_a_library_makes_the_contract_anew(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load(file)
    before = json.loads(entry_of(file).read_text())["key"]
    monkeypatch.setattr(contract_cache, "_version", lambda name: f"next {name}")
    load(file)
    assert json.loads(entry_of(file).read_text())["key"] != before


@pytest.mark.parametrize("damage", ["", "{}", "no json", "[]", "cut", "altered", "binary"])
def test_a_damaged_entry_is_ignored_and_written_anew(file: Path, damage: str) -> None:
    first = load(file)
    entry = entry_of(file)
    whole = entry.read_text()
    damaged = {"cut": whole[:-9], "altered": whole.replace(">= 1", ">= 0"), "binary": "\0"}.get(damage, damage)
    assert damaged != whole
    entry.write_text(damaged)
    assert load(file) == first
    assert entry_of(file).read_text() == whole


def test_a_missing_file_is_named(file: Path) -> None:
    (file.parent / "shared.py").unlink()
    with pytest.raises(DefinitionError, match=r"shared\.py: cannot be read"):
        load(file)
