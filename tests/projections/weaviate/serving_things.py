"""What the tests of the target share: a target of its own alias on the running server, and what the server holds."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from embedded import ADVISORIES
from embedded_lake import ASSET, COLUMNS, OPTIONS
from weaviate_server import RunningServer

from orchestrator_platform.projections.weaviate.connection import Server, connected
from orchestrator_platform.projections.weaviate.target import WeaviateTarget
from orchestrator_platform.records.embeddings import Weaviate

if TYPE_CHECKING:
    from weaviate import WeaviateClient

WORDS = (
    *("remote", "code", "execution", "gateway", "attacker", "overflow", "buffer", "parser", "image", "memory"),
    *("script", "forum", "injection", "database", "query", "password", "hash", "salt", "kernel", "driver"),
    *("printer", "browser", "heap", "stack", "pointer", "session", "token", "cookie", "header", "upload"),
)


def written(n_rows: int) -> list[tuple[object, ...]]:
    """Returns advisories of random words, always the same."""
    choice = random.Random(7)  # noqa: S311  # nothing secret
    rows: list[tuple[object, ...]] = list(ADVISORIES)
    for i in range(n_rows):
        title, body = (" ".join(choice.sample(WORDS, n)) for n in (4, 12))
        rows.append((f"B-{i}", title, body, choice.choice(["acme", "pixel", "shoply"]), round(choice.random() * 10, 1)))
    return rows


def new_alias() -> str:
    return f"Things_{uuid4().hex[:8]}"


def target_on(options: Weaviate, environment: dict[str, str] | None = None) -> WeaviateTarget:
    server = Server(f"weaviate:{ASSET}", options, (environment or {}).get, Path("unused"))
    return WeaviateTarget(ASSET, server, OPTIONS, COLUMNS)


def new_target(server: RunningServer, **more: Any) -> WeaviateTarget:
    return target_on(server.options(**{"alias": new_alias(), **more}))


@contextmanager
def asked(target: WeaviateTarget) -> Iterator["WeaviateClient"]:
    with connected(target.server) as client:
        yield client


def served_rows(target: WeaviateTarget) -> dict[str, dict[str, Any]]:
    """Returns what readers see through the alias: properties by the thing's id."""
    with asked(target) as client:
        listed = client.collections.use(target.plan.alias).iterator(include_vector=True)
        return {str(item.properties["id_"]): {**item.properties, "vector": item.vector["default"]} for item in listed}


def collections_of(target: WeaviateTarget) -> list[str]:
    with asked(target) as client:
        return sorted(name for name in client.collections.list_all() if target.plan.owns(name))
