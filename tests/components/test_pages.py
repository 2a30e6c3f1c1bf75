"""What an asset's page answers: what it is, what serves since when, what changed, what failed last, how it is read."""

import re
from typing import Any

import dagster as dg
import pytest

from orchestrator_platform import Platform
from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.operations.land import land
from orchestrator_platform.projections.dagster_pages import LAST_REJECTION

GOOD = ("1,ann,4.5", "2,bob,20", "3,ann,8")
PICTURE = "data:image/svg+xml;base64,"


def test_a_page_tells_what_serves_since_when_what_changed_and_that_nothing_was_rejected(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    shop.drop("tuesday.csv", "4,bob,1")
    assert shop.run().ok
    first, second = (_shown(made) for made in shop.materializations("marts.totals"))
    assert first["changed"] == "the first version, with 2 rows"
    assert second["changed"] == "+1 −1 rows since version 1; read newer raw.orders@1 → @2"
    assert second["published_at"] > first["published_at"]
    assert second[LAST_REJECTION] == "none of its candidates was ever held back"
    history = [record.data for record in second["history"]]
    assert [line["version"] for line in history] == ["2", "1"]
    assert (history[0]["made by"], history[0]["judged by"]) == ("maker", "judge")
    assert history[1]["why"] == "a person materialized it in Dagster"


def test_a_raw_page_has_a_picture_of_its_landing_days_and_every_page_one_of_its_publications(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD, "0,eve,1")
    assert shop.run().ok
    orders, best = (_shown(shop.materializations(asset)[0]) for asset in ("raw.orders", "marts.best"))
    assert PICTURE in orders["landed"]
    assert "landed" not in best
    assert PICTURE in orders["publications"]
    assert PICTURE in best["publications"]
    sizes = {name: len(str(value)) for shown in (orders, best) for name, value in shown.items()}
    assert max(sizes.values()) < 20_000, sizes


def test_columns_of_a_dbt_table_are_traced_to_those_that_they_are_made_from(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    shown = _shown(shop.materializations("marts.totals")[0])
    assert [record.data for record in shown["columns_made_from"]] == [
        {"column": "customer", "made from": "raw.orders.customer"},
        {"column": "total", "made from": "raw.orders.amount"},
    ]
    assert shown["dagster/column_lineage"].deps_by_column["total"][0].asset_key == dg.AssetKey(["raw", "orders"])


def test_a_rejection_is_told_on_the_page_of_what_still_serves(shop: Any) -> None:
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    shop.drop("tuesday.csv", "4,eve,3")
    assert not shop.run().ok
    (record,) = shop.instance.fetch_observations(dg.AssetKey(["marts", "names"]), limit=5).records
    told = record.asset_observation.metadata[LAST_REJECTION].value
    assert told == "entry 1, rejected: dbt_accepted_values_names_customer_ann_bob_cy (1 row)"
    assert shop.run("marts.totals").ok


def test_a_rejection_from_the_command_line_is_told_too(kept_shop: Any) -> None:
    shop = kept_shop
    shop.drop("monday.csv", "1,ann,-4")
    land(shop.gate, "orders")
    assert shop.run("marts.totals").failure.startswith("marts.totals waits")
    (record,) = shop.instance.fetch_observations(dg.AssetKey(["raw", "orders"]), limit=5).records
    assert record.asset_observation.metadata[LAST_REJECTION].value == "entry 1, rejected: no_refunds (1 row)"


def test_declared_plots_are_drawn_on_the_page(shop: Any) -> None:
    models = shop.settings.project.root / "dbt/models/models.yml"
    said = "config: {meta: {grain: [customer]}}"
    more = "config: {meta: {grain: [customer], plots: {spent: {column: total, description: By sum.}}}}"
    shop.write({"dbt/models/models.yml": models.read_text(encoding="utf-8").replace(said, more, 1)})
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    shown = _shown(shop.materializations("marts.totals")[0])
    assert PICTURE in shown["plot_spent"]
    assert shown["plot_spent"].endswith("By sum.")


def test_the_agents_in_both_seats_own_the_asset(shop: Any) -> None:
    specs = {".".join(spec.key.path): spec for spec in load_definitions(shop.settings).resolve_all_asset_specs()}
    assert list(specs["raw.orders"].owners) == ["team:maker", "team:judge"]
    assert specs["marts.totals"].metadata["dbt_docs"].value == "orchestrator docs --open"


def test_the_snippets_read_what_serves(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.drop("monday.csv", *GOOD)
    assert shop.run().ok
    specs = {".".join(spec.key.path): spec for spec in load_definitions(shop.settings).resolve_all_asset_specs()}
    text = specs["marts.totals"].metadata["read_it"].value
    (python,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    monkeypatch.chdir(shop.settings.project.root)
    monkeypatch.setenv("ORCHESTRATOR_HOME", str(shop.settings.home.root))
    *before, last = python.strip().splitlines()
    names: dict[str, Any] = {}
    exec("\n".join(before), names)  # noqa: S102 - what people copy is run as they would
    assert isinstance(names["platform"], Platform)
    assert sorted(eval(last, names)["customer"]) == ["ann", "bob"]  # noqa: S307


def _shown(made: Any) -> dict[str, Any]:
    """What the page shows, tables as their records."""
    return {name: getattr(value, "records", None) or value.value for name, value in made.metadata.items()}
