"""Whatever instant a process is killed at, the next one ends where an undisturbed one would have."""

import multiprocessing
import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from embedded_lake import EmbeddedLake, things
from projections.weaviate.serving_things import asked, collections_of, new_target, served_rows, target_on
from weaviate_server import RunningServer

from orchestrator_platform.projections.weaviate import bringing, importing
from orchestrator_platform.projections.weaviate.target import WeaviateTarget
from orchestrator_platform.records.embeddings import Weaviate

N_THINGS = 40
INSTANTS = [
    ("bringing", "create_collection", "before"),
    ("bringing", "create_collection", "after"),
    ("importing", "put_batch", "after"),
    ("bringing", "verify_index", "before"),
    ("bringing", "move_alias", "before"),
    ("bringing", "move_alias", "after"),
]
IN_PLACE = [
    ("bringing", "write_note", "after"),
    ("importing", "put_batch", "after"),
    ("importing", "delete_objects", "before"),
    ("bringing", "verify_index", "before"),
]


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


def require_served(target: WeaviateTarget, version: int, changed: int, n_collections: int = 1) -> None:
    said = target.serving()
    assert (said.version, said.error) == (version, "")
    there = served_rows(target)
    assert len(there) == N_THINGS
    assert sum(str(row["lake_text"]).endswith("again") for row in there.values()) == changed
    assert len(collections_of(target)) == n_collections


@pytest.mark.parametrize("instant", INSTANTS, ids=" ".join)
def test_a_collection_that_was_being_made_is_finished(
    server: RunningServer, lake: EmbeddedLake, instant: tuple[str, str, str]
) -> None:
    target = new_target(server)
    head = lake.publish(things(N_THINGS))
    bring_killed(lake.root, target, instant)
    assert (target.serving().version == 1) == (instant[1:] == ("move_alias", "after"))

    target.bring(head, lake.cut)

    require_served(target, 1, changed=0)


def test_readers_see_the_earlier_version_until_the_alias_moves(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server, consistent=True)
    target.bring(lake.publish(things(N_THINGS)), lake.cut)
    head = lake.publish(things(N_THINGS, changed=3))

    bring_killed(lake.root, target, ("importing", "put_batch", "after"))
    require_served(target, 1, changed=0, n_collections=2)

    target.bring(head, lake.cut)
    require_served(target, 2, changed=3, n_collections=2)


@pytest.mark.parametrize("instant", IN_PLACE, ids=" ".join)
def test_a_change_in_place_is_finished(
    server: RunningServer, lake: EmbeddedLake, instant: tuple[str, str, str]
) -> None:
    target = new_target(server)
    target.bring(lake.publish(things(N_THINGS + 1)), lake.cut)
    head = lake.publish(things(N_THINGS, changed=4))
    bring_killed(lake.root, target, instant)
    said = target.serving()
    assert (said.version, "was not finished" in said.error) == (None, True)

    target.bring(head, lake.cut)

    require_served(target, 2, changed=4)


def test_a_change_in_place_that_nobody_wants_any_more_is_taken_back(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    target.bring(lake.publish(things(N_THINGS)), lake.cut)
    lake.publish(things(N_THINGS, changed=4))
    bring_killed(lake.root, target, ("importing", "put_batch", "after"))

    target.bring(lake.publish(things(N_THINGS)), lake.cut)

    require_served(target, 3, changed=0)
    with asked(target) as client:
        assert client.alias.get(alias_name=target.plan.alias) is not None
