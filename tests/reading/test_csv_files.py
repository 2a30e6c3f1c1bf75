from typing import Any

import pytest

from .conftest import Read


def rules(reading: Any) -> list[tuple[int | None, str, str]]:
    return [(address.line, address.rule, address.position) for address in reading.file.rejected]


def test_values_stay_text_and_empty_ones_are_null(read: Read) -> None:
    got = read({"a.csv": b'a,b\n007,"x, ""y"""\n,1e3\n'}, "ab")
    assert [(row["a"], row["b"], row["_line"]) for row in got.rows] == [("007", 'x, "y"', 1), (None, "1e3", 2)]


def test_columns_are_found_by_name_and_may_be_renamed(read: Read) -> None:
    got = read({"a.csv": b"Order No,a\n1,2\n"}, ["a", "order_no"], paths={"order_no": '$["Order No"]'})
    assert [(row["a"], row["order_no"]) for row in got.rows] == [("2", "1")]


def test_the_options_are_taken_at_their_word(read: Read) -> None:
    text = "a;b\r\n'x;y';\xe4\r\nNULL;\r\n".encode("cp1252")
    options = {"delimiter": ";", "quote": "'", "encoding": "cp1252", "null_values": ["NULL"]}
    got = read({"a.csv": text}, "ab", csv=options)
    assert [(row["a"], row["b"]) for row in got.rows] == [("x;y", "ä"), (None, "")]


def test_a_quoted_line_break_belongs_to_its_record(read: Read) -> None:
    got = read({"a.csv": b'a,b\n"1\n2",x\n\n3\n4,y\n'}, "ab")
    assert got.column("a") == ["1\n2", "4"]
    assert got.column("_line") == [1, 3]
    assert rules(got) == [(2, "columns", "line 5")]


def test_ragged_rows_are_rejected(read: Read) -> None:
    got = read({"a.csv": b"a,b\n1,2\n1,2,3\n1\n4,5\n"}, "ab")
    assert got.column("a") == ["1", "4"]
    assert [rule for _, rule, _ in rules(got)] == ["columns", "columns"]
    assert got.file.rejected[0].reason == "3 fields where the header has 2"


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (b'a,b\n1,2\n3,"open\n5,6\n', "line 3"),
        (b'a,b\n1,"x"y\n3,4\n', "line 2"),
        (b"a,b\r1,2\r3,4\r", "line 1"),
    ],
)
def test_wrong_quoting_refuses_the_file_with_the_line_where_it_began(read: Read, text: bytes, position: str) -> None:
    got = read({"a.csv": text}, "ab")
    assert got.file.refused is not None
    assert (got.file.refused.rule, got.file.refused.position) == ("csv", position)
    assert got.rows == []


def test_the_header_is_checked_in_every_file(read: Read) -> None:
    got = read(
        {
            "1.csv": b"a,b\n1,2\n",
            "2.csv": b"a,a,b\n1,2,3\n",
            "3.csv": b"a\n1\n",
            "4.csv": b"a,B \n1,2\n",
            "5.csv": b"",
            "6.csv": b"b,a\n2,1\n",
            "7.csv": b"a,b\n",
        },
        "ab",
    )
    found = [file.refused.rule if file.refused else None for file in got.files]
    assert found == [None, "columns: duplicate header", "columns", "columns", "columns", None, None]
    assert got.files[2].refused.reason == "missing columns: b"  # type: ignore[union-attr]
    assert "'B '" in got.files[3].refused.reason  # type: ignore[union-attr]
    assert [(row["a"], row["b"]) for row in got.rows] == [("1", "2"), ("1", "2")]


def test_unknown_columns_are_refused_or_kept_aside(read: Read) -> None:
    text = b"a,new,b\n1,x,2\n3,,4\n"
    refused = read({"a.csv": text}, "ab")
    assert refused.file.refused is not None
    assert refused.file.extra_columns == ("new",)
    kept = read({"a.csv": text}, "ab", on_drift="keep_aside")
    assert kept.column("_extra") == ['{"new":"x"}', '{"new":null}']
    assert kept.file.extra_columns == ("new",)


def test_the_whole_record_can_be_kept(read: Read) -> None:
    got = read({"a.csv": b"a,z\n1,\n"}, record_column="r")
    assert got.column("r") == ['{"a":"1","z":null}']


def test_bytes_that_are_not_text_reject_their_row(read: Read) -> None:
    got = read({"a.csv": b"a,b\n1,\xff\n2,nul\0\n3,\xc3\xa4\n"}, "ab")
    assert got.column("b") == ["ä"]
    assert [rule for _, rule, _ in rules(got)] == ["encoding", "encoding"]


def test_a_header_that_is_not_text_refuses_the_file(read: Read) -> None:
    for text in ("a,b\n1,2\n".encode("utf-16"), b"a\xff,b\n1,2\n"):
        got = read({"a.csv": text}, "ab")
        assert got.file.refused is not None
        assert got.file.refused.rule == "encoding"


def test_a_byte_order_mark_is_no_part_of_the_header(read: Read) -> None:
    assert read({"a.csv": b"\xef\xbb\xbfa\n1\n"}).column("a") == ["1"]


def test_utf_16_is_read_where_it_is_declared(read: Read) -> None:
    assert read({"a.csv": "a\nä\n".encode("utf-16")}, csv={"encoding": "utf-16"}).column("a") == ["ä"]


def test_a_huge_field_is_rejected(read: Read) -> None:
    got = read({"a.csv": b"a\n" + b"x" * 5_000 + b"\ny\n"}, limits={"field_bytes": 1_000})
    assert got.column("a") == ["y"]
    assert [rule for _, rule, _ in rules(got)] == ["field size"]


def test_an_endless_field_refuses_the_file_without_being_held(read: Read) -> None:
    got = read({"a.csv": b'a\n1\n"' + b"x\n" * 4_000_000}, limits={"field_bytes": 1_000, "memory_mb": 256})
    assert got.file.refused is not None
    assert got.file.refused.rule == "field size"


def test_many_rows_stay_in_order(read: Read) -> None:
    text = "a\n" + "".join(f"{n}\n" for n in range(50_000))
    got = read({"a.csv": text.encode()})
    assert got.column("a") == [str(n) for n in range(50_000)]
    assert got.column("_line") == list(range(1, 50_001))
