"""Lines of a byte stream, numbered, none of them held beyond a limit."""

from collections.abc import Iterable, Iterator

from .file_format import UTF8_BOM

Line = tuple[int, bytes | None]


def numbered_lines(pieces: Iterable[bytes], limit_bytes: int) -> Iterator[list[Line]]:
    """Yields lists of (number from 1, line without its end); blank lines are left out, a byte order mark dropped.

    A line longer than `limit_bytes` comes as `None`.
    """
    open_line: list[bytes] = []
    n_open = n_lines = 0
    first = True
    for piece in pieces:
        head, *rest = _without_mark(piece).split(b"\n") if first else piece.split(b"\n")
        first = False
        n_open += len(head)
        if n_open <= limit_bytes:
            open_line.append(head)
        else:
            open_line.clear()
        if not rest:
            continue
        whole = None if n_open > limit_bytes else b"".join(open_line)
        *lines, last = rest
        yield _numbered([whole, *lines], n_lines, limit_bytes)
        n_lines += 1 + len(lines)
        open_line, n_open = [last], len(last)
    if n_open:
        yield _numbered([None if n_open > limit_bytes else b"".join(open_line)], n_lines, limit_bytes)


def _without_mark(piece: bytes) -> bytes:
    return piece.removeprefix(UTF8_BOM)


def _numbered(lines: list[bytes | None], before: int, limit_bytes: int) -> list[Line]:
    return [
        (number, line if line is not None and len(line) <= limit_bytes else None)
        for number, line in enumerate(lines, before + 1)
        if line is None or line.strip()
    ]
