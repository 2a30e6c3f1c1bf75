"""`orchestrator serve`: the published model answers over HTTP."""

from typing import TYPE_CHECKING

import click

from .place import Place, takes_home
from .text import visible_lines

if TYPE_CHECKING:
    from ..gate.context import Gate

KEY_VARIABLE = "ORCHESTRATOR_SERVING_KEY"


@click.command
@click.argument("model")
@click.option("--port", type=click.IntRange(1, 65535), default=8900, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help=f"Other than loopback only with {KEY_VARIABLE}.")
@takes_home
def serve(place: Place, model: str, port: int, host: str) -> int:
    """Answer over HTTP by the published MODEL, and follow it without a restart: POST /score, GET /health, /version.

    The environment variable ORCHESTRATOR_SERVING_KEY holds the key that callers send as `Authorization: Bearer KEY`.
    """
    import uvicorn

    from ..errors import Misuse
    from ..operations.answering import Answering
    from ..operations.champions import named_model
    from ..settings import load_secret
    from .model_app import is_loopback, model_app

    key = load_secret(KEY_VARIABLE)
    if key is None and not is_loopback(host):
        raise Misuse(
            f"{host} can be reached by others, and no key protects the model. Nothing was started. Set {KEY_VARIABLE},"
            " or leave out --host."
        )
    if key is not None and not (key.isascii() and key.isprintable()):
        # A header has no other characters that every client and server reads alike.
        raise Misuse(
            f"{KEY_VARIABLE} holds characters that cannot be sent in a header, and would match no caller's. Nothing was"
            " started. Choose a key of letters, digits and signs of ASCII, for example of `openssl rand -hex 32`."
        )
    gate = place.gate()
    answering = Answering(gate, named_model(gate, model))
    click.echo(visible_lines(begins_with(gate, model, f"http://{host}:{port}/score")), err=True)
    app = model_app(answering, key)
    uvicorn.run(app, host=host, port=port, log_level="warning", access_log=False, timeout_graceful_shutdown=10)
    return 0


def begins_with(gate: "Gate", model: str, address: str) -> str:
    """Returns what is said at the start: who answers at the address, or why nobody does yet."""
    from ..errors import OrchestratorError
    from ..operations.champions import named_model, read_champion

    try:
        champion = read_champion(gate, named_model(gate, model))
    except OrchestratorError as error:
        return f"{error}\nIt answers at {address} as soon as a version serves."
    return f"{champion.asset} version {champion.version} answers at {address}"
