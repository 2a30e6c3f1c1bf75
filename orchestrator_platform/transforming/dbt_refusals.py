"""What a dbt node may not ask for, because the workbench cannot build it as dbt alone would. It runs nothing."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import DefinitionError

STRATEGIES = (None, "default", "append", "delete+insert", "merge", "microbatch")
MATERIALIZED = ("table", "view", "incremental", "ephemeral", "snapshot", "seed")
_WRITES_THIS = re.compile(
    r"\b(insert\s+into|update|delete\s+from|merge\s+into|alter\s+(table|view)|drop\s+(table|view)|truncate)\b"
    r"[^;]*?\{\{\s*this\b",
    re.IGNORECASE,
)


def refuse_unsupported(file: Path, node: Any) -> None:
    """Raises DefinitionError where the node asks for something the workbench cannot do."""
    for problem, fix in _problems(node):
        raise DefinitionError(file=file, problem=f"{node.name} {problem}", fix=fix)


def _problems(node: Any) -> Iterator[tuple[str, str]]:
    config = node.config
    if str(getattr(node, "language", "sql")) == "python":
        yield "is a Python model of dbt", "Write it as a Python table of this platform (`@python_table`)."
    if str(config.materialized) not in MATERIALIZED:
        yield f"is materialized as {config.materialized}", f"Choose one of: {', '.join(MATERIALIZED)}."
    for name in ("indexes", "grants"):
        if config.get(name):
            yield f"asks for {name}, which the lake does not have", f"Remove `{name}`."
    if str(config.materialized) in {"incremental", "snapshot"}:
        yield from _incremental_problems(node)


def _incremental_problems(node: Any) -> Iterator[tuple[str, str]]:
    config = node.config
    strategy = config.get("incremental_strategy")
    if node.resource_type == "model" and strategy not in STRATEGIES:
        known = ", ".join(name for name in STRATEGIES[2:] if name)
        yield f"has the incremental strategy {strategy}", f"Choose one of: {known}; or build it as a table."
    clauses = (config.get("merge_clauses") or {}).get("when_not_matched") or []
    if any(str(clause.get("by") or "").lower() == "source" for clause in clauses if isinstance(clause, dict)):
        yield "merges WHEN NOT MATCHED BY SOURCE, which touches every row of the table", "Build it as a table."
    if config.get("merge_on_using_columns") and config.get("unique_key"):
        yield "has both merge_on_using_columns and unique_key", "Keep one of them."
    if config.contract.enforced and _has_constraints(node):
        yield (
            "is incremental and has enforced constraints, which hold for the new rows only",
            "Write them as data tests: the audit runs those on the whole table.",
        )
    for hook in [*config.pre_hook, *config.post_hook]:
        if _WRITES_THIS.search(hook.sql):
            yield "has a hook that writes to `this`, which is a view here", "Put it into the model's SQL."


def _has_constraints(node: Any) -> bool:
    return bool(getattr(node, "constraints", None)) or any(column.constraints for column in node.columns.values())
