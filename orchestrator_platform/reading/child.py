"""The process that touches untrusted files: reads its task from standard input, tells its progress as JSON lines.

Run as `python -m orchestrator_platform.reading.child`. It knows nothing of records, contracts or the lake.
"""

import json
import os
import resource
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, TextIO

from .count_rows import count_rows
from .file_format import CSV, JSON, NDJSON, PARQUET, format_by_name, format_of
from .file_rows import FileRows
from .read_spec import FileSpec, ReadSpec
from .refusals import OUT_OF_MEMORY_EXIT, FileRefused, ReadingFailed

_MAX_NAMES = 1_000
Emit = Callable[..., None]
Reader = Callable[[Path, str | None, FileRows], None]


def main() -> None:
    """Reads the task from standard input, does it, and tells each step on standard output."""
    emit = _emitter()
    spec = ReadSpec.from_json(sys.stdin.read())
    if spec.task == "count":
        _count_files(spec, emit)
    else:
        _read_files(spec, emit)
    emit(event="end")


class _WithoutPandas(MetaPathFinder):
    """pyarrow imports pandas with the first array, if it is there: a second and 100 MB for nothing."""

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> None:  # noqa: ARG002
        if fullname == "pandas":
            raise ModuleNotFoundError(fullname, name=fullname)


def _emitter() -> Emit:
    # What a library prints must not be taken for progress.
    out: TextIO = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())

    def emit(**event: Any) -> None:
        out.write(json.dumps(event) + "\n")
        out.flush()

    return emit


def limit_memory(memory_mb: int) -> None:
    """Limits what is allocated from here on; what the interpreter and its libraries map already is added."""
    statm = Path("/proc/self/statm")
    mapped = int(statm.read_text().split()[0]) * resource.getpagesize() if statm.exists() else 1 << 30
    limit = mapped + memory_mb * 1024 * 1024
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _prepare_arrow() -> None:
    """One thread and the plain allocator: address space then follows what is in use."""
    sys.meta_path.insert(0, _WithoutPandas())
    import pyarrow
    import pyarrow.parquet

    pyarrow.set_memory_pool(pyarrow.system_memory_pool())
    pyarrow.set_cpu_count(1)
    pyarrow.set_io_thread_count(1)


def _read_files(spec: ReadSpec, emit: Emit) -> None:
    _prepare_arrow()
    from .csv_rows import read_csv
    from .json_documents import read_json
    from .json_rows import read_ndjson
    from .parquet_rows import read_parquet
    from .row_parts import RowParts

    readers: dict[str, Reader] = {NDJSON: read_ndjson, JSON: read_json, CSV: read_csv, PARQUET: read_parquet}

    done = 0
    parts = RowParts(spec, lambda: emit(event="durable", files=done, parts=parts.n_parts))
    limit_memory(spec.limits.memory_mb)
    try:
        for number, file in enumerate(spec.files):
            emit(event="start", file=number)
            rows = FileRows(spec, file.sha256, parts)
            refused = _read_file(file, rows, readers)
            emit(event="done", file=number, **_result(rows, refused))
            done = number + 1
            (parts.drop_file if refused else parts.keep_file)()
        parts.close()
    except ReadingFailed as error:
        emit(event="fatal", problem=str(error))
    except MemoryError:
        os._exit(OUT_OF_MEMORY_EXIT)


def _read_file(file: FileSpec, rows: FileRows, readers: Mapping[str, Reader]) -> FileRefused | None:
    try:
        path = Path(file.path)
        found = format_of(path, file.name, rows.spec.format)
        if not found.empty or found.format == CSV:
            readers[found.format](path, found.compression, rows)
    except FileRefused as error:
        return error
    except OSError as error:
        raise ReadingFailed(f"{file.name}: {error}") from error
    return None


def _result(rows: FileRows, refused: FileRefused | None) -> dict[str, Any]:
    if refused is None:
        return {
            "n_rows": rows.n_rows,
            "n_written": rows.n_written,
            "rejected": sorted(rows.rejected),
            "refused": None,
            "extra": sorted(rows.extra)[:_MAX_NAMES],
        }
    # A file that ends too early holds one more row: the one that is cut off.
    n_rows = rows.n_rows + 1 if refused.rule == "compression" else max(1, rows.n_rows, refused.n_rows)
    return {
        "n_rows": n_rows,
        "n_written": 0,
        "rejected": [],
        "refused": [refused.rule, refused.reason, refused.position],
        "extra": sorted(rows.extra | set(refused.extra))[:_MAX_NAMES],
    }


def _count_files(spec: ReadSpec, emit: Emit) -> None:
    if PARQUET in {spec.format, *(format_by_name(file.name)[0] for file in spec.files)}:
        _prepare_arrow()
    limit_memory(spec.limits.memory_mb)
    for number, file in enumerate(spec.files):
        emit(event="start", file=number)
        try:
            n_rows = count_rows(file, spec)
        except MemoryError:
            os._exit(OUT_OF_MEMORY_EXIT)
        emit(event="done", file=number, n_rows=n_rows)
        emit(event="durable", files=number + 1, parts=0)


if __name__ == "__main__":
    main()
