"""Compares states of a published table in each way there is, and by a model of its own in plain Python."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from orchestrator_platform.lake.changed_files import Pinned, read_changed_files
from orchestrator_platform.lake.diff import Difference, compare_states
from orchestrator_platform.lake.history import read_receipt
from orchestrator_platform.lake.layout import LakeLayout
from orchestrator_platform.lake.published import cut_published
from orchestrator_platform.lake.readers import attach_statement
from orchestrator_platform.lake.state import Change, State
from orchestrator_platform.records.diffs import Way
from orchestrator_platform.records.keys import AssetKey, Version

Row = tuple[Any, ...]


@dataclass(frozen=True)
class Opened:
    """Two versions of a table, attached on one connection."""

    connection: duckdb.DuckDBPyConnection
    pinned: tuple[Pinned, Pinned]
    before: State
    after: State

    def read_change(self) -> Change | None:
        return read_changed_files(self.connection, *self.pinned, self.after)

    def by_files(self, key: Sequence[str]) -> Difference:
        return compare_states(self.connection, self.before, self.after, key, lambda _: True, self.read_change)

    def by_whole(self, key: Sequence[str]) -> Difference:
        """The data versions are hidden, so that equal content is compared as well."""
        hidden = replace(self.before, data_version="")
        return compare_states(self.connection, hidden, self.after, key, lambda _: True)


@contextmanager
def opened(root: Path, asset: str, before: int, after: int) -> Iterator[Opened]:
    cut = cut_published(LakeLayout(root / "lake"), 5)
    key = AssetKey(asset)
    found = []
    for alias, version in (("before", before), ("after", after)):
        receipt = read_receipt(cut.root, key, Version(version))
        assert receipt is not None
        cut.root.execute(attach_statement(cut.layout, receipt.snapshot, alias))
        state = State(f"{alias}.{key.quoted}", receipt.columns, receipt.n_rows, receipt.data_version, is_keyed=True)
        found.append((Pinned(key, alias, receipt.snapshot), state))
    (first, was), (second, now) = found
    yield Opened(cut.root, (first, second), was, now)
    cut.root.close()


def by_files(root: Path, asset: str, before: int, after: int, key: Sequence[str]) -> Difference:
    with opened(root, asset, before, after) as both:
        return both.by_files(key)


def by_whole(root: Path, asset: str, before: int, after: int, key: Sequence[str]) -> Difference:
    with opened(root, asset, before, after) as both:
        return both.by_whole(key)


def same_answer(one: Difference, other: Difference) -> bool:
    return replace(one, way=Way.SAME) == replace(other, way=Way.SAME)


def counted(before: Sequence[Row], after: Sequence[Row], n_key: int) -> tuple[int, int, int]:
    """Returns how many rows were added, removed and changed, by counting; the key comes first in a row."""
    came, went = Counter(after) - Counter(before), Counter(before) - Counter(after)
    n_came, n_went = came.total(), went.total()
    if not n_key:
        return n_came, n_went, 0
    of_key = [Counter(row[:n_key] for row in rows.elements()) for rows in (came, went)]
    n_changed = (of_key[0] & of_key[1]).total()
    return n_came - n_changed, n_went - n_changed, n_changed
