"""Builds the assets of one pass in its workbench, each the way it is declared. Closes, judges and publishes nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

import duckdb

from ...lake.published import PublishedCut
from ...learning.monitoring.measuring import Watching
from ...records.candidates import ParentRead
from ...records.declarations import (
    AssetDeclaration,
    DbtBuild,
    EmbeddingBuild,
    FeaturesBuild,
    FrameBuild,
    LedgerBuild,
    ModelBuild,
    MonitorBuild,
    PythonBuild,
    RoutingBuild,
    ScoresBuild,
    SourceBuild,
)
from ...records.keys import AssetKey
from ..build import (
    Built,
    Frame,
    build_dbt_stage,
    build_features_stage,
    build_frame_stage,
    build_ledger_stage,
    build_monitor_stage,
    build_python_stage,
)
from ..context import Gate
from ..rebuild import made_by_other_code
from ..slices import rows_of_slices
from ..workbench import Workbench
from .embedding import EmbeddingBuilder
from .model import ModelTrainer
from .order import Order
from .routing import build_routing
from .scores import ScoresBuilder


@dataclass(frozen=True)
class Builder:
    """Builds over one cut; `frames` are what functions of others returned."""

    gate: Gate
    order: Order
    cut: PublishedCut
    workbench: Workbench
    frames: Mapping[AssetKey, Frame]

    def build(
        self,
        connection: duckdb.DuckDBPyConnection,
        declaration: AssetDeclaration,
        known: Mapping[AssetKey, str],
        read: Sequence[ParentRead],
    ) -> Built:
        """Returns what was built of one asset; `known` is where every table is found, `read` are its parents."""
        relations = self._shown(declaration, known)
        rebuild, folder = self.order.rebuild, self.workbench.folder
        match declaration.build:
            case EmbeddingBuild(options=options):
                embedding = EmbeddingBuilder(self.gate, self.cut, rebuild)
                built = embedding.build(connection, declaration, relations[options.source])
            case ModelBuild(options=options):
                trainer = ModelTrainer(self.gate, self.cut, folder / "training", rebuild)
                built = trainer.train(connection, declaration, relations[options.examples], read)
            case MonitorBuild() as build:
                built = self._watch(connection, declaration, build, relations)
            case ScoresBuild():
                scorer = ScoresBuilder(self.gate, self.cut, folder / "scoring", rebuild)
                built = scorer.build(connection, declaration, relations, read)
            case RoutingBuild():
                built = build_routing(connection, declaration, relations, read)
            case FeaturesBuild():
                built = build_features_stage(connection, declaration, relations)
            case LedgerBuild():
                built = build_ledger_stage(connection, declaration)
            case FrameBuild():
                built = build_frame_stage(connection, declaration, self.frames[declaration.key].returned)
            case PythonBuild():
                built = build_python_stage(connection, declaration, relations)
            case SourceBuild() | DbtBuild():
                raise AssertionError(f"{declaration.key} is landed, or built together with others")
            case other:
                assert_never(other)
        return built

    def build_dbt(self, stage: Sequence[AssetDeclaration], known: Mapping[AssetKey, str]) -> tuple[Built, ...]:
        """Returns what dbt built of the assets, which it builds together."""
        # Only what the models declare to read is shown to them: another read would leave no parent in the receipt.
        # An incremental model finds its base among it, unless the rows of the base were made by other code.
        parents = {parent for declaration in stage for parent in declaration.parents}
        based = {declaration.key for declaration in stage if declaration.partition is None}
        shown = parents | (based - self._made_by_other_code(stage))
        return build_dbt_stage(
            self.workbench,
            stage,
            self._shown(stage[0], {asset: relation for asset, relation in known.items() if asset in shown}),
            self.gate.dbt,
            self.gate.variables,
            full_refresh=self.order.rebuild,
            now=self.gate.now(),
            on_event=self.gate.say,
        )

    def _watch(
        self,
        connection: duckdb.DuckDBPyConnection,
        declaration: AssetDeclaration,
        build: MonitorBuild,
        relations: Mapping[AssetKey, str],
    ) -> Built:
        return build_monitor_stage(
            Watching(
                connection=connection,
                options=build.options,
                model=build.model,
                row=relations.get(build.options.model, ""),
                examples=relations[build.model.examples],
                scratch=self.workbench.folder / "watching" / declaration.key,
                say=self.gate.say,
            ),
            declaration,
        )

    def _shown(self, declaration: AssetDeclaration, relations: Mapping[AssetKey, str]) -> dict[AssetKey, str]:
        """Of its parents, a table in slices sees what the slices to be built are made from."""
        if declaration.partition is None:
            return dict(relations)
        return rows_of_slices(declaration.partition, dict(relations), self.order.slices)

    def _made_by_other_code(self, stage: Sequence[AssetDeclaration]) -> set[AssetKey]:
        connection = self.cut.connect()
        try:
            return made_by_other_code(connection, stage, self.gate.assets, self.cut.heads)
        finally:
            connection.close()
