"""Brings a collection to the content that serves: nothing to do, the alias moved, changed in place, or made beside.

Whatever a killed process left is told by the server itself, so that every way begins by asking it.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from ...errors import TargetFailed
from ...lake.history import read_retractions
from ...lake.published import PublishedCut
from ...records.embeddings import EmbeddingOptions
from .collections import Found, count_objects, create_collection, drop_collection, find_collections, move_alias
from .connection import Server
from .content import Content, Objects, Split, content_of_version, read_change, read_objects, read_vectors
from .importing import Digests, Filling, digests_of, fill, list_digests, require_writable
from .notes import Held, Note, write_note
from .schema import CollectionPlan
from .verifying import Exact, search_exactly, verify_index

if TYPE_CHECKING:
    from weaviate import WeaviateClient


@dataclass(frozen=True)
class Work:
    """All that bringing one target up needs. `golden` gives the vectors of the golden queries, shape (n, dim);
    `say` tells a person what is being done.
    """

    server: Server
    client: "WeaviateClient"
    plan: CollectionPlan
    embedding: EmbeddingOptions
    cut: PublishedCut
    content: Content
    split: Split | None = None
    golden: Callable[[], NDArray[np.float32] | None] = lambda: None
    say: Callable[[str], None] = field(default=lambda _: None)

    @property
    def held(self) -> Held:
        return self.content.held

    def note(self, *, whole: bool) -> Note:
        return Note(asset=self.plan.asset, layout=self.plan.layout, holds=self.held, whole=whole)

    def objects(self) -> Iterator[Objects]:
        return read_objects(self.content, self.plan, self.embedding, self.split)

    def exact(self) -> Exact:
        return search_exactly(read_vectors(self.content, self.plan.asset, self.embedding), self.golden())

    def collection(self, name: str) -> Any:
        return self.client.collections.use(name)


def bring_up(work: Work, *, anew: bool = False) -> str:
    """Makes the alias name a collection that holds the content, and returns that collection's name.

    Args:
        anew: Nothing that is there is used again.

    Raises:
        TargetFailed: It could not; the alias is where it was.
    """
    found = find_collections(work.client, work.plan)
    _require_own_alias(work, found)
    name = None if anew else (_served(work, found) or _kept(work, found) or _changed(work, found))
    if name is None:
        name = _made_beside(work, found, anew=anew)
    if name != found.alias_of:
        move_alias(work.client, work.plan.alias, name)
    _prune(work, name, keep=0 if anew else work.server.options.keep_previous)
    return name


def withdraw(client: "WeaviateClient", plan: CollectionPlan) -> None:
    """Takes the alias away, and every collection of the asset with it."""
    found = find_collections(client, plan)
    if found.alias_of is not None and found.alias_of in found.notes:
        client.alias.delete(alias_name=plan.alias)
    for name in found.notes:
        drop_collection(client, name)


def _require_own_alias(work: Work, found: Found) -> None:
    if found.alias_of is not None and found.alias_of not in found.notes:
        raise work.server.failed(
            f"the alias {work.plan.alias} names {found.alias_of}, which was not made for {work.plan.asset}",
            "Choose another `alias`, or take that one away.",
        )


def _fits(work: Work, note: Note) -> bool:
    """Whether the collection can be changed to the content: laid out alike, vectors of the same embedder."""
    return note.layout == work.plan.layout and note.holds.embedder == work.held.embedder


def _has_content(work: Work, note: Note) -> bool:
    return _fits(work, note) and note.holds.is_content_of(work.held)


def _served(work: Work, found: Found) -> str | None:
    """The collection that serves, where it holds the content already; lost objects are put back."""
    name, note = found.alias_of, found.served
    if name is None or note is None or not _has_content(work, note):
        return None
    if not note.whole or count_objects(work.client, name) != work.held.n_objects:
        if work.server.options.consistent:
            return None
        work.say(f"completing {name}")
        _reconcile(work, name)
        if not _answers_well(work, name):
            return None
    if note != work.note(whole=True):
        write_note(work.client, name, work.note(whole=True))
    return name


def _kept(work: Work, found: Found) -> str | None:
    """Another whole collection of this content, such as the one that served before a rollback's cause."""
    for name, note in found.notes.items():
        if name != found.alias_of and note.whole and _has_content(work, note):
            if count_objects(work.client, name) != work.held.n_objects:
                continue
            write_note(work.client, name, work.note(whole=True))
            return name
    return None


def _changed(work: Work, found: Found) -> str | None:
    """The collection that serves, changed in place; `None` where too much differs, or it did not turn out well."""
    name, note, options = found.alias_of, found.served, work.server.options
    if name is None or note is None or options.consistent or not _fits(work, note):
        return None
    if not note.whole:
        _reconcile(work, name)
    else:
        before = content_of_version(work.cut, note.holds, work.plan.asset)
        if before is None:
            return None
        n_changed, gone, read = read_change(before, work.content, work.plan, work.embedding, work.split)
        if n_changed > options.beside_share * max(work.held.n_objects, 1):
            return None
        work.say(f"changing {n_changed:,} of {work.held.n_objects:,} objects in {name}")
        require_writable(work.server, work.collection(name))
        write_note(work.client, name, work.note(whole=False))
        _apply(work, name, gone, read)
        if count_objects(work.client, name) != work.held.n_objects:
            _reconcile(work, name)
    if not _answers_well(work, name):
        return None
    write_note(work.client, name, work.note(whole=True))
    return name


def _answers_well(work: Work, name: str) -> bool:
    """Whether a collection may serve on; where an index is worn by changes, a fresh one may do what it does not."""
    try:
        verify_index(work.server, work.collection(name), work.exact())
    except TargetFailed:
        return False
    return True


def _apply(work: Work, name: str, gone: list[UUID], read: Callable[[], Iterator[Objects]]) -> None:
    collection = work.collection(name)

    def look(wanted: Collection[UUID]) -> Digests:
        return digests_of(collection, [*wanted, *gone])

    fill(work.server, Filling(collection, read, look, work.held.version), dict.fromkeys(gone, ""))


def _reconcile(work: Work, name: str) -> None:
    collection = work.collection(name)
    filling = Filling(collection, work.objects, lambda _: list_digests(collection), work.held.version)
    fill(work.server, filling, list_digests(collection))


def _made_beside(work: Work, found: Found, *, anew: bool) -> str:
    """A new collection, filled and verified; one that was left half-filled for the same content is filled further."""
    note = work.note(whole=False)
    begun = (
        name for name, other in found.notes.items() if not anew and name != found.alias_of and _has_content(work, other)
    )
    name = next(begun, None)
    if name is None:
        name = work.plan.collection(work.held.data_version + work.held.source_data_version, tuple(found.notes))
        create_collection(work.client, name, work.plan, note)
        there: Digests = {}
    else:
        write_note(work.client, name, note)
        there = list_digests(work.collection(name))
    work.say(f"filling {name} with {work.held.n_objects:,} objects")
    collection = work.collection(name)
    fill(
        work.server,
        Filling(collection, work.objects, lambda _: list_digests(collection), work.held.version, _counting(work)),
        there,
    )
    verify_index(work.server, collection, work.exact())
    write_note(work.client, name, work.note(whole=True))
    return name


def _counting(work: Work) -> Callable[[int], None]:
    done = 0

    def seen(n_objects: int) -> None:
        nonlocal done
        done += n_objects
        work.say(f"{done:,} of {work.held.n_objects:,} objects")

    return seen


def _prune(work: Work, served: str, keep: int) -> None:
    """Drops what is half-made or holds what was taken back, and whole ones past those kept for a way back, oldest
    versions first.
    """
    found = find_collections(work.client, work.plan)
    others = {name: note for name, note in found.notes.items() if name != served}
    if not others:
        return
    retracted = {(item.asset, item.version) for item in read_retractions(work.content.connection)}
    usable = {
        name: note.holds.version
        for name, note in others.items()
        if note.whole and (note.asset, note.holds.version) not in retracted
    }
    whole = sorted(usable, key=lambda name: usable[name])
    kept = set(whole[len(whole) - keep :]) if keep else set()
    for name in others:
        if name not in kept:
            drop_collection(work.client, name)
