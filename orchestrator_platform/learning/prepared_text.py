"""The text of a row that is embedded, as SQL over the source: who embeds and who judges prepare it alike."""

from hashlib import sha256

from ..records.embeddings import RESERVED, SOURCE_HASH, EmbeddingOptions
from ..sql import identifier, literal

# No key column begins like this, so that it stands beside any.
TEXT = f"{RESERVED}text"
# What Unicode calls white space, with control characters and the byte order mark, which say nothing either.
_BLANK = r"\x{0}-\x{20}\x{7f}\x{85}\pZ\x{200b}\x{feff}"


def prepared_texts(options: EmbeddingOptions, source: str) -> str:
    """Returns the relation of the key, the prepared text and its hash, of every row of `source` that has a text.

    A row has none where each of its text columns is null or holds white space alone, whatever the template says.
    """
    keys = ", ".join(identifier(name) for name in options.key)
    said = " || ".join(_column(name) for name in options.text_columns)
    return (
        f"(SELECT {keys}, {TEXT}, sha256({TEXT}) AS {SOURCE_HASH}"
        f" FROM (SELECT {keys}, {_trimmed(_joined(options))} AS {TEXT}"
        f" FROM {source} WHERE regexp_matches({said}, '[^{_BLANK}]')))"
    )


def hash_text(text: str) -> str:
    """Returns what DuckDB's sha256 gives for a text, and a hash for one that DuckDB cannot hold as well."""
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _joined(options: EmbeddingOptions) -> str:
    parts = []
    for said, name in options.text_parts:
        parts += [literal(said)] if said else []
        parts += [_column(name)] if name else []
    return " || ".join(parts)


def _column(name: str) -> str:
    return f"coalesce({identifier(name)}::VARCHAR, '')"


def _trimmed(expression: str) -> str:
    return f"regexp_replace(regexp_replace({expression}, '^[{_BLANK}]+', ''), '[{_BLANK}]+$', '')"
