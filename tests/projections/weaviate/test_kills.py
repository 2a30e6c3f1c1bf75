"""Whatever instant a process is killed at, the next one ends where an undisturbed one would have."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from embedded_lake import EmbeddedLake, things
from projections.weaviate.serving_things import collections_of, new_target, served_rows, target_on
from weaviate_server import RunningServer

from orchestrator_platform.lake.published import PublishedCut
from orchestrator_platform.projections.weaviate import bringing, importing
from orchestrator_platform.projections.weaviate.target import WeaviateTarget
from orchestrator_platform.records.embeddings import Weaviate
from orchestrator_platform.records.receipts import Head

N_THINGS = 40
# Each begins with a server that knows nothing: before the import, half-way, before and after the alias moves.
INSTANTS = [
    ("bringing", "create_collection", "after"),
    ("importing", "put_batch", "after"),
    ("bringing", "move_alias", "before"),
    ("bringing", "move_alias", "after"),
]
IN_PLACE = [
    ("bringing", "write_note", "after"),
    ("importing", "put_batch", "after"),
    ("bringing", "verify_index", "before"),
]


@dataclass(frozen=True)
class Versions:
    """One lake with two versions of an embedding, each with the cut that shows it; the second serves."""

    root: Path
    first: tuple[Head, PublishedCut]
    second: tuple[Head, PublishedCut]


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> Versions:
    lake = EmbeddedLake(tmp_path_factory.mktemp("killed"))
    first = lake.publish(things(N_THINGS + 1)), lake.cut
    second = lake.publish(things(N_THINGS, changed=4)), lake.cut
    return Versions(lake.root, first, second)


def _bring_and_die(root: Path, options: Weaviate, module: str, function: str, when: str) -> None:
    owner = {"bringing": bringing, "importing": importing}[module]
    works: Callable[..., Any] = getattr(owner, function)

    def dies(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            works(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, function, dies)
    # Several batches, so that there is a middle.
    importing._BATCH = 10
    importing._AT_ONCE = 1
    lake = EmbeddedLake(root)
    target_on(options).bring(lake.head, lake.cut)


def bring_killed(root: Path, target: WeaviateTarget, instant: tuple[str, str, str]) -> None:
    """Brings the target up in a child that dies at this instant."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["pandas", "pyarrow", "weaviate"])
    child = context.Process(target=partial(_bring_and_die, root, target.server.options, *instant))
    child.start()
    child.join(120)
    assert child.exitcode == -signal.SIGKILL


def require_served(target: WeaviateTarget, version: int, n_things: int, changed: int, n_collections: int = 1) -> None:
    said = target.serving()
    assert (said.version, said.error) == (version, "")
    there = served_rows(target)
    assert len(there) == n_things
    assert sum(str(row["lake_text"]).endswith("again") for row in there.values()) == changed
    assert len(collections_of(target)) == n_collections


@pytest.mark.parametrize("instant", INSTANTS, ids=" ".join)
def test_a_collection_that_was_being_made_is_finished(
    server: RunningServer, versions: Versions, instant: tuple[str, str, str]
) -> None:
    target = new_target(server)
    bring_killed(versions.root, target, instant)
    assert (target.serving().version == 2) == (instant[1:] == ("move_alias", "after"))

    target.bring(*versions.second)

    require_served(target, 2, n_things=N_THINGS, changed=4)


def test_readers_see_the_earlier_version_until_the_alias_moves(server: RunningServer, versions: Versions) -> None:
    target = new_target(server, consistent=True)
    target.bring(*versions.first)

    bring_killed(versions.root, target, ("importing", "put_batch", "after"))
    require_served(target, 1, n_things=N_THINGS + 1, changed=0, n_collections=2)

    target.bring(*versions.second)
    require_served(target, 2, n_things=N_THINGS, changed=4, n_collections=2)


@pytest.mark.parametrize("instant", IN_PLACE, ids=" ".join)
def test_a_change_in_place_is_finished(
    server: RunningServer, versions: Versions, instant: tuple[str, str, str]
) -> None:
    target = new_target(server)
    target.bring(*versions.first)
    bring_killed(versions.root, target, instant)
    said = target.serving()
    assert (said.version, "was not finished" in said.error) == (None, True)

    target.bring(*versions.second)

    require_served(target, 2, n_things=N_THINGS, changed=4)


def test_a_change_in_place_that_nobody_wants_any_more_is_taken_back(server: RunningServer, versions: Versions) -> None:
    target = new_target(server)
    target.bring(*versions.first)
    bring_killed(versions.root, target, ("importing", "put_batch", "after"))

    target.bring(*versions.first)

    require_served(target, 1, n_things=N_THINGS + 1, changed=0)
