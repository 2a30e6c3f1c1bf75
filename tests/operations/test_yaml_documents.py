"""Component files that nobody should write: each is refused with file and line, before anything is made of it."""

import textwrap
import time
from pathlib import Path

import pytest

from orchestrator_platform.errors import DefinitionError
from orchestrator_platform.operations.component_files import read_component_file
from orchestrator_platform.operations.yaml_documents import read_documents

TABLES = "type: orchestrator_platform.components.DbtTablesComponent\nattributes:\n"
ROUTING = """
    type: orchestrator_platform.components.RoutingComponent
    attributes:
      asset: scores.routed
      examples: features.items
      key: [item_id]
      routes:
        - {name: of all, scores: [scores.late]}
"""
LAUGHS = "  variables:\n    a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha]\n" + "".join(
    f"    a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
)
LONG_TEXT = f"  variables:\n    a: &a {'ha' * 100_000}\n    b: [{', '.join(['*a'] * 10_000)}]\n"


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        pytest.param(TABLES + "  variables: " + "[" * 500_000, 3, "nested deeper than 64", id="deep"),
        pytest.param(TABLES + "  variables: " + "{a: " * 99 + "}" * 99, 3, "nested deeper than 64", id="deep mappings"),
        pytest.param(TABLES + LAUGHS, 10, "with its aliases unfolded it is longer than", id="billion laughs"),
        pytest.param(TABLES + LONG_TEXT, 5, "with its aliases unfolded it is longer than", id="one long text"),
        pytest.param(TABLES + "  variables: &a\n    x: *a\n", 4, r"the alias \*a stands for nothing", id="of itself"),
        pytest.param(TABLES + "#" * 10_000_000, None, "has 10,000,070 bytes, and at most", id="ten megabytes"),
        pytest.param(TABLES + "  variables: {since: 2024-99-99}\n", 3, "month must be in 1..12", id="no such day"),
        pytest.param(TABLES + f"  variables: {{n: {'9' * 5_000}}}\n", 3, "4300 digits", id="digits"),
        pytest.param(TABLES + "  atomic: true\n  atomic: false\n", 4, "`atomic` is said twice", id="said twice"),
        pytest.param(TABLES + "  variables: [\n", 4, "not valid YAML", id="open"),
    ],
)
def test_what_no_component_file_may_be_is_refused_with_its_line(
    tmp_path: Path, text: str, line: int | None, said: str
) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text(text, encoding="utf-8")
    began = time.monotonic()
    with pytest.raises(DefinitionError, match=said) as refused:
        read_component_file(file)
    assert (refused.value.file, refused.value.line) == (str(file), line)
    assert time.monotonic() - began < 20
    assert len(str(refused.value)) < 1_000


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("scores: [scores.late]", "scores: [scores.late], abstain_below: 1.5", r"routes.0.abstain_below"),
        ("scores: [scores.late]", "scores: [scores.late], abstain_below: .nan", r"routes.0.abstain_below"),
        ("scores: [scores.late]", "scores: [scores.late], max_latency_ms: .nan", r"routes.0.max_latency_ms"),
        ("scores: [scores.late]", "scores: scores.late", r"routes.0.scores"),
        ("of all", f"{'a' * 1_000}", r"routes.0.name.*at most 100 characters"),
        ("of all", '"a\'); DROP TABLE x; --"', r"routes.0.name"),
        ("asset: scores.routed", 'asset: "scores.x; drop"', "is not an asset key"),
        ("attributes:", "attributes: {}\nothers:", "Field required"),
    ],
)
def test_routes_of_wrong_types_and_names_are_refused_by_what_they_are(
    tmp_path: Path, written: str, instead: str, said: str
) -> None:
    file = tmp_path / "defs.yaml"
    text = textwrap.dedent(ROUTING)
    assert written in text
    file.write_text(text.replace(written, instead), encoding="utf-8")
    with pytest.raises(DefinitionError, match=said):
        read_component_file(file)


def test_aliases_and_merged_mappings_are_read_as_ever(tmp_path: Path) -> None:
    file = tmp_path / "defs.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: &b {<<: *a, x: 3}\nc: {<<: *b, y: 4}\n", encoding="utf-8")
    ((_, value),) = read_documents(file)
    assert value == {"a": {"x": 1, "y": 2}, "b": {"x": 3, "y": 2}, "c": {"x": 3, "y": 4}}
    file.write_text("", encoding="utf-8")
    assert list(read_documents(file)) == []
