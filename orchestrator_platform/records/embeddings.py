"""What a project says of an embedding: whose texts, how prepared, by which embedder, judged and served how."""

import re
from string import Formatter
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .addresses import require_address, require_variable_name
from .base import Record
from .embedders import EmbedderOptions
from .keys import AssetKey

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_COLLECTION = re.compile(r"[A-Z][A-Za-z0-9_]{0,200}")

# The columns that every embedding has besides the source's key.
CHUNK, TEXT_HASH, SOURCE_HASH, EMBEDDER = "chunk", "text_hash", "source_hash", "embedder"
QUERY = "query"
N_TOKENS, TRUNCATED, VECTOR = "n_tokens", "truncated", "vector"
# What names of columns that stand beside a key while it is worked with begin with.
RESERVED = "__"
OWN_COLUMNS = (CHUNK, TEXT_HASH, SOURCE_HASH, EMBEDDER, N_TOKENS, TRUNCATED, VECTOR)


class Chunking(Record):
    """Long texts are cut into pieces of at most `tokens`, each repeating `overlap` of the one before."""

    tokens: int = Field(default=200, gt=0)
    overlap: int = Field(default=20, ge=0)

    @model_validator(mode="after")
    def _moves_on(self) -> Self:
        if self.overlap >= self.tokens:
            raise ValueError("overlap must be less than tokens")
        return self


class GoldenQueries(Record):
    """Questions whose answers are known: `file` is a SQL file beside the component.

    It selects `query` and the columns of the key that answers it; a question with several answers has several
    rows. Quality at the first `k` must not be below `min_…`, nor below the served version's, on the same
    questions, by more than `tolerance` (absolute nDCG).
    """

    file: str
    k: int = Field(default=10, gt=0)
    min_ndcg: float = Field(default=0.0, ge=0, le=1)
    min_recall: float = Field(default=0.0, ge=0, le=1)
    min_mrr: float = Field(default=0.0, ge=0, le=1)
    tolerance: float = Field(default=0.01, ge=0, le=1)


class LocalVectors(Record):
    """Vectors and texts in files of the home: searched without a server."""

    kind: Literal["local"] = "local"


class IndexSettings(Record):
    """HNSW's settings; what is left out is the server's default."""

    ef: int | None = Field(default=None, gt=0)
    ef_construction: int | None = Field(default=None, gt=0)
    max_connections: int | None = Field(default=None, gt=0)
    quantization: Literal["none", "pq", "bq", "sq", "rq"] = "none"

    @property
    def told(self) -> str:
        """The settings in a few words."""
        return ", ".join(f"{name} {value}" for name, value in self.model_dump(exclude_none=True).items())


class Weaviate(Record):
    """A collection behind an alias. A change of more than `beside_share` of the objects, or any change where
    `consistent` is asked for, becomes a new collection beside the served one, verified before the alias moves.

    `url` is `http(s)://host[:port]`, or `embedded` with the folder that holds the server's binary. The key is in
    the environment variable `key_variable`. `grpc_host` is the host of `url` where it is left out. `columns` are
    the source's columns that can be filtered by in the server, besides key, title and `show`. `keep_previous`
    collections stay for an instant way back.
    """

    # A key that was pasted into the wrong field must not come back in a message.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: Literal["weaviate"] = "weaviate"
    url: str
    grpc_host: str | None = None
    grpc_port: int = Field(default=50051, gt=0, le=65535)
    key_variable: str | None = None
    binary_folder: str | None = None
    version: str | None = None
    alias: str | None = None
    columns: tuple[str, ...] = ()
    consistent: bool = False
    beside_share: float = Field(default=0.25, ge=0, le=1)
    keep_previous: int = Field(default=1, ge=0)
    timeout_seconds: float = Field(default=30, gt=0)
    index: IndexSettings = IndexSettings()
    min_recall: float = Field(default=0.99, ge=0, le=1, description="against exact search, before the alias moves")

    @model_validator(mode="after")
    def _has_an_address_without_secrets(self) -> Self:
        if self.url == "embedded":
            if not self.binary_folder or not self.version:
                raise ValueError("`url: embedded` needs `binary_folder` and `version`, such as 1.39.0")
        else:
            require_address(self.url, with_path=False, instead="embedded")
        return self

    @model_validator(mode="after")
    def _names_are_names(self) -> Self:
        require_variable_name(self.key_variable)
        if self.alias is not None and not _COLLECTION.fullmatch(self.alias):
            raise ValueError("`alias` begins with a capital letter and goes on with letters, digits and _")
        return self


Projected = Annotated[LocalVectors | Weaviate, Field(discriminator="kind")]


class EmbeddingOptions(Record):
    """`text` lists columns, joined by a line break, or is a template such as `{title}. {description}`.

    A column that is null counts as empty; a row without any text has no vector. `show` are the source's columns that
    a search result shows, `title` the one by which people know the row.
    """

    source: AssetKey
    key: tuple[str, ...] = Field(min_length=1)
    text: tuple[str, ...] | str
    title: str | None = None
    show: tuple[str, ...] = ()
    chunk: Chunking | None = None
    embedder: EmbedderOptions = EmbedderOptions()
    golden: GoldenQueries | None = None
    projections: tuple[Projected, ...] = (LocalVectors(),)

    @model_validator(mode="after")
    def _text_names_columns(self) -> Self:
        if not self.text_columns:
            raise ValueError("text names no column: list some, or write a template such as '{title}. {description}'")
        return self

    @model_validator(mode="after")
    def _key_stands_beside_own_columns(self) -> Self:
        for name in self.key:
            # Names of columns are compared without regard to case.
            if name.lower() in OWN_COLUMNS:
                raise ValueError(f"key column {name!r} has the name of a column that every embedding has")
            if name.startswith(RESERVED):
                raise ValueError(f"key column {name!r} begins with {RESERVED}, as columns of the platform do")
            if self.golden is not None and name.lower() == QUERY:
                raise ValueError(f"key column {name!r} is what golden queries call the question: give it another name")
        return self

    @property
    def template(self) -> str:
        """The text as a template, whichever way it was said."""
        return self.text if isinstance(self.text, str) else "\n".join(f"{{{name}}}" for name in self.text)

    @property
    def text_parts(self) -> tuple[tuple[str, str | None], ...]:
        """What the text is put together of: each time some words, and the column that follows them, if one does."""
        if isinstance(self.text, str):
            return tuple((said, name) for said, name, _, _ in Formatter().parse(self.text))
        return tuple(("\n" if place else "", name) for place, name in enumerate(self.text))

    @property
    def text_columns(self) -> tuple[str, ...]:
        """The source's columns that make up the text.

        Raises:
            ValueError: The template is none, or holds more than names of columns.
        """
        if not isinstance(self.text, str):
            return self.text
        fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(self.text)]
        for name, spec, conversion in fields:
            if name is not None and (spec or conversion or not _IDENTIFIER.fullmatch(name)):
                raise ValueError(f"{{{name}}} in the template is not the name of a column")
        return tuple(dict.fromkeys(name for name, _, _ in fields if name))


class EmbeddingCounts(Record):
    """What one build did: `embedded` texts went to the embedder, `recalled` ones were kept of an earlier build,
    `reused` source rows stand as they are in the served version, and `removed` ones lost their vectors.

    `truncated` texts are cut by the embedder and `empty` source rows have none, in the whole next version.
    `n_requests`, `n_retries` and `n_tokens` are what an endpoint was asked for.
    """

    embedded: int = 0
    recalled: int = 0
    reused: int = 0
    removed: int = 0
    truncated: int = 0
    empty: int = 0
    seconds: float = 0.0
    n_requests: int = 0
    n_retries: int = 0
    n_tokens: int = 0
