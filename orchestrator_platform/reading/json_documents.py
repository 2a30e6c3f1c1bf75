"""JSON files that are one document: a record, or an array of them."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from .file_format import UTF8_BOM
from .file_rows import FileRows
from .json_rows import BATCH_RECORDS, JsonRecords
from .json_values import compact, lost_no_key, writes_number_that_may_lose
from .plain_bytes import plain_pieces
from .refusals import FileRefused


def read_json(path: Path, compression: str | None, rows: FileRows) -> None:
    """One record, or an array of them. One malformed record is one rejected row.

    Raises:
        FileRefused: The array cannot be read to its end, is damaged, or goes over a limit.
    """
    text = b"".join(plain_pieces(path, compression, rows.spec.limits.size_bytes)).removeprefix(UTF8_BOM).strip()
    if not text:
        return
    records = JsonRecords(rows, record_as_landed=False)
    if not text.startswith(b"["):
        rows.count(1)
        records.add_texts([(1, text)])
        return
    parsed = _quick_array(text)
    if parsed is None:
        _read_array_exactly(text, rows, records)
        return
    rows.count(len(parsed))
    for start in range(0, len(parsed), BATCH_RECORDS):
        batch = parsed[start : start + BATCH_RECORDS]
        records.add_parsed(list(range(start + 1, start + 1 + len(batch))), [compact(record) for record in batch], batch)


def _quick_array(text: bytes) -> list[Any] | None:
    """The array, if the quick parser reads it without any loss."""
    try:
        parsed = orjson.loads(text)
        written = orjson.dumps(parsed)
    except (ValueError, TypeError):
        return None
    if written != text and (not lost_no_key(text, written) or writes_number_that_may_lose(written)):
        return None
    return parsed if isinstance(parsed, list) and all(type(record) is dict for record in parsed) else None


def _read_array_exactly(text: bytes, rows: FileRows, records: JsonRecords) -> None:
    batch: list[tuple[int, bytes]] = []
    for number, element in enumerate(array_elements(text), 1):
        rows.count(1)
        batch.append((number, element))
        if len(batch) >= BATCH_RECORDS:
            records.add_texts(batch)
            batch = []
    records.add_texts(batch)


def array_elements(text: bytes) -> Iterator[bytes]:
    """Yields the text of each element of a JSON array.

    Raises:
        FileRefused: It is not an array in UTF-8, with the position.
    """
    try:
        decoded = text.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FileRefused("encoding", "bytes that are not UTF-8", position=f"byte {error.start + 1}") from error
    decoder, blank = json.JSONDecoder(), json.decoder.WHITESPACE  # type: ignore[attr-defined]
    at = blank.match(decoded, 1).end()
    expects_more = False
    while expects_more or decoded[at : at + 1] != "]":
        try:
            _, end = decoder.raw_decode(decoded, at)
        except RecursionError as error:
            raise FileRefused("json: nesting", "nested too deep") from error
        except json.JSONDecodeError as error:
            raise FileRefused("json", error.msg, position=f"line {error.lineno} column {error.colno}") from error
        yield decoded[at:end].encode("utf-8", "surrogatepass")
        at = blank.match(decoded, end).end()
        expects_more = decoded[at : at + 1] == ","
        if expects_more:
            at = blank.match(decoded, at + 1).end()
        elif decoded[at : at + 1] != "]":
            raise FileRefused("json", "`,` or `]` expected in the array", position=_place(decoded, at))
    if decoded[at + 1 :].strip():
        raise FileRefused("json", "something follows the array", position=_place(decoded, at + 1))


def _place(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1} column {at - text.rfind(chr(10), 0, at)}"
