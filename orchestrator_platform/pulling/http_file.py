"""Transfers one file over HTTP: only if it changed, on from where it broke, never longer or more than allowed."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Timer
from typing import TYPE_CHECKING

from ..errors import PullFailed, PullRefused
from ..http_answers import asked_wait
from ..records.pulls import Validators
from .failures import PassingFailure, told_megabytes
from .http_addresses import Address, opened
from .partial_file import Part, PartialFile

if TYPE_CHECKING:
    import httpx
    from tenacity import RetryCallState

# Asking again may help with these; with any other refusal it cannot.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_FIRST_WAIT_SECONDS, _LONGEST_WAIT_SECONDS = 0.5, 60.0
_ETAG = re.compile(r'(W/)?"[\x21\x23-\x7e\x80-\xff]*"')
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


@dataclass(frozen=True)
class Clock:
    """Seconds that only grow, how to wait, and a number between two others by chance."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    between: Callable[[float, float], float] = random.uniform


@dataclass(frozen=True)
class Bounds:
    """`until` is on the clock's time; `timeout_seconds` is the longest silence."""

    until: float
    timeout_seconds: float
    max_bytes: int
    retries: int


@dataclass(frozen=True)
class Transfer:
    """One file to bring. `known` is what a server said of the content that is here already; `checked` raises
    PassingFailure where what came in whole is not what was promised.
    """

    address: Address
    known: Validators
    partial: PartialFile
    bounds: Bounds
    checked: Callable[[], None]
    clock: Clock = Clock()
    say: Callable[[str], None] = lambda _message: None


@contextmanager
def open_client(timeout_seconds: float, total_seconds: float) -> "Iterator[httpx.Client]":
    """Gives a client that verifies certificates, follows nothing by itself, and is closed when its time is over.

    A server that sends a byte now and then keeps every timeout of a socket from ending it.
    """
    import httpx

    with httpx.Client(timeout=timeout_seconds, follow_redirects=False) as client:
        guard = Timer(total_seconds, client.close)
        guard.daemon = True
        guard.start()
        try:
            yield client
        finally:
            guard.cancel()


def fetch_file(client: "httpx.Client", transfer: Transfer) -> Validators | None:
    """Brings the file into `partial`, and returns what the server said of it; `None` where it is as `known`.

    Raises:
        PullFailed: No try came through. What came in is kept, if it can be gone on with.
        PullRefused: Asking again cannot help.
    """
    from tenacity import Retrying, retry_if_exception_type

    bounds, clock = transfer.bounds, transfer.clock
    retrying = Retrying(
        retry=retry_if_exception_type(PassingFailure),
        stop=lambda state: state.attempt_number > bounds.retries or clock.now() >= bounds.until,
        wait=lambda state: _wait(state, clock, bounds.until),
        sleep=clock.sleep,
        reraise=True,
    )
    try:
        return retrying(_try_once, client, transfer)
    except PassingFailure as error:
        part = transfer.partial.part(transfer.address.url)
        kept = f"{part.n_bytes:,} bytes of it are kept, and the next pull goes on from there." if part else ""
        late = ", and no time is left for another try" if clock.now() >= bounds.until else ""
        raise PullFailed(url=transfer.address.url, problem=f"{error}{late}", kept=kept) from error


def _try_once(client: "httpx.Client", transfer: Transfer) -> Validators | None:
    part = transfer.partial.part(transfer.address.url)
    with opened(client, transfer.address, _conditions(transfer.known, part)) as answer:
        status = answer.status_code
        if status == 304 and part is None and transfer.known.is_known:
            return None
        if status == 206 and part is not None:
            _go_on(transfer, answer, part)
        elif status == 200:
            _begin(transfer, answer)
        else:
            raise _unfit(transfer, answer, part)
    # What the server says is a promise; the hash, where there is one, is a proof.
    transfer.checked()
    return _validators(answer) if status == 200 else (part.of if part else Validators())


def _conditions(known: Validators, part: Part | None) -> dict[str, str]:
    if part is not None:
        return {"Range": f"bytes={part.n_bytes}-", "If-Range": part.of.for_ranges}
    if known.etag:
        return {"If-None-Match": known.etag}
    return {"If-Modified-Since": known.last_modified} if known.last_modified else {}


def _begin(transfer: Transfer, answer: "httpx.Response") -> None:
    total = _content_length(answer)
    if total is not None and total > transfer.bounds.max_bytes:
        raise _too_large(transfer)
    # What is packed on its way cannot be gone on with: ranges count packed bytes.
    of = Validators() if _is_packed(answer) else _validators(answer)
    transfer.partial.begin(transfer.address.url, of, None if _is_packed(answer) else total)
    _receive(transfer, answer, 0, None if _is_packed(answer) else total)


def _go_on(transfer: Transfer, answer: "httpx.Response", part: Part) -> None:
    found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
    start, total = (int(found[1]), found[3]) if found else (-1, "*")
    same = _validators(answer)
    differs = (part.of.etag and same.etag and part.of.etag != same.etag) or _is_packed(answer)
    if start != part.n_bytes or differs or (total != "*" and part.total is not None and int(total) != part.total):
        transfer.partial.forget()
        raise PassingFailure("it went on with another content than it had begun with")
    transfer.say(f"going on from byte {part.n_bytes:,}")
    _receive(transfer, answer, part.n_bytes, int(total) if total != "*" else part.total)


def _receive(transfer: Transfer, answer: "httpx.Response", n_bytes: int, total: int | None) -> None:
    bounds, clock = transfer.bounds, transfer.clock
    pieces = answer.iter_bytes() if _is_packed(answer) else answer.iter_raw()
    with transfer.partial.path.open("ab") as file:
        for piece in pieces:
            n_bytes += len(piece)
            if n_bytes > bounds.max_bytes:
                raise _too_large(transfer)
            file.write(piece)
            # Whoever is killed now keeps what came in.
            file.flush()
            if clock.now() > bounds.until:
                raise PassingFailure(f"it was not here whole in time, {n_bytes:,} bytes were")
    if total is not None and n_bytes != total:
        if n_bytes > total:
            transfer.partial.forget()
        raise PassingFailure(f"{n_bytes:,} bytes came of {total:,}")
    if not n_bytes:
        transfer.partial.forget()
        raise PassingFailure("the answer was empty")


def _unfit(transfer: Transfer, answer: "httpx.Response", part: Part | None) -> Exception:
    status = answer.status_code
    if status == 416 or (status in {206, 304} and part is None) or (status == 304 and part is not None):
        transfer.partial.forget()
        return PassingFailure(f"status {status}, which is no answer to what was asked")
    if status in _PASSING:
        return PassingFailure(f"status {status}", asked_wait(answer.headers.get("retry-after")))
    fix = {
        401: "Name the variable that holds a token by `key_variable`.",
        403: "Name the variable that holds a token by `key_variable`, or ask whoever serves it.",
    }.get(status, "Compare `url` with what is served.")
    return PullRefused(url=transfer.address.url, problem=f"it answered with status {status}", fix=fix)


def _too_large(transfer: Transfer) -> PullRefused:
    transfer.partial.forget()
    return PullRefused(
        url=transfer.address.url,
        problem=f"it is larger than {told_megabytes(transfer.bounds.max_bytes)}",
        fix="Raise `max_mb` of the source's `pull`, if such a file is meant.",
    )


def _validators(answer: "httpx.Response") -> Validators:
    tag = answer.headers.get("etag", "").strip()
    return Validators(
        etag=tag if _ETAG.fullmatch(tag) and tag.isascii() else "",
        last_modified=answer.headers.get("last-modified", "").strip(),
    )


def _is_packed(answer: "httpx.Response") -> bool:
    return answer.headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}


def _content_length(answer: "httpx.Response") -> int | None:
    said = answer.headers.get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() else None


def _wait(state: "RetryCallState", clock: Clock, until: float) -> float:
    """Returns the seconds to wait: what was asked for, else up to twice as long each time, by chance."""
    failure = state.outcome.exception() if state.outcome else None
    left = max(until - clock.now(), 0.0)
    if isinstance(failure, PassingFailure) and failure.wait_seconds is not None:
        return min(failure.wait_seconds, _LONGEST_WAIT_SECONDS, left)
    longest = min(_FIRST_WAIT_SECONDS * 2**state.attempt_number, _LONGEST_WAIT_SECONDS)
    return min(clock.between(longest / 4, longest), left)
