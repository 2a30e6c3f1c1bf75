"""Holds what the SQL of features gives against what its contract promises, before there is any data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import DefinitionError, StatementRefused
from ..records.candidates import SchemaColumn
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration
from ..records.features import KNOWN_AT, LANDED_SEQ, OWN_COLUMNS, RESERVED, FeatureOptions
from ..records.keys import AssetKey
from ..transforming.feature_columns import FeatureColumns
from ..transforming.feature_sql import FeatureSqlCheck
from .component_files import ComponentFile
from .table_read import wrong

TIME = "TIMESTAMP"


@dataclass(frozen=True)
class FeaturePromises:
    """What one component says, beside the assets that are declared already. Each method raises DefinitionError."""

    component: ComponentFile
    options: FeatureOptions
    declared: Mapping[AssetKey, AssetDeclaration]
    contract: Contract
    check: FeatureSqlCheck
    columns: FeatureColumns

    def require_time(self, log: Contract) -> None:
        """`seen_at` is a time that follows from the log's columns without the record."""
        where = f"{self.component.file}:{self.component.line_of('seen_at')}"
        others = [column for column in _columns_of(log) if column.name != self.options.record and column.type]
        try:
            self.check.expression(self.options.seen_at, where)
            found = self.columns.of_expression(self.options.seen_at, where, others)
        except StatementRefused as error:
            fix = "Write one expression over the log's columns; the record itself is not among them."
            raise wrong(self.component, "seen_at", f"`seen_at` cannot be used: {error.why}", fix) from error
        if found != TIME:
            raise wrong(self.component, "seen_at", f"`seen_at` is {found}", "Make it a TIMESTAMP, in UTC.")

    def features(self, log: Contract, sql: str) -> tuple[str, ...]:
        """Returns the features' names; each is promised, with the type that it has."""
        file = self.component.folder / self.options.sql
        key = [SchemaColumn(name=name, type=_type_of(log, name) or "VARCHAR") for name in self.options.key]
        try:
            self.check.features(sql, str(file))
            found = self.columns.of_features(sql, str(file), key, list(self.options.paths))
        except StatementRefused as error:
            fix = f"`records` has {', '.join([*self.options.key, *OWN_COLUMNS[:2], *self.options.paths])}."
            raise DefinitionError(file=file, problem=error.why, fix=fix) from error
        for name in self.options.key:
            if name not in {column.name for column in found}:
                problem = f"does not select the key {name!r}"
                raise DefinitionError(file=file, problem=problem, fix="Select every column of the key.")
        for column in found:
            self._require_promised(file, column)
        return tuple(column.name for column in found if column.name not in self.options.key)

    def _require_promised(self, file: Path, column: SchemaColumn) -> None:
        if self._is_own(column.name) or column.name.startswith(RESERVED):
            problem = f"selects {column.name!r}, a column that the platform makes"
            raise DefinitionError(file=file, problem=problem, fix="Leave it out, or give it another name.")
        promised = self.contract.column(column.name)
        if promised is None:
            fix = f"Declare it in the contract, {self.contract.origin}."
            raise DefinitionError(file=file, problem=f"selects {column.name!r}, which nothing promises", fix=fix)
        if promised.type and promised.type != column.type:
            problem = f"gives {column.name!r} as {column.type}, and the contract promises {promised.type}"
            raise DefinitionError(file=file, problem=problem, fix="Cast it, or mend the contract.")

    def labels(self, features: Sequence[str]) -> tuple[str, ...]:
        """Returns what the contract promises besides: these must be the labels."""
        made = {*self.options.key, *features}
        others = tuple(column.name for column in self.contract.columns if column.name not in made)
        for name in others:
            if self._is_own(name):
                problem = f"the contract promises {name!r}, a column that the platform makes"
                raise wrong(self.component, "contract", problem, "Take it out: the platform adds it.")
        if others and self.options.labels is None:
            problem = f"the contract promises {others[0]!r}, which {self.options.sql} does not select"
            raise wrong(self.component, "contract", problem, "Select it there, or name the file of `labels` that does.")
        if self.options.labels is not None and not others:
            problem = "the contract promises no label"
            raise wrong(self.component, "labels", problem, "Declare the labels' columns in it.")
        grain = self.contract.grain
        if grain is None or set(grain) != set(self.options.key):
            has = f"the grain [{', '.join(grain)}]" if grain else "no grain"
            problem = f"the key is [{', '.join(self.options.key)}], and the contract has {has}"
            raise wrong(self.component, "key", problem, "Make them the same.")
        return others

    def read(self, attribute: str, sql: str | None, labels: Sequence[str]) -> frozenset[AssetKey]:
        """Returns the tables that labels or examples read; what they give is what they must be."""
        if sql is None:
            return frozenset()
        file = self.component.folder / str(getattr(self.options, attribute))
        try:
            read = self.check.published(sql, str(file), self.declared)
            tables = {table: _columns_of(self.declared[table].contract) for table in read}
            if not all(column.type for columns in tables.values() for column in columns):
                return read  # nobody said the types: what it gives shows when it is built
            found = self.columns.of_published(sql, str(file), tables)
        except StatementRefused as error:
            fix = "Select from the project's tables, as `schema.name`; nothing else is there."
            raise DefinitionError(file=file, problem=error.why, fix=fix) from error
        own = {KNOWN_AT: TIME} if attribute == "labels" else {LANDED_SEQ: "BIGINT"}
        wanted = {name: _type_of(self.contract, name) for name in (*self.options.key, *labels)} | own
        self._require_given(file, {column.name: column.type for column in found}, wanted)
        return read

    def _require_given(self, file: Path, given: Mapping[str, str], wanted: Mapping[str, str]) -> None:
        differ = sorted(wanted.keys() ^ (given.keys() - ({LANDED_SEQ} - wanted.keys())))
        if differ:
            problem = f"selects {', '.join(given)}, and should {', '.join(wanted)}: {differ[0]!r} is different"
            raise DefinitionError(file=file, problem=problem, fix="Mend it, or the contract.")
        for name, type_ in {LANDED_SEQ: "BIGINT", **wanted}.items():
            if type_ and given.get(name, type_) != type_:
                problem = f"gives {name!r} as {given[name]}, and should as {type_}"
                raise DefinitionError(file=file, problem=problem, fix="Cast it.")

    def require_history(self, features: Sequence[str], labels: Sequence[str]) -> None:
        """History is counted by features, of labels: counted by a label it would tell the label."""
        for history in self.options.history:
            if history.by not in (*self.options.key, *features):
                problem = f"history is counted by {history.by!r}, which is no feature"
                raise wrong(self.component, "history", problem, f"Features are: {', '.join(features)}.")
            unknown = sorted(set(history.of) - set(labels))
            if unknown:
                problem = f"history is counted of {unknown[0]!r}, which is no label"
                raise wrong(self.component, "history", problem, f"Labels are: {', '.join(labels)}.")

    def _is_own(self, name: str) -> bool:
        return name.lower() in {own.lower() for own in (*OWN_COLUMNS, *self.options.history_columns)}


def _type_of(contract: Contract, name: str) -> str:
    column = contract.column(name)
    return column.type if column is not None else ""


def _columns_of(contract: Contract) -> tuple[SchemaColumn, ...]:
    return tuple(SchemaColumn(name=column.name, type=column.type) for column in contract.columns)
