"""What a branch changes, found by content: what would be made against what made the versions that serve.

What is only behind, because a parent was published since, is not of the branch.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import closing

import duckdb

from ..audits.dbt_checks import test_check_names
from ..gate.context import Gate
from ..gate.fingerprint import raw_fingerprint, table_fingerprint
from ..lake.history import read_ledger, read_receipt
from ..lake.published import PublishedCut
from ..records.checked import AssetChange
from ..records.declarations import (
    AssetDeclaration,
    DbtBuild,
    EmbeddingBuild,
    FeaturesBuild,
    ModelBuild,
    MonitorBuild,
    PythonBuild,
    RoutingBuild,
    ScoresBuild,
    SourceBuild,
)
from ..records.keys import AssetKey
from ..records.receipts import Receipt
from ..transforming.dbt_project import DbtTest

NEW, REMOVED = "new", "removed"
_OF_PARENTS = (
    DbtBuild, PythonBuild, EmbeddingBuild, FeaturesBuild, ModelBuild, MonitorBuild, ScoresBuild, RoutingBuild,
)  # fmt: skip
CODE, CONTRACT, CHECKS, PARENTS = "code", "contract", "checks", "parents"


def served_receipts(cut: PublishedCut) -> dict[AssetKey, Receipt]:
    """Returns the receipt of each version that serves."""
    with closing(cut.connect()) as connection:
        found = {asset: read_receipt(connection, asset, head.version) for asset, head in cut.heads.items()}
    return {asset: receipt for asset, receipt in found.items() if receipt is not None and not receipt.withdrawn}


def find_changes(gate: Gate, cut: PublishedCut, receipts: Mapping[AssetKey, Receipt]) -> tuple[AssetChange, ...]:
    """Returns every asset that the project declares otherwise than it was when it was published, parents first."""
    changes = []
    with closing(cut.connect()) as connection:
        for asset, declaration in gate.assets.items():
            receipt = receipts.get(asset)
            # A model that nobody trained yet, and a source that nothing landed for, are not made by a branch.
            if receipt is None:
                kinds = SourceBuild | ModelBuild
                what: tuple[str, ...] = () if isinstance(declaration.build, kinds) else (NEW,)
            else:
                what = _differences(gate, connection, declaration, receipt)
            changes += [AssetChange(asset=asset, what=what)] if what else []
    removed = [AssetChange(asset=asset, what=(REMOVED,)) for asset in receipts if asset not in gate.assets]
    return (*changes, *removed)


def _differences(
    gate: Gate, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, receipt: Receipt
) -> tuple[str, ...]:
    if _as_it_was_made(connection, declaration, receipt) == receipt.fingerprint:
        return ()
    read = {parent.asset for parent in receipt.parents}
    found = [
        *([CODE] if declaration.code_version != receipt.code_version else []),
        *([CONTRACT] if declaration.contract.hash() != receipt.contract_hash else []),
        *([PARENTS] if not set(declaration.required_parents) <= read <= set(declaration.parents) else []),
    ]
    if not _is_made_of_its_parents(declaration):
        # Its fingerprint is of more than can be known now: of the files of a landing, of one slice.
        tests = gate.audit_plan(declaration.key).tests
        return (*found, *([CHECKS] if _has_other_checks(declaration, tests, receipt) else []))
    # Nothing else is part of the fingerprint.
    return tuple(found) or (CHECKS,)


def _is_made_of_its_parents(declaration: AssetDeclaration) -> bool:
    return isinstance(declaration.build, _OF_PARENTS) and declaration.partition is None


def _has_other_checks(declaration: AssetDeclaration, tests: Sequence[DbtTest], receipt: Receipt) -> bool:
    names = test_check_names(tests)
    made = {(f.check, f.severity, f.code_version) for f in receipt.findings if f.code_version and f.engine != "dbt"}
    now = {names[test.unique_id]: test.code_version for test in tests}
    # Versions from before a test's code was noted have only its name.
    asked = {f.check: f.code_version or now.get(f.check) for f in receipt.findings if f.engine == "dbt"}
    return asked != now or made != {(check.name, check.severity, check.code_version) for check in declaration.checks}


def _as_it_was_made(connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, receipt: Receipt) -> str:
    """The fingerprint that the version would have if it were made now, of the very parents that it was made of."""
    if isinstance(declaration.build, SourceBuild):
        ledger = read_ledger(connection, declaration.build.name)
        files = [entry.file_sha256 for entry in ledger if entry.version == receipt.version]
        return raw_fingerprint(declaration, files)
    return table_fingerprint(declaration, {parent.asset: parent.data_version for parent in receipt.parents})


def descendants(gate: Gate, assets: Collection[AssetKey]) -> dict[AssetKey, tuple[AssetKey, ...]]:
    """Returns whatever is made of these assets, parents first, each with those of them that it is made of."""
    above: dict[AssetKey, set[AssetKey]] = {}
    for key, declaration in gate.assets.items():
        of = {parent for parent in declaration.parents if parent in assets}
        for parent in declaration.parents:
            of |= above.get(parent, set())
        if of:
            above[key] = of
    return {key: tuple(sorted(of)) for key, of in above.items()}
