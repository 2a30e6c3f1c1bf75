"""Puts the training of one model together: its examples, where its trials are kept, where it may write."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ...errors import OrchestratorError
from ...lake.published import PublishedCut
from ...records.candidates import ParentRead
from ...records.declarations import AssetDeclaration
from ..build import Built
from ..context import Gate
from ..train import TrainingStage, train_model


@dataclass(frozen=True)
class ModelTrainer:
    """Trains models; a `rebuild` searches anew. `scratch` is a folder of the workbench."""

    gate: Gate
    cut: PublishedCut
    scratch: Path
    rebuild: bool = False

    def train(
        self,
        connection: duckdb.DuckDBPyConnection,
        declaration: AssetDeclaration,
        examples: str,
        parents: Sequence[ParentRead],
    ) -> Built:
        """Returns what was trained on the examples; `connection` keeps its row until it is closed."""
        stage = TrainingStage(
            connection=connection,
            declaration=declaration,
            examples=examples,
            parents=parents,
            scratch=self.scratch / declaration.key,
            studies=self.gate.settings.home.cache / "studies",
            anew=self.rebuild,
            served=self.cut.relations().get(declaration.key),
            say=self.gate.say,
        )
        try:
            made = train_model(stage)
        except OrchestratorError as error:
            return Built(declaration.key, error=str(error))
        except (duckdb.ProgrammingError, duckdb.DataError) as error:
            first = str(error).strip().splitlines()[0]
            return Built(declaration.key, error=f"the examples cannot be read as declared: {first}")
        return Built(declaration.key, made.relation, counts=made.counts)
