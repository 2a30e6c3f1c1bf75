"""One request to an endpoint of embeddings: sent, tried again where that can help, its answer checked."""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..errors import EndpointAnswerWrong, EndpointFailed, EndpointRefused
from ..http_answers import asked_wait

if TYPE_CHECKING:
    import httpx
    import numpy as np
    import numpy.typing as npt
    from tenacity import RetryCallState

# Waiting may help with these; with any other refusal it cannot.
_PASSING = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_WAIT_SECONDS, _FIRST_WAIT_SECONDS = 60.0, 0.5
_BYTES_PER_NUMBER, _BYTES_BESIDES = 40, 1_000_000


@dataclass(frozen=True)
class Endpoint:
    """Where to ask and for what. `key` is held for this run only, and never shown."""

    url: str
    model: str
    dim: int
    key: str | None
    timeout_seconds: float
    retries: int

    def __repr__(self) -> str:
        return f"Endpoint({self.url!r}, {self.model!r}, dim={self.dim})"


@dataclass(frozen=True, eq=False)
class Answer:
    """Vectors in the order of the texts, float32, shape (n, dim), unit length; what the endpoint counted; the tries."""

    vectors: "npt.NDArray[np.float32]"
    n_tokens: int
    n_tries: int


@dataclass(frozen=True)
class Clock:
    """Seconds that only grow, and how to wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class _PassingFailure(Exception):
    """What may go by: `wait_seconds` is how long the endpoint asks to wait."""

    def __init__(self, problem: str, wait_seconds: float | None = None) -> None:
        super().__init__(problem)
        self.wait_seconds = wait_seconds


def ask(client: "httpx.Client", endpoint: Endpoint, texts: Sequence[str], clock: Clock) -> Answer:
    """Returns the vectors of the texts.

    Raises:
        EndpointFailed: No try came through; each waits longer, or as long as the endpoint asks.
        EndpointRefused: Asking again cannot help.
        EndpointAnswerWrong: The answer is not what was asked for.
    """
    from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

    retrying = Retrying(
        retry=retry_if_exception_type(_PassingFailure),
        stop=stop_after_attempt(endpoint.retries + 1),
        wait=_wait,
        sleep=clock.sleep,
        reraise=True,
    )
    n_tries = 0
    try:
        for attempt in retrying:
            with attempt:
                n_tries += 1
                body = _send(client, endpoint, texts, clock)
    except _PassingFailure as error:
        raise EndpointFailed(url=endpoint.url, problem=str(error), n_tries=n_tries) from error
    vectors, n_tokens = read_answer(body, endpoint, len(texts))
    return Answer(vectors, n_tokens, n_tries)


def _wait(state: "RetryCallState") -> float:
    """Returns the seconds to wait: what the endpoint asks for, else up to twice as long each time, by chance."""
    failure = state.outcome.exception() if state.outcome else None
    if isinstance(failure, _PassingFailure) and failure.wait_seconds is not None:
        return min(failure.wait_seconds, _LONGEST_WAIT_SECONDS)
    longest = min(_FIRST_WAIT_SECONDS * 2**state.attempt_number, _LONGEST_WAIT_SECONDS)
    return random.uniform(longest / 2, longest)  # noqa: S311 (spreads clients, hides nothing)


def _send(client: "httpx.Client", endpoint: Endpoint, texts: Sequence[str], clock: Clock) -> bytes:
    import httpx

    said = {"model": endpoint.model, "input": list(texts), "encoding_format": "float"}
    headers = {"Authorization": f"Bearer {endpoint.key}"} if endpoint.key else {}
    try:
        with client.stream("POST", f"{endpoint.url}/embeddings", json=said, headers=headers) as response:
            body = _read_body(response, endpoint, len(texts), clock)
    except httpx.TimeoutException as error:
        raise _PassingFailure(f"no answer within {endpoint.timeout_seconds:g} s") from error
    except httpx.TransportError as error:
        raise _PassingFailure(f"the connection broke ({type(error).__name__})") from error
    if response.status_code in _PASSING:
        raise _PassingFailure(f"status {response.status_code}", asked_wait(response.headers.get("retry-after")))
    if response.status_code != 200:
        raise EndpointRefused(
            url=endpoint.url,
            status=response.status_code,
            said=_without_key(_said(body), endpoint.key),
            fix=_fix(response.status_code),
        )
    return body


def _read_body(response: "httpx.Response", endpoint: Endpoint, n_texts: int, clock: Clock) -> bytes:
    """Returns the body; whole within the time and of a size that so many vectors can have."""
    most = n_texts * endpoint.dim * _BYTES_PER_NUMBER + _BYTES_BESIDES
    until, parts, size = clock.now() + endpoint.timeout_seconds, list[bytes](), 0
    for part in response.iter_bytes():
        parts.append(part)
        size += len(part)
        if size > most:
            raise EndpointAnswerWrong(url=endpoint.url, problem=f"more than {most:,} bytes for {n_texts} texts")
        if clock.now() > until:
            raise _PassingFailure(f"no whole answer within {endpoint.timeout_seconds:g} s")
    return b"".join(parts)


def _said(body: bytes) -> str:
    try:
        found: Any = json.loads(body)["error"]
    except (ValueError, KeyError, TypeError):
        return ""
    said = found.get("message", "") if isinstance(found, dict) else found
    return " ".join(str(said).split())[:300]


def _without_key(said: str, key: str | None) -> str:
    return said.replace(key, "…") if key else said


def _fix(status: int) -> str:
    if status in {401, 403}:
        return "Set the variable that `key_variable` names to a key that may use the model."
    if status == 404:
        return "Compare `url` and `model` with what the endpoint serves."
    if status in {400, 413, 422}:
        return "Its texts may be too long or too many at once: lower `max_tokens` or `batch_size`; compare `model`."
    return "Look at the endpoint's own log."


def read_answer(body: bytes, endpoint: Endpoint, n_texts: int) -> "tuple[npt.NDArray[np.float32], int]":
    """Returns unit vectors in the order of the texts, and the tokens that the endpoint says it counted.

    Raises:
        EndpointAnswerWrong: A vector is missing, given twice, of another dimension, zero or not finite, or the answer
            is no such JSON.
    """
    import numpy as np

    try:
        document = json.loads(body)
        items = sorted(((int(item["index"]), item["embedding"]) for item in document["data"]), key=lambda pair: pair[0])
        usage = document.get("usage") or {}
        n_tokens = int(usage.get("total_tokens") or usage.get("prompt_tokens") or 0)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _wrong(endpoint, f"no JSON of embeddings ({type(error).__name__})") from error
    if [index for index, _ in items] != list(range(n_texts)):
        raise _wrong(endpoint, f"{len(items)} vectors for {n_texts} texts, or not one for each")
    lengths = {len(vector) if isinstance(vector, list) else -1 for _, vector in items}
    if lengths != {endpoint.dim}:
        raise _wrong(endpoint, f"vectors of {max(lengths - {endpoint.dim})} numbers instead of {endpoint.dim}")
    try:
        made = np.asarray([vector for _, vector in items])
    except (ValueError, TypeError, OverflowError) as error:
        raise _wrong(endpoint, "vectors that are not made of numbers") from error
    if made.ndim != 2 or made.dtype.kind not in "fiu":
        raise _wrong(endpoint, "vectors that are not made of numbers")
    vectors = made.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(norms).all() or not (norms > 0).all():
        raise _wrong(endpoint, "a vector that is not finite, or all zero")
    return (vectors / norms).astype(np.float32), n_tokens


def _wrong(endpoint: Endpoint, problem: str) -> EndpointAnswerWrong:
    return EndpointAnswerWrong(url=endpoint.url, problem=problem)
