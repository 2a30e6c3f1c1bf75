"""What `dg scaffold defs` writes for the platform's components: the same files as `orchestrator new`."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import BaseModel, Field

from ..errors import Misuse
from ..operations.new_dbt_table import propose_dbt_project
from ..operations.new_embedding import propose_new_embedding
from ..operations.new_files import NewFiles, write_new
from ..operations.new_model import Learned, propose_new_model
from ..operations.new_source import propose_new_source
from ..operations.new_table import propose_new_table
from ..settings import Settings, load_settings


class SourceParams(BaseModel):
    """For `dg scaffold defs …SourceComponent NAME --samples FILE,…`."""

    samples: str = Field(
        default="", description="Sample files, with commas; without one a CSV of two columns is taken."
    )


class NoParams(BaseModel):
    """Nothing is asked."""


class TableParams(BaseModel):
    """For `dg scaffold defs …PythonTableComponent NAME --parent ASSET`."""

    parent: str = Field(default="", description="The table that it is made of; else it has rows of its own.")


class EmbeddingParams(BaseModel):
    """For `dg scaffold defs …EmbeddingComponent NAME --of ASSET --text COLUMNS`."""

    of: str = Field(default="", description="The table whose texts are embedded; else a table of notes comes along.")
    text: str = Field(default="", description="The columns of the text, with commas; else all texts.")


class ModelParams(BaseModel):
    """For `dg scaffold defs …ModelComponent NAME --examples ASSET --target COLUMN --classes VALUES`."""

    examples: str = Field(default="", description="The table to learn from; else made-up examples come along.")
    time: str = Field(default="", description="When each example was known; else its only column of times.")
    target: str = Field(default="", description="What is predicted.")
    classes: str = Field(default="", description="What the target can be, with commas.")


class SourceScaffolder(dg.Scaffolder[SourceParams]):
    @classmethod
    def get_scaffold_params(cls) -> type[SourceParams]:
        return SourceParams

    def scaffold(self, request: dg.ScaffoldRequest[SourceParams]) -> None:
        def propose(settings: Settings, name: str, folder: Path) -> NewFiles:
            samples = [Path(sample) for sample in _listed(request.params.samples)]
            if samples:
                return propose_new_source(settings, name, samples, folder)
            return _from_two_columns(settings, name, folder)

        _scaffold(request, propose)


class TableScaffolder(dg.Scaffolder[TableParams]):
    @classmethod
    def get_scaffold_params(cls) -> type[TableParams]:
        return TableParams

    def scaffold(self, request: dg.ScaffoldRequest[TableParams]) -> None:
        parent = request.params.parent or None
        _scaffold(request, lambda settings, name, folder: propose_new_table(settings, name, parent, "python", folder))


class DbtTablesScaffolder(dg.Scaffolder[NoParams]):
    @classmethod
    def get_scaffold_params(cls) -> type[NoParams]:
        return NoParams

    def scaffold(self, request: dg.ScaffoldRequest[NoParams]) -> None:
        _scaffold(request, lambda settings, _name, folder: propose_dbt_project(settings, folder))


class EmbeddingScaffolder(dg.Scaffolder[EmbeddingParams]):
    @classmethod
    def get_scaffold_params(cls) -> type[EmbeddingParams]:
        return EmbeddingParams

    def scaffold(self, request: dg.ScaffoldRequest[EmbeddingParams]) -> None:
        of, text = request.params.of or None, _listed(request.params.text)
        _scaffold(request, lambda settings, name, folder: propose_new_embedding(settings, name, of, text, folder))


class ModelScaffolder(dg.Scaffolder[ModelParams]):
    @classmethod
    def get_scaffold_params(cls) -> type[ModelParams]:
        return ModelParams

    def scaffold(self, request: dg.ScaffoldRequest[ModelParams]) -> None:
        said = request.params
        classes = _listed(said.classes)
        learned = Learned(said.examples or None, said.time or None, said.target or None, classes)
        _scaffold(request, lambda settings, name, folder: propose_new_model(settings, name, learned, folder))


def _scaffold(request: dg.ScaffoldRequest[Any], propose: Callable[[Settings, str, Path], NewFiles]) -> None:
    """Writes into the folder that `dg` made, which is gone again where nothing was written."""
    if request.scaffold_format != "yaml" or request.append:
        raise Misuse("The platform's components are YAML files of their own. Nothing was written. Leave --format away.")
    folder = request.target_path
    settings = load_settings(project=request.project_root)
    try:
        write_new(settings, propose(settings, folder.name, folder))
    finally:
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()


def _from_two_columns(settings: Settings, name: str, folder: Path) -> NewFiles:
    import tempfile

    with tempfile.TemporaryDirectory() as scratch:
        sample = Path(scratch) / f"{name}.csv"
        sample.write_text("id,name\n1,first\n2,second\n", encoding="utf-8")
        return propose_new_source(settings, name, [sample], folder)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
