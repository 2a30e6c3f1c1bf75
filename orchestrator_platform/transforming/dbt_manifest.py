"""Reads dbt's manifest into nodes and tests. It imports dbt only to parse, and knows no cache."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..errors import DbtFailed, DefinitionError
from ..records.base import sha256_of
from ..records.keys import AssetKey
from .dbt_invocation import MACROS, DbtCall, invoke_dbt
from .dbt_project import DbtNode, DbtTest
from .dbt_refusals import refuse_unsupported
from .workbench import WORKBENCH

BUILT = ("model", "snapshot", "seed")
_OWN_PACKAGES = ("dbt", "dbt_duckdb")
_NOT_CODE = {"meta", "docs", "tags", "group", "access", "severity", "persist_docs"}
_STRICT = "!= 0"
_USUAL = ("error", _STRICT)
_NAMES_TABLES = re.compile(r"(^|__)generate_(schema|alias|database)_name$")
_VAR = re.compile(r"\bvar\(\s*(?:['\"]([^'\"]+)['\"])?")


def parse_manifest(root: Path, scratch: Path, variables: Mapping[str, Any]) -> tuple[Any, bytes]:
    """Returns dbt's manifest and its packed form; `scratch` is a folder to work in.

    Raises:
        DbtFailed: dbt cannot parse the project, or the workbench's macros did not take effect.
    """
    call = DbtCall(root=root, workbench=scratch / f"{WORKBENCH}.duckdb", variables=variables)
    manifest = invoke_dbt(call, ["parse"])
    for name in ("is_incremental", "materialization_incremental_duckdb", "materialization_snapshot_duckdb"):
        found = [
            macro
            for macro in manifest.macros.values()
            if macro.name == name and str(MACROS) in str(macro.original_file_path)
        ]
        if not found:
            raise DbtFailed(project=root, problem=f"the workbench's macro {name} is not active")
    return manifest, (scratch / "dbt" / "partial_parse.msgpack").read_bytes()


def read_tests(root: Path, manifest: Any) -> tuple[DbtTest, ...]:
    """Returns every data test and unit test of the project."""
    tests = [node for node in manifest.nodes.values() if node.resource_type == "test"]
    units = list(manifest.unit_tests.values())
    return tuple(_test(root, manifest, test) for test in sorted([*tests, *units], key=lambda t: str(t.unique_id)))


def _test(root: Path, manifest: Any, test: Any) -> DbtTest:
    assets = _assets(root, manifest, test.depends_on.nodes)
    if not assets:
        raise DefinitionError(
            file=root / test.original_file_path,
            problem=f"the test {test.name} reads no table, so it is nobody's audit",
            fix="Let it read a table by ref() or source(), or delete it.",
        )
    severity = str(getattr(test.config, "severity", None) or "error").lower()
    attached = _attached(root, manifest, test, assets)
    if test.resource_type == "unit_test":
        assets = tuple(dict.fromkeys([*assets, *_parents(root, manifest, test.depends_on.nodes)]))
    code = _test_code(manifest, test)
    return DbtTest(str(test.unique_id), str(test.name), severity, assets, attached, code, _limit(test.config, severity))


def _limit(config: Any, severity: str) -> str | int:
    """A test that tolerates rows, passes over rows or only warns says so beside its result."""
    condition = str(getattr(config, f"{severity}_if", None) or _STRICT)
    where, limit, measure = (getattr(config, name, None) for name in ("where", "limit", "fail_calc"))
    said = [
        f"{'warns' if severity == 'warn' else 'fails'} if {condition}" if (severity, condition) != _USUAL else "",
        f"of {measure}" if measure and measure != "count(*)" else "",
        f"where {where}" if where else "",
        f"in at most {limit} rows" if limit else "",
    ]
    return " ".join(part for part in said if part) or 0


def _test_code(manifest: Any, test: Any) -> str:
    """A unit test is the rows given and expected, a data test its SQL and macros; both with their configuration.

    What the project puts in the place of dbt's own macros can turn every test off without its naming them.
    """
    entry = test.to_dict(omit_none=True)
    said = {name: entry.get(name) for name in ("given", "expect", "overrides", "config", "test_metadata")}
    seen: set[str] = set()
    code = _code(manifest, test.unique_id, seen)
    for stand_in in _stand_ins(manifest):
        if _can_change_a_test(str(manifest.macros[stand_in].name), str(getattr(test.config, "materialized", "test"))):
            code.update(_code(manifest, stand_in, seen))
    return sha256_of(json.loads(json.dumps({"code": code, "said": said}, default=str, sort_keys=True)))


def _can_change_a_test(macro: str, materialized: str) -> bool:
    """Not those that say where tables stand, nor how other things than tests are built."""
    kinds = ("test", "unit", materialized)
    built_so = tuple(f"materialization_{kind}_" for kind in kinds)
    return macro.startswith(built_so) if macro.startswith("materialization_") else not _NAMES_TABLES.search(macro)


def _attached(root: Path, manifest: Any, test: Any, assets: tuple[AssetKey, ...]) -> AssetKey:
    """The table the test is written at; for a free test, the one furthest down of those it reads."""
    named = _entry(manifest, getattr(test, "attached_node", None) or "")
    if named is not None and not _is_ephemeral(named):
        return _key(root, named)
    above = {key: _ancestors(root, manifest, key) for key in assets}
    return max(assets, key=lambda key: (sum(other in above[key] for other in assets), key))


def _ancestors(root: Path, manifest: Any, key: AssetKey) -> set[AssetKey]:
    found: set[AssetKey] = set()
    pending = [
        node for node in manifest.nodes.values() if node.resource_type in BUILT and f"{node.schema}.{node.alias}" == key
    ]
    while pending:
        for unique_id in pending.pop().depends_on_nodes:
            entry = _entry(manifest, unique_id)
            if entry is None:
                continue
            if not _is_ephemeral(entry):
                if _key(root, entry) in found:
                    continue
                found.add(_key(root, entry))
            if entry.resource_type in BUILT:
                pending.append(entry)
    return found


def read_nodes(
    root: Path, manifest: Any, tests: Iterable[DbtTest], variables: Mapping[str, Any]
) -> tuple[DbtNode, ...]:
    """Returns every node that builds a table, in the order of their keys.

    Raises:
        DefinitionError: A node asks for what the workbench cannot do.
    """
    nodes = [node for node in manifest.nodes.values() if node.resource_type in BUILT]
    for node in nodes:
        refuse_unsupported(root / node.original_file_path, node)
    built = [_node(root, manifest, node, tuple(tests), variables) for node in nodes if not _is_ephemeral(node)]
    return tuple(sorted(built, key=lambda node: node.key))


def _node(root: Path, manifest: Any, node: Any, tests: tuple[DbtTest, ...], variables: Mapping[str, Any]) -> DbtNode:
    key = _key(root, node)
    unique_key = node.config.get("unique_key") or ()
    return DbtNode(
        unique_id=str(node.unique_id),
        key=key,
        resource_type=str(node.resource_type),
        materialized=str(node.config.materialized),
        parents=_assets(root, manifest, node.depends_on_nodes),
        code_version=_code_version(root, manifest, node, variables),
        path=str(node.original_file_path),
        description=node.description,
        unique_key=(unique_key,) if isinstance(unique_key, str) else tuple(unique_key),
        raw=json.loads(json.dumps(node.to_dict(omit_none=True), default=str)),
        tests=tuple(test for test in tests if test.attached == key),
    )


def _entry(manifest: Any, unique_id: str) -> Any:
    return manifest.nodes.get(unique_id) or manifest.sources.get(unique_id)


def _is_ephemeral(entry: Any) -> bool:
    return entry.resource_type == "model" and str(entry.config.materialized) == "ephemeral"


def _key(root: Path, entry: Any) -> AssetKey:
    name = entry.identifier if entry.resource_type == "source" else entry.alias
    if entry.database != WORKBENCH:
        problem = f"{entry.name} names the database {entry.database}"
        raise DefinitionError(file=root / entry.original_file_path, problem=problem, fix="Leave `database` out.")
    try:
        return AssetKey(f"{entry.schema}.{name}")
    except ValueError as error:
        fix = "Choose another alias or schema."
        raise DefinitionError(file=root / entry.original_file_path, problem=str(error), fix=fix) from error


def _assets(root: Path, manifest: Any, unique_ids: Iterable[str]) -> tuple[AssetKey, ...]:
    """The tables behind these ids, through ephemeral models."""
    found: dict[AssetKey, None] = {}
    for unique_id in unique_ids:
        entry = _entry(manifest, unique_id)
        if entry is None or entry.resource_type not in {*BUILT, "source"}:
            continue
        if _is_ephemeral(entry):
            found.update(dict.fromkeys(_assets(root, manifest, entry.depends_on_nodes)))
        else:
            found[_key(root, entry)] = None
    return tuple(sorted(found))


def _parents(root: Path, manifest: Any, unique_ids: Iterable[str]) -> tuple[AssetKey, ...]:
    entries = [_entry(manifest, unique_id) for unique_id in unique_ids]
    below = [parent for entry in entries if entry is not None for parent in getattr(entry, "depends_on_nodes", ())]
    return _assets(root, manifest, below)


def _code_version(root: Path, manifest: Any, node: Any, variables: Mapping[str, Any]) -> str:
    """Code, configuration, and what the code is made of: macros of the project, ephemeral models, variables."""
    sources = _code(manifest, node.unique_id, set())
    hooks = [hook for hook in manifest.nodes.values() if hook.resource_type == "operation"]
    for hook in hooks:
        sources.update(_code(manifest, hook.unique_id, set()))
    if node.resource_type == "seed":
        sources["rows"] = hashlib.sha256((root / node.original_file_path).read_bytes()).hexdigest()
    config = {name: value for name, value in node.config.to_dict().items() if name not in _NOT_CODE}
    columns = {name: [column.data_type, column.quote] for name, column in node.columns.items() if column.data_type}
    return sha256_of(
        json.loads(
            json.dumps(
                {
                    "key": f"{node.schema}.{node.alias}",
                    "code": sources,
                    "config": config,
                    "columns": columns if node.resource_type == "seed" or node.config.contract.enforced else {},
                    "variables": _variables(sources.values(), node, variables),
                },
                default=str,
                sort_keys=True,
            )
        )
    )


def project_code(manifest: Any, unique_id: str) -> tuple[str, ...]:
    """Returns the texts of the project, its macros and packages from which the node's SQL is made.

    Those that stand in for dbt's own macros are among them: dbt calls them without the node's naming them.
    """
    seen: set[str] = set()
    found = _code(manifest, unique_id, seen)
    for stand_in in _stand_ins(manifest):
        found.update(_code(manifest, stand_in, seen))
    return tuple(found.values())


def _stand_ins(manifest: Any) -> Iterable[str]:
    """A macro named as one of dbt's own is called in its place; so is one named `ref`, `config`, `return` and so on."""
    from dbt.context.providers import ModelContext

    own = {_plain_name(macro) for macro in manifest.macros.values() if _is_ours_or_dbts(macro)}
    own |= ModelContext._context_members_.keys()
    for unique_id, macro in manifest.macros.items():
        is_new = str(macro.name).startswith("materialization_")
        if not _is_ours_or_dbts(macro) and (is_new or _plain_name(macro) in own):
            yield unique_id


def _plain_name(macro: Any) -> str:
    return str(macro.name).removeprefix("duckdb__").removeprefix("default__")


def _code(manifest: Any, unique_id: str, seen: set[str]) -> dict[str, str]:
    macro, node = manifest.macros.get(unique_id), manifest.nodes.get(unique_id)
    entry = macro or node
    if entry is None or unique_id in seen or (macro and _is_ours_or_dbts(macro)):
        return {}
    seen.add(unique_id)
    sources = {unique_id: macro.macro_sql if macro else node.raw_code}
    below = [*entry.depends_on.macros]
    if node is not None:
        below += [i for i in node.depends_on_nodes if i in manifest.nodes and _is_ephemeral(manifest.nodes[i])]
    for other in below:
        sources.update(_code(manifest, other, seen))
    return sources


def _is_ours_or_dbts(macro: Any) -> bool:
    return macro.package_name in _OWN_PACKAGES or str(MACROS) in str(macro.original_file_path)


def _variables(sources: Iterable[str], node: Any, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The variables that the code names; all of them where it computes a name."""
    names = {name for source in [*sources, str(node.unrendered_config)] for name in _VAR.findall(source)}
    if "" in names:
        return dict(variables)
    return {name: variables[name] for name in sorted(names) if name in variables}
