import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_project import make_project, write_orders

from orchestrator_platform.cli import text
from orchestrator_platform.cli.diff_markdown import markdown_lines
from orchestrator_platform.cli.edge import run
from orchestrator_platform.cli.text import width
from orchestrator_platform.records.diffs import ChangedRow, DiffSide, SchemaChange, TableDiff, Way
from orchestrator_platform.records.keys import AssetKey, Version

Call = Callable[..., object]


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ranking in two versions; only to be read. A third of totals was rejected and waits as number 1."""
    folder = make_project(tmp_path_factory.mktemp("grown"))
    for name, row in (
        ("may", (1, "ann", 10, "open")),
        ("june", (2, "bob", 20, "paid")),
        ("july", (3, "eve", 5000, "open")),
    ):
        file = write_orders(folder, f"{name}.csv", row)
        for arguments in (["land", "orders", file], ["build"]):
            run(["--project", str(folder), *map(str, arguments)])
    return folder


def test_a_difference_is_told_by_count_by_column_and_by_row(orchestrator: Call, grown: Path) -> None:
    said = orchestrator(grown, "diff", "marts.ranking")
    assert said.code == 0, said.err
    assert "version 1 → version 2" in said.out
    assert "1 added, 0 removed, 1 changed" in said.out
    assert '{"customer": "ann"}  place: "1" → "2"' in said.out


def test_the_json_of_a_difference_is_one_stable_object(orchestrator: Call, grown: Path) -> None:
    found = json.loads(orchestrator(grown, "diff", "marts.ranking", "--from", 1, "--to", 2, "--json").out)
    assert list(found) == [
        "asset", "before", "after", "grain", "way", "n_added", "n_removed", "n_changed", "schema_changes", "columns",
        "added", "removed", "changed",
    ]  # fmt: skip
    assert found["before"] == {"version": 1, "candidate": None, "n_rows": 1}
    assert found["columns"][1] == {
        "name": "place", "type": "BIGINT", "n_changed": 1,
        "before": {"n_null": 0, "n_distinct": 1, "lowest": "1", "highest": "1"},
        "after": {"n_null": 0, "n_distinct": 2, "lowest": "1", "highest": "2"},
    }  # fmt: skip
    assert found["changed"] == [{"key": {"customer": "ann"}, "before": {"place": "1"}, "after": {"place": "2"}}]


def test_a_difference_fits_the_terminal(orchestrator: Call, grown: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("text", "diff"):
        monkeypatch.setattr(f"orchestrator_platform.cli.{module}.terminal_width", lambda: 60)
    assert text.terminal_width() == 60
    said = orchestrator(grown, "diff", "marts.ranking")
    assert max(width(line) for line in said.out.splitlines()) <= 60


def test_a_difference_is_a_comment_in_markdown(orchestrator: Call, grown: Path) -> None:
    said = orchestrator(grown, "diff", "marts.ranking", "--markdown").out
    assert said.startswith("### `marts.ranking`: version 1 → version 2\n\n**1 added, 0 removed, 1 changed**")
    assert "| `ann` | `place` | `1` | `2` |" in said


def test_nothing_in_a_value_is_acted_on_in_markdown() -> None:
    evil = "a|b`c``d\n<img src=x> @all"
    found = TableDiff(
        asset=AssetKey("marts.t"), before=DiffSide(version=Version(1), n_rows=1), after=DiffSide(candidate=7, n_rows=1),
        grain=("id",), way=Way.KEYS, n_added=0, n_removed=0, n_changed=1,
        schema_changes=(SchemaChange(column="x", before="BIGINT", after=None),), columns=(), added=(), removed=(),
        changed=(ChangedRow(key={"id": "1"}, before={"v": None}, after={"v": evil}),),
    )  # fmt: skip
    lines = list(markdown_lines(found))
    assert "candidate 7 (which no audit approved)" in lines[0]
    assert "\n- column `x` dropped: `BIGINT`" in lines
    assert lines[-1] == "| `1` | `v` | – | ```a\\|b`c``d\\n<img src=x> @all``` |"


def test_what_is_equal_has_no_difference(orchestrator: Call, grown: Path) -> None:
    assert "difference  none" in orchestrator(grown, "diff", "marts.ranking", "--from", 2, "--to", 2).out
    same = orchestrator(grown, "diff", "marts.ranking", "--from", 2, "--to", 2, "--markdown").out
    assert same.endswith("No difference; 2 → 2 rows.\n")


def test_a_candidate_can_be_compared_and_queried_and_says_what_it_is(orchestrator: Call, grown: Path) -> None:
    said = orchestrator(grown, "diff", "marts.totals", "--to", "candidate:1")
    assert "version 2 → candidate 1, which no audit approved" in said.out
    assert '{"customer": "eve", "total": "5000.0"}' in said.out
    sql = "select max(total) as most from marts.totals"
    looked = orchestrator(grown, "query", "--candidate", 1, "--json", sql)
    assert (looked.code, looked.out) == (0, '[{"most": 5000.0}]\n')
    assert looked.err.startswith(
        "unaudited: marts.totals is candidate 1 here, made on version 2 and approved by no audit"
    )
    served = orchestrator(grown, "query", "--json", sql)
    assert (served.out, served.err) == ('[{"most": 20.0}]\n', "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("diff", "marts.totals", "--json", "--markdown"), "exclude each other"),
        (("diff", "marts.totals", "--to", "yesterday"), "takes a version"),
        (("diff", "marts.totals", "--to", "candidate:x"), "is no candidate"),
        (("diff", "marts.totals", "--to", "candidate:1/marts.totals"), "takes the number alone"),
        (("diff", "marts.totals", "--to", "candidate:9"), "nothing of that number"),
        (("diff", "marts.totals", "--from", "9"), "no version 9"),
        (("diff", "marts.nothing"), "There is no asset"),
        (("query", "select 1", "--candidate", "1", "--snapshot", "2"), "--candidate excludes --snapshot and --release"),
        (("query", "select 1", "--candidate", "9"), "nothing of that number"),
        (("query", "select * from lake.marts.totals", "--candidate", "1"), "Nothing was run"),
    ],
)
def test_misuse_has_exit_code_two(orchestrator: Call, grown: Path, arguments: tuple[str, ...], message: str) -> None:
    said = orchestrator(grown, *arguments)
    assert said.code == 2
    assert message in said.err
