"""What a landed file is, by its declaration or its name, held against its first bytes."""

from dataclasses import dataclass
from pathlib import Path

from .plain_bytes import GZIP, ZSTD, compression_of
from .refusals import FileRefused

NDJSON, JSON, CSV, PARQUET = "ndjson", "json", "csv", "parquet"
SUFFIXES = {".ndjson": NDJSON, ".jsonl": NDJSON, ".json": JSON, ".csv": CSV, ".parquet": PARQUET}
COMPRESSIONS = {".gz": GZIP, ".zst": ZSTD, ".zstd": ZSTD}
PARQUET_MAGIC = b"PAR1"
UTF8_BOM = b"\xef\xbb\xbf"
# UTF-32 in little-endian order begins with the mark of UTF-16.
WIDE_BOMS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")


@dataclass(frozen=True)
class FileFormatFound:
    format: str
    compression: str | None
    empty: bool


def format_by_name(name: str) -> tuple[str | None, str | None]:
    """Returns (format, compression) as the name says them, `None` where it says nothing."""
    lower = name.lower()
    for suffix, compression in COMPRESSIONS.items():
        if lower.endswith(suffix):
            return format_by_name(lower[: -len(suffix)])[0], compression
    return next((format_ for suffix, format_ in SUFFIXES.items() if lower.endswith(suffix)), None), None


def format_of(path: Path, name: str, declared: str | None) -> FileFormatFound:
    """Returns what the file is.

    Raises:
        FileRefused: The name does not say, or the bytes are not what was said.
    """
    named, compression = format_by_name(name)
    format_ = declared or named
    if format_ is None:
        raise FileRefused("format", "its name does not tell the format: set `format` in the source's options")
    with path.open("rb") as file:
        start = file.read(8)
    if not start:
        if format_ == PARQUET:
            raise FileRefused("format", "an empty file is no Parquet")
        return FileFormatFound(format_, None, empty=True)
    return FileFormatFound(format_, _verified(start, named, compression, format_), empty=False)


def _verified(start: bytes, named: str | None, compression: str | None, format_: str) -> str | None:
    found = compression_of(start)
    if compression and found != compression:
        raise FileRefused("format", f"its name says {compression}, its bytes do not")
    if named and not compression and found:
        raise FileRefused("format", f"its bytes are {found}, its name says plain {named}")
    is_parquet = start.startswith(PARQUET_MAGIC)
    if found is None and is_parquet != (format_ == PARQUET):
        raise FileRefused("format", f"its bytes are {'Parquet' if is_parquet else 'not Parquet'}, not {format_}")
    return found
