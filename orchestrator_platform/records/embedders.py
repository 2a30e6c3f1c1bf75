"""What an embedder is, as a project declares it and as it is kept with every vector. Knows no engine."""

from typing import Literal, Self

from pydantic import ConfigDict, Field, model_validator

from .addresses import require_address, require_variable_name
from .base import Record

EmbedderKind = Literal["minilm", "onnx", "http"]
_TAKES: dict[EmbedderKind, frozenset[str]] = {
    "minilm": frozenset({"precision", "batch_size"}),
    "onnx": frozenset({"folder", "pooling", "max_tokens", "batch_size"}),
    "http": frozenset(
        {"url", "model", "dim", "key_variable", "max_tokens", "batch_size", "timeout_seconds", "retries"}
    ),
}
# Smaller batches of the default embedder hold texts of more equal length, so that less is padded.
_BATCH_SIZES: dict[EmbedderKind, int] = {"minilm": 16, "onnx": 32, "http": 32}
_NEEDS: dict[EmbedderKind, tuple[str, ...]] = {"minilm": (), "onnx": ("folder",), "http": ("url", "model", "dim")}


class EmbedderIdentity(Record):
    """What makes two vectors comparable: vectors of different identities never share an index.

    `weights` is the sha256 of the weights' file, for an endpoint that of its address and model; `tokenizer` the sha256
    of the tokenizer's file, empty for an endpoint. `precision` names whatever else changes a vector.
    """

    name: str
    weights: str
    tokenizer: str
    pooling: str
    normalised: bool
    max_tokens: int
    precision: str
    dim: int

    def hash(self) -> str:
        """Returns 16 hexadecimal digits: equal for equal identities, on any machine."""
        return self.digest()[:16]


class EmbeddingCost(Record):
    """What an embedder has asked of an endpoint so far; `n_tokens` is what the endpoint says it counted."""

    n_requests: int = 0
    n_retries: int = 0
    n_tokens: int = 0

    def since(self, before: "EmbeddingCost") -> "EmbeddingCost":
        """Returns what was asked after `before`."""
        return EmbeddingCost(
            n_requests=self.n_requests - before.n_requests,
            n_retries=self.n_retries - before.n_retries,
            n_tokens=self.n_tokens - before.n_tokens,
        )


class EmbedderOptions(Record):
    """What a component says under `embedder:`.

    Kinds: `minilm`, all-MiniLM-L6-v2 from the package index; `onnx`, a folder with a sentence encoder, relative to
    the component's file; `http`, an endpoint that speaks the `/embeddings` protocol, `url` up to and without that
    last part. `key_variable` names the environment variable that holds the key. `precision` is `auto` for the
    fastest that can be had here.
    """

    # A key that was pasted into the wrong field must not come back in a message.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    kind: EmbedderKind = "minilm"
    precision: Literal["auto", "int8", "fp32"] = "auto"
    folder: str | None = None
    pooling: Literal["mean", "cls"] | None = None
    url: str | None = None
    model: str | None = None
    dim: int | None = Field(default=None, ge=1, le=65_536)
    key_variable: str | None = None
    max_tokens: int | None = Field(default=None, ge=8, le=1_000_000)
    batch_size: int | None = Field(default=None, ge=1, le=2_048)
    timeout_seconds: float = Field(default=60.0, gt=0, le=3_600)
    retries: int = Field(default=6, ge=0, le=100)

    @property
    def texts_at_once(self) -> int:
        """The `batch_size` that is said, else what is fastest for the kind."""
        return self.batch_size or _BATCH_SIZES[self.kind]

    @model_validator(mode="after")
    def _fits_its_kind(self) -> Self:
        given = self.model_fields_set - {"kind"}
        surplus = sorted(given - _TAKES[self.kind])
        if surplus:
            raise ValueError(
                f"an embedder of kind {self.kind} has no {surplus[0]!r}; it has {', '.join(sorted(_TAKES[self.kind]))}"
            )
        missing = [name for name in _NEEDS[self.kind] if getattr(self, name) in {None, ""}]
        if missing:
            raise ValueError(f"an embedder of kind {self.kind} needs {missing[0]!r}")
        return self

    @model_validator(mode="after")
    def _has_an_address_without_secrets(self) -> Self:
        if self.url is not None:
            require_address(self.url, with_path=True)
        require_variable_name(self.key_variable)
        return self
