"""A check of one's own is given the dtypes that its model declares."""

from pathlib import Path

import duckdb

from orchestrator_platform.contracts.evaluate import evaluate_rules, schema_problems
from orchestrator_platform.contracts.pandera_contract import load_pandera_contract
from orchestrator_platform.records.keys import AssetKey
from orchestrator_platform.sql import read_columns

MODEL = """
import datetime
import decimal
from typing_extensions import TypedDict
import pandas as pd
import pyarrow
import pandera.pandas as pa

class Part(TypedDict):
    n: int

SEEN = {
    "whole": lambda s: str(s.dtype) == "int64",
    "nullable_whole": lambda s: str(s.dtype) == "Int64",
    "truth": lambda s: str(s.dtype) == "bool",
    "text": lambda s: str(s.dtype) == "str",
    "kind": lambda s: isinstance(s.dtype, pd.CategoricalDtype),
    "day": lambda s: s.map(type).eq(datetime.date).all(),
    "moment": lambda s: str(s.dtype) == "datetime64[us]",
    "instant": lambda s: str(s.dtype) == "datetime64[us, Europe/Berlin]" and (s.dt.hour == 14).all(),
    "price": lambda s: s.map(type).eq(decimal.Decimal).all(),
    "words": lambda s: s.map(lambda value: value == ["a", "b"]).all(),
    "counts": lambda s: s.map(lambda value: value == {"a": 1}).all(),
    "part": lambda s: s.map(lambda value: value == {"n": 1}).all(),
    "vector": lambda s: s.dtype == pd.ArrowDtype(pyarrow.list_(pyarrow.float32())),
}

class Everything(pa.DataFrameModel):
    whole: int = pa.Field(nullable=True)
    nullable_whole: pd.Int64Dtype
    truth: bool
    text: str = pa.Field(nullable=True)
    kind: pd.CategoricalDtype
    day: datetime.date
    moment: datetime.datetime
    instant: pd.DatetimeTZDtype = pa.Field(dtype_kwargs={"unit": "ns", "tz": "Europe/Berlin"})
    price: pa.typing.Series[pa.Decimal] = pa.Field(dtype_kwargs={"precision": 10, "scale": 2})
    words: list[str]
    counts: dict[str, int]
    part: Part
    vector: pd.ArrowDtype = pa.Field(dtype_kwargs={"pyarrow_dtype": pyarrow.list_(pyarrow.float32())})

    @pa.check(*SEEN)
    def is_what_was_declared(cls, series: pd.Series) -> bool:
        return bool(SEEN[series.name](series))

    class Config:
        metadata = {"grain": "none"}
"""

ROW = """(
    select 1::bigint as whole, 1::bigint as nullable_whole, true as truth, 'x' as text, 'k' as kind,
        date '2024-05-01' as day, timestamp '3024-05-01' as moment, timestamptz '2024-05-01 12:00:00+00' as instant,
        1.5::decimal(10,2) as price, ['a', 'b'] as words, map {'a': 1::bigint} as counts, {'n': 1::bigint} as part,
        [1.0::float] as vector
    union all by name
    select null::bigint as whole, 2::bigint as nullable_whole, false as truth, null as text, 'k' as kind,
        date '2024-05-02' as day, timestamp '1024-05-01' as moment, timestamptz '2024-05-02 12:00:00+00' as instant,
        2.5::decimal(10,2) as price, ['a', 'b'] as words, map {'a': 1::bigint} as counts, {'n': 1::bigint} as part,
        [2.0::float] as vector
)"""


def test_every_kind_of_column_has_a_type_and_reaches_a_check_as_declared(tmp_path: Path) -> None:
    file = tmp_path / "everything.py"
    file.write_text(MODEL, encoding="utf-8")
    contract = load_pandera_contract(AssetKey("raw.everything"), file, "Everything")
    assert len(contract.rules) == 13
    with duckdb.connect() as connection:
        assert schema_problems(read_columns(connection, ROW), contract) == ()
        results = evaluate_rules(connection, ROW, contract)
    assert [result.rule.name for result in results if not result.passed] == []
