"""Counts a file's records anew, for whoever must not take the reader's word for it."""

import codecs
import csv
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .file_format import CSV, NDJSON, PARQUET, UTF8_BOM, format_of
from .plain_bytes import plain_pieces
from .read_spec import FileSpec, ReadSpec
from .refusals import FileRefused


def count_rows(file: FileSpec, spec: ReadSpec) -> int:
    """Returns how many records the file holds; what cannot be read to its end counts one more."""
    path = Path(file.path)
    try:
        found = format_of(path, file.name, spec.format)
    except FileRefused:
        return 1
    if found.empty:
        return 1 if found.format == CSV else 0
    counting: dict[str, Callable[[Path, str | None, ReadSpec], int]] = {
        NDJSON: _count_lines,
        CSV: _count_csv,
        PARQUET: _count_parquet,
    }
    return counting.get(found.format, _count_json)(path, found.compression, spec)


def _count_lines(path: Path, compression: str | None, spec: ReadSpec) -> int:
    n_rows = 0
    is_blank = True
    first = True
    try:
        for piece in plain_pieces(path, compression, spec.limits.size_bytes):
            head, *rest = (piece.removeprefix(UTF8_BOM) if first else piece).split(b"\n")
            first = False
            is_blank = is_blank and not head.strip()
            if rest:
                *lines, last = rest
                n_rows += (not is_blank) + sum(1 for line in lines if line.strip())
                is_blank = not last.strip()
    except FileRefused:
        return n_rows + 1
    return n_rows + (not is_blank)


def _count_json(path: Path, compression: str | None, spec: ReadSpec) -> int:
    try:
        text = b"".join(plain_pieces(path, compression, spec.limits.size_bytes)).removeprefix(UTF8_BOM)
    except FileRefused:
        return 1
    return _count_json_text(text)


def _count_json_text(text: bytes) -> int:
    import json

    import orjson

    if not text.strip():
        return 0
    try:
        value = orjson.loads(text)
    except ValueError:
        try:
            # It takes what the quick parser refuses in single records, such as half a surrogate pair.
            value = json.loads(text)
        except (ValueError, RecursionError):
            return 1
    return len(value) if isinstance(value, list) else 1


def _count_csv(path: Path, compression: str | None, spec: ReadSpec) -> int:
    name = codecs.lookup(spec.csv.encoding).name
    decoder = codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)("surrogateescape")
    n_rows = 0
    csv.field_size_limit(min(spec.limits.size_bytes, 2**62))
    try:
        pieces = plain_pieces(path, compression, spec.limits.size_bytes)
        texts = (decoder.decode(piece) for piece in pieces)
        lines = _text_lines(texts)
        for fields in csv.reader(lines, delimiter=spec.csv.delimiter, quotechar=spec.csv.quote, strict=True):
            n_rows += bool(fields)
    except (FileRefused, csv.Error, UnicodeError):
        return max(1, n_rows)
    return max(0, n_rows - 1)


def _text_lines(texts: Iterable[str]) -> Iterator[str]:
    held: list[str] = []
    for text in texts:
        *lines, rest = text.split("\n")
        for line in lines:
            yield "".join((*held, line, "\n"))
            held = []
        held.append(rest)
    if last := "".join(held):
        yield last


def _count_parquet(path: Path, compression: str | None, spec: ReadSpec) -> int:
    from .parquet_rows import opened, plain_file

    try:
        with plain_file(path, compression, spec.limits.size_bytes) as plain, opened(plain) as file:
            return int(file.metadata.num_rows)
    except FileRefused:
        return 1
