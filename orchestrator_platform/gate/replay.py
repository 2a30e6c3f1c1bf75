"""Reads rows that wait in quarantine again, from the archive, and splits them by the contract in force."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ..reading.read_files import FileToRead
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.ledger import RowAddress
from ..sql import literal
from .split import Splitter, read_for


@dataclass(frozen=True)
class Wanted:
    """Files to read again, with the lines to look at: of those in `whole` all but `kept`, of others `lines`."""

    files: tuple[FileToRead, ...]
    lines: Mapping[str, frozenset[int]]
    whole: frozenset[str]
    kept: Mapping[str, Collection[int]]


@dataclass(frozen=True)
class FileAgain:
    """A file of which rows are accepted now. It holds `n_rows`; `left` are its rows that are still bad."""

    file: FileToRead
    n_rows: int
    n_accepted: int
    left: tuple[RowAddress, ...]

    @property
    def n_left(self) -> int:
        return len({address.line for address in self.left})


@dataclass(frozen=True)
class RowsAgain:
    """`relation` holds the accepted rows; `bad` is everything looked at that is not among them."""

    relation: str | None
    files: tuple[FileAgain, ...]
    bad: tuple[RowAddress, ...]

    @property
    def still_bad(self) -> dict[str, int]:
        return dict(Counter(address.rule for address in self.bad))


def split_again(
    connection: duckdb.DuckDBPyConnection,
    declaration: AssetDeclaration,
    wanted: Wanted,
    addresses: Sequence[RowAddress],
    scratch: Path,
    *,
    published: bool,
) -> RowsAgain:
    """Returns what the contract lets in now. Writes only below `scratch`.

    Args:
        addresses: Under which the rows wait so far; a row that cannot be found any more keeps its own.
    """
    build = declaration.build
    assert isinstance(build, SourceBuild)
    read = read_for(declaration, wanted.files, scratch)
    splitter = Splitter(connection, declaration.contract, build.options, scratch, _narrow(connection, wanted))
    rejected, over_share = splitter.split(read)
    # A share of bad rows says something about a file that is let in or kept out as one.
    refused = {sha256 for sha256 in over_share if sha256 in wanted.whole and not wanted.kept.get(sha256)}
    relation = splitter.accepted(read, wanted.files, refused, published=published)
    accepted = _accepted(connection) if relation is not None else {}
    found = _found(build.name, wanted, rejected) + [address for file in read for address in file.rejected]
    files: list[FileAgain] = []
    bad: list[RowAddress] = []
    for file, of_file in zip(wanted.files, read, strict=True):
        lines = accepted.get(file.sha256, frozenset())
        left = _left(file, wanted, lines, [a for a in found if a.file_sha256 == file.sha256], addresses)
        if of_file.refused is not None:
            left = (of_file.refused,)
        bad += left
        if lines:
            files.append(FileAgain(file, of_file.n_rows, len(lines), left))
    return RowsAgain(relation if files else None, tuple(files), tuple(bad))


def _narrow(connection: duckdb.DuckDBPyConnection, wanted: Wanted) -> str:
    _lines_table(connection, "_wanted", wanted.lines)
    _lines_table(connection, "_kept", wanted.kept)
    whole = ", ".join(literal(sha256) for sha256 in sorted(wanted.whole)) or "''"
    same = "w.sha256 = _file_sha256 AND w.line = _line"
    return (
        f"(_file_sha256 IN ({whole}) AND NOT EXISTS (FROM _kept AS w WHERE {same}))"
        f" OR EXISTS (FROM _wanted AS w WHERE {same})"
    )


def _lines_table(connection: duckdb.DuckDBPyConnection, name: str, lines: Mapping[str, Collection[int]]) -> None:
    import pyarrow

    pairs = [(sha256, line) for sha256, found in lines.items() for line in found]
    frame = pyarrow.table(
        {
            "sha256": pyarrow.array([pair[0] for pair in pairs], pyarrow.string()),
            "line": pyarrow.array([pair[1] for pair in pairs], pyarrow.int64()),
        }
    )
    connection.register("_lines_frame", frame)
    connection.execute(f"CREATE TEMP TABLE {name} AS FROM _lines_frame")
    connection.unregister("_lines_frame")


def _accepted(connection: duckdb.DuckDBPyConnection) -> dict[str, frozenset[int]]:
    rows = connection.execute("SELECT _file_sha256, list(_line) FROM _numbered GROUP BY 1").fetchall()
    return {row[0]: frozenset(row[1]) for row in rows}


def _found(source: str, wanted: Wanted, rejected: Sequence[tuple[str, int, str, str]]) -> list[RowAddress]:
    names = {file.sha256: file.name for file in wanted.files}
    return [
        RowAddress(source=source, file=names[sha256], file_sha256=sha256, line=line, rule=rule, reason=reason)
        for sha256, line, rule, reason in rejected
    ]


def _left(
    file: FileToRead,
    wanted: Wanted,
    accepted: Collection[int],
    found: Sequence[RowAddress],
    addresses: Sequence[RowAddress],
) -> tuple[RowAddress, ...]:
    """The addresses that stay: with the reasons of now, else with those under which a row waits so far."""
    lines = wanted.lines.get(file.sha256)
    kept = wanted.kept.get(file.sha256, ())
    if lines is None:
        return tuple(a for a in found if a.line not in accepted and a.line not in kept)
    again = {a.line for a in found}
    old = (a for a in addresses if a.file_sha256 == file.sha256 and a.line not in again)
    return tuple(a for a in (*found, *old) if a.line in lines and a.line not in accepted)
