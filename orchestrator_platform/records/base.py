"""What every stored value shares: frozen, strict about unknown fields, and one canonical JSON form."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A frozen value that can be written as JSON and read back equal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def canonical_json(self) -> str:
        """Returns JSON with sorted keys and no spaces: equal records give equal text."""
        return canonical_json(self.model_dump(mode="json"))

    def digest(self) -> str:
        """Returns the sha256 of the canonical JSON, as 64 hexadecimal digits."""
        return sha256_of(self.model_dump(mode="json"))


def canonical_json(value: Any) -> str:
    """Returns JSON with sorted keys and no spaces, non-ASCII kept as it is."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256_of(value: Any) -> str:
    """Returns the sha256 of a JSON value's canonical form, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()
