"""The identifiers of the platform as types: assets, agents, versions, candidates."""

import re
from typing import Any, NewType, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

AgentName = NewType("AgentName", str)
CandidateId = NewType("CandidateId", str)
Version = NewType("Version", int)
Snapshot = NewType("Snapshot", int)

_PART = re.compile(r"[a-z][a-z0-9_]{0,62}")


class AssetKey(str):
    """An asset's name, `schema.name`: in the lake it is that table.

    Both parts are lower-case identifiers of at most 63 characters that begin with a letter.

    Raises:
        ValueError: The text is not such a name.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        parts = str(text).split(".")
        if len(parts) != 2 or not all(_PART.fullmatch(part) for part in parts):
            raise ValueError(
                f"{str(text)!r} is not an asset key: write `schema.name` in lower case letters, digits and _"
            )
        return super().__new__(cls, text)

    @property
    def schema(self) -> str:
        return self.split(".")[0]

    @property
    def name(self) -> str:
        return self.split(".")[1]

    @property
    def quoted(self) -> str:
        """The key as a quoted SQL identifier, without a catalog."""
        return f'"{self.schema}"."{self.name}"'

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            cls,
            core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str, return_schema=core_schema.str_schema()),
        )
