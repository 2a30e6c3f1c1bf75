"""The promise of a table as a value: columns, rules, grain, relation to a parent, personal data."""

from enum import StrEnum

from .base import Record, sha256_of
from .findings import Severity
from .keys import AssetKey


class Column(Record):
    """One promised column. `type` is a DuckDB type name as DESCRIBE prints it, for example `VARCHAR`.

    `sequence` says that the values are places in a log: they rise for ever, so that they cannot drift.
    """

    name: str
    type: str
    nullable: bool = True
    pii: bool = False
    description: str = ""
    sequence: bool = False


class Engine(StrEnum):
    """What evaluates a rule."""

    SQL = "sql"
    PANDAS = "pandas"


class Rule(Record):
    """A named predicate on single rows.

    `sql` is true, false or null for a row; false fails it. A rule without `sql` can only be
    said by pandera: then `index` is its place among the contract's checks, `code` the sha256 of
    the Python that decides it, and `whole` says that it judges all rows together, so that it can
    neither run in batches nor tell good rows from bad ones.
    """

    name: str
    columns: tuple[str, ...]
    sql: str | None = None
    index: int | None = None
    code: str = ""
    whole: bool = False
    severity: Severity = Severity.ERROR
    description: str = ""

    @property
    def engine(self) -> Engine:
        return Engine.SQL if self.sql is not None else Engine.PANDAS


class Relation(StrEnum):
    """How a table's rows relate to a parent's."""

    SAME_AS = "same_as"
    SUBSET_OF = "subset_of"
    AT_MOST_ONE_PER = "at_most_one_per"


class RowsPromise(Record):
    """`rows: {same_as: raw.orders}`; `on` names the key columns, by default the table's grain."""

    relation: Relation
    parent: AssetKey
    on: tuple[str, ...] = ()


class Contract(Record):
    """What a table promises. One per table, from pandera or from dbt's YAML, never both.

    `grain` is the key, `None` where the table declares that it has none. `unique` lists further
    column sets whose values may not repeat. `pandera` is `file.py:Class` where a rule needs
    pandera to be evaluated. `origin` is where a person finds the contract.
    """

    asset: AssetKey
    columns: tuple[Column, ...]
    grain: tuple[str, ...] | None
    unique: tuple[tuple[str, ...], ...] = ()
    rules: tuple[Rule, ...] = ()
    rows: RowsPromise | None = None
    closed: bool = True
    pandera: str | None = None
    origin: str = ""

    def hash(self) -> str:
        """Returns the sha256 of what the contract promises; where it is written does not count."""
        promised = self.model_copy(update={"origin": "", "pandera": None}).model_dump(mode="json")
        for column in promised["columns"]:
            # What is compared for drift promises nothing of a row.
            del column["sequence"]
        return sha256_of(promised)

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)

    @property
    def pii_columns(self) -> frozenset[str]:
        return frozenset(column.name for column in self.columns if column.pii)
