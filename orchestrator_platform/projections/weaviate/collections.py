"""The collections of one embedding on a server, and the alias that readers use: found, made, switched, dropped."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ...records.embeddings import IndexSettings
from .notes import Note, parse_note
from .schema import CHUNK, DIGEST, KEY, TEXT, VERSION, CollectionPlan, PropertyType

if TYPE_CHECKING:
    from weaviate import WeaviateClient


@dataclass(frozen=True)
class Found:
    """What is on the server: which collection the alias names, and every collection of this embedding."""

    alias_of: str | None
    notes: Mapping[str, Note]

    @property
    def served(self) -> Note | None:
        return self.notes.get(self.alias_of) if self.alias_of else None


def find_collections(client: "WeaviateClient", plan: CollectionPlan) -> Found:
    """Asks the server; collections that are named alike but were not made for this asset are left out."""
    named = client.alias.get(alias_name=plan.alias)
    descriptions = {
        name: config.description for name, config in client.collections.list_all(simple=True).items() if plan.owns(name)
    }
    notes = {name: parse_note(text) for name, text in descriptions.items()}
    ours = {name: note for name, note in notes.items() if note is not None and note.asset == plan.asset}
    return Found(named.collection if named is not None else None, ours)


def find_served(client: "WeaviateClient", plan: CollectionPlan) -> tuple[str | None, Note | None]:
    """Returns the collection that the alias names and what it says of itself; nothing where it is not this asset's."""
    named = client.alias.get(alias_name=plan.alias)
    if named is None:
        return None, None
    note = parse_note(client.collections.use(named.collection).config.get(simple=True).description)
    return (named.collection, note) if note is not None and note.asset == plan.asset else (None, None)


def create_collection(client: "WeaviateClient", name: str, plan: CollectionPlan, note: Note) -> None:
    """Makes an empty collection that says what it is to hold."""
    from weaviate.classes.config import Configure, DataType, Property, Tokenization

    def own(named: str, type_: DataType, *, filterable: bool = False) -> Property:
        kept_whole = Tokenization.FIELD if type_ is DataType.TEXT else None
        return Property(
            name=named,
            data_type=type_,
            index_filterable=filterable,
            index_searchable=False if type_ is DataType.TEXT else None,
            tokenization=kept_whole,
        )

    properties = [
        own(KEY, DataType.TEXT, filterable=True),
        own(CHUNK, DataType.INT),
        own(VERSION, DataType.INT, filterable=True),
        own(DIGEST, DataType.TEXT),
        Property(
            name=TEXT,
            data_type=DataType.TEXT,
            index_filterable=False,
            index_searchable=True,
            tokenization=Tokenization.WORD,
        ),
        *(_property(item.name, item.type) for item in plan.properties),
    ]
    client.collections.create(
        name,
        description=note.canonical_json(),
        properties=properties,
        vector_config=Configure.Vectors.self_provided(vector_index_config=index_config(plan.index)),
    )


def _property(name: str, type_: PropertyType) -> Any:
    from weaviate.classes.config import DataType, Property, Tokenization

    is_text = type_ in {"text", "text[]"}
    return Property(
        name=name,
        data_type=DataType(type_),
        index_filterable=True,
        # Found by the text that was embedded alone, as everywhere else.
        index_searchable=False if is_text else None,
        tokenization=Tokenization.FIELD if is_text else None,
    )


def index_config(index: IndexSettings) -> Any:
    """Returns the server's HNSW settings; what is not given is the server's default."""
    from weaviate.classes.config import Configure, VectorDistances

    kinds: Any = Configure.VectorIndex.Quantizer
    quantizer = {"none": kinds.none, "pq": kinds.pq, "bq": kinds.bq, "sq": kinds.sq, "rq": kinds.rq}[index.quantization]
    return Configure.VectorIndex.hnsw(
        distance_metric=VectorDistances.COSINE,
        ef=index.ef,
        ef_construction=index.ef_construction,
        max_connections=index.max_connections,
        quantizer=quantizer(),
    )


def count_objects(client: "WeaviateClient", name: str) -> int:
    """Returns how many objects a collection has."""
    return client.collections.use(name).aggregate.over_all(total_count=True).total_count or 0


def move_alias(client: "WeaviateClient", alias: str, collection: str) -> None:
    """Lets readers see another collection, in one step."""
    if not client.alias.update(alias_name=alias, new_target_collection=collection):
        client.alias.create(alias_name=alias, target_collection=collection)


def drop_collection(client: "WeaviateClient", name: str) -> None:
    client.collections.delete(name)
