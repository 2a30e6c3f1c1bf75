"""A real local HTTP server of one file, with everything that can go wrong on the way."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any

from local_server import serving


@dataclass(frozen=True)
class Asked:
    """One request: its path, and the headers that matter."""

    path: str
    headers: Mapping[str, str]

    @property
    def begins(self) -> int:
        found = re.match(r"bytes=(\d+)-", self.headers.get("range", ""))
        return int(found[1]) if found else 0


@dataclass
class Answer:
    """What is sent: of `body`, only the first `sent` bytes, then the connection breaks, or stalls.

    `length` is what Content-Length says, `None` for what is true, -1 for nothing at all.
    """

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    sent: int | None = None
    stalls: bool = False
    trickles: bool = False
    length: int | None = None


Script = Callable[["FileServer", Asked], Answer]


class FileServer:
    """What a test sees of it. `content` may be changed at any time; `script` answers, by default as a good server."""

    def __init__(self, url: str, content: bytes) -> None:
        self.url, self.content = url, content
        self.asked: list[Asked] = []
        self.script: Script = good
        self.modified = 1_700_000_000.0

    @property
    def n_sent(self) -> int:
        return len(self.asked)

    @property
    def etag(self) -> str:
        return f'"{sha256(self.content).hexdigest()[:16]}"'


def good(server: FileServer, asked: Asked, *, etag: str | None = None, ranges: bool = True) -> Answer:
    """Answers as HTTP says: conditions, ranges, validators."""
    tag = server.etag if etag is None else etag
    headers = {"Last-Modified": formatdate(server.modified, usegmt=True), **({"ETag": tag} if tag else {})}
    if tag and asked.headers.get("if-none-match") == tag:
        return Answer(status=304, headers=headers)
    begins = asked.begins
    if ranges and begins and asked.headers.get("if-range") in {tag, headers["Last-Modified"]}:
        total = len(server.content)
        if begins >= total:
            return Answer(status=416, headers={**headers, "Content-Range": f"bytes */{total}"})
        more = {"Content-Range": f"bytes {begins}-{total - 1}/{total}"}
        return Answer(server.content[begins:], 206, {**headers, **more})
    return Answer(server.content, headers=headers)


def breaking(after: int, times: int = 1, **how: Any) -> Script:
    """Breaks so many times, each time after so many bytes, and is good then."""

    def script(server: FileServer, asked: Asked) -> Answer:
        answer = good(server, asked)
        broken = answer.status in {200, 206} and server.n_sent <= times
        return Answer(answer.body, answer.status, answer.headers, sent=after, **how) if broken else answer

    return script


@contextmanager
def serve_file(content: bytes = b"id\n1\n", path: str = "/orders.csv") -> Iterator[FileServer]:
    """Serves until the block ends."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            asked = Asked(self.path, {name.lower(): value for name, value in self.headers.items()})
            server.asked.append(asked)
            self.close_connection = True
            self._send(server.script(server, asked))

        def _send(self, answer: Answer) -> None:
            if answer.trickles:
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not ended.wait(0.05):
                    self.wfile.write(b"a")
            if answer.status == 0:
                self.connection.close()
                return
            self.send_response(answer.status)
            length = len(answer.body) if answer.length is None else answer.length
            said = {} if length < 0 else {"Content-Length": str(length)}
            for name, value in {**said, "Connection": "close", **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.status != 304:
                self.wfile.write(answer.body if answer.sent is None else answer.body[: answer.sent])
                self.wfile.flush()
            if answer.stalls:
                ended.wait(30)

    with serving(Handler, ended) as address:
        server = FileServer(f"{address}{path}", content)
        yield server
