import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.reading.json_paths import parse_path
from orchestrator_platform.reading.read_files import read_files
from orchestrator_platform.records.contracts import Column
from orchestrator_platform.records.declarations import SourceOptions

from .conftest import Read


def rules(reading: Any) -> list[tuple[int | None, str]]:
    return [(address.line, address.rule) for address in reading.file.rejected]


def test_scalars_become_text_and_nested_values_compact_json(read: Read) -> None:
    record = {"a": "text", "b": 1, "c": True, "d": None, "e": {"x": [1, "ü"]}, "f": [], "g": 1.5}
    got = read({"a.ndjson": json.dumps(record).encode()}, "abcdefg")
    assert [got.rows[0][name] for name in "abcdefg"] == ["text", "1", "true", None, '{"x":[1,"ü"]}', "[]", "1.5"]


def test_lines_keep_their_numbers_and_blank_lines_are_no_rows(read: Read) -> None:
    got = read({"a.ndjson": b'\n{"a":"1"}\r\n  \n{"a":"2"}'})
    assert got.column("_line") == [2, 4]
    assert got.column("a") == ["1", "2"]
    assert got.file.n_rows == 2


def test_a_malformed_line_is_rejected_and_the_rest_is_read(read: Read) -> None:
    got = read({"a.ndjson": b'{"a":"1"}\n{"a": oops}\n[1]\n"text"\n{"a":NaN}\n{"a":"5"}\n'})
    assert got.column("_line") == [1, 6]
    assert rules(got) == [
        (2, "json"), (3, "json: not an object"), (4, "json: not an object"), (5, "json"),
    ]  # fmt: skip
    assert "column 7" in got.file.rejected[0].position


@pytest.mark.parametrize(
    "line",
    [
        b'{"a":"1","a":"2"}',
        b'{"a":"1", "a" : "2"}',
        b'{"a":"1","\\u0061":"2"}',
        b'{"b":{"x":1,"x":1},"a":"1"}',
        b'{"b":[{"x":1 ,"x" :"\\u0022:\\u0022:"}],"a":"1"}',
        b'{"a":"\\u0022\\u0022","b":1,"b":2}',
    ],
)
def test_a_duplicate_key_is_noticed_however_it_is_written(read: Read, line: bytes) -> None:
    got = read({"a.ndjson": line + b'\n{"a":"kept"}\n', "b.json": line}, columns=("a", "b"))
    assert [(f.rejected[0].line, f.rejected[0].rule) for f in got.files] == [(1, "json: duplicate key")] * 2
    assert got.column("a") == ["kept"]


@pytest.mark.parametrize("line", [b'{"a":"\\u0022a\\u0022:"}', b'{"a":"say \\"b\\":"}', b'{"b":{"a":1},"a":"x"}'])
def test_what_only_looks_like_a_duplicate_key_is_read(read: Read, line: bytes) -> None:
    assert len(read({"a.ndjson": line}, columns=("a", "b")).rows) == 1


def test_numbers_keep_their_digits(read: Read) -> None:
    numbers = [
        "1.10", "1e2", "1.0", "123456789012345678901234567890", "-9223372036854775809",
        "0.1234567890123456789", "18446744073709551615", "2.50E-3",
    ]  # fmt: skip
    text = "\n".join(f'{{"a":{n},"b":[{n}],"c":{{"x": {n}}}}}' for n in numbers)
    got = read({"a.ndjson": text.encode()}, columns=("a", "b", "c"))
    assert got.column("a") == numbers
    assert got.column("b") == [f"[{n}]" for n in numbers]
    assert got.column("c") == [f'{{"x":{n}}}' for n in numbers]


def test_numbers_of_an_array_keep_their_digits(read: Read) -> None:
    got = read({"a.json": b'[ {"a": 1.10}, {"a": 123456789012345678901} ]'}, record_column="r")
    assert got.column("a") == ["1.10", "123456789012345678901"]
    assert got.column("r") == ['{"a":1.10}', '{"a":123456789012345678901}']


def test_the_record_is_kept_as_landed(read: Read) -> None:
    line = b'{ "x": {"y": [10, 20.0]},   "z": "\\u00fc" }'
    got = read({"a.ndjson": line + b"\r\n"}, ["y"], paths={"y": "$.x.y[1]"}, record_column="whole")
    assert got.rows[0]["y"] == "20.0"
    assert got.column("whole") == [line.decode()]


def test_values_are_taken_from_nested_json_by_path(read: Read) -> None:
    record = b'{"m":{"id":"7","list":[{"c":"x"},{"c":"y"}],"odd key":1}}'
    paths = {"id": "$.m.id", "c": "$.m.list[1].c", "odd": '$.m["odd key"]', "no": "$.m.list[9].c", "deep": "$.m.id.x"}
    (row,) = read({"a.ndjson": record}, list(paths), paths=paths).rows
    assert [row[name] for name in paths] == ["7", "y", "1", None, None]


@pytest.mark.parametrize("path", ["a.b", "$", "$.", "$.a[", "$.a[x]", "$[0]", "$.a..b", "$.a b"])
def test_a_bad_path_is_an_error_of_the_definition(path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        parse_path(path)


def test_a_malformed_json_file_is_one_rejected_row_with_its_position(read: Read) -> None:
    got = read({"a.json": b'{\n  "a": 1,\n  "b": oops\n}'})
    assert got.file.refused is None
    assert (got.file.n_rows, got.file.n_written) == (1, 0)
    (address,) = got.file.rejected
    assert (address.line, address.rule, address.position) == (1, "json", "line 3 column 8")


def test_a_json_file_holds_a_record_or_an_array(read: Read) -> None:
    got = read({"a.json": b' {"a": "1"} ', "b.json": b'[{"a":"2"},\n{"a":"3"}]', "c.json": b"[]", "d.json": b""})
    assert got.column("a") == ["1", "2", "3"]
    assert got.column("_line") == [1, 1, 2]
    assert [file.n_rows for file in got.files] == [1, 2, 0, 0]


def test_bad_records_of_an_array_are_rejected_one_by_one(read: Read) -> None:
    text = b'[{"a":"1"}, 7, {"a":"x","a":"y"}, {"a":"\\ud800"}, {"a":NaN}, null, {"a":"7"}]'
    got = read({"a.json": text})
    assert got.column("_line") == [1, 7]
    assert rules(got) == [
        (2, "json: not an object"), (3, "json: duplicate key"), (4, "encoding"), (5, "json"),
        (6, "json: not an object"),
    ]  # fmt: skip


@pytest.mark.parametrize("text", [b'[{"a":"1"},{"a":', b'[{"a":"1"} {"a":"2"}]', b'[{"a":"1"}] x', b'[{"a":"1"},]'])
def test_an_array_that_cannot_be_read_to_its_end_is_refused(read: Read, text: bytes) -> None:
    got = read({"a.json": text})
    assert got.file.refused is not None
    assert got.file.refused.rule == "json"
    assert got.file.refused.position.startswith("line 1 column")
    assert got.rows == []


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        (b'{"a":"\xff"}', "encoding"),
        (b'{"a":"\\ud800"}', "encoding"),
        (b'{"a":"nul \\u0000"}', "encoding"),
        (b'{"a":"\0"}', "json"),
        (b'{"a":1e999}', "json"),
        (b'{"a":' + b"[" * 2000 + b"]" * 2000 + b"}", "json: nesting"),
        (b'{"a":' + b"[" * 500 + b"]" * 500 + b"}", "json: nesting"),
    ],
)
def test_text_that_no_table_can_hold_is_rejected(read: Read, line: bytes, rule: str) -> None:
    got = read({"a.ndjson": b'{"a":"1"}\n' + line + b'\n{"a":"3"}'})
    assert got.column("_line") == [1, 3]
    assert rules(got) == [(2, rule)]


def test_a_nul_in_what_is_only_kept_as_json_text_does_no_harm(read: Read) -> None:
    got = read({"a.ndjson": b'{"a":"1","b":"\\u0000"}'}, record_column="r")
    assert got.column("r") == ['{"a":"1","b":"\\u0000"}']


def test_a_byte_order_mark_is_dropped(read: Read) -> None:
    got = read({"a.ndjson": b'\xef\xbb\xbf{"a":"1"}\n', "b.json": b'\xef\xbb\xbf{"a":"2"}'}, record_column="r")
    assert got.column("r") == ['{"a":"1"}', '{"a":"2"}']


def test_utf_16_is_not_taken_for_lines(read: Read) -> None:
    got = read({"a.ndjson": '{"a":"1"}\n'.encode("utf-16")})
    assert got.file.refused is not None
    assert got.file.refused.rule == "encoding"


def test_unknown_keys_are_refused_or_kept_aside(read: Read) -> None:
    text = b'{"a":"1"}\n{"a":"2","new":[1.50],"b":null}\n'
    refused = read({"a.ndjson": text})
    assert refused.file.refused is not None
    assert refused.file.extra_columns == ("b", "new")
    kept = read({"a.ndjson": text}, on_drift="keep_aside")
    assert kept.column("_extra") == [None, '{"new":[1.50],"b":null}']
    assert kept.file.extra_columns == ("b", "new")


def test_a_line_longer_than_a_field_may_be_is_rejected(read: Read) -> None:
    long = b'{"a":"' + b"x" * 3_000_000 + b'"}'
    got = read({"a.ndjson": b'{"a":"1"}\n' + long + b'\n{"a":"3"}\n' + long}, limits={"field_bytes": 1_000})
    assert got.column("_line") == [1, 3]
    assert rules(got) == [(2, "field size"), (4, "field size")]


def test_records_that_cross_the_pieces_of_a_large_file_are_whole(read: Read) -> None:
    lines = [json.dumps({"a": f"{n}-{'é' * (n % 997)}"}, ensure_ascii=False) for n in range(9_000)]
    got = read({"a.ndjson.gz": gzip.compress("\n".join(lines).encode())})
    assert got.column("a") == [json.loads(line)["a"] for line in lines]


@pytest.mark.parametrize(
    "options",
    [
        {"columns": {"a": "a.b"}},
        {"columns": {"z": "$.a"}},
        {"csv": {"encoding": "no such"}},
        {"csv": {"encoding": "rot13"}},
    ],
)
def test_a_wrong_option_is_said_before_anything_is_read(tmp_path: Path, options: dict[str, Any]) -> None:
    declared = SourceOptions.model_validate(options)
    with pytest.raises(DefinitionError, match=r"source raw\.x"):
        read_files("raw.x", [], [Column(name="a", type="VARCHAR")], declared, tmp_path)
