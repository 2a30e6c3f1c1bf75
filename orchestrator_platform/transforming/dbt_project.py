"""A dbt project as values: its nodes with keys, parents, code versions and tests. It runs nothing.

A project that has not changed is read from a cache without importing dbt, which takes seconds.
"""

import dataclasses
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from ..errors import DefinitionError
from ..records.base import canonical_json
from ..records.keys import AssetKey

FORMAT = 5
_NOT_PART = {"target", "logs", ".git", "__pycache__", ".user.yml"}


@dataclass(frozen=True)
class DbtTest:
    """A data test or unit test. `assets` are all it reads; `attached` is the one whose audit it is.

    `code_version` is the hash of what it checks and how; `limit` says what it tolerates and what it
    passes over, 0 where that is nothing.
    """

    unique_id: str
    name: str
    severity: str
    assets: tuple[AssetKey, ...]
    attached: AssetKey
    code_version: str
    limit: str | int = 0


@dataclass(frozen=True)
class DbtNode:
    """A model, snapshot or seed. `parents` leads through ephemeral models; `raw` is dbt's manifest entry."""

    unique_id: str
    key: AssetKey
    resource_type: str
    materialized: str
    parents: tuple[AssetKey, ...]
    code_version: str
    path: str
    description: str
    unique_key: tuple[str, ...]
    raw: dict[str, Any]
    tests: tuple[DbtTest, ...]


@dataclass(frozen=True)
class DbtProject:
    """`tests` are all tests, those on sources included; `manifest` is what dbt needs to run without parsing,
    and `document` the `manifest.json` that other tools read.
    """

    root: Path
    nodes: tuple[DbtNode, ...]
    manifest: Path
    tests: tuple[DbtTest, ...] = ()

    @property
    def document(self) -> Path:
        return self.manifest.with_name("manifest.json")

    def node(self, unique_id: str) -> DbtNode:
        return next(node for node in self.nodes if node.unique_id == unique_id)

    def tests_of(self, asset: AssetKey) -> tuple[DbtTest, ...]:
        """Returns the tests that are attached to the asset, or read it."""
        return self._tests_of.get(asset, ())

    @cached_property
    def _tests_of(self) -> Mapping[AssetKey, tuple[DbtTest, ...]]:
        found: dict[AssetKey, list[DbtTest]] = {}
        for test in self.tests:
            for asset in dict.fromkeys((test.attached, *test.assets)):
                found.setdefault(asset, []).append(test)
        return {asset: tuple(tests) for asset, tests in found.items()}


def load_dbt_project(root: Path, cache: Path, variables: Mapping[str, Any]) -> DbtProject:
    """Returns the project's nodes; without a project there are none.

    Raises:
        DbtFailed: dbt cannot parse the project.
        DefinitionError: A node asks for what the workbench cannot do, or has a name that is no asset key.
    """
    if not (root / "dbt_project.yml").is_file():
        return DbtProject(root=root, nodes=(), manifest=cache / "none")
    folder = cache / f"dbt-{_identity(root, variables)}"
    found = _read_cached(root, folder)
    return found if found is not None else _parse(root, folder, variables)


def _identity(root: Path, variables: Mapping[str, Any]) -> str:
    """Everything that parsing depends on, but environment variables: those stand in the cache."""
    digest = hashlib.sha256()
    for file in sorted(_project_files(root)):
        digest.update(f"{file.relative_to(root)}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\0".encode())
    here = Path(__file__).parent
    # What is kept of dbt's statements was let through by the check of this very code.
    for file in sorted([*here.glob("dbt_macros/*.sql"), *here.glob("*.py")]):
        digest.update(file.read_bytes())
    versions = [metadata.version(package) for package in ("dbt-core", "dbt-adapters", "dbt-duckdb")]
    digest.update(canonical_json([FORMAT, versions, str(root.resolve()), dict(variables)]).encode())
    return digest.hexdigest()[:32]


def _project_files(root: Path) -> Iterator[Path]:
    for folder, names, files in os.walk(root):
        names[:] = [name for name in names if name not in _NOT_PART]
        yield from (Path(folder) / name for name in files if name not in _NOT_PART)


def _read_cached(root: Path, folder: Path) -> DbtProject | None:
    try:
        stored = json.loads((folder / "project.json").read_text(encoding="utf-8"))
    except (FileNotFoundError, json.JSONDecodeError):
        return None
    if any(_hashed(os.environ.get(name)) != seen for name, seen in stored["environment"].items()):
        return None
    if not (folder / "manifest.msgpack").is_file():
        return None
    tests = tuple(_test(value) for value in stored["tests"])
    nodes = tuple(_node(value, tests) for value in stored["nodes"])
    return DbtProject(root=root, nodes=nodes, manifest=folder / "manifest.msgpack", tests=tests)


def _hashed(value: str | None) -> str | None:
    return None if value is None else hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()


def _parse(root: Path, folder: Path, variables: Mapping[str, Any]) -> DbtProject:
    from .dbt_manifest import parse_manifest, read_nodes, read_tests

    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".parsing-") as scratch:
        manifest, packed = parse_manifest(root, Path(scratch), variables)
        tests = read_tests(root, manifest)
        nodes = read_nodes(root, manifest, tests, {**_project_variables(root), **variables})
        _refuse_twins(root, nodes)
        stored = {
            "environment": {name: _hashed(os.environ.get(name)) for name in manifest.env_vars},
            "tests": [dataclasses.asdict(test) for test in tests],
            "nodes": [{**dataclasses.asdict(node), "tests": []} for node in nodes],
        }
        ready = Path(scratch) / "ready"
        ready.mkdir()
        (ready / "manifest.msgpack").write_bytes(packed)
        manifest.writable_manifest().write(str(ready / "manifest.json"))
        (ready / "project.json").write_text(json.dumps(stored, default=str), encoding="utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        try:
            ready.rename(folder)
        except OSError:
            if not (folder / "project.json").is_file():  # another process was faster: the same content
                raise
    loaded = _read_cached(root, folder)
    if loaded is None:
        raise RuntimeError(f"{folder} was written and cannot be read back")
    return loaded


def _project_variables(root: Path) -> dict[str, Any]:
    document = yaml.safe_load((root / "dbt_project.yml").read_text(encoding="utf-8"))
    return dict(document.get("vars") or {})


def _refuse_twins(root: Path, nodes: tuple[DbtNode, ...]) -> None:
    seen: dict[str, str] = {}
    for node in nodes:
        if node.key in seen:
            problem = f"{node.key} is also built by {seen[node.key]}"
            raise DefinitionError(
                file=root / node.path, problem=problem, fix="Give one of them another alias or schema."
            )
        seen[node.key] = node.path


def _test(value: dict[str, Any]) -> DbtTest:
    assets = tuple(AssetKey(key) for key in value["assets"])
    return DbtTest(**{**value, "assets": assets, "attached": AssetKey(value["attached"])})


def _node(value: dict[str, Any], tests: tuple[DbtTest, ...]) -> DbtNode:
    key = AssetKey(value["key"])
    return DbtNode(
        **{
            **value,
            "key": key,
            "parents": tuple(AssetKey(parent) for parent in value["parents"]),
            "unique_key": tuple(value["unique_key"]),
            "tests": tuple(test for test in tests if test.attached == key),
        }
    )
