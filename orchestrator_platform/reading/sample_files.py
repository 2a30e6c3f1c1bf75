"""The first records of sample files, for proposing a source once. Production reading guesses nothing."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from ..errors import Misuse
from .csv_rows import CsvText, csv_records
from .file_format import CSV, JSON, NDJSON, PARQUET, PARQUET_MAGIC, format_by_name
from .json_values import loads_exact
from .plain_bytes import compression_of, plain_pieces
from .read_spec import CsvSpec
from .refusals import FileRefused
from .text_lines import numbered_lines

MAX_RECORDS = 2_000
_MAX_BYTES = 8 << 20
_MAX_JSON_BYTES = 64 << 20
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True)
class Sample:
    """The first records of one file. `whole` says that these are all; `doubts` what the look left open."""

    path: Path
    format: str
    compression: str | None
    records: tuple[dict[str, Any], ...]
    whole: bool
    delimiter: str = ","
    encoding: str = "utf-8"
    doubts: tuple[str, ...] = ()


def read_sample(path: Path) -> Sample:
    """Returns the first records of a file.

    Raises:
        Misuse: The file is not there, holds no record, or is in none of the known formats.
    """
    try:
        sample = _read(path)
    except (FileRefused, OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    if not sample.records:
        raise _unreadable(path, "it holds no record")
    return sample


def _unreadable(path: Path, problem: str) -> Misuse:
    return Misuse(f"{path} cannot be sampled: {problem}. Nothing was written. Give a file with a few typical records.")


def _read(path: Path) -> Sample:
    with path.open("rb") as file:
        compression = compression_of(file.read(8))
    start = b"".join(_first_bytes(path, compression, _MAX_BYTES))
    whole = len(start) < _MAX_BYTES
    named, _ = format_by_name(path.name)
    format_ = named or _format_of(start)
    doubts = () if named else (f"{path.name}: its name does not tell the format, its contents look like {format_}",)
    if format_ == PARQUET:
        return _parquet(path, compression)
    if format_ == CSV:
        return _csv(path, compression, start, whole, doubts)
    if format_ == JSON:
        text = b"".join(_first_bytes(path, compression, _MAX_JSON_BYTES))
        return _json(path, compression, text, doubts)
    return _ndjson(path, compression, start, whole, doubts)


def _first_bytes(path: Path, compression: str | None, limit: int) -> Iterator[bytes]:
    n_bytes = 0
    for piece in plain_pieces(path, compression, 1 << 62):
        yield piece[: limit - n_bytes]
        n_bytes += len(piece)
        if n_bytes >= limit:
            return


def _format_of(start: bytes) -> str:
    if start.startswith(PARQUET_MAGIC):
        return PARQUET
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text.startswith((b"{", b"[")):
        return CSV
    try:
        orjson.loads(text)
    except ValueError:
        return NDJSON
    return JSON


def _ndjson(path: Path, compression: str | None, start: bytes, whole: bool, doubts: tuple[str, ...]) -> Sample:
    texts = [line for lines in numbered_lines([start], _MAX_BYTES) for _, line in lines if line is not None]
    if not whole:
        texts = texts[:-1]
    values = [_parsed(text) for text in texts[:MAX_RECORDS]]
    records = tuple(value for value in values if isinstance(value, dict))
    if len(records) < len(values):
        doubts += (f"{path.name}: {len(values) - len(records)} of {len(values)} lines are no JSON objects",)
    return Sample(path, NDJSON, compression, records, whole and len(texts) <= MAX_RECORDS, doubts=doubts)


def _parsed(text: bytes) -> Any:
    try:
        return loads_exact(text)
    except (ValueError, RecursionError):
        return None


def _json(path: Path, compression: str | None, text: bytes, doubts: tuple[str, ...]) -> Sample:
    value = loads_exact(text.removeprefix(b"\xef\xbb\xbf"))
    records = value if isinstance(value, list) else [value]
    objects = tuple(record for record in records[:MAX_RECORDS] if isinstance(record, dict))
    if len(objects) < len(records[:MAX_RECORDS]):
        doubts += (f"{path.name}: not all elements of the array are JSON objects",)
    return Sample(path, JSON, compression, objects, len(records) <= MAX_RECORDS, doubts=doubts)


def _csv(path: Path, compression: str | None, start: bytes, whole: bool, doubts: tuple[str, ...]) -> Sample:
    encoding = _encoding(start)
    if encoding == "cp1252":
        doubts += (f"{path.name}: not UTF-8; cp1252 is a guess",)
    delimiter, fitting = _delimiter(start, encoding)
    if len(fitting) != 1:
        seen = " and ".join(map(repr, fitting)) or "none of them"
        doubts += (f"{path.name}: which delimiter it uses: {seen} would fit, {delimiter!r} was taken",)
    names, *rows = _rows(start, encoding, delimiter, MAX_RECORDS + 1) or [[]]
    records = tuple(dict(zip(names, row, strict=True)) for row in rows if len(row) == len(names))
    if len(records) < len(rows) - (not whole):
        doubts += (f"{path.name}: {len(rows) - len(records)} rows have another number of fields than the header",)
    if any(_looks_like_a_value(name) for name in names):
        doubts += (f"{path.name}: whether its first line is a header: {', '.join(names[:5])}",)
    return Sample(path, CSV, compression, records, whole and len(rows) < MAX_RECORDS, delimiter, encoding, doubts)


def _encoding(start: bytes) -> str:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        start[: max(0, len(start) - 4)].decode("utf-8")
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8"


def _delimiter(start: bytes, encoding: str) -> tuple[str, list[str]]:
    """Returns the delimiter to take, and all with which most rows have as many fields as the first, at least two."""
    shares = {}
    for delimiter in _DELIMITERS:
        rows = _rows(start, encoding, delimiter, 200)
        widths = Counter(map(len, rows))
        if rows and len(rows[0]) > 1:
            shares[delimiter] = (widths[len(rows[0])] / len(rows), len(rows[0]))
    fitting = [delimiter for delimiter, (share, _) in shares.items() if share > 0.9]
    best = max(fitting, key=lambda delimiter: shares[delimiter], default=",")
    return best, fitting


def _rows(start: bytes, encoding: str, delimiter: str, n_rows: int) -> list[list[str]]:
    text = CsvText(iter([start]), encoding, _MAX_BYTES * 2)
    found: list[list[str]] = []
    try:
        for _, fields in islice(csv_records(text, CsvSpec(delimiter, '"', encoding, ("",))), n_rows):
            found.append(fields)
    except (FileRefused, csv.Error):
        # The sample may end in the middle of a record.
        pass
    return found


def _looks_like_a_value(name: str) -> bool:
    return not name.strip() or name.strip().lstrip("+-").replace(".", "").isdigit()


def _parquet(path: Path, compression: str | None) -> Sample:
    from .arrow_text import check_type, text_column
    from .parquet_rows import opened, plain_file

    with plain_file(path, compression, 1 << 34) as plain, opened(plain) as file:
        for field in file.schema_arrow:
            check_type(field.name, field.type)
        batch = next(file.iter_batches(batch_size=MAX_RECORDS, use_threads=False), None)
        names: Sequence[str] = file.schema_arrow.names
        columns = [text_column(batch.column(name), {}) for name in names] if batch is not None else []
        n_rows = file.metadata.num_rows
    records = tuple(dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True))
    return Sample(path, PARQUET, compression, records, n_rows <= MAX_RECORDS)
