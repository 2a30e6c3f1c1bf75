"""A collection is brought to what serves: in place, beside, back, or not at all."""

import numpy as np
import pytest
from embedded_lake import ASSET, EmbeddedLake, things, vector_of
from projections.weaviate.serving_things import asked, collections_of, new_target, served_rows
from weaviate_server import RunningServer

from orchestrator_platform.errors import TargetFailed


def test_the_alias_serves_every_row_with_its_vector_text_and_typed_columns(
    server: RunningServer, lake: EmbeddedLake
) -> None:
    rows, target = things(60), new_target(server)
    head = lake.publish(rows)

    served = target.bring(head, lake.cut)

    assert (served.version, served.error) == (1, "")
    there = served_rows(target)
    assert set(there) == {thing.id for thing in rows}
    one = there["T-00009"]
    assert np.allclose(one["vector"], vector_of(rows[9].text), atol=1e-6)
    assert (one["title"], one["lake_text"], one["severity"]) == ("Thing 9", rows[9].text, 9.0)
    assert (one["listed"], one["seen"].date().isoformat(), one["tags"]) == (True, "2024-05-10", ["a", "t1"])
    assert (one["lake_key"], one["lake_chunk"], one["lake_version"]) == ('["T-00009"]', 0, 1)
    assert there["T-00000"]["severity"] is None


def test_the_server_itself_says_which_version_it_serves(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    assert target.serving().version is None

    head = lake.publish(things(30))
    target.bring(head, lake.cut)

    said = target.serving()
    assert (said.version, said.data_version, said.error) == (1, head.data_version, "")
    assert said.place.startswith(f"{target.plan.alias} → {target.plan.alias}__")


def test_bringing_again_changes_nothing(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    head = lake.publish(things(30))
    first = target.bring(head, lake.cut)
    assert target.bring(head, lake.cut) == first
    assert len(collections_of(target)) == 1


def test_a_small_change_is_made_in_place_and_only_on_what_changed(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    target.bring(lake.publish(things(60)), lake.cut)
    before = collections_of(target)

    rows = [*things(60, changed=4)[1:], things(61)[60]]
    served = target.bring(lake.publish(rows), lake.cut)

    assert served.version == 2
    assert collections_of(target) == before
    there = served_rows(target)
    assert set(there) == {thing.id for thing in rows}
    brought = {id_ for id_, row in there.items() if row["lake_version"] == 2}
    assert brought == {"T-00001", "T-00002", "T-00003", "T-00060"}
    assert there["T-00002"]["lake_text"].endswith("again")
    assert np.allclose(there["T-00002"]["vector"], vector_of(rows[1].text), atol=1e-6)


@pytest.mark.parametrize(
    ("options", "rows", "embedder"),
    [
        ({}, things(60, changed=40), "e" * 16),
        ({"consistent": True}, things(60, changed=1), "e" * 16),
        ({}, things(60, changed=1), "f" * 16),
    ],
    ids=["much changed", "consistency is asked for", "another embedder"],
)
def test_a_new_collection_is_made_beside_where(
    server: RunningServer, lake: EmbeddedLake, options: dict[str, object], rows: list, embedder: str
) -> None:
    target = new_target(server, **options)
    target.bring(lake.publish(things(60)), lake.cut)
    (before,) = collections_of(target)

    target.bring(lake.publish(rows, embedder), lake.cut)

    after = collections_of(target)
    assert before in after
    assert len(after) == 2
    with asked(target) as client:
        assert client.alias.get(alias_name=target.plan.alias).collection != before
    assert {row["lake_version"] for row in served_rows(target).values()} == {2}


def test_other_index_settings_make_a_new_collection(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    head = lake.publish(things(30))
    target.bring(head, lake.cut)
    (before,) = collections_of(target)

    other = new_target(server, alias=target.plan.alias, index={"max_connections": 8})
    other.bring(head, lake.cut)

    with asked(other) as client:
        name = client.alias.get(alias_name=other.plan.alias).collection
        assert name != before
        assert (
            client.collections.use(name).config.get().vector_config["default"].vector_index_config.max_connections == 8
        )


def test_only_as_many_previous_collections_stay_as_the_policy_says(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server, consistent=True, keep_previous=1)
    for changed in range(3):
        target.bring(lake.publish(things(20, changed)), lake.cut)
    assert len(collections_of(target)) == 2


def test_content_that_served_before_is_served_again_by_moving_the_alias_alone(
    server: RunningServer, lake: EmbeddedLake
) -> None:
    target = new_target(server, consistent=True)
    first = target.bring(lake.publish(things(30)), lake.cut)
    second = target.bring(lake.publish(things(30, changed=5)), lake.cut)
    assert first.place != second.place

    back = target.bring(lake.publish(things(30)), lake.cut)

    assert (back.version, back.place) == (3, first.place)
    assert not any(row["lake_text"].endswith("again") for row in served_rows(target).values())
    assert {row["lake_version"] for row in served_rows(target).values()} == {1}


def test_a_withdrawn_embedding_is_not_served_at_all(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    head = lake.publish(things(20))
    target.bring(head, lake.cut)

    served = target.bring(head.model_copy(update={"withdrawn": True}), lake.cut)

    assert (served.version, target.serving().version) == (None, None)
    assert collections_of(target) == []
    assert target.bring(head, lake.cut).version == 1


def test_lost_objects_are_put_back(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    head = lake.publish(things(30))
    target.bring(head, lake.cut)
    with asked(target) as client:
        collection = client.collections.use(target.plan.alias)
        for item in list(collection.iterator())[:3]:
            collection.data.delete_by_id(item.uuid)

    target.bring(head, lake.cut)

    assert len(served_rows(target)) == 30


def test_a_rebuild_uses_nothing_of_what_is_there(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    head = lake.publish(things(30))
    target.bring(head, lake.cut)
    with asked(target) as client:
        collection = client.collections.use(target.plan.alias)
        victim = next(iter(collection.iterator()))
        collection.data.update(victim.uuid, properties={"title": "tampered with"})
    before = collections_of(target)

    target.rebuild(head, lake.cut)

    assert "tampered with" not in {row["title"] for row in served_rows(target).values()}
    assert collections_of(target) != before
    assert len(collections_of(target)) == 1


def test_an_empty_embedding_is_an_empty_collection(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    target.bring(lake.publish(things(5)), lake.cut)
    assert target.bring(lake.publish([]), lake.cut).version == 2
    assert served_rows(target) == {}


def test_an_alias_that_names_a_strangers_collection_is_left_alone(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    head = lake.publish(things(5))
    with asked(target) as client:
        client.collections.create(f"Strange_{target.plan.alias}")
        client.alias.create(alias_name=target.plan.alias, target_collection=f"Strange_{target.plan.alias}")

    with pytest.raises(TargetFailed, match=f"was not made for {ASSET}"):
        target.bring(head, lake.cut)

    assert "was not made for" in target.serving().error
