"""The small project with a check that asks a person about large orders or totals; and files edited for a while."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from small_project import FILES

CHECK = "  checks: [{name: no_large, file: large.py, function: large, severity: escalate}]\n"
LARGE_PY = """
def large(table, parents):
    name = {"total", "amount"} & set(table.columns)
    return table.filter(f"{name.pop()} >= 100" if name else "false")
"""
ASKS = {
    "defs/marts/defs.yaml": FILES["defs/marts/defs.yaml"].rstrip() + "\n        " + CHECK,
    "defs/marts/large.py": LARGE_PY,
}
RAW_ASKS = {
    "defs/orders/defs.yaml": FILES["defs/orders/defs.yaml"].rstrip() + "\n        " + CHECK,
    "defs/orders/large.py": LARGE_PY,
}


@contextmanager
def edited(file: Path, before: str, after: str) -> Iterator[None]:
    kept = file.read_bytes()
    assert before.encode() in kept
    file.chmod(0o644)
    file.write_bytes(kept.replace(before.encode(), after.encode(), 1))
    yield
    file.write_bytes(kept)
