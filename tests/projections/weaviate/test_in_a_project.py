"""A whole project: builds, rollbacks and searches with a server beside the files, and what happens when it is down."""

from pathlib import Path

from embedded_notes import COMPONENT, GOLDEN, NOTES, embedded, gate_of_notes, make_notes, note, write_notes
from hashed_embedder import HashedEmbedder
from projections.weaviate.serving_things import new_alias
from weaviate_server import RunningServer, free_ports

from orchestrator_platform.operations.projections import read_projections, sync
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.search import Searcher

LONG = "the kernel loses its place and then finds it again in quite another part of memory " * 6


def project_served_by(folder: Path, url: str, grpc_port: int, alias: str) -> Path:
    served = f"""
      chunk: {{tokens: 20, overlap: 4}}
      projections:
        - kind: local
        - {{kind: weaviate, url: "{url}", grpc_port: {grpc_port}, alias: {alias}, timeout_seconds: 5}}
    """.rstrip()
    return make_notes(folder, golden=True, changes={"defs/vectors/defs.yaml": COMPONENT.rstrip() + GOLDEN + served})


def standing(folder: Path) -> dict[str, tuple[int | None, bool]]:
    return {state.target: (state.serving, state.is_behind) for state in read_projections(gate_of_notes(folder))}


def found(folder: Path, text: str, backend: str, mode: str = "hybrid") -> list[int]:
    searcher = Searcher(gate_of_notes(folder), lambda _: HashedEmbedder())
    try:
        return [hit.key[0] for hit in searcher.search(text, mode=mode, backend=backend, k=3).hits]
    finally:
        searcher.close()


def test_what_is_built_and_rolled_back_is_what_the_server_serves(server: RunningServer, tmp_path: Path) -> None:
    folder = project_served_by(tmp_path, server.url, server.grpc_port, new_alias())
    rows = [note(i) for i in range(40)]
    write_notes(folder, rows)
    embedded(folder)
    assert standing(folder) == {f"local:{NOTES}": (1, False), f"weaviate:{NOTES}": (1, False)}

    changed = [(3, "kernel place", LONG, "anders", rows[3][4]), *rows[:3], *rows[4:]]
    write_notes(folder, changed)
    embedded(folder)
    assert standing(folder)[f"weaviate:{NOTES}"] == (2, False)
    assert found(folder, "place memory", "weaviate", "text") == [3]
    asked = "printer overflow"
    assert found(folder, asked, "weaviate", "vector") == found(folder, asked, "local", "vector")

    rollback(gate_of_notes(folder), Goal(NOTES, 1), why="a test", by="ada")
    assert standing(folder)[f"weaviate:{NOTES}"] == (3, False)
    assert found(folder, "place memory", "weaviate", "text") == []

    rollback(gate_of_notes(folder), Goal(NOTES), why="a test", by="ada")
    assert standing(folder)[f"weaviate:{NOTES}"] == (None, False)


def test_a_server_that_is_down_harms_no_publication(server: RunningServer, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    alias = new_alias()
    folder = project_served_by(tmp_path, f"http://127.0.0.1:{port}", server.grpc_port, alias)
    write_notes(folder, [note(i) for i in range(10)])
    assert embedded(folder).embedded
    down = next(s for s in read_projections(gate_of_notes(folder)) if s.target.startswith("weaviate:"))
    assert (down.published, down.is_behind) == (1, True)
    assert f"http://127.0.0.1:{port} does not answer" in down.error

    project_served_by(folder, server.url, server.grpc_port, alias)
    assert {state.target: state.serving for state in sync(gate_of_notes(folder))} == {
        f"local:{NOTES}": 1,
        f"weaviate:{NOTES}": 1,
    }


def test_an_empty_embedding_answers_nothing(server: RunningServer, tmp_path: Path) -> None:
    folder = project_served_by(tmp_path, server.url, server.grpc_port, new_alias())
    write_notes(folder, [(1, "", "  ", "nichts", "")])
    for file in (folder / "defs").rglob("*.yaml"):
        file.write_text(file.read_text().replace(", min_ndcg: 0.5", ""))  # nothing can be asked of it
    embedded(folder)
    assert [found(folder, "anything", "weaviate", mode) for mode in ("vector", "text", "hybrid")] == [[], [], []]
