import json

from cli.conftest import Call
from small_project import make_project


def test_a_dry_run_lists_what_would_be_tried(orchestrator: Call, tmp_path) -> None:  # type: ignore[no-untyped-def]
    project = make_project(tmp_path)
    said = orchestrator(project, "tune", "embeddings.things", "--ef", 8, "--ef", 16, "--max-connections", 4,
                        "--ef-construction", 64, "--quantization", "bq", "--dry-run")  # fmt: skip
    assert (said.code, said.out.splitlines()) == (
        0,
        [
            "ef 8, ef_construction 64, max_connections 4, quantization bq",
            "ef 16, ef_construction 64, max_connections 4, quantization bq",
        ],
    )
    usual = json.loads(orchestrator(project, "tune", "embeddings.things", "--dry-run", "--json").out)
    assert len(usual["would_try"]) == 90


def test_an_embedding_that_is_none_is_named(orchestrator: Call, tmp_path) -> None:  # type: ignore[no-untyped-def]
    said = orchestrator(make_project(tmp_path), "tune", "raw.orders")
    assert said.code == 2
    assert "There is no asset 'raw.orders'" in said.err
