"""The small project's model behind a real server of HTTP, for tests that ask it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import uvicorn
from small_models import gate_of_models

from orchestrator_platform.cli.model_app import model_app
from orchestrator_platform.operations.answering import Answering
from orchestrator_platform.operations.champions import named_model

ROW = {"item_id": 1, "vendor": "acme", "score": 1.5, "size": 4}


@contextmanager
def asking(folder: Path, key: str | None = None, most_seconds: float = 30) -> Iterator[httpx.Client]:
    """A real server on a free port of loopback, and a client of it."""
    gate = gate_of_models(folder)
    app = model_app(Answering(gate, named_model(gate, "late"), every_seconds=0.02), key, most_seconds)
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    awaited(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()


def where(client: httpx.Client) -> tuple[str, int]:
    assert client.base_url.port is not None
    return client.base_url.host, client.base_url.port


def awaited(condition: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not come about in time"
        threading.Event().wait(0.01)
