"""The HTTP face of one model: what is asked, and with which status it is answered. Knows nothing of how."""

import asyncio
import hmac
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from ..errors import OrchestratorError, RowsRefused
from ..operations.answering import Answering, status_of

_MOST_ROWS, _MOST_BYTES, _MOST_SECONDS = 1_000, 8 * 1024 * 1024, 30.0


def model_app(answering: Answering, key: str | None, most_seconds: float = _MOST_SECONDS) -> FastAPI:
    """Returns the application; it begins to follow the model when it starts, and ends it when it ends.

    Args:
        most_seconds: How long the body of a question may take to arrive.
    """

    @asynccontextmanager
    async def running(_: FastAPI) -> AsyncIterator[None]:
        answering.start()
        yield
        answering.stop()

    # The pages that FastAPI makes of the application would ask nobody for the key.
    app = FastAPI(lifespan=running, openapi_url=None, docs_url=None, redoc_url=None)

    @app.get("/health")
    async def health() -> JSONResponse:
        status = status_of(answering)
        return JSONResponse(dict(status), 200 if status["status"] == "ok" else 503)

    @app.get("/version")
    async def version(request: Request) -> JSONResponse:
        if refused := _refuse_caller(request, key):
            return refused
        try:
            champion = answering.champion
        except OrchestratorError as error:
            return _not_served(error)
        row = champion.row
        more = {"classes": row.classes, "features": row.features, "trained_until": row.trained_until.isoformat()}
        return JSONResponse({**champion.told, **more})

    @app.post("/score")
    async def score(request: Request) -> JSONResponse:
        return _refuse_caller(request, key) or await _score(answering, request, most_seconds)

    return app


async def _score(answering: Answering, request: Request, most_seconds: float) -> JSONResponse:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        return _problem(415, "not_json", "Send the rows as application/json.")
    rows, refused = await _rows_within(request, most_seconds)
    if refused is not None:
        return refused
    try:
        answered = await asyncio.wrap_future(answering.ask(rows))
    except RowsRefused as error:
        return _problem(422, error.code, str(error), rows={str(n): said for n, said in error.problems.items()})
    except OrchestratorError as error:
        return _not_served(error)
    except Exception as error:  # noqa: BLE001  # whatever the model does, the caller is told and the next is answered
        return _problem(500, "scoring_failed", f"{type(error).__name__}: {error}"[:500])
    return JSONResponse({**answered.champion.told, "rows": list(answered.rows)})


async def _rows_within(request: Request, most_seconds: float) -> tuple[list[Any], JSONResponse | None]:
    """Whoever sends a byte now and then would else hold the connection, and keep the server from stopping."""
    try:
        async with asyncio.timeout(most_seconds):
            return await _rows_of(request)
    except TimeoutError:
        slow = _problem(408, "too_slow", f"A question arrives within {most_seconds:g} s. Nothing was scored.")
        slow.headers["connection"] = "close"
        return [], slow


async def _rows_of(request: Request) -> tuple[list[Any], JSONResponse | None]:
    content = bytearray()
    async for part in request.stream():
        content += part
        if len(content) > _MOST_BYTES:
            return [], _problem(413, "too_much", f"A question has at most {_MOST_BYTES:,} bytes.")
    try:
        said = json.loads(bytes(content))
    except (ValueError, RecursionError) as error:
        return [], _problem(400, "not_json", f"The body is no JSON: {error}")
    rows = said.get("rows") if isinstance(said, dict) else None
    if not isinstance(rows, list) or not rows:
        return [], _problem(400, "no_rows", 'Send {"rows": [{…}, …]} with at least one row.')
    if len(rows) > _MOST_ROWS:
        return [], _problem(
            413, "too_much", f"A question has at most {_MOST_ROWS:,} rows: `orchestrator score` has no such limit."
        )
    return rows, None


def _refuse_caller(request: Request, key: str | None) -> JSONResponse | None:
    if key is None:
        # A page of the web can have a browser of this machine ask, under a name of its own that points here.
        if is_loopback(request.url.hostname or ""):
            return None
        return _problem(403, "not_here", "Without a key, rows are taken under localhost and 127.0.0.1 only.")
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode()):
        return None
    return _problem(401, "no_key", "Send the key as `Authorization: Bearer KEY`.")


def is_loopback(host: str) -> bool:
    """Whether the name or address means this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _not_served(error: OrchestratorError) -> JSONResponse:
    return _problem(503, error.code, str(error))


def _problem(status: int, code: str, message: str, **more: Any) -> JSONResponse:
    return JSONResponse({"error": code, "message": message, **more}, status)
