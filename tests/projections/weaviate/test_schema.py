"""How columns become properties: typed after the contract, named as the server takes it, given back as they were."""

from datetime import UTC, date, datetime

import duckdb
import pytest

from orchestrator_platform.projections.weaviate.schema import CollectionPlan, alias_of, plan_collection
from orchestrator_platform.records.candidates import SchemaColumn
from orchestrator_platform.records.embeddings import EmbeddingOptions, Weaviate
from orchestrator_platform.records.keys import AssetKey

ASSET, SERVED = AssetKey("embeddings.things"), Weaviate(url="http://localhost:8080")


def plan_of(*columns: tuple[str, str], served: Weaviate = SERVED) -> CollectionPlan:
    names = [name for name, _ in columns]
    options = EmbeddingOptions(source=AssetKey("marts.things"), key=(names[0],), text=(names[0],), show=tuple(names))
    return plan_collection(ASSET, options, served, [SchemaColumn(name=n, type=t) for n, t in columns])


@pytest.mark.parametrize(
    ("type_", "value", "property_type", "sent"),
    [
        ("BIGINT", "7", "int", 7),
        ("DECIMAL(9,2)", "7.25", "number", 7.25),
        ("DOUBLE", "'nan'", "number", None),
        ("BOOLEAN", "true", "boolean", True),
        ("DATE", "'2024-05-08'", "date", "2024-05-08T00:00:00.000000Z"),
        ("TIMESTAMP", "'0824-05-08 12:30:00'", "date", "0824-05-08T12:30:00.000000Z"),
        ("TIMESTAMP WITH TIME ZONE", "'2024-05-08 12:30:00+02'", "date", "2024-05-08T10:30:00.000000Z"),
        ("DATE", "'12024-05-08'", "date", None),
        ("VARCHAR[]", "['a', NULL]", "text[]", ["a"]),
        ("UUID", "'6f0d3d0c-6d37-5d0a-9a55-6b3c1f7a2c11'", "text", "6f0d3d0c-6d37-5d0a-9a55-6b3c1f7a2c11"),
    ],
)
def test_values_are_sent_as_the_server_takes_them(type_: str, value: str, property_type: str, sent: object) -> None:
    (one,) = plan_of(("value", type_)).properties
    with duckdb.connect() as connection:
        row = connection.execute(f"SELECT {one.sql} FROM (SELECT ({value})::{type_} AS value) AS s").fetchone()
    assert (one.type, row) == (property_type, (sent,))


def test_instants_come_back_as_what_they_were() -> None:
    instant = datetime(2024, 5, 8, 12, tzinfo=UTC)
    day, naive, zoned = plan_of(
        ("day", "DATE"), ("naive", "TIMESTAMP"), ("zoned", "TIMESTAMP WITH TIME ZONE")
    ).properties
    assert day.as_in_source(instant) == date(2024, 5, 8)
    assert naive.as_in_source(instant) == datetime(2024, 5, 8, 12)  # noqa: DTZ001  # that is the point
    assert zoned.as_in_source(instant) == instant
    assert day.as_in_source(None) is None


def test_names_that_the_server_does_not_take_become_others_that_differ() -> None:
    names = ("id", "Größe", "2nd", "lake_text", "a", "A")
    plan = plan_of(*((name, "VARCHAR") for name in names))
    assert [item.name for item in plan.properties] == ["id_", "gr__e", "c_2nd", "lake_text_", "a", "a_"]


def test_only_what_changes_objects_or_index_asks_for_a_new_collection() -> None:
    plain = plan_of(("id", "VARCHAR"))
    assert plan_of(("id", "VARCHAR"), served=SERVED.model_copy(update={"keep_previous": 3})).layout == plain.layout
    assert plan_of(("id", "INTEGER")).layout != plain.layout
    indexed = Weaviate.model_validate({"url": "http://localhost:8080", "index": {"ef": 64}})
    assert plan_of(("id", "VARCHAR"), served=indexed).layout != plain.layout


def test_an_alias_is_made_of_the_assets_name_and_a_collection_never_takes_a_name_twice() -> None:
    plan = plan_of(("id", "VARCHAR"))
    assert alias_of(ASSET, SERVED) == plan.alias == "Embeddings__things"
    first = plan.collection("content", ())
    assert plan.owns(first)
    assert plan.collection("content", (first,)) == f"{first}_2"


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://x"},
        {"url": "http://user:secret@x"},
        {"url": "http://x/path"},
        {"url": "embedded"},
        {"url": "http://x", "key_variable": "sk-123"},
        {"url": "http://x", "alias": "lower"},
    ],
)
def test_options_that_cannot_be_are_refused_without_showing_a_key(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"url|key_variable|alias") as refused:
        Weaviate.model_validate(wrong)
    assert "secret" not in str(refused.value)
    assert "sk-123" not in str(refused.value)
