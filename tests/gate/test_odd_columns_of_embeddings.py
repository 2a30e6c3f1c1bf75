"""Names of columns that mean something elsewhere, or are hard to write, in a table whose texts are embedded."""

from pathlib import Path
from textwrap import dedent

from embedded_notes import FILES, NOTES, embedded, gate_of_notes, outcome_of
from hashed_embedder import HashedEmbedder
from small_project import write_files

from orchestrator_platform.gate.outcomes import Failed
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.search import Searcher

KEY = ("id", "text", "n", "a", "b", "first", "whole", "pieces", "place", "number", "rowid", 'it\'s "k"')
TITLE = 'ti{t}le "x" ü'
TABLE = """
    import pandas as pd

    from orchestrator_platform import python_table


    @python_table(key="marts.notes", parents={{}}, contract="contract.py:Notes")
    def notes() -> pd.DataFrame:
        rows = {rows!r}
        return pd.DataFrame([dict.fromkeys({key!r}, n) | {{{title!r}: title}} for n, title in rows])
"""


def write_table(folder: Path, rows: list[tuple[int, str]], key: tuple[str, ...] = KEY, title: str = TITLE) -> Path:
    fields = [f"k{place}: int = pa.Field(alias={name!r})" for place, name in enumerate(key)]
    contract = ["import pandera.pandas as pa", "", "", "class Notes(pa.DataFrameModel):"]
    contract += [f"    {field}" for field in (*fields, f"said: str = pa.Field(alias={title!r})")]
    contract += ["", "    class Config:", "        strict = True", f"        metadata = {{'grain': {list(key)!r}}}"]
    files = {
        "defs/marts/tables.py": dedent(TABLE).format(rows=rows, key=key, title=title),
        "defs/marts/contract.py": "\n".join(contract),
    }
    return write_files(folder, files)


def component(key: tuple[str, ...], title: str, more: str = "") -> str:
    return (
        "type: orchestrator_platform.components.EmbeddingComponent\nattributes:\n  asset: embeddings.notes\n"
        f"  source: marts.notes\n  key: {_yaml(key)}\n  text: {_yaml((title,))}\n"
        f"  title: {_yaml((title,))[1:-1]}\n{more}"
    )


def _yaml(names: tuple[str, ...]) -> str:
    return "[" + ", ".join("'" + name.replace("'", "''") + "'" for name in names) + "]"


def test_no_name_of_a_column_comes_in_the_way_of_embedding_judging_and_searching(tmp_path: Path) -> None:
    chunks = "  chunk: {tokens: 3, overlap: 1}\n"
    folder = write_files(tmp_path, {**FILES, "defs/vectors/defs.yaml": component(KEY, TITLE, chunks)})
    # The numbers do not follow the order of the rows, so that a row found by one of its columns would be another.
    notes = [(7, "the router overflows"), (2, "a printer that leaks what it was given"), (5, "races")]
    write_table(folder, notes)
    assert embedded(folder).embedded == 6
    write_table(folder, [*notes[:2], (5, "kernel races")])
    counts = embedded(folder)
    assert (counts.embedded, counts.reused) == (1, 2)

    searcher = Searcher(gate_of_notes(folder), lambda _: HashedEmbedder())
    found = searcher.search("kernel races", where='"it\'s ""k""" > 2')
    searcher.close()
    assert [(hit.key, hit.title) for hit in found.hits] == [
        ((number,) * len(KEY), title) for number, title in ((5, "kernel races"), (7, "the router overflows"))
    ]


def test_a_column_that_the_published_table_has_not_yet_fails_the_embedding_alone(tmp_path: Path) -> None:
    folder = write_files(tmp_path, {**FILES, "defs/vectors/defs.yaml": component(("id",), "said")})
    write_table(folder, [(1, "router")], ("id",), "said")
    embedded(folder)
    write_files(folder, {"defs/vectors/defs.yaml": component(("id",), "told")})
    write_table(folder, [(1, "router")], ("id",), "told")
    (outcome,) = build(gate_of_notes(folder), [NOTES]).outcomes
    assert isinstance(outcome, Failed)
    assert "the texts of marts.notes cannot be read as declared" in outcome.message
    assert outcome_of(folder).asset == NOTES
