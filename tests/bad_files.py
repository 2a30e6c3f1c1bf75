"""Files as they should not come, each with what must become of it, whatever format they are in.

A case holds good records around one bad thing. Either its good rows are published exactly and the bad ones stand
in quarantine with an address, or the file is refused as a whole. Records of all cases have different ids.
"""

import gzip
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import pyarrow
import pyarrow.parquet
import zstandard

Record = tuple[int, str | None]


@dataclass(frozen=True)
class Case:
    """`published` are the rows (id, name) that must be served from the file, `n_bad` how many of it wait in
    quarantine by their lines; of a `refused` file nothing is served. Where `n_bad` is `None`, it may be either:
    no row is served.
    """

    kind: str
    suffix: str
    content: bytes
    published: tuple[Record, ...] = ()
    n_bad: int | None = 0
    refused: bool = False
    name: str = ""


_IDS = count(1)
PACKED: dict[str, Callable[[bytes], bytes]] = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}

# What a value of the text column may hold: it is published as it came.
HARMLESS = {
    "sql": "'); DROP TABLE raw.people; --",
    "quotes": 'it\'s "quoted" ``',
    "template": "{{ config.x }} {% raw %} ${HOME} %s",
    "path": "../../../../etc/passwd",
    "emoji": "\U0001f9ea\u200d\U0001f468",
    "right to left": "\u202eabc\u202c \u05d0",
    "byte order mark inside": "a\ufeffb",
    "control characters": "a\x01\x1b[31m\x7f",
    "noncharacter": "\ufffe\uffff",
    "number-like": "007",
    "date-like": "2024-13-45",
    "null-like": "NULL",
    "line break": "a\nb\r\nc",
    "tab and spaces": " \t a ",
    "combining": "e\u0301",
    "backslashes": "\\N \\u0041 \\",
    "10 MB": "x" * 10_000_000,
}
# JSON values of the number column that are no whole number of 64 bits.
NO_ID = {
    "text": '"x"',
    "fraction": "1.5",
    "true": "true",
    "object": '{"a":1}',
    "list": "[1]",
    "too large": "9223372036854775808",
    "exponent": "1e40",
    "empty text": '""',
    "null": "null",
    "hexadecimal": '"0x10"',
    "with spaces": '"1 2"',
    "NaN text": '"NaN"',
    "date": '"2024-01-01"',
    "sql": '"1; DROP TABLE x"',
}
# Text in the place of a JSON record.
NO_RECORD = {
    "oops": b"{oops}",
    "number": b"7",
    "null": b"null",
    "text": b'"x"',
    "NaN": b'{"id":NaN,"name":"x"}',
    "infinity": b'{"id":-Infinity,"name":"x"}',
    "single quotes": b"{'id':1,'name':'x'}",
    "comma at the end": b'{"id":1,"name":"x",}',
    "comment": b'{"id":1/*x*/,"name":"x"}',
    "leading zero": b'{"id":01,"name":"x"}',
    "no colon": b'{"id" 1}',
    "not UTF-8": b'{"id":1,"name":"\xff\xfe"}',
    "overlong UTF-8": b'{"id":1,"name":"\xc0\xaf"}',
    "half UTF-8": b'{"id":1,"name":"\xe2\x82"}',
    "raw tab in text": b'{"id":1,"name":"a\tb"}',
    "raw NUL": b'{"id":1,"name":"a\x00b"}',
    "bad escape": b'{"id":1,"name":"\\x41"}',
}
# Records that are JSON, and still no row.
NO_ROW = {
    "duplicate key": b'{"id":1,"id":2,"name":"x"}',
    "duplicate key, escaped": b'{"id":1,"\\u0069d":2,"name":"x"}',
    "lone surrogate": b'{"id":1,"name":"\\ud800"}',
    "NUL": b'{"id":1,"name":"a\\u0000b"}',
    "key is missing": b'{"name":"x"}',
    "deep": b'{"id":1,"name":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
    "13 MB field": b'{"id":1,"name":"' + b"x" * 13_000_000 + b'"}',
}


def good(name: str | None = "ok") -> Record:
    return next(_IDS), name


def to_json(record: Record) -> bytes:
    return json.dumps({"id": record[0], "name": record[1]}).encode()


def json_cases(suffix: str, join: Callable[[Sequence[bytes]], bytes], *, by_line: bool) -> Iterator[Case]:
    """Cases of both JSON forms: `join` puts the texts of records together."""

    def around(kind: str, bad: bytes, *, refused: bool = False) -> Case:
        rows = (good(), good("ö"))
        content = join([to_json(rows[0]), bad, to_json(rows[1])])
        return Case(kind, suffix, content, () if refused else rows, 0 if refused else 1, refused)

    for kind, text in HARMLESS.items():
        row = good(text)
        yield Case(f"text: {kind}", suffix, join([to_json(row)]), (row,))
    for kind, value in NO_ID.items():
        yield around(f"id: {kind}", b'{"id":' + value.encode() + b',"name":"x"}')
    for kind, bad in NO_RECORD.items():
        is_json = kind in ("number", "null", "text", "NaN", "infinity")
        yield around(f"no record: {kind}", bad, refused=not is_json and not by_line)
    for kind, bad in NO_ROW.items():
        yield around(f"no row: {kind}", bad, refused=kind == "deep" and not by_line)
    yield around("unclosed text", b'{"id":1,"name":"x', refused=not by_line)
    yield around("unknown column", b'{"id":1,"name":"x","surprise":1}', refused=True)
    yield around("name of another case", b'{"ID":1,"name":"x"}', refused=True)


def ndjson_cases() -> Iterator[Case]:
    yield from json_cases(".ndjson", b"\n".join, by_line=True)
    rows = (good(), good(), good())
    lines = [to_json(row) for row in rows]
    yield Case("mixed line ends", ".ndjson", lines[0] + b"\r\n" + lines[1] + b"\n\n" + lines[2], rows)
    yield from _whole(".ndjson", lambda row: to_json(row) + b"\n")
    row = good()
    yield Case("cut off in a record", ".ndjson", to_json(row) + b'\n{"id":1,"na', (row,), 1)


def json_array_cases() -> Iterator[Case]:
    yield from json_cases(".json", lambda records: b"[" + b",\n".join(records) + b"]", by_line=False)
    yield from _whole(".json", to_json)
    row = to_json(good())
    yield Case("array cut off", ".json", b"[" + row + b",", refused=True)
    yield Case("two arrays", ".json", b"[" + row + b"][]", refused=True)
    yield Case("empty array", ".json", b"[]")
    yield Case("array of nothing else", ".json", b"[[],[[]]]", n_bad=2)
    yield Case("open brackets", ".json", b"[" * 100_000, refused=True)


def _whole(suffix: str, text: Callable[[Record], bytes]) -> Iterator[Case]:
    """Files in which all is well, or nothing. Without a header, a file that must have one is refused."""
    row = good("é")
    yield Case("byte order mark", suffix, b"\xef\xbb\xbf" + text(row), (row,))
    yield Case("empty", suffix, b"", refused=suffix == ".csv")
    yield Case("blank", suffix, b" \n\n \t\n", refused=suffix == ".csv")
    for encoding in ("utf-16", "utf-16-be", "utf-32"):
        yield Case(encoding, suffix, text(good()).decode().encode(encoding), n_bad=None)
    yield Case("nothing but NUL", suffix, b"\0" * 5_000, n_bad=None)


def to_csv(record: Record) -> bytes:
    return b'%d,"%s"\n' % (record[0], (record[1] or "").replace('"', '""').encode())


def csv_cases() -> Iterator[Case]:
    head = b"id,name\n"

    def around(kind: str, bad: bytes, *, refused: bool = False, n_bad: int = 1) -> Case:
        rows = (good(), good("ö"))
        content = head + to_csv(rows[0]) + bad + to_csv(rows[1])
        return Case(kind, ".csv", content, () if refused else rows, 0 if refused else n_bad, refused)

    for kind, text in HARMLESS.items():
        row = good(text)
        yield Case(f"text: {kind}", ".csv", head + to_csv(row), (row,))
    for kind, value in NO_ID.items():
        field_text = json.loads(value) if value.startswith('"') else "" if value == "null" else value
        yield around(f"id: {kind}", f'"{str(field_text).replace(chr(34), chr(34) * 2)}",x\n'.encode())
    yield around("too few fields", b"1\n")
    yield around("too many fields", b"1,x,y\n")
    yield around("not UTF-8", b"1,\xff\xfe\n")
    yield around("NUL", b"1,a\x00b\n")
    yield around("13 MB field", b"1," + b"x" * 13_000_000 + b"\n")
    yield around("text after a quote", b'1,"a"b\n', refused=True)
    row = (next(_IDS), 'a"b"c')
    yield Case("quotes inside", ".csv", head + b"%d,%s\n" % (row[0], row[1].encode()), (row,))
    row = good()
    yield Case("unclosed quote", ".csv", head + to_csv(row) + b'1,"x\n', refused=True)
    for kind, header in {
        "duplicate header": b"id,name,name\n",
        "header lacks a column": b"id\n",
        "unknown column": b"id,name,surprise\n",
        "header in another case": b"ID,NAME\n",
        "no header": b"",
        "semicolons": b"id;name\n",
        "empty header": b",\n",
    }.items():
        yield Case(kind, ".csv", header + b"1,x,y\n"[: 2 * (header.count(b",") + 1) - 1] + b"\n", refused=True)
    rows = (good(), good())
    turned = b"".join(b"%s,%d\n" % (name.encode(), number) for number, name in rows if name)
    yield Case("other order", ".csv", b"name,id\n" + turned, rows)
    rows = (good(), good(), good())
    lines = [to_csv(row).rstrip() for row in rows]
    yield Case("mixed line ends", ".csv", head + lines[0] + b"\r\n" + lines[1] + b"\n" + lines[2], rows)
    yield Case("header alone", ".csv", head)
    yield from _whole(".csv", lambda record: head + to_csv(record))


def to_parquet(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer, **options)
    return buffer.getvalue()


def parquet_cases() -> Iterator[Case]:
    suffix = ".parquet"
    for kind, text in HARMLESS.items():
        row = good(text)
        yield Case(f"text: {kind}", suffix, to_parquet({"id": [row[0]], "name": [row[1]]}), (row,))
    for compression in ("none", "snappy", "gzip", "zstd", "brotli", "lz4"):
        row = good()
        content = to_parquet({"id": [row[0]], "name": [row[1]]}, compression=compression)
        yield Case(f"compressed: {compression}", suffix, content, (row,))
        yield Case(f"cut off: {compression}", suffix, content[:-9], refused=True)
        yield Case(f"cut short: {compression}", suffix, content[: len(content) // 2], refused=True)
        yield Case(f"without its first bytes: {compression}", suffix, content[4:], refused=True)
    for kind, ids in {
        "text": ["1", "x"],
        "fraction": [1.0, 1.5],
        "null": [1, None],
        "too large": pyarrow.array([1, 2**64 - 1], pyarrow.uint64()),
    }.items():
        row = good()
        first = pyarrow.array(ids).take(pyarrow.array([1]))
        content = to_parquet({"id": first, "name": ["x"]})
        yield Case(f"id: {kind}", suffix, content, n_bad=1)
    row = good()
    columns = {"id": [row[0]], "name": [row[1]]}
    yield Case("unknown column", suffix, to_parquet({**columns, "surprise": [1]}), refused=True)
    yield Case("column is missing", suffix, to_parquet({"id": [1]}), refused=True)
    yield Case("name of another case", suffix, to_parquet({"ID": [1], "name": ["x"]}), refused=True)
    yield Case("list for a number", suffix, to_parquet({"id": [[1]], "name": ["x"]}), n_bad=1)
    nothing = {"id": pyarrow.array([], pyarrow.int64()), "name": pyarrow.array([], pyarrow.string())}
    yield Case("no rows", suffix, to_parquet(nothing))
    yield Case("no columns", suffix, to_parquet({}), refused=True)
    yield Case("empty", suffix, b"", refused=True)
    yield Case("magic alone", suffix, b"PAR1PAR1", refused=True)
    yield Case("CSV", suffix, b"id,name\n1,x\n", refused=True)
    yield Case("NUL", suffix, b"\0" * 5_000, refused=True)


NAMES = (
    "it's",
    'say "x"',
    "a;b -- DROP TABLE x",
    "line\nbreak",
    "tab\there",
    "ü\u0301雪\U0001f9ea",
    "%2e%2e%2f",
    "x..\\..\\x",
    "-rf",
    "a b  c",
    "$(touch x)",
    "`x`",
    "{{ x }}",
    "*?[x]",
    "x" * 200,
    "hidden..",
    "\u202egpj",
    "CON",
    "a=1,b=2",
    "#x",
)


def _named(suffix: str, text: Callable[[Record], bytes]) -> Iterator[Case]:
    for name in NAMES:
        row = good(name)
        yield Case(f"name: {name!r}", suffix, text(row), (row,), name=f"{name}{suffix}")


def _packed(case: Case) -> Iterator[Case]:
    for ending, pack in PACKED.items():
        packed_name = case.name and case.name + ending
        yield replace(case, suffix=case.suffix + ending, content=pack(case.content), name=packed_name)


def _damaged_packing(suffix: str, text: Callable[[Record], bytes]) -> Iterator[Case]:
    for ending in (".gz", ".zst"):
        whole = PACKED[ending](text(good()) * 50)
        yield Case("packing cut off", suffix + ending, whole[: len(whole) // 2], refused=True)
        yield Case("packing without its end", suffix + ending, whole[:-1], refused=True)
        yield Case("not packed", suffix + ending, text(good()), refused=True)
    flipped = bytearray(gzip.compress(text(good()) * 50))
    flipped[-6] ^= 1
    yield Case("checksum does not fit", suffix + ".gz", bytes(flipped), refused=True)


def cases_of(name: str) -> list[Case]:
    """Returns every case of a format: plain, and compressed where that is not the format's own matter."""
    match name:
        case "ndjson":
            plain, suffix, text = ndjson_cases(), ".ndjson", lambda record: to_json(record) + b"\n"
        case "json":
            plain, suffix, text = json_array_cases(), ".json", to_json
        case "csv":
            plain, suffix, text = csv_cases(), ".csv", lambda record: b"id,name\n" + to_csv(record)
        case "parquet":
            plain, suffix, text = parquet_cases(), ".parquet", lambda r: to_parquet({"id": [r[0]], "name": [r[1]]})
        case _:
            raise ValueError(name)
    cases = [*plain, *_named(suffix, text)]
    if name != "parquet":
        cases = [variant for case in cases for variant in _packed(case)]
        cases += _damaged_packing(suffix, text)
    return cases


FORMATS = ("ndjson", "json", "csv", "parquet")
