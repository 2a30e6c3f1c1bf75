"""Which of what dbt executed can be kept: what cannot differ the next time, where the project is the same.

It looks at dbt's nodes and at the project's code behind them, and knows neither how a node is built nor how it is
judged again.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

# Names by which code sees a clock, an identity of the run, or the state of the database.
_UNSTEADY = re.compile(
    r"\b(run_started_at|invocation_id|modules|adapter|run_query|statement|load_\w*relation|graph|flags|env_var|api|"
    r"dbt_metadata_envs|invocation_args_dict|thread_id|selected_resources|orchestrator_run_time|context|"
    r"get_(columns?|relations?|tables?|catalog)_\w+|list_relations\w*|load_result)\b"
)
# What the adapter asks on a new connection, and its transactions, are no part of a node.
_ADAPTERS_OWN = re.compile(
    r"\s*(/\*.*?\*/)?\s*(begin\b|commit\b|rollback\b|select [\w, ]+ from duckdb_(databases|constraints)\(\))",
    re.IGNORECASE | re.DOTALL,
)


@dataclass
class StatementRecorder:
    """Collects what dbt executes, by the node that it was compiled for last."""

    statements: dict[str, list[str]] = field(default_factory=dict)
    _node: str = ""

    def begin(self, unique_id: str) -> None:
        self._node = unique_id
        self.statements[unique_id] = []

    def add(self, sql: str) -> None:
        if self._node and not _ADAPTERS_OWN.match(sql):
            self.statements[self._node].append(sql)


def is_steady(code: Iterable[str]) -> bool:
    """Whether none of these texts of the project names anything but the project and the relations that it declares."""
    return not any(_UNSTEADY.search(text) for text in code)
