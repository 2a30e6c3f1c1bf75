"""Whatever is wrong with a server is said with culprit and next step; once it is mended, the target catches up."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from embedded_lake import EmbeddedLake, things
from projections.weaviate.serving_things import asked, new_alias, new_target, served_rows, target_on
from weaviate_server import VERSION, RunningServer, free_ports, server_binary, weaviate_server

from orchestrator_platform.errors import TargetFailed
from orchestrator_platform.projections.weaviate import importing
from orchestrator_platform.records.embeddings import Weaviate


@contextmanager
def answering(version: str, stall: threading.Event | None = None) -> Iterator[str]:
    """A server that says of itself only which version it is, or says nothing while it stalls."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if stall is not None:
                stall.wait(30)
            body = json.dumps({"version": version, "hostname": "here", "modules": {}}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=listening.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        if stall is not None:
            stall.set()
        listening.shutdown()
        thread.join()
        listening.server_close()


def failure_of(options: Weaviate, environment: dict[str, str] | None = None) -> TargetFailed:
    with pytest.raises(TargetFailed) as raised:
        target_on(options, environment).serving()
    assert raised.value.target == "weaviate:embeddings.things"
    assert "What is published in the lake is whole" in str(raised.value)
    return raised.value


def test_a_server_that_is_down_is_named() -> None:
    (port,) = free_ports(1)
    failed = failure_of(Weaviate(url=f"http://127.0.0.1:{port}"))
    assert f"http://127.0.0.1:{port} does not answer" in failed.problem
    assert "Start it" in failed.fix


def test_a_server_that_is_too_old_is_told_so() -> None:
    with answering("1.31.9") as url:
        failed = failure_of(Weaviate(url=url))
    assert "is version 1.31.9, and aliases need 1.32.0 or newer" in failed.problem


def test_a_server_that_loses_aliases_is_not_trusted() -> None:
    with answering("1.32.3") as url:
        assert "1.32.3 and 1.32.4 lose them" in failure_of(Weaviate(url=url)).problem


def test_a_server_that_is_slow_is_not_waited_for_forever() -> None:
    with answering("1.39.0", stall=threading.Event()) as url:
        failed = failure_of(Weaviate(url=url, timeout_seconds=0.3))
    assert "did not answer within 0.3 s" in failed.problem


def test_a_key_that_is_not_set_is_asked_for_by_the_name_of_its_variable() -> None:
    failed = failure_of(Weaviate(url="http://127.0.0.1:1", key_variable="WEAVIATE_KEY"))
    assert "WEAVIATE_KEY" in failed.problem


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server that asks for a key."""
    environment = {
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "false",
        "AUTHENTICATION_APIKEY_ENABLED": "true",
        "AUTHENTICATION_APIKEY_ALLOWED_KEYS": "right-key",
        "AUTHENTICATION_APIKEY_USERS": "writer",
    }
    with weaviate_server(tmp_path_factory.mktemp("guarded"), environment) as running:
        yield running


def test_a_wrong_key_is_not_accepted_and_not_shown(guarded: RunningServer) -> None:
    options = guarded.options(key_variable="WEAVIATE_KEY")
    failed = failure_of(options, {"WEAVIATE_KEY": "wrong-key"})
    assert "does not accept the key" in failed.problem
    assert "WEAVIATE_KEY" in failed.fix
    assert "wrong-key" not in str(failed)


def test_no_key_where_one_is_asked_for_says_how_to_name_it(guarded: RunningServer) -> None:
    assert "key_variable" in failure_of(guarded.options()).fix


def test_the_right_key_opens(guarded: RunningServer, lake: EmbeddedLake) -> None:
    target = target_on(guarded.options(key_variable="WEAVIATE_KEY", alias=new_alias()), {"WEAVIATE_KEY": "right-key"})
    assert target.bring(lake.publish(things(5)), lake.cut).version == 1


def test_a_read_only_server_is_told_apart_and_catches_up_later(server: RunningServer, lake: EmbeddedLake) -> None:
    target = new_target(server)
    target.bring(lake.publish(things(30)), lake.cut)
    head = lake.publish(things(30, changed=2))
    with asked(target) as client:
        name = client.alias.get(alias_name=target.plan.alias).collection
        client.collections.use(name).config.update_shards("READONLY")

    with pytest.raises(TargetFailed, match="read-only, as it does when its disk is almost full"):
        target.bring(head, lake.cut)

    with asked(target) as client:
        client.collections.use(name).config.update_shards("READY")
    assert target.bring(head, lake.cut).version == 2
    assert sum(row["lake_text"].endswith("again") for row in served_rows(target).values()) == 2


def test_objects_that_the_server_refuses_or_loses_are_put_again(
    server: RunningServer, lake: EmbeddedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, works, lost = new_target(server), importing.put_batch, []

    def loses_one(filling: importing.Filling, objects: importing.Objects) -> tuple[int, list[str]]:
        put = works(filling, objects)
        if not lost:
            lost.append(objects.ids[0])
            filling.collection.data.delete_by_id(objects.ids[0])
        return put

    monkeypatch.setattr(importing, "put_batch", loses_one)
    target.bring(lake.publish(things(20)), lake.cut)
    assert lost
    assert len(served_rows(target)) == 20


def test_objects_that_never_arrive_keep_the_alias_where_it_is(
    server: RunningServer, lake: EmbeddedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, works = new_target(server, consistent=True), importing.put_batch
    target.bring(lake.publish(things(20)), lake.cut)

    def always_loses_one(filling: importing.Filling, objects: importing.Objects) -> tuple[int, list[str]]:
        put = works(filling, objects)
        filling.collection.data.delete_by_id(objects.ids[0])
        return put

    monkeypatch.setattr(importing, "put_batch", always_loses_one)
    with pytest.raises(TargetFailed, match="1 of 21 objects are missing"):
        target.bring(lake.publish(things(21)), lake.cut)
    assert target.serving().version == 1
    assert len(served_rows(target)) == 20


def test_what_the_server_refuses_is_reported_in_its_words(
    server: RunningServer, lake: EmbeddedLake, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, works = new_target(server), importing.put_batch
    target.bring(lake.publish(things(20)), lake.cut)
    head = lake.publish(things(20, changed=1))

    def cuts_vectors(filling: importing.Filling, objects: importing.Objects) -> tuple[int, list[str]]:
        return works(filling, importing.Objects(objects.ids, objects.properties, objects.vectors[:, :3]))

    monkeypatch.setattr(importing, "put_batch", cuts_vectors)
    with pytest.raises(TargetFailed, match=r"takes no objects into .* vector with length 3"):
        target.bring(head, lake.cut)


def test_an_index_that_searches_too_little_never_gets_the_alias(server: RunningServer, lake: EmbeddedLake) -> None:
    poor = new_target(server, index={"ef": 1, "ef_construction": 4, "max_connections": 4, "quantization": "bq"})
    good = new_target(server, alias=poor.plan.alias)
    head = lake.publish(things(600))
    good.bring(head, lake.cut)

    with pytest.raises(
        TargetFailed,
        match=r"recall@10 of .* against exact search, asked by its own texts, is 0\.\d+, and must be 0\.990",
    ) as told:
        poor.bring(head, lake.cut)

    assert "orchestrator tune" in told.value.fix
    assert "the alias was not moved" in told.value.problem
    assert good.serving().version == 1
    with asked(good) as client:
        served = client.alias.get(alias_name=good.plan.alias).collection
    assert good.serving().place.endswith(served)


def test_a_server_inside_the_process_is_started_asked_and_stopped(tmp_path: Path, lake: EmbeddedLake) -> None:
    folder, (grpc_port,) = str(server_binary().parent), free_ports(1)
    options = Weaviate(url="embedded", binary_folder=folder, version=VERSION, grpc_port=grpc_port, alias=new_alias())
    target = target_on(options)
    target = replace(target, server=replace(target.server, data=tmp_path / "data"))
    head = lake.publish(things(10))
    assert target.bring(head, lake.cut).version == 1
    # Another start finds what the first one left.
    assert target.serving().version == 1


def test_a_binary_that_is_not_there_is_asked_for(tmp_path: Path) -> None:
    failed = failure_of(Weaviate(url="embedded", binary_folder=str(tmp_path), version=VERSION))
    assert f"there is no server v{VERSION} in {tmp_path}" in failed.problem
