"""Puts the scoring of one asset together: which version of the model answers, what may be reused, where to work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ...errors import OrchestratorError
from ...lake.history import read_receipt
from ...lake.published import PublishedCut
from ...records.candidates import ParentRead
from ...records.declarations import AssetDeclaration, ScoresBuild
from ...records.keys import AssetKey, Version
from ..build import Built
from ..context import Gate
from ..score import ScoringStage, build_scores


@dataclass(frozen=True)
class ScoresBuilder:
    """Scores over one cut; a `rebuild` scores every row anew. `scratch` is a folder of the workbench."""

    gate: Gate
    cut: PublishedCut
    scratch: Path
    rebuild: bool = False

    def build(
        self,
        connection: duckdb.DuckDBPyConnection,
        declaration: AssetDeclaration,
        relations: Mapping[AssetKey, str],
        parents: Sequence[ParentRead],
    ) -> Built:
        """Returns what was scored; `connection` keeps it alive until it is closed."""
        build = declaration.build
        assert isinstance(build, ScoresBuild)
        read = next((parent for parent in parents if parent.asset == build.options.model), None)
        stage = ScoringStage(
            connection=connection,
            declaration=declaration,
            examples=relations[build.options.examples],
            model=relations[build.options.model] if read else None,
            version=self._version(connection, read) if read else None,
            base=self._base(connection, declaration),
            scratch=self.scratch / declaration.key,
            say=self.gate.say,
        )
        try:
            made = build_scores(stage)
        except OrchestratorError as error:
            return Built(declaration.key, error=str(error))
        except (duckdb.ProgrammingError, duckdb.DataError) as error:
            first = str(error).strip().splitlines()[0]
            return Built(declaration.key, error=f"the examples cannot be scored as declared: {first}")
        return Built(declaration.key, made.relation, made.part, made.gone, made.key, counts=made.counts)

    def _version(self, connection: duckdb.DuckDBPyConnection, read: ParentRead) -> Version:
        """The version that was judged: a restored one has another number, and is the same model.

        One that is published together with its scores will have the next.
        """
        head = self.cut.heads.get(read.asset)
        if read.version is None:
            return Version(head.version + 1 if head else 1)
        receipt = read_receipt(connection, read.asset, read.version)
        return receipt.restores if receipt is not None and receipt.restores is not None else read.version

    def _base(self, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration) -> str | None:
        """The served version, where it has the columns and the meaning that a new one would have."""
        if self.rebuild or declaration.key not in self.cut.heads:
            return None
        receipt = read_receipt(connection, declaration.key)
        same = receipt is not None and receipt.code_version == declaration.code_version and not receipt.withdrawn
        return f"lake.{declaration.key.quoted}" if same else None
