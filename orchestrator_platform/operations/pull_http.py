"""Pulls one file over HTTP: asks whether it changed, brings it whole, and lets it arrive in landing once."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import PullRefused
from ..pulling.arriving import arrive, landed_prefix, next_stamp
from ..pulling.checksums import MOST_BYTES, promised_sha256, sha256_of_file
from ..pulling.failures import PassingFailure
from ..pulling.http_addresses import Address
from ..pulling.http_file import Bounds, Clock, Transfer, fetch_file, open_client
from ..pulling.partial_file import PartialFile
from ..records.pulls import ArrivedFile, HttpPull, PullState, Validators

if TYPE_CHECKING:
    import httpx

_WHOLE = "whole"


@dataclass(frozen=True)
class PullingPlace:
    """Where one source pulls to. `save` keeps its state, `is_accounted` tells whether landing has had such bytes."""

    landing: Path
    work: Path
    save: Callable[[PullState], None]
    is_accounted: Callable[[str], bool]
    now: datetime
    settled_ns: int
    key: str | None
    say: Callable[[str], None]
    clock: Clock


@dataclass(frozen=True)
class FilePulled:
    """`file` is what arrived, `None` where nothing changed, for which `why` gives the reason."""

    state: PullState
    file: ArrivedFile | None = None
    why: str = ""


def pull_file(options: HttpPull, state: PullState, place: PullingPlace) -> FilePulled:
    """Brings the file into landing if it changed.

    Raises:
        PullFailed, PullRefused: As for `fetch_file`; or what came is not what was promised.
    """
    place.work.mkdir(parents=True, exist_ok=True)
    state = _finish_earlier(options, state, place)
    if state.url != options.url:
        state = state.model_copy(update={"url": options.url, "seen": Validators(), "sha256": ""})
    with open_client(options.timeout_seconds, options.total_seconds) as client:
        return _Pulling(options, state, place, client).run()


def look_at_file(options: HttpPull, state: PullState, place: PullingPlace) -> str:
    """Returns what a pull would find, from the answer's head alone; nothing is kept."""
    from ..pulling.http_addresses import opened

    known = state.seen if state.url == options.url else Validators()
    asked = {"If-None-Match": known.etag} if known.etag else {}
    if not asked and known.last_modified:
        asked = {"If-Modified-Since": known.last_modified}
    with (
        open_client(options.timeout_seconds, options.total_seconds) as client,
        opened(client, Address(options.url, place.key), asked) as answer,
    ):
        if answer.status_code == 304:
            return "it did not change"
        if answer.status_code != 200:
            raise PassingFailure(f"status {answer.status_code}")
        size = answer.headers.get("content-length", "")
        return f"it would be transferred ({int(size):,} bytes)" if size.isdigit() else "it would be transferred"


def _finish_earlier(options: HttpPull, state: PullState, place: PullingPlace) -> PullState:
    """What an earlier pull was killed over, after it was whole, arrives now; it is lost only with the work folder, and
    then fetched again.
    """
    if not state.arriving:
        return state
    whole, target = place.work / _WHOLE, place.landing / state.arriving
    if whole.exists() and sha256_of_file(whole) == state.sha256:
        _arrive(options, state, place, place.is_accounted)
    elif not target.exists() and not place.is_accounted(state.sha256):
        state = state.model_copy(update={"seen": Validators(), "sha256": ""})
    state = state.model_copy(update={"arriving": ""})
    place.save(state)
    return state


def _arrive(
    options: HttpPull, state: PullState, place: PullingPlace, is_accounted: Callable[[str], bool] = lambda _: False
) -> None:
    whole, target = place.work / _WHOLE, place.landing / state.arriving
    arrive(whole, target, state.sha256, options.url, is_accounted=is_accounted, modified_ns=place.settled_ns)


@dataclass(frozen=True)
class _Pulling:
    options: HttpPull
    state: PullState
    place: PullingPlace
    client: "httpx.Client"

    def run(self) -> FilePulled:
        clock, options = self.place.clock, self.options
        bounds = Bounds(
            clock.now() + options.total_seconds, options.timeout_seconds, options.max_bytes, options.retries
        )
        partial = PartialFile(self.place.work / "partial")
        if options.sha256 is not None and options.sha256 == self.state.sha256:
            return FilePulled(self.state, why="its declared sha256 is that of the file which arrived last")
        known = self.state.seen
        if options.checksum_url is not None:
            if self._promised() == self.state.sha256:
                return FilePulled(self.state, why="the published checksum did not change")
            # The checksum is better evidence than what the server says of the file.
            known = Validators()
        transfer = Transfer(
            Address(options.url, self.place.key),
            known,
            partial,
            bounds,
            lambda: self._check(partial),
            clock,
            self.place.say,
        )
        seen = fetch_file(self.client, transfer)
        if seen is None:
            return FilePulled(self.state, why="the server says that it did not change")
        return self._take(partial, seen)

    def _take(self, partial: PartialFile, seen: Validators) -> FilePulled:
        sha256 = sha256_of_file(partial.path)
        state = self.state.model_copy(update={"seen": seen})
        if sha256 == self.state.sha256:
            partial.forget()
            return FilePulled(state, why="it has the bytes of the file which arrived last")
        stamp = next_stamp(self.place.now, state.stamp, self.place.now)
        name = f"{landed_prefix(stamp, sha256)}-{self.options.file_name}"
        state = state.model_copy(update={"sha256": sha256, "stamp": stamp, "arriving": name})
        whole = partial.path.with_name(_WHOLE)
        size = partial.path.stat().st_size
        partial.path.replace(whole)
        partial.forget()
        # Noted before it arrives: whoever is killed in between knows what to go on with.
        self.place.save(state)
        _arrive(self.options, state, self.place)
        state = state.model_copy(update={"arriving": ""})
        return FilePulled(state, ArrivedFile(name=name, sha256=sha256, size_bytes=size))

    def _check(self, partial: PartialFile) -> None:
        """A file that is replaced while its checksum is not, or the other way round, is asked for again."""
        promised = self.options.sha256 or (self._promised() if self.options.checksum_url else None)
        if promised is None:
            return
        found = sha256_of_file(partial.path)
        if found != promised:
            partial.forget()
            raise PassingFailure(f"its sha256 is {found}, and {promised} was promised")

    def _promised(self) -> str:
        from ..pulling.http_addresses import opened

        url = str(self.options.checksum_url)
        key = self.place.key if _same_host(url, self.options.url) else None
        with opened(self.client, Address(url, key), {}) as answer:
            if answer.status_code != 200:
                raise PassingFailure(f"its checksum's address answered with status {answer.status_code}")
            text = b""
            for piece in answer.iter_bytes():
                text += piece
                if len(text) > MOST_BYTES:
                    raise PullRefused(url=url, problem="it is too large for checksums", fix="Compare `checksum_url`.")
        return promised_sha256(url, text.decode("utf-8", "replace"), self.options.published_name)


def _same_host(one: str, other: str) -> bool:
    from urllib.parse import urlsplit

    return urlsplit(one)[:2] == urlsplit(other)[:2]
