"""JSON records become rows of text, malformed ones get an address; NDJSON, one record per line."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson

from .file_format import WIDE_BOMS
from .file_rows import FileRows
from .json_paths import follow_path
from .json_values import (
    DuplicateKey,
    compact,
    loads_exact,
    lost_no_key,
    may_lose,
    text_of,
    why_not_json,
    writes_number_that_may_lose,
)
from .plain_bytes import plain_pieces
from .refusals import FileRefused, listed
from .text_lines import numbered_lines

_NUL = b"\\u0000"
BATCH_RECORDS = 2_000


def read_ndjson(path: Path, compression: str | None, rows: FileRows) -> None:
    """One record per line; a malformed line is rejected and the rest is read.

    Raises:
        FileRefused: The file is not UTF-8 text, is damaged, or goes over a limit.
    """
    limits = rows.spec.limits
    pieces = _checked_text(plain_pieces(path, compression, limits.size_bytes))
    records = JsonRecords(rows, record_as_landed=True)
    for lines in numbered_lines(pieces, limits.field_bytes):
        rows.count(len(lines))
        good = [(number, line) for number, line in lines if line is not None]
        for number, line in lines:
            if line is None:
                rows.reject_too_large(number)
        for start in range(0, len(good), BATCH_RECORDS):
            records.add_texts(good[start : start + BATCH_RECORDS])


def _checked_text(pieces: Iterator[bytes]) -> Iterator[bytes]:
    for number, piece in enumerate(pieces):
        if number == 0 and piece.startswith(WIDE_BOMS):
            raise FileRefused("encoding", "UTF-16 or UTF-32 text: JSON must be UTF-8")
        yield piece


class JsonRecords:
    """Turns records into rows. `record_as_landed` keeps a record's own text, else its compact form."""

    def __init__(self, rows: FileRows, *, record_as_landed: bool) -> None:
        self.rows, self.spec, self.record_as_landed = rows, rows.spec, record_as_landed
        self.paths = [column.steps for column in self.spec.columns]

    def add_texts(self, texts: Sequence[tuple[int, bytes]]) -> None:
        """Parses and writes records given as (line, text)."""
        lines: list[int] = []
        raws: list[bytes] = []
        records: list[Any] = []
        for line, raw in texts:
            try:
                record = orjson.loads(raw)
            except ValueError as error:
                self.rows.reject(line, *why_not_json(raw, error))
                continue
            if type(record) is not dict:
                self.rows.reject(line, "json: not an object", "the record is not a JSON object")
                continue
            lines.append(line)
            raws.append(raw)
            records.append(record)
        if not _surely_whole(raws, records):
            lines, raws, records = self._without_doubtful(lines, raws, records)
        self.add_parsed(lines, raws, records)

    def _without_doubtful(
        self, lines: list[int], raws: list[bytes], records: list[Any]
    ) -> tuple[list[int], list[bytes], list[Any]]:
        kept = []
        for line, raw, record in zip(lines, raws, records, strict=True):
            try:
                if not lost_no_key(raw, orjson.dumps(record)):
                    loads_exact(raw)
            except DuplicateKey:
                self.rows.reject(line, "json: duplicate key", "an object names a key twice")
            except (TypeError, RecursionError):
                self.rows.reject(line, "json: nesting", "nested too deep")
            else:
                kept.append((line, raw, record))
        return [k[0] for k in kept], [k[1] for k in kept], [k[2] for k in kept]

    def add_parsed(self, lines: list[int], raws: list[bytes], records: list[Any]) -> None:
        """Writes records that are objects and lost no key."""
        if not lines:
            return
        if self.spec.watches_extra:
            self._note_extra(records)
        columns = [self._values(records, steps) for steps in self.paths]
        extra = self._extra(records)
        doubtful = {
            index
            for column in (*columns, *([extra] if extra else []))
            for index, value in enumerate(column)
            if isinstance(value, float | dict | list) and may_lose(value)
        }
        for index in doubtful:
            if orjson.dumps(records[index]) != raws[index]:
                records[index] = loads_exact(raws[index])
                for column, steps in zip(columns, self.paths, strict=True):
                    column[index] = follow_path(records[index], steps)
                if extra:
                    extra[index] = self._extra_of(records[index])
        self._write(lines, raws, records, columns, extra)

    def _write(
        self, lines: list[int], raws: list[bytes], records: list[Any], columns: list[list[Any]], extra: list[Any]
    ) -> None:
        texts: list[list[Any]] = [
            [v if v is None or type(v) is str else text_of(v) for v in column] for column in columns
        ]
        limit = self.spec.limits.field_bytes
        if self.spec.record_column:
            written = [raw.removesuffix(b"\r") for raw in raws] if self.record_as_landed else _compacted(raws, records)
            texts.append(written)
        if self.spec.keep_extra:
            texts.append([text_of(value) if value else None for value in extra or [None] * len(lines)])
        if any(len(raw) > limit for raw in raws):
            small = [index for index, raw in enumerate(raws) if len(raw) <= limit]
            for index, raw in enumerate(raws):
                if len(raw) > limit:
                    self.rows.reject_too_large(lines[index])
            lines, texts = [lines[i] for i in small], [[column[i] for i in small] for column in texts]
        self.rows.write(lines, texts, look_for_nul=any(_NUL in raw for raw in raws))

    def _values(self, records: list[Any], steps: tuple[str | int, ...]) -> list[Any]:
        if len(steps) == 1:
            key = steps[0]
            return [record.get(key) for record in records]
        return [follow_path(record, steps) for record in records]

    def _note_extra(self, records: list[Any]) -> None:
        known = self.spec.known_keys
        found = {key for record in records if not record.keys() <= known for key in record.keys() - known}
        self.rows.extra |= found
        if found and not self.spec.keep_extra:
            names = tuple(sorted(self.rows.extra))
            raise FileRefused("columns", f"columns that the contract does not name: {listed(names)}", extra=names)

    def _extra(self, records: list[Any]) -> list[Any]:
        if not (self.spec.keep_extra and self.spec.watches_extra):
            return []
        return [self._extra_of(record) for record in records]

    def _extra_of(self, record: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in record.items() if key not in self.spec.known_keys}


def _compacted(raws: list[bytes], records: list[Any]) -> list[bytes]:
    return [_compact_text(raw, record) for raw, record in zip(raws, records, strict=True)]


def _compact_text(raw: bytes, record: Any) -> bytes:
    written = compact(record)
    if written != raw and writes_number_that_may_lose(written):
        return compact(loads_exact(raw))
    return written


def _surely_whole(raws: list[bytes], records: list[Any]) -> bool:
    """Whether no record can have lost a key: one look at the batch instead of one per record."""
    try:
        written = orjson.dumps(records)
    except TypeError:
        return False
    quotes = sum(raw.count(b'"') for raw in raws)
    return quotes == written.count(b'"') and not any(b"\\u0022" in raw for raw in raws)
