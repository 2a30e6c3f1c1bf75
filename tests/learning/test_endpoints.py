import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from embeddings_server import DIM, Reply, Script, Server, honest, reply, serve, vector_of

from orchestrator_platform.errors import EmbedderUnusable, EndpointAnswerWrong, EndpointFailed, EndpointRefused
from orchestrator_platform.learning.embedder import Embedder
from orchestrator_platform.learning.endpoint import Clock
from orchestrator_platform.learning.http_embedder import HttpEmbedder, open_endpoint
from orchestrator_platform.learning.open_embedder import identify, open_embedder
from orchestrator_platform.records.embedders import EmbedderOptions

NOWHERE = Path("/nowhere")
KEY = "sk-very-secret"


def options(server: Server, **more: Any) -> EmbedderOptions:
    return EmbedderOptions(kind="http", url=server.url, model="small", dim=DIM, **more)


def opened(server: Server, waits: list[float] | None = None, key: str | None = None, **more: Any) -> HttpEmbedder:
    """Returns an embedder whose waits are written down instead of waited."""
    clock = Clock(sleep=(waits if waits is not None else []).append)
    return open_endpoint(options(server, **more), key, clock)


def vectors(embedder: Embedder, texts: list[str]) -> np.ndarray[Any, Any]:
    found = np.full((len(texts), DIM), np.nan, np.float32)
    for batch in embedder.embed(texts):
        found[batch.positions] = batch.vectors
    return found


def unit(text: str) -> np.ndarray[Any, Any]:
    vector = np.asarray(vector_of(text))
    return vector / np.linalg.norm(vector)


def always(answer: Reply) -> Script:
    return lambda number, said: answer


def test_texts_go_out_in_batches_and_come_back_in_their_places() -> None:
    texts = [f"text number {number} " + "more " * (number % 5) for number in range(23)]
    with serve(lambda number, said: reply(honest(said))) as server:
        embedder = opened(server, batch_size=5)
        found = vectors(embedder, texts)
    assert [len(said["input"]) for said in server.asked].count(5) == 4
    assert {said["path"] for said in server.asked} == {"/v1/embeddings"}
    np.testing.assert_allclose(found, [unit(text) for text in texts], atol=1e-6)
    assert embedder.cost.n_requests == 5
    assert embedder.cost.n_tokens == sum(len(text.split()) for text in texts)


def test_equal_texts_are_asked_for_once() -> None:
    with serve(lambda number, said: reply(honest(said))) as server:
        found = vectors(opened(server), ["same", "other", "same"])
    assert sorted(server.asked[0]["input"]) == ["other", "same"]
    assert (found[0] == found[2]).all()


def test_an_answer_out_of_order_is_put_in_order() -> None:
    with serve(lambda number, said: reply(honest(said, order=[2, 0, 1]))) as server:
        found = vectors(opened(server), ["one", "three", "seventeen"])
    np.testing.assert_allclose(found, [unit("one"), unit("three"), unit("seventeen")], atol=1e-6)


@pytest.mark.parametrize("status", [429, 500, 503, 0])
def test_what_passes_is_tried_again(status: int) -> None:
    waits: list[float] = []
    with serve(lambda number, said: Reply(status) if number < 3 else reply(honest(said))) as server:
        embedder = opened(server, waits)
        found = vectors(embedder, ["one"])
    np.testing.assert_allclose(found[0], unit("one"), atol=1e-6)
    assert embedder.cost.n_retries == 2
    assert 0 < waits[0] < waits[1] * 2.01


def test_an_endpoint_that_asks_to_wait_is_given_the_time() -> None:
    waits: list[float] = []
    busy = Reply(429, headers={"Retry-After": "7"})
    with serve(lambda number, said: busy if number == 1 else reply(honest(said))) as server:
        vectors(opened(server, waits), ["one"])
    assert waits == [7.0]


def test_an_endpoint_that_stays_down_is_an_error_that_may_pass() -> None:
    with serve(always(Reply(503))) as server, pytest.raises(EndpointFailed) as caught:
        vectors(opened(server, retries=2), ["one"])
    assert len(server.asked) == 3
    assert caught.value.retryable
    assert "in 3 tries: status 503" in str(caught.value)


def test_nobody_at_the_address_is_an_error_that_may_pass() -> None:
    with serve(always(Reply())) as server:
        pass
    with pytest.raises(EndpointFailed, match="connection broke"):
        vectors(opened(server, retries=1), ["one"])


def test_an_endpoint_that_stalls_is_given_up() -> None:
    stalling = Reply(headers={"Content-Length": "10"}, stalls=True)
    with serve(always(stalling)) as server, pytest.raises(EndpointFailed, match=r"within 0\.3 s"):
        vectors(opened(server, retries=0, timeout_seconds=0.3), ["one"])


@pytest.mark.parametrize(("status", "fix"), [(401, "key_variable"), (404, "url"), (400, "max_tokens"), (302, "log")])
def test_a_refusal_is_not_tried_again_and_says_what_to_do(status: int, fix: str) -> None:
    said = json.dumps({"error": {"message": f"bad key {KEY}"}}).encode()
    with serve(always(Reply(status, said))) as server, pytest.raises(EndpointRefused) as caught:
        vectors(opened(server, key=KEY), ["one"])
    assert len(server.asked) == 1
    assert fix in str(caught.value)
    assert not caught.value.retryable


def test_the_key_is_sent_and_never_shown() -> None:
    said = json.dumps({"error": {"message": f"bad key {KEY}"}}).encode()
    with serve(always(Reply(401, said))) as server:
        embedder = open_embedder(
            options(server, key_variable="SOME_KEY"), cache=NOWHERE, base_folder=NOWHERE, environment={"SOME_KEY": KEY}
        )
        with pytest.raises(EndpointRefused) as caught:
            vectors(embedder, ["one"])
    assert server.keys == [f"Bearer {KEY}"]
    assert KEY not in str(caught.value)
    assert KEY not in repr(vars(caught.value))
    assert KEY not in repr(vars(embedder))


def test_a_key_that_is_not_set_names_its_variable() -> None:
    with serve(always(Reply())) as server, pytest.raises(EmbedderUnusable, match="SOME_KEY is not set"):
        open_embedder(options(server, key_variable="SOME_KEY"), cache=NOWHERE, base_folder=NOWHERE, environment={})


def with_vector(vector: Any) -> Reply:
    return reply({"data": [{"index": 0, "embedding": vector}]})


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (with_vector([1.0] * (DIM - 1)), "7 numbers instead of 8"),
        (with_vector([0.0] * DIM), "not finite, or all zero"),
        (Reply(body=b'{"data": [{"index": 0, "embedding": [NaN, 1, 1, 1, 1, 1, 1, 1]}]}'), "not finite"),
        (with_vector(["a"] * DIM), "not made of numbers"),
        (with_vector([[1.0]] * DIM), "not made of numbers"),
        (with_vector(["1"] * DIM), "not made of numbers"),
        (with_vector("AAAA"), "-1 numbers"),
        (reply({"data": []}), "0 vectors for 1 texts"),
        (reply({"data": [{"index": 1, "embedding": [1.0] * DIM}]}), "not one for each"),
        (reply({"data": [{"embedding": [1.0] * DIM}]}), "no JSON of embeddings"),
        (reply([1, 2]), "no JSON of embeddings"),
        (Reply(body=b"<html>"), "no JSON of embeddings"),
        (Reply(body=b"[" * 100_000), "no JSON of embeddings"),
        (Reply(body=b" " * 1_100_000), "more than"),
    ],
)
def test_an_answer_that_lies_is_refused(answer: Reply, problem: str) -> None:
    with serve(always(answer)) as server, pytest.raises(EndpointAnswerWrong) as caught:
        vectors(opened(server), ["one"])
    assert len(server.asked) == 1
    assert re.search(problem, caught.value.problem)


def test_batches_that_were_done_before_a_failure_are_kept() -> None:
    texts = [f"{number:03}" for number in range(6)]
    with serve(lambda number, said: reply(honest(said)) if number < 3 else Reply(403)) as server:
        embedder, done = opened(server, batch_size=2), list[int]()
        with pytest.raises(EndpointRefused):
            done.extend(place for batch in embedder.embed(texts) for place in batch.positions.tolist())
    assert len(done) == 4
    assert embedder.cost.n_requests == 2


def test_texts_that_no_endpoint_would_take_have_vectors_all_the_same() -> None:
    texts = ["", "  \n", "lone \ud800 half", "nul \x00 byte", "安全 漏洞", "long " * 5_000]
    with serve(lambda number, said: reply(honest(said))) as server:
        batches = list(opened(server, max_tokens=100).embed(texts))
    sent = [text for said in server.asked for text in said["input"]]
    truncated = {
        int(place): bool(cut) for batch in batches for place, cut in zip(batch.positions, batch.truncated, strict=True)
    }
    assert truncated == {0: False, 1: False, 2: False, 3: False, 4: False, 5: True}
    assert sent.count(" ") == 2
    assert not any("\ud800" in text or "\x00" in text for text in sent)
    assert max(map(len, sent)) == len("long " * 100) - 1


def test_an_endpoints_identity_is_its_address_model_and_dimension() -> None:
    def made(**more: Any) -> str:
        said = {"kind": "http", "url": "https://host/v1", "model": "small", "dim": DIM, **more}
        return identify(EmbedderOptions(**said), cache=NOWHERE, base_folder=NOWHERE).hash()

    assert made() == made(url="https://host/v1/") == made(url="https://host/v1/embeddings", batch_size=7)
    assert len({made(), made(model="large"), made(dim=9), made(url="https://other/v1"), made(max_tokens=99)}) == 5
