"""Declares tables of features: what a component says, held against the log, the allowed places and its contract."""

from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ..reading.json_paths import Step, parse_path
from ..records.base import sha256_of
from ..records.candidates import AssetKind
from ..records.contracts import Column, Contract
from ..records.declarations import AssetDeclaration, FeaturesBuild, FreeCheck
from ..records.features import (
    LABEL_KNOWN_AT,
    LANDED_SEQ,
    SEEN_AT,
    FeatureOptions,
)
from ..records.keys import AssetKey
from ..transforming.feature_columns import FeatureColumns
from ..transforming.feature_sql import FeatureSqlCheck
from .component_files import ComponentFile, FeaturesAttributes
from .feature_promises import TIME, FeaturePromises
from .feature_shape import FeatureShape, kept_shape, shape_key
from .table_read import wrong


def declare_features(
    component: ComponentFile,
    attributes: FeaturesAttributes,
    declared: Mapping[AssetKey, AssetDeclaration],
    contract: Contract,
    checks: tuple[FreeCheck, ...],
    cache: Path,
) -> AssetDeclaration:
    """Returns the table of features of one component; what its labels and examples read are parents too.

    Args:
        cache: Where it is kept what the SQL was found to give.

    Raises:
        DefinitionError: A path leads outside of what is allowed, SQL reads what it may not, or the columns are not
            those of the contract.
    """
    definition = _Definition(component, attributes.options(), declared, contract, cache / f"{attributes.asset}.json")
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
    cache: Path

    def build(self) -> tuple[FeaturesBuild, tuple[AssetKey, ...]]:
        """Returns how the table is built, and what it is built from: the log first."""
        log = self._log()
        paths, allowed = self._paths()
        sql = self._read("sql", self.options.sql)
        labels = self._read("labels", self.options.labels) if self.options.labels else None
        examples = self._read("examples", self.options.examples) if self.options.examples else None
        key = shape_key(self.options, (sql, labels, examples), self.contract, self.declared)
        shape = kept_shape(self.cache, key, lambda: self._shape(log, sql, labels, examples))
        build = FeaturesBuild(
            options=self.options,
            folder=self.component.folder,
            paths=paths,
            allowed=allowed,
            sql=sql,
            labels=labels,
            examples=examples,
            features=shape.features,
            label_columns=shape.labels,
        )
        return build, (self.options.log, *(table for table in shape.read if table != self.options.log))

    def _shape(self, log: Contract, sql: str, labels: str | None, examples: str | None) -> FeatureShape:
        with closing(FeatureSqlCheck()) as check, closing(FeatureColumns()) as columns:
            promises = FeaturePromises(self.component, self.options, self.declared, self.contract, check, columns)
            promises.require_time(log)
            features = promises.features(log, sql)
            label_columns = promises.labels(features)
            read = promises.read("labels", labels, label_columns) | promises.read("examples", examples, ())
            promises.require_history(features, label_columns)
        return FeatureShape(features=features, labels=label_columns, read=tuple(sorted(read)))

    def promised(self, build: FeaturesBuild) -> Contract:
        """Returns the project's contract with the columns that the platform makes."""
        own = {column.name: column for column in self.contract.columns}
        keys = (own[name].model_copy(update={"nullable": False}) for name in self.options.key)
        time = Column(name=SEEN_AT, type=TIME, nullable=False, description="When its record came.")
        place = Column(
            name=LANDED_SEQ, type="BIGINT", nullable=False, sequence=True, description="The record it is made from."
        )
        known = Column(name=LABEL_KNOWN_AT, type=TIME, description="Since when its labels are known.")
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

    def _log(self) -> Contract:
        log = self.declared.get(self.options.log)
        if log is None or log.kind is not AssetKind.RAW:
            problem = f"{self.options.log} is no raw table that is declared"
            raise wrong(
                self.component, "log", problem, "Name the raw table of a source: features come from what landed."
            )
        for attribute, names in (("key", self.options.key), ("record", (self.options.record,))):
            for name in names:
                if log.contract.column(name) is None:
                    known = ", ".join(column.name for column in log.contract.columns)
                    problem = f"{self.options.log} has no column {name!r}"
                    raise wrong(self.component, attribute, problem, f"Its contract lists: {known}.")
        if self.options.record in self.options.key:
            raise wrong(
                self.component, "key", "the record itself is no key", "Name the columns that tell records apart."
            )
        return log.contract

    def _paths(self) -> tuple[tuple[tuple[str, tuple[Step, ...]], ...], tuple[tuple[Step, ...], ...]]:
        allowed = tuple(self._steps("allow", path) for path in self.options.allow)
        found = []
        for name, path in self.options.paths.items():
            steps = self._steps(f"paths.{name}", path)
            if not any(steps[: len(place)] == place for place in allowed):
                listed = ", ".join(self.options.allow)
                problem = f"{name!r} is taken from {path}, which is outside of what features may come from: {listed}"
                fix = "Take it from an allowed place, or allow that one, if it is known before the labels are."
                raise wrong(self.component, f"paths.{name}", problem, fix)
            found.append((name, steps))
        return tuple(found), allowed

    def _steps(self, attribute: str, path: str) -> tuple[Step, ...]:
        try:
            steps = parse_path(path)
        except ValueError as error:
            fix = "Write it like `$.a.b`; what an array holds is taken apart in SQL."
            raise wrong(self.component, attribute, str(error), fix) from error
        if any("*" in str(step) for step in steps):
            problem = f"the path {path!r} has a `*`, so that it does not say which place it means"
            raise wrong(self.component, attribute, problem, "Name the array itself and take it apart in SQL.")
        return steps

    def _read(self, attribute: str, name: str) -> str:
        try:
            return (self.component.folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            problem = f"{name} cannot be read ({error})"
            raise wrong(self.component, attribute, problem, "Write it beside this file.") from error
