"""Reads the project's component files: YAML that both this platform and Dagster's own loader understand.

Dagster is not imported here, so that a command line can start without it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import Field, ValidationError

from ..errors import DefinitionError
from ..records.alerts import AlertOptions
from ..records.base import Record
from ..records.declarations import DriftAnswer, SourceOptions
from ..records.embeddings import EmbeddingOptions
from ..records.features import FeatureOptions
from ..records.freshness import Freshness
from ..records.keys import AssetKey
from ..records.models import ModelOptions
from ..records.monitors import MonitorOptions
from ..records.plots import Plot
from ..records.pulls import Pull
from ..records.routing import RoutingOptions
from ..records.scores import ScoresOptions
from .yaml_documents import read_documents

COMPONENT_PACKAGE = "orchestrator_platform.components"


T = TypeVar("T", bound=Record)


def _only(kind: type[T], whole: Record) -> T:
    """The part of a record that is another kind of record."""
    return kind.model_validate({name: getattr(whole, name) for name in kind.model_fields})


class CheckAttributes(Record):
    """A check of the project's own: `file` is SQL that selects failing rows, or Python with `function`."""

    name: str
    file: str
    severity: str = "error"
    function: str | None = None


class SourceAttributes(SourceOptions):
    """`name` is the folder under landing, `asset` the raw table, `contract` is `file.py:Class` beside the file; `pull`
    says where files are brought from.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")
    asset: AssetKey
    contract: str
    description: str = ""
    drift: DriftAnswer = DriftAnswer.WARN
    freshness: Freshness | None = None
    checks: tuple[CheckAttributes, ...] = ()
    pull: Pull | None = None
    plots: dict[str, Plot] = Field(default_factory=dict)

    def options(self) -> SourceOptions:
        return _only(SourceOptions, self)


class DbtTablesAttributes(Record):
    """All models of the project's dbt folder. `atomic` publishes them together or not at all; `drift` and
    `freshness` hold where a model's `meta` does not say.
    """

    atomic: bool = False
    drift: DriftAnswer = DriftAnswer.WARN
    freshness: Freshness | None = None
    variables: dict[str, Any] = Field(default_factory=dict)


class PythonTableAttributes(Record):
    """Tables made by decorated functions in `module`, a Python file beside the component's."""

    module: str
    atomic: bool = False
    drift: DriftAnswer = DriftAnswer.WARN
    freshness: Freshness | None = None
    checks: tuple[CheckAttributes, ...] = ()


class BuiltAttributes(Record):
    """What components that declare one asset have in common; checks are files beside the component's, `plots` pictures
    of the asset by name.
    """

    asset: AssetKey
    description: str = ""
    freshness: Freshness | None = None
    checks: tuple[CheckAttributes, ...] = ()
    plots: dict[str, Plot] = Field(default_factory=dict)


class EmbeddingAttributes(BuiltAttributes, EmbeddingOptions):
    """`asset` is the table of vectors; golden queries and checks are files beside the component's."""

    drift: DriftAnswer = DriftAnswer.WARN

    def options(self) -> EmbeddingOptions:
        return _only(EmbeddingOptions, self)


class FeaturesAttributes(BuiltAttributes, FeatureOptions):
    """`asset` is the table of features, `contract` is `file.py:Class`; this and all SQL are files beside this one."""

    contract: str
    drift: DriftAnswer = DriftAnswer.WARN

    def options(self) -> FeatureOptions:
        return _only(FeatureOptions, self)


class ModelAttributes(BuiltAttributes, ModelOptions):
    """`asset` is the model's table, one row to each version; estimator and checks are files beside the component's."""

    def options(self) -> ModelOptions:
        return _only(ModelOptions, self)


class MonitorAttributes(BuiltAttributes, MonitorOptions):
    """`asset` is the table of measures; checks are files beside the component's."""

    def options(self) -> MonitorOptions:
        return _only(MonitorOptions, self)


class ScoresAttributes(BuiltAttributes, ScoresOptions):
    """`asset` is the table of scores; checks are files beside the component's."""

    drift: DriftAnswer = DriftAnswer.WARN

    def options(self) -> ScoresOptions:
        return _only(ScoresOptions, self)


class LedgerAttributes(BuiltAttributes):
    """`asset` is the table of landed files; it needs no contract, because the platform makes it."""


class RoutingAttributes(BuiltAttributes, RoutingOptions):
    """`asset` is the table of routed answers; checks are files beside the component's."""

    drift: DriftAnswer = DriftAnswer.WARN

    def options(self) -> RoutingOptions:
        return _only(RoutingOptions, self)


Attributes = (
    SourceAttributes
    | DbtTablesAttributes
    | PythonTableAttributes
    | EmbeddingAttributes
    | FeaturesAttributes
    | ModelAttributes
    | MonitorAttributes
    | AlertOptions
    | ScoresAttributes
    | RoutingAttributes
    | LedgerAttributes
)

ATTRIBUTES: dict[str, type[Attributes]] = {
    "SourceComponent": SourceAttributes,
    "DbtTablesComponent": DbtTablesAttributes,
    "PythonTableComponent": PythonTableAttributes,
    "EmbeddingComponent": EmbeddingAttributes,
    "AlertsComponent": AlertOptions,
    "FeaturesComponent": FeaturesAttributes,
    "ModelComponent": ModelAttributes,
    "MonitorComponent": MonitorAttributes,
    "ScoresComponent": ScoresAttributes,
    "RoutingComponent": RoutingAttributes,
    "LedgerComponent": LedgerAttributes,
}


@dataclass(frozen=True)
class ComponentFile:
    """One component: its attributes, the file and line where it begins, and the lines where its attributes do.

    `lines` are by attribute; what an attribute lists by name is there too, as `attribute.name`.
    """

    file: Path
    line: int
    attributes: Attributes
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, attribute: str) -> int:
        return self.lines.get(attribute, self.line)

    @property
    def folder(self) -> Path:
        return self.file.parent

    @property
    def origin(self) -> str:
        return f"{self.file}:{self.line}"


def read_component_files(defs: Path) -> tuple[ComponentFile, ...]:
    """Returns the platform's components below `defs`, in the order of their paths.

    Raises:
        DefinitionError: A file is not valid; the message has file and line.
    """
    files = sorted(file for name in ("defs.yaml", "component.yaml") for file in defs.rglob(name))
    return tuple(component for file in files for component in _components(file))


def read_component_file(file: Path) -> tuple[ComponentFile, ...]:
    """Returns the platform's components of one file.

    Raises:
        DefinitionError: It is not valid; the message has file and line.
    """
    return tuple(_components(file))


def _components(file: Path) -> Iterator[ComponentFile]:
    for node, value in read_documents(file):
        kind = value.get("type", "") if isinstance(value, dict) else ""
        package, _, name = str(kind).rpartition(".")
        if package == COMPONENT_PACKAGE:
            yield _component(file, node, name, value)


def _component(file: Path, node: yaml.Node, name: str, value: dict[str, Any]) -> ComponentFile:
    model = ATTRIBUTES.get(name)
    if model is None:
        known = ", ".join(ATTRIBUTES)
        raise DefinitionError(
            file=file,
            line=node.start_mark.line + 1,
            problem=f"there is no component {name!r}",
            fix=f"Use one of {known}.",
        )
    try:
        attributes = model.model_validate(value.get("attributes") or {})
    except ValidationError as error:
        first = error.errors()[0]
        path = [str(part) for part in first["loc"]]
        raise DefinitionError(
            file=file,
            line=_line_of(node, ["attributes", *path]),
            problem=f"`{'.'.join(path) or 'attributes'}`: {first['msg']}",
            fix=f"The attributes of {name} are: {', '.join(model.model_fields)}.",
        ) from error
    _refuse_templates(file, node, value)
    return ComponentFile(file, node.start_mark.line + 1, attributes, dict(_lines(node, value)))


def _lines(node: yaml.Node, value: dict[str, Any]) -> Iterator[tuple[str, int]]:
    for key, said in (value.get("attributes") or {}).items():
        yield str(key), _line_of(node, ["attributes", str(key)])
        for name in said if isinstance(said, dict) else ():
            yield f"{key}.{name}", _line_of(node, ["attributes", str(key), str(name)])


def _refuse_templates(file: Path, node: yaml.Node, value: dict[str, Any]) -> None:
    for name, attribute in (value.get("attributes") or {}).items():
        if "{{" in str(attribute):
            raise DefinitionError(
                file=file,
                line=_line_of(node, ["attributes", name]),
                problem=f"`{name}` holds a template expression, which only Dagster would resolve",
                fix="Write the value itself, so that the command line and Dagster read the same.",
            )


def _line_of(node: yaml.Node, path: list[str]) -> int:
    line = node.start_mark.line + 1
    for part in path:
        if not isinstance(node, yaml.MappingNode):
            break
        found = next(((key, child) for key, child in node.value if key.value == part), None)
        if found is None:
            break
        line, node = found[0].start_mark.line + 1, found[1]
    return line
