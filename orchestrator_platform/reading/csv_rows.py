"""CSV with explicit options: strict quoting, a header that is checked, ragged rows rejected. Nothing is sniffed."""

import codecs
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path

from .file_rows import FileRows
from .json_values import compact
from .plain_bytes import plain_pieces
from .read_spec import CsvSpec
from .refusals import FileRefused
from .table_header import Header, check_header

_BATCH_RECORDS = 20_000
_BATCH_CHARACTERS = 8 << 20
_LEAST_RECORD_CHARACTERS = 1 << 20


class CsvText:
    """The physical lines of a CSV file as text, numbered, none longer than a record may be.

    Bytes that are not text in the encoding stay marked as lone surrogates, so that their row can
    be rejected.
    """

    def __init__(self, pieces: Iterator[bytes], encoding: str, limit_characters: int) -> None:
        self.pieces, self.limit = pieces, limit_characters
        name = codecs.lookup(encoding).name
        self.decoder = codecs.getincrementaldecoder("utf-8-sig" if name == "utf-8" else name)("surrogateescape")
        self.n_lines = 0
        self.n_in_record = 0

    def __iter__(self) -> Iterator[str]:
        held: list[str] = []
        n_held = 0
        for text in self._texts():
            *lines, rest = text.split("\n")
            for number, line in enumerate(lines):
                yield self._counted("".join((*held, line, "\n")) if number == 0 else line + "\n")
                held, n_held = [], 0
            held.append(rest)
            n_held += len(rest)
            self._check(n_held)
        if n_held:
            yield self._counted("".join(held))

    def _texts(self) -> Iterator[str]:
        try:
            for piece in self.pieces:
                yield self.decoder.decode(piece)
            yield self.decoder.decode(b"", final=True)
        except UnicodeError as error:
            raise FileRefused("encoding", "bytes that are not text in the declared encoding") from error

    def _counted(self, line: str) -> str:
        self.n_lines += 1
        self.n_in_record += len(line)
        self._check(0)
        return line

    def _check(self, n_more: int) -> None:
        if self.n_in_record + n_more > self.limit:
            raise FileRefused("field size", f"a record of more than {self.limit} characters; is a quote left open?")


def csv_records(text: CsvText, options: CsvSpec) -> Iterator[tuple[int, list[str]]]:
    """Yields (physical line where it began, fields) of each record; blank lines are none.

    Raises:
        FileRefused: The quoting is wrong. What follows such a place cannot be told apart safely.
    """
    csv.field_size_limit(text.limit)
    reader = csv.reader(text, delimiter=options.delimiter, quotechar=options.quote, strict=True)
    while True:
        began = text.n_lines + 1
        text.n_in_record = 0
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FileRefused("csv", "a quote or a line end is out of place", position=f"line {began}") from error
        if fields:
            yield began, fields


def read_csv(path: Path, compression: str | None, rows: FileRows) -> None:
    """Reads the records under a header.

    Raises:
        FileRefused: The header differs, the quoting is wrong, the file is damaged or over a limit.
    """
    spec = rows.spec
    # Until the header is known a record may hold as many fields as were declared.
    n_fields = len(spec.columns) + 16
    limit = max(spec.limits.field_bytes * n_fields, _LEAST_RECORD_CHARACTERS)
    text = CsvText(plain_pieces(path, compression, spec.limits.size_bytes), spec.csv.encoding, limit)
    records = csv_records(text, spec.csv)
    _, names = next(records, (0, None))
    if names is None:
        raise FileRefused("columns", "no header: the file is empty")
    if not _is_text(names):
        raise FileRefused("encoding", f"the header is not {spec.csv.encoding} text")
    header = check_header(names, rows)
    writer = _CsvBatches(header, rows)
    for began, fields in records:
        writer.add(began, fields)
    writer.flush()


class _CsvBatches:
    def __init__(self, header: Header, rows: FileRows) -> None:
        self.header, self.rows, self.spec = header, rows, rows.spec
        self.width = len(header.names)
        self.places = [header.names.index(name) for name in header.wanted]
        self.lines: list[int] = []
        self.fields: list[list[str]] = []
        self.n_characters = self.n_records = 0

    def add(self, began: int, fields: list[str]) -> None:
        self.n_records += 1
        self.rows.count(1)
        size = sum(map(len, fields))
        if problem := self._problem(fields, size):
            self.rows.reject(self.n_records, *problem, f"line {began}")
            return
        self.lines.append(self.n_records)
        self.fields.append(fields)
        self.n_characters += size
        if len(self.lines) >= _BATCH_RECORDS or self.n_characters >= _BATCH_CHARACTERS:
            self.flush()

    def _problem(self, fields: list[str], size: int) -> tuple[str, str] | None:
        if len(fields) != self.width:
            return "columns", f"{len(fields)} fields where the header has {self.width}"
        limit = self.spec.limits.field_bytes
        if size * 4 > limit and any(len(f.encode("utf-8", "surrogatepass")) > limit for f in fields):
            return "field size", f"a value of more than {limit} bytes"
        return None

    def flush(self) -> None:
        lines, fields = self._decodable()
        if lines:
            every = [_with_nulls(values, self.spec.csv.null_values) for values in zip(*fields, strict=True)]
            columns = [every[place] for place in self.places]
            if self.spec.record_column:
                columns.append(_as_json(self.header.names, every))
            if self.spec.keep_extra:
                columns.append(self._extra(every, len(lines)))
            self.rows.write(lines, columns, look_for_nul=True)
        self.lines, self.fields, self.n_characters = [], [], 0

    def _decodable(self) -> tuple[list[int], list[list[str]]]:
        lines, good = [], []
        for line, fields in zip(self.lines, self.fields, strict=True):
            if _is_text(fields):
                lines.append(line)
                good.append(fields)
            else:
                self.rows.reject(line, "encoding", f"bytes that are not {self.spec.csv.encoding}")
        return lines, good

    def _extra(self, every: Sequence[list[str | None]], n_rows: int) -> list[str | None]:
        if not self.header.extra or not self.spec.watches_extra:
            return [None] * n_rows
        return _as_json(self.header.extra, [every[self.header.names.index(name)] for name in self.header.extra])


def _is_text(fields: list[str]) -> bool:
    joined = "".join(fields)
    try:
        joined.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _with_nulls(values: Sequence[str], nulls: tuple[str, ...]) -> list[str | None]:
    return [None if value in nulls else value for value in values]


def _as_json(names: Sequence[str], columns: Sequence[list[str | None]]) -> list[str | None]:
    return [compact(dict(zip(names, row, strict=True))).decode("utf-8") for row in zip(*columns, strict=True)]
