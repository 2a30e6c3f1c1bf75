"""dbt models as their files tell them, without dbt: their contracts, and what agent files can select of them.

Where dbt has read the project before, what it found says under which schema a model stands; else the project's own
configuration does. A name that cannot be known so is left out, and said to be.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..authority.selections import Selectable
from ..contracts.dbt_contract import dbt_contract
from ..errors import DefinitionError
from ..records.keys import AssetKey
from .yaml_documents import read_documents

_REF = re.compile(r"""\bref\(\s*(?:['"][\w-]+['"]\s*,\s*)?['"](\w+)['"]""")
_SOURCE = re.compile(r"""\bsource\(\s*['"](\w+)['"]\s*,\s*['"](\w+)['"]""")
_ALIAS = re.compile(r"""\balias\s*=\s*['"](\w+)['"]""")
_EPHEMERAL = re.compile(r"""\bmaterialized\s*=\s*['"]ephemeral['"]""")
_KINDS = ("table", "dbt", "ducklake")


@dataclass
class DbtLinted:
    """`assets` are those whose names are known, `unknown` models whose are not. `unread`: a file cannot be read."""

    assets: list[Selectable] = field(default_factory=list)
    problems: list[DefinitionError] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    n_contracts: int = 0
    unread: bool = False


@dataclass(frozen=True)
class _Entry:
    """What a YAML file says of a model, with its place."""

    said: Mapping[str, Any]
    file: Path
    line: int


def lint_dbt(root: Path, cache: Path) -> DbtLinted:
    """Returns what is wrong with the models' contracts, and the models as assets.

    Args:
        cache: Where what dbt found of projects is kept.
    """
    found = DbtLinted()
    if not (root / "dbt_project.yml").is_file():
        return found
    try:
        project = _read_yaml(root / "dbt_project.yml")[0] or {}
    except DefinitionError as error:
        found.problems.append(error)
        return found
    entries = _entries(root, found)
    models = {file.stem: file for file in sorted((root / "models").rglob("*.sql"))}
    schemas = _Schemas(root, project, _remembered(cache))
    for name, file in models.items():
        _lint_model(found, schemas, name, file, entries.get(name))
    _lint_strays(found, entries, models, root)
    return found


def _lint_strays(found: DbtLinted, entries: Mapping[str, _Entry], models: Mapping[str, Path], root: Path) -> None:
    others = {file.stem for pattern in ("*.py", "*.csv") for file in root.rglob(pattern)}
    for name, entry in entries.items():
        if name not in models and name not in others:
            problem = f"describes the model {name!r}, and there is no {name}.sql"
            found.problems.append(
                DefinitionError(
                    file=entry.file, line=entry.line, problem=problem, fix="Mend the name, or leave it out."
                )
            )


def _lint_model(found: DbtLinted, schemas: "_Schemas", name: str, file: Path, entry: _Entry | None) -> None:
    sql = file.read_text(encoding="utf-8", errors="replace")
    if _EPHEMERAL.search(sql):
        return
    said = entry.said if entry is not None else {}
    alias = _ALIAS.search(sql) or re.match(r"(\w+)", str((said.get("config") or {}).get("alias") or ""))
    key = schemas.key_of(file, alias[1] if alias else name, said)
    if key is None:
        found.unknown.append(name)
    else:
        named = [schemas.key_named(other) for other in _REF.findall(sql)]
        read = [other for other in named if other] + [k for s, t in _SOURCE.findall(sql) if (k := _key(f"{s}.{t}"))]
        found.assets.append(Selectable(key, _group(said, key), _KINDS, tuple(dict.fromkeys(read))))
    meta = schemas.setting(file, "meta")
    if "meta" in sql or (entry is None and found.unread):
        return  # what is not read may say what the YAML does not
    found.n_contracts += 1
    try:
        dbt_contract(
            key or AssetKey("models.unknown"), _node(name, file, entry, meta if isinstance(meta, dict) else {})
        )
    except (DefinitionError, ValueError) as error:
        problem = error.problem if isinstance(error, DefinitionError) else str(error)
        fix = error.fix if isinstance(error, DefinitionError) else "Mend it."
        where, line = (entry.file, entry.line) if entry is not None else (file, 1)
        found.problems.append(DefinitionError(file=where, line=line, problem=f"{name} {problem}", fix=fix))


def _node(name: str, file: Path, entry: _Entry | None, meta: Mapping[str, Any]) -> dict[str, Any]:
    """The model as dbt's manifest would have it."""
    said = dict(entry.said) if entry is not None else {}
    config = dict(said.get("config") or {})
    config["meta"] = {**meta, **(said.get("meta") or {}), **(config.get("meta") or {})}
    columns = {str(column.get("name")): column for column in said.get("columns") or () if isinstance(column, dict)}
    place = str(entry.file if entry is not None else file)
    return {
        "name": name,
        "columns": columns,
        "config": config,
        "patch_path": place,
        "constraints": said.get("constraints"),
    }


def _group(said: Mapping[str, Any], key: AssetKey) -> str:
    config = said.get("config") or {}
    meta = {**(said.get("meta") or {}), **(config.get("meta") or {})}
    dagster = meta.get("dagster")
    named = dagster.get("group") if isinstance(dagster, dict) else None
    return str(named or config.get("group") or said.get("group") or key.schema)


class _Schemas:
    """Under which schema a model stands."""

    def __init__(self, root: Path, project: Mapping[str, Any], known: Mapping[str, str]) -> None:
        self._root, self._known = root, known
        self._configured: Mapping[str, Any] = (project.get("models") or {}).get(project.get("name")) or {}
        macros = "".join(
            file.read_text(encoding="utf-8", errors="replace") for file in (root / "macros").rglob("*.sql")
        )
        # dbt's own puts the target's schema in front of it.
        self._taken_as_written = "generate_schema_name" in macros
        self._names: dict[str, AssetKey] = {}

    def key_of(self, file: Path, name: str, said: Mapping[str, Any]) -> AssetKey | None:
        """Returns the model's key, `None` where it cannot be known."""
        known = self._known.get(str(file.relative_to(self._root)))
        own = (said.get("config") or {}).get("schema") or self.setting(file, "schema")
        schema = own if self._taken_as_written and own else (known or "").partition(".")[0]
        key = _key(known if known and known.endswith(f".{name}") else f"{schema}.{name}")
        if key is not None:
            self._names[file.stem] = key
        return key

    def key_named(self, name: str) -> AssetKey | None:
        """Returns the key of another model by its name."""
        if name in self._names:
            return self._names[name]
        file = next((self._root / "models").rglob(f"{name}.sql"), None)
        return self.key_of(file, name, {}) if file is not None else None

    def setting(self, file: Path, name: str) -> Any:
        """What dbt_project.yml says for the folder of a model; deeper goes first."""
        level, found = self._configured, None
        for part in ("", *file.relative_to(self._root / "models").with_suffix("").parts):
            level = (level.get(part) or {}) if part else level
            if not isinstance(level, dict):
                break
            found = level.get(f"+{name}", level.get(name) if name == "schema" else None) or found
        return found


def _key(text: str) -> AssetKey | None:
    try:
        return AssetKey(text)
    except ValueError:
        return None


def _entries(root: Path, found: DbtLinted) -> dict[str, _Entry]:
    entries: dict[str, _Entry] = {}
    for pattern in ("*.yml", "*.yaml"):
        for file in sorted((root / "models").rglob(pattern)):
            try:
                document, node = _read_yaml(file)
            except DefinitionError as error:
                found.problems.append(error)
                found.unread = True
                continue
            lines = dict(_lines(node))
            for said in (document or {}).get("models") or () if isinstance(document, dict) else ():
                if isinstance(said, dict) and isinstance(said.get("name"), str):
                    entries[said["name"]] = _Entry(said, file, lines.get(said["name"], 1))
    return entries


def _read_yaml(file: Path) -> tuple[Any, yaml.Node | None]:
    node, document = next(iter(read_documents(file)), (None, None))
    return document, node


def _lines(node: yaml.Node | None) -> Iterator[tuple[str, int]]:
    for key, listed in node.value if isinstance(node, yaml.MappingNode) else ():
        for entry in listed.value if key.value == "models" and isinstance(listed, yaml.SequenceNode) else ():
            said = entry.value if isinstance(entry, yaml.MappingNode) else ()
            named = [value for name, value in said if name.value == "name"]
            if named:
                yield named[0].value, named[0].start_mark.line + 1


def _remembered(cache: Path) -> dict[str, str]:
    """The keys of models by their files, as dbt found them when it last read a project."""
    stored = sorted(cache.glob("dbt-*/project.json"), key=lambda file: file.stat().st_mtime)
    try:
        nodes = json.loads(stored[-1].read_text(encoding="utf-8"))["nodes"] if stored else []
        return {node["path"]: node["key"] for node in nodes}
    except (OSError, ValueError, KeyError, TypeError):
        return {}
