"""A small project with an embedding: notes, one row per note, and the vectors of their texts."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hashed_embedder import HashedEmbedder, hashed_embedders
from small_project import AGENT_FILES, write_files

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.outcomes import Outcome, Published
from orchestrator_platform.learning.embedders import Embedders
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.records.embeddings import EmbeddingCounts
from orchestrator_platform.settings import load_settings

NOTES = "embeddings.notes"
TOPICS = ("router", "printer", "browser", "kernel", "database", "camera", "firewall", "editor")
FAULTS = ("overflow", "injection", "leak", "traversal", "race", "forgery", "bypass", "crash", "loop", "underflow")

COMPONENT = """
    type: orchestrator_platform.components.EmbeddingComponent
    attributes:
      asset: embeddings.notes
      description: Notes by meaning.
      source: marts.notes
      key: [note_id]
      text: [title, body]
      title: title
      show: [title]
"""
GOLDEN = """
      golden: {file: golden.sql, min_ndcg: 0.5}
"""
GOLDEN_SQL = "SELECT question AS query, note_id FROM marts.notes WHERE note_id % 3 = 0\n"

FILES = AGENT_FILES | {
    "pyproject.toml": '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\n',
    "defs/marts/defs.yaml": """
        type: orchestrator_platform.components.PythonTableComponent
        attributes:
          module: tables.py
    """,
    "defs/marts/contract.py": """
        import pandera.pandas as pa


        class Notes(pa.DataFrameModel):
            note_id: int
            title: str = pa.Field(nullable=True)
            body: str = pa.Field(nullable=True)
            german: str = pa.Field(nullable=True)
            question: str = pa.Field(nullable=True)

            class Config:
                strict = True
                metadata = {"grain": ["note_id"]}
    """,
}

TABLE = """
    import pandas as pd

    from orchestrator_platform import python_table

    COLUMNS = ["note_id", "title", "body", "german", "question"]
    ROWS = {rows!r}


    @python_table(key="marts.notes", parents={{}}, contract="contract.py:Notes")
    def notes() -> pd.DataFrame:
        return pd.DataFrame(ROWS, columns=COLUMNS).astype({{name: "str" for name in COLUMNS[1:]}})
"""


def make_notes(folder: Path, *, golden: bool = False, changes: Mapping[str, str] | None = None) -> Path:
    """Writes the project, without notes, and returns its folder."""
    component = {"defs/vectors/defs.yaml": COMPONENT + (GOLDEN if golden else "")}
    component |= {"defs/vectors/golden.sql": GOLDEN_SQL} if golden else {}
    return write_files(folder, {**FILES, **component, **(changes or {})})


def gate_of_notes(folder: Path, embedders: Embedders | None = None) -> Gate:
    return load_gate(load_settings(folder / "home", folder), embedders or hashed_embedders())


def embedded(folder: Path, gate: Gate | None = None, *, rebuild: bool = False) -> EmbeddingCounts:
    """Builds, and returns what was embedded; the embedding must be published."""
    (outcome,) = (o for o in build(gate or gate_of_notes(folder), rebuild=rebuild).outcomes if o.asset == NOTES)
    assert isinstance(outcome, Published), outcome
    assert outcome.counts is not None
    return outcome.counts


def outcome_of(folder: Path, gate: Gate | None = None) -> Outcome:
    """Builds, and returns what became of the embedding."""
    (outcome,) = (o for o in build(gate or gate_of_notes(folder)).outcomes if o.asset == NOTES)
    return outcome


def note(number: int, *, words: str = "") -> tuple[int, str, str, str, str]:
    """A note, whose question its title answers; with `words` both title and text say something else."""
    topic, fault = TOPICS[number % len(TOPICS)], FAULTS[number // len(TOPICS) % len(FAULTS)]
    asked = f"{topic} {fault} {number}"
    title, body = words or asked, words or f"a {fault} in the {topic} lets note {number} say more"
    return number, title, body, f"wer weiß warum, und zwar {number * 7}-mal", asked


def write_notes(folder: Path, rows: Sequence[tuple[object, ...]]) -> None:
    """Makes these the notes of the next build."""
    write_files(folder, {"defs/marts/tables.py": TABLE.format(rows=list(rows))})


def build_and_die(folder: Path) -> None:
    """Builds with an embedder that kills its process after twenty batches."""
    build(gate_of_notes(folder, hashed_embedders(lambda: HashedEmbedder(dies_after=20))), [NOTES])


def nothing() -> None:
    """What a run is killed at where its embedder does it."""
