"""A real local server that speaks the `/embeddings` protocol, and can fail, stall, lie and answer out of order."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from typing import Any

from local_server import serving

DIM = 8


@dataclass(frozen=True)
class Reply:
    """What the server sends: `status` 0 closes the connection without an answer, `stalls` never sends the body."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stalls: bool = False


Script = Callable[[int, dict[str, Any]], Reply]


def vector_of(text: str) -> list[float]:
    return [byte / 255 + 0.01 for byte in sha256(text.encode()).digest()[:DIM]]


def honest(said: dict[str, Any], *, order: Sequence[int] | None = None) -> dict[str, Any]:
    texts = said["input"]
    items = [{"index": index, "embedding": vector_of(text)} for index, text in enumerate(texts)]
    n_tokens = sum(len(text.split()) for text in texts)
    return {
        "data": [items[index] for index in order] if order is not None else items,
        "usage": {"prompt_tokens": n_tokens, "total_tokens": n_tokens},
    }


def reply(document: Any) -> Reply:
    return Reply(body=json.dumps(document).encode())


class Server:
    """What a test sees of it: where it is, and what was asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []


@contextmanager
def serve(script: Script) -> Iterator[Server]:
    """Serves until the block ends; `script` is given the number of the request and what it says."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            server.asked.append({"path": self.path, **said})
            server.keys.append(self.headers.get("Authorization"))
            answer = script(len(server.asked), said)
            if answer.status == 0:
                self.connection.close()
                return
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            if answer.stalls:
                ended.wait(20)
                return
            self.wfile.write(answer.body)

    with serving(Handler, ended) as address:
        server = Server(f"{address}/v1")
        yield server
