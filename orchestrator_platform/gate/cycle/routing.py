"""Puts the routing of one asset together: which scores are published, and which of their models are too slow."""

from collections.abc import Mapping, Sequence

import duckdb

from ...audits.route_audit import slow_scores
from ...learning.routes import routed
from ...records.candidates import ParentRead
from ...records.declarations import AssetDeclaration, RoutingBuild
from ...records.keys import AssetKey
from ..build import Built


def build_routing(
    connection: duckdb.DuckDBPyConnection,
    declaration: AssetDeclaration,
    relations: Mapping[AssetKey, str],
    parents: Sequence[ParentRead],
) -> Built:
    """Returns the routing of every row that is due; `connection` keeps it alive until it is closed."""
    build = declaration.build
    assert isinstance(build, RoutingBuild)
    read = {parent.asset for parent in parents}
    published = {asset: relations[asset] for asset in build.options.scores if asset in read}
    try:
        slow = slow_scores(connection, build, dict(build.models))
        query = routed(build.options, relations[build.options.examples], published, slow)
        connection.execute(f"CREATE OR REPLACE TEMP TABLE _routed AS FROM {query}")
    except (duckdb.ProgrammingError, duckdb.DataError) as error:
        first = str(error).strip().splitlines()[0]
        return Built(declaration.key, error=f"the examples cannot be routed as declared: {first}")
    return Built(declaration.key, "_routed", key=tuple(build.options.key))
