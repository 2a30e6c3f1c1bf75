"""What routing is audited for: every row takes the route that is declared, and is answered for by the first scores that
can, with just what they say.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

import duckdb

from ..lake.history import read_receipt
from ..learning.routes import routed
from ..records.declarations import AssetDeclaration, RoutingBuild
from ..records.findings import SAMPLE_LIMIT, Finding
from ..records.keys import AssetKey
from ..sql import identifier
from .candidate_view import CandidateView
from .masking import mask_rows
from .model_names import LATENCY

ROUTED = "routed_as_declared"


def check_names(build: object) -> Sequence[str]:
    """Returns the checks of routing; none for anything else."""
    return (ROUTED,) if isinstance(build, RoutingBuild) else ()


def route_checks(
    view: CandidateView, declaration: AssetDeclaration
) -> Sequence[tuple[str, Callable[[], Iterable[Finding]]]]:
    """Returns each check with its name."""
    return ((ROUTED, partial(_check_routed, view, declaration)),)


def slow_scores(
    connection: duckdb.DuckDBPyConnection, build: RoutingBuild, models: Mapping[AssetKey, AssetKey]
) -> frozenset[tuple[str, AssetKey]]:
    """Returns routes with scores whose model was audited to be slower than the route allows.

    Args:
        connection: Has the lake attached.
        models: The published model of each scores.
    """
    found = set()
    for route in build.options.routes:
        for asset in route.scores if route.max_latency_ms is not None else ():
            receipt = read_receipt(connection, models[asset]) if asset in models else None
            told = next((f.measured for f in receipt.findings if f.check == LATENCY), None) if receipt else None
            if isinstance(told, int | float) and route.max_latency_ms is not None and told > route.max_latency_ms:
                found.add((route.name, asset))
    return frozenset(found)


def _check_routed(view: CandidateView, declaration: AssetDeclaration) -> Iterator[Finding]:
    build = declaration.build
    assert isinstance(build, RoutingBuild)
    read = {parent.asset for parent in view.manifest.parents}
    published = {asset: view.relations[asset] for asset in build.options.scores if asset in read}
    slow = slow_scores(view.connection, build, dict(build.models))
    due = routed(build.options, view.relations[build.options.examples], published, slow)
    other = f"((FROM {view.next} EXCEPT ALL FROM {due}) UNION ALL (FROM {due} EXCEPT ALL FROM {view.next}))"
    keys = ", ".join(identifier(name) for name in build.options.key)
    row = view.connection.execute(f"SELECT count(DISTINCT ({keys})) FROM {other}").fetchone()
    n_failing = int(row[0]) if row else 0
    cursor = view.connection.execute(f"SELECT DISTINCT {keys} FROM {other} ORDER BY {keys} LIMIT {SAMPLE_LIMIT}")
    sample = [dict(zip(build.options.key, found, strict=True)) for found in cursor.fetchall()]
    yield Finding(
        asset=view.asset,
        check=ROUTED,
        passed=not n_failing,
        measured=n_failing,
        limit=0,
        n_failing=n_failing,
        sample=mask_rows(sample, declaration.contract),
        message=f"{n_failing} rows are routed or answered for otherwise than declared, missing, or not due"
        if n_failing
        else "every row that is due takes its route, and says what the scores say",
    )
