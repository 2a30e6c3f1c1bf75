"""What one contract promises otherwise than another of the same table."""

from enum import StrEnum

from .base import Record


class Direction(StrEnum):
    """LOOSER lets in what was kept out, or may; STRICTER keeps out what was let in."""

    LOOSER = "looser"
    STRICTER = "stricter"


class PromiseChange(Record):
    """One difference, said in a line; `columns` are those that it is about."""

    direction: Direction
    columns: tuple[str, ...] = ()
    said: str
