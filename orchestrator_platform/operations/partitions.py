"""Reads how a table says that it is cut into slices, and holds that against its contract and its parents."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import DefinitionError, Misuse, StatementRefused
from ..records.contracts import Contract
from ..records.keys import AssetKey
from ..records.slices import Partition
from ..transforming.condition_check import check_condition

_EXAMPLE = "Write `partition: {by: day, unit: day, start: 2024-05-01, reads: {raw.orders: ordered_at}}`."
_FROM_A_SELECT = frozenset({"table", "view"})


def read_partition(
    file: Path,
    asset: AssetKey,
    said: Any,
    contract: Contract,
    parents: Collection[AssetKey],
    *,
    materialized: str = "table",
) -> Partition | None:
    """Returns the slices of a table as `partition` says; `None` where it says nothing.

    Raises:
        DefinitionError: It says what cannot be, or what does not fit the table.
    """
    if said is None:
        return None
    try:
        partition = Partition.model_validate(said)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(("partition", *(str(part) for part in first["loc"])))
        raise _wrong(file, asset, f"says at `{place}`: {first['msg']}") from error
    column = contract.column(partition.by)
    if column is None or column.type != partition.column_type:
        has = f"is {column.type}" if column else "is not in its contract"
        problem = f"is in slices by {partition.by}, which {has}, and must be {partition.column_type}"
        raise _wrong(file, asset, problem, f"Promise {partition.by} as {partition.column_type} in the contract.")
    if materialized not in _FROM_A_SELECT:
        problem = f"is in slices and `materialized: {materialized}`"
        raise _wrong(file, asset, problem, "Write `materialized: table`: only slices that changed are built anyway.")
    _require_parents(file, asset, partition, parents)
    return partition


def slices_between(partition: Partition, asset: AssetKey, text: str, known: Collection[str]) -> tuple[str, ...]:
    """Returns the slices that `FIRST..LAST`, or `ONE,ANOTHER`, names, in order.

    Raises:
        Misuse: There is no such slice.
    """
    names = list(known)
    asked: list[str] = []
    for part in (part.strip() for part in text.split(",") if part.strip()):
        first, _, last = part.partition("..")
        ends = [first or (names[0] if names else ""), (last or names[-1] if ".." in part and names else first)]
        unknown = [end for end in ends if end not in names]
        if unknown:
            shown = f"{names[0]} to {names[-1]}" if names else "none yet"
            raise Misuse(
                f"{asset} has no slice {unknown[0]!r}. Nothing was done. Its slices: {shown}, one per {partition.unit}."
                " Write FIRST..LAST, or names with commas."
            )
        asked += names[names.index(ends[0]) : names.index(ends[1]) + 1]
    return tuple(name for name in names if name in asked)


def _require_parents(file: Path, asset: AssetKey, partition: Partition, parents: Collection[AssetKey]) -> None:
    for parent, how in partition.reads.items():
        if parent not in parents:
            problem = f"says of {parent} which rows its slices read, and is not made from it"
            raise _wrong(file, asset, problem, f"It is made from {', '.join(sorted(parents)) or 'nothing'}.")
        try:
            check_condition(f"({how.by}\n) IS NULL", f"{file}: `partition.reads`")
        except StatementRefused as error:
            raise _wrong(file, asset, f"says at `partition.reads.{parent}`: {error.why}") from error


def _wrong(file: Path, asset: AssetKey, problem: str, fix: str = _EXAMPLE) -> DefinitionError:
    return DefinitionError(file=file, problem=f"{asset} {problem}", fix=fix)


def partition_code(partition: Partition | None) -> Mapping[str, Any]:
    """Returns what of it decides on the rows: how many are built at once does not."""
    return partition.model_dump(mode="json", exclude={"per_run"}) if partition else {}
