"""The columns of a file that names them once: compared with what was declared."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .file_rows import FileRows
from .read_spec import ReadSpec
from .refusals import FileRefused, listed


@dataclass(frozen=True)
class Header:
    """`names` as the file has them, `wanted` the name from which each declared column is taken, `extra` the others."""

    names: tuple[str, ...]
    wanted: tuple[str, ...]
    extra: tuple[str, ...]


def check_header(names: Sequence[str], rows: FileRows) -> Header:
    """Returns the header, and notes extra columns.

    Raises:
        FileRefused: A name occurs twice, a declared column is missing, or an unknown one may not be kept aside.
    """
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise FileRefused("columns: duplicate header", f"the header names twice: {listed(twice)}")
    wanted = tuple(str(column.steps[0]) for column in rows.spec.columns)
    missing = tuple(sorted(set(wanted) - set(names)))
    extra = tuple(name for name in names if name not in set(wanted))
    rows.extra |= set(extra)
    if missing:
        hint = _near(missing, extra)
        raise FileRefused("columns", f"missing columns: {listed(missing)}{hint}", extra=extra)
    if extra and _refuses_extra(rows.spec):
        raise FileRefused("columns", f"columns that the contract does not name: {listed(extra)}", extra=extra)
    return Header(tuple(names), wanted, extra)


def _refuses_extra(spec: ReadSpec) -> bool:
    return not spec.keep_extra and spec.watches_extra


def _near(missing: Sequence[str], extra: Sequence[str]) -> str:
    wanted = {name.strip().lower() for name in missing}
    near = [repr(name) for name in extra if name.strip().lower() in wanted]
    return f" (the file has {listed(near)}; names must be equal to the letter)" if near else ""
