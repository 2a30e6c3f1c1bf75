"""Puts objects into a collection, takes them out, and looks until what is there is what should be."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np

from ...records.keys import Version
from .connection import Server
from .content import Objects
from .schema import DIGEST, VERSION

if TYPE_CHECKING:
    from weaviate.collections import Collection as WeaviateCollection

# Larger batches are no quicker; the ids of one filter must stay below what a server returns at once.
_BATCH, _IDS_AT_A_TIME, _LISTED_AT_A_TIME = 500, 1000, 2000
_AT_ONCE, _ATTEMPTS = 2, 3

Digests = Mapping[UUID, str]


@dataclass(frozen=True)
class Filling:
    """How a collection comes to hold what it should.

    `read` yields the objects, each time anew; `look` returns the hashes that are there of those ids that matter, when
    it is given those that should be. `seen` is told how many objects went out.
    """

    collection: "WeaviateCollection[Any, Any]"
    read: Callable[[], Iterable[Objects]]
    look: Callable[[Collection[UUID]], Digests]
    version: Version
    seen: Callable[[int], None] = field(default=lambda _: None)


def fill(server: Server, filling: Filling, there: Digests) -> Digests:
    """Makes the collection hold what it should, beginning with what is `there`, and returns that.

    What the server refused, and what it took and lost, shows alike when one looks, and is put again.

    Raises:
        TargetFailed: Objects are still missing, different or too many after several attempts.
    """
    refusals: list[str] = []
    for _ in range(_ATTEMPTS):
        wanted = _put(server, filling, there, refusals)
        delete_objects(filling.collection, [id_ for id_ in there if id_ not in wanted])
        there = filling.look(wanted.keys())
        if there == wanted:
            return wanted
    missing, extra = len(wanted.keys() - there.keys()), len(there.keys() - wanted.keys())
    differing = sum(1 for id_, digest in wanted.items() if id_ in there and there[id_] != digest)
    raise server.failed(
        f"after {_ATTEMPTS} attempts {missing} of {len(wanted)} objects are missing, {differing} differ and"
        f" {extra} are too many{_quoted(refusals)}",
        "Look at the server's log and its disk.",
    )


def _put(server: Server, filling: Filling, there: Digests, refusals: list[str]) -> dict[UUID, str]:
    wanted: dict[UUID, str] = {}
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        for objects in filling.read():
            digests = [each[DIGEST] for each in objects.properties]
            wanted.update(zip(objects.ids, digests, strict=True))
            for n_objects, refused in threads.map(lambda part: put_batch(filling, part), _missing(objects, there)):
                refusals.extend(refused)
                if n_objects and len(refused) == n_objects:
                    raise _refused(server, filling.collection, refused)
                filling.seen(n_objects)
    return wanted


def _missing(objects: Objects, there: Digests) -> Iterator[Objects]:
    places = [i for i, id_ in enumerate(objects.ids) if there.get(id_) != objects.properties[i][DIGEST]]
    for start in range(0, len(places), _BATCH):
        part = places[start : start + _BATCH]
        yield Objects(
            [objects.ids[i] for i in part], [objects.properties[i] for i in part], objects.vectors[np.array(part)]
        )


def put_batch(filling: Filling, objects: Objects) -> tuple[int, list[str]]:
    """Puts one batch, new objects and changed ones alike; returns how many went out, and what was refused, and why."""
    from weaviate.classes.data import DataObject
    from weaviate.exceptions import WeaviateInsertManyAllFailedError

    rows = zip(objects.ids, objects.properties, objects.vectors.tolist(), strict=True)
    batch: Any = [
        DataObject(properties={**each, VERSION: filling.version}, uuid=id_, vector=vector) for id_, each, vector in rows
    ]
    try:
        answer = filling.collection.data.insert_many(batch)
    except WeaviateInsertManyAllFailedError as error:
        return len(batch), [error.message] * len(batch)
    return len(batch), [error.message for error in answer.errors.values()]


def require_writable(server: Server, collection: "WeaviateCollection[Any, Any]") -> None:
    """Raises TargetFailed where the server takes no changes to a collection."""
    if any(shard.status == "READONLY" for shard in collection.config.get_shards()):
        raise server.failed(
            f"the server has made {collection.name} read-only, as it does when its disk is almost full",
            "Make room there; where somebody set it by hand, set the collection's shards to READY.",
        )


def _refused(server: Server, collection: "WeaviateCollection[Any, Any]", refusals: list[str]) -> Exception:
    require_writable(server, collection)
    return server.failed(
        f"the server takes no objects into {collection.name}{_quoted(refusals)}", "Look at its log and its disk."
    )


def _quoted(refusals: Sequence[str]) -> str:
    return f"; it says: {' '.join(refusals[0].split())[:300]}" if refusals else ""


def delete_objects(collection: "WeaviateCollection[Any, Any]", ids: Sequence[UUID]) -> None:
    """Takes objects out; those that are not there do not matter."""
    from weaviate.classes.query import Filter

    for start in range(0, len(ids), _IDS_AT_A_TIME):
        part = list(ids[start : start + _IDS_AT_A_TIME])
        collection.data.delete_many(where=Filter.by_id().contains_any(part))


def list_digests(collection: "WeaviateCollection[Any, Any]") -> dict[UUID, str]:
    """Returns every object's id and hash, as the server has them."""
    listed = collection.iterator(return_properties=[DIGEST], cache_size=_LISTED_AT_A_TIME)
    return {item.uuid: str(item.properties.get(DIGEST) or "") for item in listed}


def digests_of(collection: "WeaviateCollection[Any, Any]", ids: Collection[UUID]) -> dict[UUID, str]:
    """Returns the hash of each of these objects that is there."""
    found: dict[UUID, str] = {}
    listed = list(ids)
    for start in range(0, len(listed), _IDS_AT_A_TIME):
        part = listed[start : start + _IDS_AT_A_TIME]
        answer = collection.query.fetch_objects_by_ids(part, limit=len(part), return_properties=[DIGEST])
        found |= {item.uuid: str(item.properties.get(DIGEST) or "") for item in answer.objects}
    return found
