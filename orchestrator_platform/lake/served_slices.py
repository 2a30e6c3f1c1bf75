"""What serves of each slice of a table, read off its receipts: a version says only which slices it made anew."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from ..records.candidates import Form
from ..records.keys import AssetKey, Version
from ..records.slices import Slice
from ..sql import literal
from .platform_tables import SCHEMA

Slices = Mapping[str, Slice]


@dataclass(frozen=True)
class SliceHistory:
    """`served` are the slices as the newest version shows them; `made` are those that each version made anew."""

    served: Slices
    made: Mapping[Version, tuple[Slice, ...]]


def read_slice_history(connection: duckdb.DuckDBPyConnection, asset: AssetKey) -> SliceHistory:
    """Returns what every version did to the slices of a table that is or was published."""
    rows = connection.execute(
        "SELECT version, json_extract_string(receipt, '$.form'), json_extract(receipt, '$.slices')::VARCHAR,"
        " json_extract_string(receipt, '$.restores'), json_extract_string(receipt, '$.withdrawn') = 'true'"
        f" FROM lake.{SCHEMA}.receipts WHERE asset = {literal(asset)} ORDER BY version"
    ).fetchall()
    restored = {int(row[3]) for row in rows if row[3] is not None}
    shown: dict[int, Slices] = {}
    made: dict[Version, tuple[Slice, ...]] = {}
    served: Slices = {}
    for version, form, text, restores, withdrawn in rows:
        slices = tuple(Slice.model_validate(item) for item in json.loads(text or "null") or ())
        if withdrawn:
            served = {}
        elif restores is not None:
            served = shown.get(int(restores), {})
        else:
            made[Version(version)] = slices
            before = {} if form == Form.WHOLE else served
            served = {**before, **{item.name: item for item in slices}}
        if version in restored:
            shown[version] = served
    return SliceHistory(served, made)
