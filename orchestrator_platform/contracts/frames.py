"""Arrow tables as the pandas frames that a pandera check expects: the declared dtypes, as far as nulls let them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa


def to_frame(table: "pa.Table", dtypes: Mapping[str, Any]) -> "pd.DataFrame":
    """Returns the table as a frame with row numbers as its index; `dtypes` are pandera's, by column."""
    import pandas as pd

    series = {name: _to_series(table.column(name), dtypes.get(name)) for name in table.column_names}
    return pd.DataFrame(series, index=pd.RangeIndex(table.num_rows))


def _to_series(column: "pa.ChunkedArray", dtype: Any) -> Any:
    import pandas as pd
    import pyarrow as pa

    kind, declared = column.type, getattr(dtype, "type", None)
    if isinstance(declared, pd.ArrowDtype):
        return pd.Series(column.to_pandas(types_mapper=lambda _: declared))
    if pa.types.is_nested(kind):
        return pd.Series(column.to_pylist(maps_as_pydicts="strict"), dtype=object)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind):
        return _whole_numbers(column, declared)
    series = column.to_pandas()
    if pa.types.is_timestamp(kind):
        return _moments(series, declared)
    if isinstance(declared, pd.CategoricalDtype) or str(declared) in ("Float32", "Float64"):
        return series.astype(declared)
    return series


def _whole_numbers(column: "pa.ChunkedArray", declared: Any) -> Any:
    """Plain numpy where nothing is null, pandas' nullable types where something is: a float would round."""
    import pandas as pd

    if column.null_count == 0 and not pd.api.types.is_extension_array_dtype(declared):
        return column.to_pandas()
    name = str(column.type)
    nullable = "boolean" if name == "bool" else name.replace("uint", "UInt").replace("int", "Int")
    return column.to_pandas(types_mapper=lambda _: pd.api.types.pandas_dtype(nullable))


def _moments(series: "pd.Series[Any]", declared: Any) -> Any:
    """Instants in the declared zone; the unit stays microseconds, which hold every moment of a table."""
    zone = getattr(declared, "tz", None)
    return series.dt.tz_convert(zone) if zone is not None else series
