"""Serves a request handler on a free local port until a block ends: what small HTTP servers have in common."""

import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


@contextmanager
def serving(
    handler: type[BaseHTTPRequestHandler], ended: threading.Event, certificate: tuple[Path, Path] | None = None
) -> Iterator[str]:
    """Yields the address; `ended` is set when the block ends, so that handlers that stall let go.

    Args:
        certificate: The files of a certificate and its key: with them it is https.
    """

    class Silent(handler):  # type: ignore[misc,valid-type]
        def log_message(self, *args: Any) -> None:
            pass

    with _Quiet(("127.0.0.1", 0), Silent) as listening:
        if certificate is not None:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(*certificate)
            listening.socket = context.wrap_socket(listening.socket, server_side=True)
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http{'s' if certificate else ''}://127.0.0.1:{listening.server_address[1]}"
        finally:
            ended.set()
            listening.shutdown()
            thread.join()
