import datetime
import gzip
import io
from decimal import Decimal
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from .conftest import Read


def parquet(columns: dict[str, Any], **options: Any) -> bytes:
    buffer = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table(columns), buffer, **options)
    return buffer.getvalue()


def test_values_become_text_without_loss(read: Read) -> None:
    instant = datetime.datetime(2024, 1, 2, 3, 4, 5, 678901)  # noqa: DTZ001  # a timestamp without a zone
    values: dict[str, tuple[pyarrow.Array, str]] = {
        "big": (pyarrow.array([2**63 - 1]), "9223372036854775807"),
        "unsigned": (pyarrow.array([2**64 - 1], pyarrow.uint64()), "18446744073709551615"),
        "double": (pyarrow.array([0.1]), "0.1"),
        "yes": (pyarrow.array([True]), "true"),
        "money": (pyarrow.array([Decimal("1.10")], pyarrow.decimal128(20, 2)), "1.10"),
        "tiny": (pyarrow.array([Decimal("0.0000000001")], pyarrow.decimal128(20, 10)), "0.0000000001"),
        "day": (pyarrow.array([datetime.date(2024, 2, 29)]), "2024-02-29"),
        "instant": (pyarrow.array([instant]), "2024-01-02 03:04:05.678901"),
        "zoned": (pyarrow.array([instant], pyarrow.timestamp("us", "UTC")), "2024-01-02 03:04:05.678901Z"),
        "nano": (pyarrow.array([1], pyarrow.timestamp("ns")), "1970-01-01 00:00:00.000000001"),
        "text": (pyarrow.array(["ä"]), "ä"),
        "coded": (pyarrow.array(["x"]).dictionary_encode(), "x"),
        "empty": (pyarrow.array([None], pyarrow.string()), None),
        "list": (pyarrow.array([[1, 2]]), "[1,2]"),
        "struct": (
            pyarrow.array([{"d": datetime.date(2024, 1, 1), "m": Decimal("2.50")}]),
            '{"d":"2024-01-01","m":2.50}',
        ),
    }
    got = read({"a.parquet": parquet({name: array for name, (array, _) in values.items()})}, list(values))
    assert {name: got.rows[0][name] for name in values} == {name: text for name, (_, text) in values.items()}


def test_columns_are_taken_by_name_and_extra_ones_kept_aside(read: Read) -> None:
    content = parquet({"x": [1.5, None], "a": ["1", "2"]})
    assert read({"a.parquet": content}).file.extra_columns == ("x",)
    got = read({"a.parquet": content}, on_drift="keep_aside", record_column="r")
    assert got.column("a") == ["1", "2"]
    assert got.column("r") == ['{"x":1.5,"a":"1"}', '{"x":null,"a":"2"}']
    aside = read({"a.parquet": content}, on_drift="keep_aside")
    assert aside.column("_extra") == ['{"x":1.5}', '{"x":null}']


def test_a_missing_column_refuses_the_file(read: Read) -> None:
    got = read({"a.parquet": parquet({"a": [1]})}, "ab")
    assert got.file.refused is not None
    assert got.file.refused.reason == "missing columns: b"


@pytest.mark.parametrize(
    "column", [[b"\x00\xff"], [datetime.timedelta(seconds=1)], [[b"x"]], [{"deep": [{"b": b"x"}]}]]
)
def test_types_without_a_text_form_are_refused(read: Read, column: list[Any]) -> None:
    got = read({"a.parquet": parquet({"a": column})})
    assert got.file.refused is not None
    assert got.file.refused.rule == "columns: type"


def test_more_rows_than_allowed_are_refused_before_reading(read: Read) -> None:
    content = parquet({"a": pyarrow.nulls(1_000_000, pyarrow.string())})
    assert len(content) < 5_000
    got = read({"a.parquet": content}, limits={"n_rows": 1_000})
    assert got.file.refused is not None
    assert got.file.refused.rule == "rows"


def test_one_value_repeated_a_million_times_meets_the_size_limit(read: Read) -> None:
    content = parquet({"a": pyarrow.array(["x" * 10_000] * 60_000)}, use_dictionary=True)
    assert len(content) < 1_000_000
    got = read({"a.parquet": content}, limits={"size_bytes": 100_000_000, "memory_mb": 600})
    assert got.file.refused is not None
    assert got.file.refused.rule == "size"
    assert got.rows == []


def test_damaged_files_are_refused_and_the_others_read(read: Read) -> None:
    good = parquet({"a": [str(n) for n in range(5_000)]})
    got = read(
        {
            "1.parquet": good[:-20],
            "2.parquet": good[: len(good) // 2],
            "3.parquet": good[:40] + b"\x55" * 200 + good[240:],
            "4.parquet": b"PAR1PAR1",
            "5.parquet": b"a,b\n1,2\n",
            "6.parquet": b"",
            "7.parquet": good,
        }
    )
    assert [file.refused is not None for file in got.files] == [True] * 6 + [False]
    assert got.column("a") == [str(n) for n in range(5_000)]


def test_text_that_is_not_utf_8_rejects_its_row(read: Read) -> None:
    array = pyarrow.array([b"ok", b"\xff", b"nul\0"]).view(pyarrow.string())
    got = read({"a.parquet": parquet({"a": array})})
    assert got.column("a") == ["ok"]
    assert [(address.line, address.rule) for address in got.file.rejected] == [(2, "encoding"), (3, "encoding")]


def test_a_number_that_json_cannot_say_rejects_its_row_only_inside_json(read: Read) -> None:
    got = read({"a.parquet": parquet({"a": [[1.0], [float("nan")]], "b": [float("inf"), 1.0]})}, "ab")
    assert got.column("_line") == [1]
    assert got.column("b") == ["inf"]


def test_a_compressed_parquet_file_is_read(read: Read) -> None:
    assert read({"a.parquet.gz": gzip.compress(parquet({"a": ["1"]}))}).column("a") == ["1"]
