"""Declares tables of features: what a component says, held against the log, the allowed places and its contract."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass

from ..errors import DefinitionError, StatementRefused
from ..reading.json_paths import Step, parse_path
from ..records.base import sha256_of
from ..records.candidates import AssetKind, SchemaColumn
from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration, FeaturesBuild, FreeCheck
from ..records.features import (
    KNOWN_AT,
    LABEL_KNOWN_AT,
    LANDED_SEQ,
    OWN_COLUMNS,
    RESERVED,
    SEEN_AT,
    FeatureOptions,
)
from ..records.keys import AgentName, AssetKey
from ..transforming.feature_columns import FeatureColumns
from ..transforming.feature_sql import FeatureSqlCheck
from .component_files import ComponentFile, FeaturesAttributes

_NOBODY = AgentName("")
_TIME = "TIMESTAMP"


def declare_features(
    component: ComponentFile,
    attributes: FeaturesAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    contract: Contract,
    checks: tuple[FreeCheck, ...],
) -> AssetDeclaration:
    """Returns the table of features of one component; what its labels and examples read are parents too.

    Raises:
        DefinitionError: A path leads outside of what is allowed, SQL reads what it may not, or the columns are not
            those of the contract.
    """
    definition = _Definition(component, attributes.options(), declared, contract)
    build, parents = definition.build()
    return AssetDeclaration(
        key=attributes.asset,
        kind=AssetKind.TABLE,
        contract=definition.promised(build),
        parents=parents,
        code_version=sha256_of(
            {
                "options": build.options.model_dump(mode="json"),
                "sql": [build.sql, build.labels, build.examples],
            }
        ),
        build=build,
        producer=_NOBODY,
        auditor=_NOBODY,
        group=attributes.asset.schema,
        description=attributes.description,
        origin=component.origin,
        checks=checks,
        kinds=("table", "features", "ducklake"),
        declared_in=(component.folder,),
        drift=attributes.drift,
        freshness=attributes.freshness,
    )


@dataclass(frozen=True)
class _Definition:
    component: ComponentFile
    options: FeatureOptions
    declared: Mapping[AssetKey, AssetDeclaration]
    contract: Contract

    def build(self) -> tuple[FeaturesBuild, tuple[AssetKey, ...]]:
        """Returns how the table is built, and what it is built from: the log first."""
        log = self._log()
        paths, allowed = self._paths()
        sql = self._read("sql", self.options.sql)
        labels = self._read("labels", self.options.labels) if self.options.labels else None
        examples = self._read("examples", self.options.examples) if self.options.examples else None
        with closing(FeatureSqlCheck()) as check, closing(FeatureColumns()) as columns:
            self._require_time(check, columns, log)
            features = self._features(check, columns, log, sql)
            label_columns = self._other_columns(features)
            read = self._published(check, columns, "labels", labels, label_columns)
            read |= self._published(check, columns, "examples", examples, ())
        self._require_history(features, label_columns)
        build = FeaturesBuild(
            options=self.options,
            folder=self.component.folder,
            paths=paths,
            allowed=allowed,
            sql=sql,
            labels=labels,
            examples=examples,
            features=features,
            label_columns=label_columns,
        )
        return build, (self.options.log, *sorted(read - {self.options.log}))

    def promised(self, build: FeaturesBuild) -> Contract:
        """Returns the project's contract with the columns that the platform makes."""
        own = {column.name: column for column in self.contract.columns}
        keys = (own[name].model_copy(update={"nullable": False}) for name in self.options.key)
        time = Column(name=SEEN_AT, type=_TIME, nullable=False, description="When its record came.")
        place = Column(
            name=LANDED_SEQ, type="BIGINT", nullable=False, sequence=True, description="The record it is made from."
        )
        known = Column(name=LABEL_KNOWN_AT, type=_TIME, description="Since when its labels are known.")
        columns = (
            *keys,
            place,
            time,
            *(own[name] for name in build.features),
            *self._history_columns(),
            *(own[name] for name in build.label_columns),
            *((known,) if build.labels is not None else ()),
        )
        return self.contract.model_copy(
            update={"columns": columns, "grain": self.options.key, "closed": True, "origin": self.contract.origin}
        )

    def _history_columns(self) -> Iterator[Column]:
        for history in self.options.history:
            said = f"examples of earlier days with the same {history.by}"
            yield Column(name=history.total, type="BIGINT", nullable=False, description=f"How many {said}.")
            for name, label, value in history.counts:
                text = f"How many {said} had the {label} {value!r}."
                yield Column(name=name, type="BIGINT", nullable=False, description=text)

    def _log(self) -> AssetDeclaration:
        log = self.declared.get(self.options.log)
        if log is None or log.kind is not AssetKind.RAW:
            problem = f"{self.options.log} is no raw table that is declared"
            raise self._wrong("log", problem, "Name the raw table of a source: features come from what landed.")
        for attribute, names in (("key", self.options.key), ("record", (self.options.record,))):
            for name in names:
                if log.contract.column(name) is None:
                    known = ", ".join(column.name for column in log.contract.columns)
                    problem = f"{self.options.log} has no column {name!r}"
                    raise self._wrong(attribute, problem, f"Its contract lists: {known}.")
        if self.options.record in self.options.key:
            raise self._wrong("key", "the record itself is no key", "Name the columns that tell records apart.")
        return log

    def _paths(self) -> tuple[tuple[tuple[str, tuple[Step, ...]], ...], tuple[tuple[Step, ...], ...]]:
        allowed = tuple(self._steps("allow", path) for path in self.options.allow)
        found = []
        for name, path in self.options.paths.items():
            steps = self._steps(f"paths.{name}", path)
            if not any(steps[: len(place)] == place for place in allowed):
                listed = ", ".join(self.options.allow)
                problem = f"{name!r} is taken from {path}, which is outside of what features may come from: {listed}"
                fix = "Take it from an allowed place, or allow that one, if it is known before the labels are."
                raise self._wrong(f"paths.{name}", problem, fix)
            found.append((name, steps))
        return tuple(found), allowed

    def _steps(self, attribute: str, path: str) -> tuple[Step, ...]:
        try:
            steps = parse_path(path)
        except ValueError as error:
            fix = "Write it like `$.a.b`; what an array holds is taken apart in SQL."
            raise self._wrong(attribute, str(error), fix) from error
        if any("*" in str(step) for step in steps):
            problem = f"the path {path!r} has a `*`, so that it does not say which place it means"
            raise self._wrong(attribute, problem, "Name the array itself and take it apart in SQL.")
        return steps

    def _require_time(self, check: FeatureSqlCheck, columns: FeatureColumns, log: AssetDeclaration) -> None:
        where = f"{self.component.file}:{self.component.line_of('seen_at')}"
        others = [
            SchemaColumn(name=column.name, type=column.type)
            for column in log.contract.columns
            if column.name != self.options.record and column.type
        ]
        try:
            check.expression(self.options.seen_at, where)
            found = columns.of_expression(self.options.seen_at, where, others)
        except StatementRefused as error:
            fix = "Write one expression over the log's columns; the record itself is not among them."
            raise self._wrong("seen_at", f"`seen_at` cannot be used: {error.why}", fix) from error
        if found != _TIME:
            raise self._wrong("seen_at", f"`seen_at` is {found}", "Make it a TIMESTAMP, in UTC.")

    def _features(
        self, check: FeatureSqlCheck, columns: FeatureColumns, log: AssetDeclaration, sql: str
    ) -> tuple[str, ...]:
        file = self.component.folder / self.options.sql
        key = [SchemaColumn(name=name, type=_type_of(log.contract, name)) for name in self.options.key]
        try:
            check.features(sql, str(file))
            found = columns.of_features(sql, str(file), key, list(self.options.paths))
        except StatementRefused as error:
            fix = (
                "Select the key and the features from `records`: it has the key, `_landed_seq`, `seen_at` and `paths`."
            )
            raise DefinitionError(file=file, problem=error.why, fix=fix) from error
        self._require_columns(file.name, found)
        return tuple(column.name for column in found if column.name not in self.options.key)

    def _require_columns(self, file: str, found: Sequence[SchemaColumn]) -> None:
        path = self.component.folder / file
        missing = [name for name in self.options.key if name not in {column.name for column in found}]
        if missing:
            raise DefinitionError(
                file=path, problem=f"does not select the key {missing[0]!r}", fix="Select every column of the key."
            )
        taken = {name.lower() for name in (*OWN_COLUMNS, *self.options.history_columns)}
        for column in found:
            if column.name.lower() in taken or column.name.startswith(RESERVED):
                problem = f"selects {column.name!r}, a column that the platform makes"
                raise DefinitionError(file=path, problem=problem, fix="Leave it out, or give it another name.")
            promised = self.contract.column(column.name)
            if promised is None:
                fix = f"Declare it in the contract, {self.contract.origin}."
                raise DefinitionError(file=path, problem=f"selects {column.name!r}, which nothing promises", fix=fix)
            if promised.type and promised.type != column.type:
                problem = f"gives {column.name!r} as {column.type}, and the contract promises {promised.type}"
                raise DefinitionError(file=path, problem=problem, fix="Cast it, or mend the contract.")

    def _other_columns(self, features: Sequence[str]) -> tuple[str, ...]:
        """What the contract promises besides: these must be the labels."""
        made = {*self.options.key, *features}
        others = tuple(column.name for column in self.contract.columns if column.name not in made)
        for name in others:
            if name.lower() in {each.lower() for each in (*OWN_COLUMNS, *self.options.history_columns)}:
                fix = "Take it out: the platform adds it."
                raise self._wrong("contract", f"the contract promises {name!r}, a column that the platform makes", fix)
        if others and self.options.labels is None:
            problem = f"the contract promises {others[0]!r}, which {self.options.sql} does not select"
            raise self._wrong("contract", problem, "Select it there, or name the file of `labels` that does.")
        if self.options.labels is not None and not others:
            raise self._wrong("labels", "the contract promises no label", "Declare the labels' columns in it.")
        grain = self.contract.grain
        if grain is not None and set(grain) != set(self.options.key):
            problem = f"the contract has the grain [{', '.join(grain)}], and the key is [{', '.join(self.options.key)}]"
            raise self._wrong("key", problem, "Make them the same.")
        return others

    def _published(
        self,
        check: FeatureSqlCheck,
        columns: FeatureColumns,
        attribute: str,
        sql: str | None,
        labels: Sequence[str],
    ) -> frozenset[AssetKey]:
        """What labels or examples read; their columns are held against what they must be."""
        if sql is None:
            return frozenset()
        file = self.component.folder / str(getattr(self.options, attribute))
        try:
            read = check.published(sql, str(file), self.declared)
            if any(not column.type for table in read for column in self.declared[table].contract.columns):
                return read  # nobody said the types: what it gives shows when it is built
            found = columns.of_published(sql, str(file), {t: _columns_of(self.declared[t].contract) for t in read})
        except StatementRefused as error:
            fix = "Select from the project's tables, as `schema.name`; nothing else is there."
            raise DefinitionError(file=file, problem=error.why, fix=fix) from error
        wanted = {*self.options.key, *labels, *((KNOWN_AT,) if attribute == "labels" else (LANDED_SEQ,))}
        given = {column.name: column.type for column in found}
        wrong = sorted(wanted ^ (given.keys() - ({LANDED_SEQ} - wanted)))
        if wrong:
            problem = f"selects {', '.join(given)}, and should {', '.join(sorted(wanted))}: {wrong[0]!r} is different"
            raise DefinitionError(file=file, problem=problem, fix="Mend it, or the contract.")
        for name, type_ in given.items():
            promised = _TIME if name == KNOWN_AT else "BIGINT" if name == LANDED_SEQ else self._promised_type(name)
            if promised and type_ != promised:
                problem = f"gives {name!r} as {type_}, and should as {promised}"
                raise DefinitionError(file=file, problem=problem, fix="Cast it.")
        return read

    def _promised_type(self, name: str) -> str:
        column = self.contract.column(name)
        return column.type if column is not None else ""

    def _require_history(self, features: Sequence[str], labels: Sequence[str]) -> None:
        for history in self.options.history:
            if history.by not in (*self.options.key, *features):
                problem = f"history is counted by {history.by!r}, which is no feature"
                raise self._wrong("history", problem, f"Features are: {', '.join(features)}.")
            unknown = sorted(set(history.of) - set(labels))
            if unknown:
                problem = f"history is counted of {unknown[0]!r}, which is no label"
                raise self._wrong("history", problem, f"Labels are: {', '.join(labels)}.")

    def _read(self, attribute: str, name: str) -> str:
        try:
            return (self.component.folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = f"{name} cannot be read ({error})"
            raise self._wrong(attribute, problem, "Write it beside this file.") from error

    def _wrong(self, attribute: str, problem: str, fix: str) -> DefinitionError:
        line = self.component.line_of(attribute)
        return DefinitionError(file=self.component.file, line=line, problem=problem, fix=fix)


def _type_of(contract: Contract, name: str) -> str:
    column = contract.column(name)
    return column.type if column is not None and column.type else "VARCHAR"


def _columns_of(contract: Contract) -> tuple[SchemaColumn, ...]:
    return tuple(SchemaColumn(name=column.name, type=column.type) for column in contract.columns)
