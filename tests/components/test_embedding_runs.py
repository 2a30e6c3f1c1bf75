"""An embedding in Dagster: listed with its checks before anything runs, materialized through the gate, and shown."""

import base64
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from embedded_notes import FILES, NOTES, embedded, gate_of_notes, make_notes, note, write_notes

from orchestrator_platform.components.load import component_assets
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations.dagster_sync import sync_versions
from orchestrator_platform.operations.dev import write_dagster_home
from orchestrator_platform.operations.embedding_pages import describe_embeddings
from orchestrator_platform.operations.served import read_served
from orchestrator_platform.projections.dagster_values import dagster_key
from orchestrator_platform.records.keys import AssetKey

KEY = dagster_key(AssetKey(NOTES))


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::dagster.BetaWarning")
def test_an_embedding_is_materialized_with_what_was_embedded_and_all_its_checks(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [note(number) for number in range(40)])
    gate = gate_of_notes(folder)
    assets = list(component_assets(gate))
    (listed,) = (spec for asset in assets for spec in asset.specs if spec.key == KEY)
    assert listed.deps == [dg.AssetDep(dagster_key(AssetKey("marts.notes")))]
    assert "ducklake" in listed.kinds
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(assets, instance=instance)
    (made,) = (event for event in run.get_asset_materialization_events() if event.asset_key == KEY)
    shown = {name: value.value for name, value in made.materialization.metadata.items()}
    counted = {name: shown[name] for name in ("embedded", "reused", "recalled", "removed", "truncated", "empty")}
    assert counted == {"embedded": 40, "reused": 0, "recalled": 0, "removed": 0, "truncated": 0, "empty": 0}
    checks = {check.check_name: check.passed for check in run.get_asset_check_evaluations() if check.asset_key == KEY}
    assert checks == dict.fromkeys([*gate.audit_plan(AssetKey(NOTES)).checks, "served"], True)
    assert {"vectors_of_their_texts", "retrieval_ndcg", "near_duplicates"} <= checks.keys()


TEXT = "text, and by cosine what is near it"
HOSTILE = "<img src=x onerror=alert(1)> | [click](javascript:alert(1)) **bold**\n# no"


def published(folder: Path, gate: Gate) -> Mapping[str, Any]:
    """Embeds, and returns what a materialization of that shows besides its receipt."""
    embedded(folder, gate)
    return described(gate)


def described(gate: Gate) -> Mapping[str, Any]:
    receipt = read_served(gate, [AssetKey(NOTES)])[AssetKey(NOTES)].receipt
    assert receipt is not None
    shown = describe_embeddings(gate)(receipt)
    return {
        name: value.value if isinstance(value, dg.MarkdownMetadataValue) else value for name, value in shown.items()
    }


def picture_in(markdown: str) -> str:
    found = re.search(r"data:image/svg\+xml;base64,([^)]*)", markdown)
    assert found is not None
    return base64.b64decode(found[1]).decode()


def rows_of(table: Any) -> list[dict[str, Any]]:
    return [dict(record.data) for record in table.records]


@pytest.mark.filterwarnings("ignore::dagster.PreviewWarning", "ignore::dagster.BetaWarning")
def test_a_materialization_shows_map_neighbours_figures_and_serving_copies(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [note(number) for number in range(40)])
    with dg.DagsterInstance.ephemeral() as instance:
        run = dg.materialize(list(component_assets(gate_of_notes(folder))), instance=instance)
    (made,) = (event for event in run.get_asset_materialization_events() if event.asset_key == KEY)
    shown = made.materialization.metadata
    drawn = picture_in(shown["map"].value)
    assert "26 of 26 other texts" in drawn
    assert "14 that answer golden queries" in drawn
    assert (drawn.count("h0"), drawn.count(">5</text>")) == (40, 1)
    neighbours = rows_of(shown["neighbours"])
    assert [row["no."] for row in neighbours] == [text for n in "12345" for text in (n, "", "", "")]
    cosines = [row[TEXT].split()[0] for row in neighbours if not row["no."]]
    assert len(cosines) == 15
    assert all(cosines[i] >= cosines[i + 1] >= cosines[i + 2] for i in range(0, 15, 3))
    assert len({row[TEXT] for row in neighbours[:4]}) == 4
    assert shown["ndcg"].value > 0.5
    assert "ndcg" in picture_in(shown["golden_queries"].value)
    assert rows_of(shown["projections"]) == [
        {"target": f"local:{NOTES}", "serving": "1", "published": "1", "error": ""}
    ]


def test_versions_of_the_command_line_show_the_same_and_earlier_ones_their_figures(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    for size in (30, 40):
        write_notes(folder, [note(number) for number in range(size)])
        embedded(folder)
    gate = gate_of_notes(folder)
    with dg.DagsterInstance.from_config(str(write_dagster_home(gate.settings))) as instance:
        sync_versions(gate, instance)
        records = instance.fetch_materializations(KEY, limit=9, ascending=True).records
    first, second = (record.asset_materialization.metadata for record in records if record.asset_materialization)
    assert {"ndcg", "recall", "mrr", "golden_queries"} <= first.keys()
    assert not {"map", "neighbours", "projections"} & first.keys()
    assert {"map", "neighbours", "projections", "ndcg"} <= second.keys()
    drawn = picture_in(second["golden_queries"].value)
    assert [">@1<" in drawn, ">@2<" in drawn] == [True, True]


def test_texts_that_try_to_be_markup_are_shown_as_text(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [(n, f"{HOSTILE} {n}", *note(n)[2:]) for n in range(8)])
    shown = published(folder, gate_of_notes(folder))
    assert all("onerror" in row[TEXT] and "\n" not in row[TEXT] for row in rows_of(shown["neighbours"]))
    assert "onerror" not in shown["map"] + picture_in(shown["map"]) + shown["golden_queries"]


def test_personal_data_is_not_shown(tmp_path: Path) -> None:
    contract = FILES["defs/marts/contract.py"]
    marked = contract.replace(
        "title: str = pa.Field(nullable=True", "title: str = pa.Field(nullable=True, metadata={'pii': True}"
    )
    folder = make_notes(tmp_path, changes={"defs/marts/contract.py": marked})
    write_notes(folder, [note(number) for number in range(8)])
    shown = published(folder, gate_of_notes(folder))
    names = [row[TEXT] for row in rows_of(shown["neighbours"])]
    assert names
    assert all(re.fullmatch(r"(0\.\d+  )?\d+ •••", name) for name in names)


def test_a_row_without_title_goes_by_how_its_text_begins(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [(n, None, *note(n)[2:]) for n in range(8)])
    shown = published(folder, gate_of_notes(folder))
    names = [row[TEXT] for row in rows_of(shown["neighbours"]) if row["no."]]
    assert len(names) == 5
    assert all(re.match(r"\d a overflow in the ", name) for name in names)


def test_an_embedding_without_golden_queries_has_a_map_without_marks(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [note(number) for number in range(8)])
    shown = published(folder, gate_of_notes(folder))
    assert "8 of 8 texts" in picture_in(shown["map"])
    assert not {"ndcg", "golden_queries"} & shown.keys()


def test_an_embedding_of_no_text_at_all_is_shown_without_a_map(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [(1, None, None, "x", "y")])
    assert not {"map", "neighbours"} & published(folder, gate_of_notes(folder)).keys()


def test_what_cannot_be_drawn_is_said_and_harms_nothing(tmp_path: Path) -> None:
    folder = make_notes(tmp_path, golden=True)
    write_notes(folder, [note(number) for number in range(12)])
    gate = gate_of_notes(folder)
    embedded(folder, gate)
    said: list[str] = []
    (folder / "defs/vectors/golden.sql").write_text("SELECT nothing FROM nowhere", encoding="utf-8")
    shown = described(replace(gate, say=said.append))
    assert shown["map"].startswith("It could not be drawn")
    assert shown["ndcg"] > 0
    assert "without a map" in said[0]


def test_a_copy_that_could_not_be_brought_up_says_why(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [note(number) for number in range(8)])
    gate = gate_of_notes(folder)
    copies = gate.settings.home.projections / "local"
    embedded(folder, gate)
    shutil.rmtree(copies, ignore_errors=True)
    copies.write_text("in the way", encoding="utf-8")
    write_notes(folder, [note(number) for number in range(9)])
    (copy,) = rows_of(published(folder, gate_of_notes(folder))["projections"])
    assert (copy["serving"], copy["published"]) == ("1", "2")
    assert copy["error"]
