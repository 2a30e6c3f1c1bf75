"""The bytes of a landed file, decompressed in bounded pieces. Knows compressions, not formats."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from .refusals import FileRefused

GZIP, ZSTD = "gzip", "zstd"
MAGIC = {b"\x1f\x8b": GZIP, b"\x28\xb5\x2f\xfd": ZSTD}
PIECE_BYTES = 1 << 20
# A zstd piece of n bytes can expand 32,000-fold in one call, so the pieces that go in are small.
_ZSTD_INPUT_BYTES = 1 << 10
_ZSTD_WINDOW_BYTES = 1 << 27


def compression_of(start: bytes) -> str | None:
    """Returns the compression that a file's first bytes show."""
    return next((name for magic, name in MAGIC.items() if start.startswith(magic)), None)


def plain_pieces(path: Path, compression: str | None, limit_bytes: int) -> Iterator[bytes]:
    """Yields the decompressed bytes in pieces of about a megabyte.

    Raises:
        FileRefused: The bytes are damaged, end too early, or are more than `limit_bytes`.
    """
    n_bytes = 0
    with path.open("rb") as file:
        for piece in _pieces(file, compression):
            n_bytes += len(piece)
            if n_bytes > limit_bytes:
                raise FileRefused("size", f"more than {limit_bytes} bytes when decompressed")
            yield piece


def _pieces(file: BinaryIO, compression: str | None) -> Iterator[bytes]:
    if compression == GZIP:
        return _gunzip(file)
    if compression == ZSTD:
        return _joined(_unzstd(file))
    return iter(lambda: file.read(PIECE_BYTES), b"")


def _gunzip(file: BinaryIO) -> Iterator[bytes]:
    member, waiting, ended = zlib.decompressobj(wbits=31), b"", True
    while data := waiting or file.read(1 << 17):
        if ended:
            data = _after_padding(data)
            waiting = b""
            if not data:
                continue
            ended = False
        try:
            piece = member.decompress(data, PIECE_BYTES)
        except zlib.error as error:
            raise FileRefused("compression", "the gzip data are damaged") from error
        waiting = member.unconsumed_tail
        if piece:
            yield piece
        if member.eof:
            waiting, member, ended = member.unused_data, zlib.decompressobj(wbits=31), True
    if not ended:
        raise FileRefused("compression", "the gzip data end too early: the file is cut off")


def _after_padding(data: bytes) -> bytes:
    """Zero bytes may follow a gzip member, as tape writers leave them."""
    return data.lstrip(b"\0")


def _unzstd(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    frame, waiting, ended = decompressor.decompressobj(), b"", True
    while data := waiting or file.read(_ZSTD_INPUT_BYTES):
        ended = False
        try:
            piece = frame.decompress(data)
        except zstandard.ZstdError as error:
            raise FileRefused("compression", "the zstd data are damaged") from error
        waiting = b""
        if piece:
            yield piece
        if frame.eof:
            waiting, frame, ended = frame.unused_data, decompressor.decompressobj(), True
    if not ended:
        raise FileRefused("compression", "the zstd data end too early: the file is cut off")


def _joined(pieces: Iterator[bytes]) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    try:
        for piece in pieces:
            held.append(piece)
            size += len(piece)
            if size >= PIECE_BYTES:
                yield b"".join(held)
                held, size = [], 0
    except FileRefused:
        # What was read before the damage still counts, so that the rows seen can be told.
        yield b"".join(held)
        raise
    yield b"".join(held)
