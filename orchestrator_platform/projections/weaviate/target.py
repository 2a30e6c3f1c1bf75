"""The target `weaviate:ASSET`: what the server says that it serves, and how it is brought to what should."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from ...lake.published import PublishedCut
from ...records.candidates import SchemaColumn
from ...records.embeddings import EmbeddingOptions
from ...records.keys import AssetKey
from ...records.receipts import Head
from ..serving import Serving
from .bringing import Work, bring_up, withdraw
from .collections import find_collections
from .connection import Server, connected
from .content import Split, content_of_head
from .schema import CollectionPlan, plan_collection


@dataclass(frozen=True)
class WeaviateTarget:
    """One embedding's copy in one server.

    `columns` are those that the source's contract promises; `split` cuts a text into the chunks that were embedded,
    `golden` gives the vectors of the golden queries over a cut.
    """

    asset: AssetKey
    server: Server
    embedding: EmbeddingOptions
    columns: tuple[SchemaColumn, ...]
    split: Split | None = None
    golden: Callable[[PublishedCut], NDArray[np.float32] | None] = lambda _: None
    say: Callable[[str], None] = lambda _: None

    @property
    def name(self) -> str:
        return f"weaviate:{self.asset}"

    @property
    def plan(self) -> CollectionPlan:
        return plan_collection(self.asset, self.embedding, self.server.options, self.columns)

    def serving(self) -> Serving:
        """Returns what the server says.

        Raises:
            TargetFailed: It cannot be asked.
        """
        with connected(self.server) as client:
            found = find_collections(client, self.plan)
        note = found.served
        if found.alias_of is None:
            return Serving(target=self.name, asset=self.asset)
        if note is None:
            error = f"the alias {self.plan.alias} names {found.alias_of}, which was not made for {self.asset}"
            return Serving(target=self.name, asset=self.asset, place=found.alias_of, error=error)
        return Serving(
            target=self.name,
            asset=self.asset,
            version=note.holds.version if note.whole else None,
            data_version=note.holds.data_version if note.whole else "",
            place=f"{self.plan.alias} → {found.alias_of}",
            error="" if note.whole else f"a change to version {note.holds.version} was not finished",
        )

    def bring(self, head: Head | None, cut: PublishedCut) -> Serving:
        """Makes the alias name a collection with the head's content, in place or beside; `None`: none at all.

        Raises:
            TargetFailed: It could not; what the alias named before it still names.
        """
        return self._bring(head, cut, anew=False)

    def rebuild(self, head: Head | None, cut: PublishedCut) -> Serving:
        """Does so in a new collection, and drops all others.

        Raises:
            TargetFailed: It could not; what the alias named before it still names.
        """
        return self._bring(head, cut, anew=True)

    def _bring(self, head: Head | None, cut: PublishedCut, *, anew: bool) -> Serving:
        with connected(self.server) as client:
            if head is None or head.withdrawn:
                withdraw(client, self.plan)
                return Serving(target=self.name, asset=self.asset)
            content = content_of_head(cut, head, self.embedding.source)
            golden = partial(self.golden, cut)
            work = Work(self.server, client, self.plan, self.embedding, cut, content, self.split, golden, self.say)
            place = bring_up(work, anew=anew)
        return Serving(
            target=self.name,
            asset=self.asset,
            version=head.version,
            data_version=head.data_version,
            place=f"{self.plan.alias} → {place}",
        )
