"""From which columns the columns of a dbt table are made: found out once for each code, kept in the home."""

import json
from collections.abc import Mapping, Sequence

from ..gate.context import Gate
from ..records.base import sha256_of
from ..records.declarations import AssetDeclaration, DbtBuild
from ..records.keys import AssetKey
from ..storage import write_whole
from ..transforming.column_lineage import Columns, statement_of, trace_columns
from ..transforming.recorded_builds import RecordedBuild, load_recorded_builds

Sources = Mapping[str, Sequence[tuple[str, str]]]
"""Tables and their columns, by the column that is made from them."""
_FORMAT = 1


def read_column_lineage(gate: Gate, declaration: AssetDeclaration) -> Sources:
    """Returns what each column is made from; nothing where dbt's SQL is not known yet, or cannot be followed."""
    assert isinstance(declaration.build, DbtBuild)
    builds: dict[str, list[RecordedBuild]] = {}
    for build in load_recorded_builds(gate.dbt.manifest.parent).values():
        builds.setdefault(build.unique_id, []).append(build)
    sql = statement_of(builds.get(declaration.build.unique_id, []))
    if sql is None:
        return {}
    known = {parent: _columns(gate, builds, parent) for parent in declaration.parents}
    kept = gate.settings.home.cache / "column-lineage" / f"{sha256_of([_FORMAT, sql, sorted(known.items())])[:32]}.json"
    try:
        found: Sources = json.loads(kept.read_bytes())
    except (OSError, ValueError):
        found = _trace(gate, declaration, sql, known)
        write_whole(kept, json.dumps(found).encode())
    return found


def _trace(gate: Gate, declaration: AssetDeclaration, sql: str, known: Mapping[AssetKey, Columns]) -> Sources:
    try:
        made = trace_columns(sql, known)
    except ValueError as error:
        gate.say(f"{declaration.key} is shown without its columns' lineage: {error}")
        return {}
    spelled = {column.name.lower(): column.name for column in declaration.contract.columns}
    return {spelled.get(name, name): [(str(key), column) for key, column in made[name]] for name in made}


def _columns(gate: Gate, builds: Mapping[str, Sequence[RecordedBuild]], parent: AssetKey) -> Columns:
    declared = gate.assets[parent]
    if isinstance(declared.build, DbtBuild) and builds.get(declared.build.unique_id):
        return builds[declared.build.unique_id][-1].columns
    return [(column.name, column.type) for column in declared.contract.columns]
