"""Serves dbt's documentation on loopback, beside Dagster's pages, which can link to an address but not to a file."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ..errors import OrchestratorError
from ..lake.layout import LakeLayout
from ..lake.readers import latest_snapshot
from ..settings import Settings
from .docs_page import render_docs
from .project_assets import load_gate

_LOOPBACK = ("127.0.0.1", "localhost")


@contextmanager
def serve_docs(settings: Settings, port: int) -> Iterator[str]:
    """Serves the page as long as the context is open, and gives its address.

    Args:
        port: Where, if it is free; else the system picks one.
    """
    server = _open(port, _Kept(settings).page)
    thread = threading.Thread(target=server.serve_forever, name="dbt-docs", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Kept:
    """The page as it was last rendered: it changes with what is published, and with the project's dbt code."""

    def __init__(self, settings: Settings) -> None:
        self._settings, self._lock = settings, threading.Lock()
        self._state: object = None
        self._page = b""

    def page(self) -> bytes:
        with self._lock:
            gate = load_gate(self._settings)
            state = (str(gate.dbt.document), latest_snapshot(LakeLayout(self._settings.home.lake).readers))
            if state != self._state:
                self._page, self._state = render_docs(gate), state
            return self._page


def _open(port: int, page: Callable[[], bytes]) -> ThreadingHTTPServer:
    handler = _handler(page)
    with suppress(OSError):
        return ThreadingHTTPServer((_LOOPBACK[0], port), handler)
    return ThreadingHTTPServer((_LOOPBACK[0], 0), handler)


def _handler(page: Callable[[], bytes]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            # A page of somebody else's that a browser has open must not read this one under a name of its own.
            if self.headers.get("Host", "").rpartition(":")[0] not in _LOOPBACK:
                self._answer(HTTPStatus.FORBIDDEN, b"This address answers on loopback only.", "text/plain")
            elif self.path.partition("?")[0] not in {"/", "/index.html"}:
                self._answer(HTTPStatus.NOT_FOUND, b"There is one page: /", "text/plain")
            else:
                self._page()

        def _page(self) -> None:
            try:
                self._answer(HTTPStatus.OK, page(), "text/html; charset=utf-8")
            except OrchestratorError as error:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, str(error).encode(), "text/plain; charset=utf-8")

        def _answer(self, status: HTTPStatus, body: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it
            """Says nothing: the terminal is Dagster's."""

    return Handler
