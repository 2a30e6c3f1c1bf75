"""What is being judged: a relation on a connection, the columns that it has, and the contract it is judged by."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb

from ..records.contracts import Contract, Rule
from ..sql import read_columns


@dataclass(frozen=True)
class Subject:
    """`relation` stands after FROM; `types` are the columns that it has, which may not be what was promised."""

    connection: duckdb.DuckDBPyConnection
    relation: str
    contract: Contract
    types: Mapping[str, str]

    def problem_with(self, rule: Rule) -> str:
        """Returns why the rule cannot look at these columns, an empty text where it can."""
        for name in rule.columns:
            promised = self.contract.column(name)
            if name not in self.types:
                return f"column {name!r} is missing"
            if promised and promised.type and promised.type != self.types[name]:
                return f"column {name!r} is {self.types[name]}, the contract says {promised.type}"
        return ""

    def shown(self, rule: Rule) -> tuple[str, ...]:
        """Returns the columns that a failing row is shown by: the key, then what the rule looks at."""
        wanted = dict.fromkeys((*(self.contract.grain or ()), *rule.columns))
        return tuple(name for name in wanted if name in self.types)


def describe_subject(connection: duckdb.DuckDBPyConnection, relation: str, contract: Contract) -> Subject:
    """Returns the relation with the columns that it has now."""
    types = {column.name: column.type for column in read_columns(connection, relation)}
    return Subject(connection, relation, contract, types)
