"""What a collection says of itself, in its description on the server: whose it is and what it holds."""

from typing import TYPE_CHECKING

from ...records.base import Record
from ...records.keys import AssetKey, Version

if TYPE_CHECKING:
    from weaviate import WeaviateClient

_FORMAT = 1


class Held(Record):
    """The content of a collection: a version of the embedding, with its source as the embedding was made from it.

    Versions are what history says; contents are equal where both data versions are. `embedder` is the hash of the
    embedder's identity: vectors of different ones never share an index.
    """

    version: Version
    data_version: str
    source: AssetKey
    source_version: Version | None
    source_data_version: str
    embedder: str
    n_objects: int

    def is_content_of(self, other: "Held") -> bool:
        return (self.data_version, self.source_data_version) == (other.data_version, other.source_data_version)


class Note(Record):
    """`whole` is false while the collection is being filled with, or changed to, what it is to hold."""

    format: int = _FORMAT
    asset: AssetKey
    layout: str
    holds: Held
    whole: bool


def parse_note(description: str | None) -> Note | None:
    """Returns the note; `None` where the collection was not made by this platform, or by a newer format of it."""
    try:
        note = Note.model_validate_json(description or "")
    except ValueError:
        return None
    return note if note.format == _FORMAT else None


def write_note(client: "WeaviateClient", collection: str, note: Note) -> None:
    """Replaces what a collection says of itself."""
    client.collections.use(collection).config.update(description=note.canonical_json())
