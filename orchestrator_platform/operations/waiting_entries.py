"""What is in quarantine, and which of it somebody means who names an asset, a number, or neither."""

from collections.abc import Sequence
from contextlib import closing

from ..errors import Misuse, UnknownAsset
from ..gate.context import Gate
from ..lake.history import read_quarantine
from ..projections.dagster_values import rows_text
from ..records.ledger import QuarantineEntry, QuarantineState

_MOST_NAMED = 8


def read_entries(gate: Gate) -> tuple[QuarantineEntry, ...]:
    """Returns every entry, whatever became of it, in the order of their numbers."""
    with closing(gate.cut_for_readers().connect()) as connection:
        return read_quarantine(connection)


def choose_entry(gate: Gate, number: int | None, asset: str) -> int:
    """Returns the number of the entry that is meant: the one named, or the only one that waits (of the asset).

    Raises:
        Misuse: None waits, several do, or the one named is of another asset.
        UnknownAsset: There is no such asset.
    """
    entries = read_entries(gate)
    known = {*gate.assets, *(entry.asset for entry in entries)}
    if asset and asset not in known:
        raise UnknownAsset(name=asset, known=sorted(known))
    if number is not None:
        named = next((entry for entry in entries if entry.id == number), None)
        if named is not None and asset and named.asset != asset:
            raise Misuse(f"Entry {number} is of {named.asset}, not of {asset}. Nothing was changed. Leave one out.")
        return number
    waiting = [e for e in entries if e.state is QuarantineState.WAITING and asset in ("", e.asset)]
    of_asset = f" of {asset}" if asset else ""
    if not waiting:
        raise Misuse(f"Nothing{of_asset} waits in quarantine. Nothing was changed.")
    if len(waiting) > 1:
        raise Misuse(
            f"{len(waiting)} entries{of_asset} wait in quarantine: {_named(waiting)}. Nothing was changed."
            f" Say which: `entry: {waiting[0].id}`."
        )
    return waiting[0].id


def _named(waiting: Sequence[QuarantineEntry]) -> str:
    named = ", ".join(f"{entry.id} ({entry.asset}, {rows_text(entry.n_rows)})" for entry in waiting[:_MOST_NAMED])
    return named + (f" and {len(waiting) - _MOST_NAMED:,} more" if len(waiting) > _MOST_NAMED else "")
