"""Opens a Weaviate server, and says in the platform's words what is wrong with one."""

import logging
import ssl
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ...errors import OrchestratorError, TargetFailed
from ...records.embeddings import Weaviate

if TYPE_CHECKING:
    from weaviate import WeaviateClient
    from weaviate.classes.init import AdditionalConfig

# From here on a server has aliases; two releases shortly after lose them.
_OLDEST, _BROKEN = "1.32.0", ("1.32.3", "1.32.4")
_EMBEDDED_HOST, _EMBEDDED_PORT = "127.0.0.1", 8079
_EMBEDDED_SETTINGS = {
    "DISABLE_TELEMETRY": "true",
    "ENABLE_MODULES": "",
    "LOG_LEVEL": "error",
    "RAFT_TIMEOUTS_MULTIPLIER": "1",  # one node has nobody to wait for
}


@dataclass(frozen=True)
class Server:
    """Where a target's server is and how to be let in. `data` is where an embedded one keeps its files.

    `target` is the name by which errors call it; `secret` returns what an environment variable holds.
    """

    target: str
    options: Weaviate
    secret: Callable[[str], str | None]
    data: Path

    def failed(self, problem: str, fix: str) -> TargetFailed:
        return TargetFailed(target=self.target, problem=problem, fix=fix)


@contextmanager
def connected(server: Server) -> Iterator["WeaviateClient"]:
    """Opens the server and closes it again; whatever it fails at meanwhile is told as a failure of the target.

    Raises:
        TargetFailed: It does not answer, is too old, does not accept the key, or fails at what is asked.
    """
    # A library of the client warns about another one that nobody here chose.
    with warnings.catch_warnings(record=True):
        import weaviate  # noqa: F401
    # What it would print of single objects is told by whoever put them.
    logging.getLogger("weaviate-client").setLevel(logging.CRITICAL)
    client = None
    try:
        with telling(server):
            client = _open(server)
            client.connect()
            _require_new_enough(server, str(client.get_meta().get("version", "")))
            yield client
    finally:
        if client is not None:
            client.close()


def _open(server: Server) -> "WeaviateClient":
    from weaviate import WeaviateClient
    from weaviate.classes.init import AdditionalConfig, Auth, Timeout
    from weaviate.connect import ConnectionParams

    options = server.options
    seconds = options.timeout_seconds
    timeouts = Timeout(init=seconds, query=seconds, insert=max(seconds, 60))
    if options.url == "embedded":
        return _open_embedded(server, AdditionalConfig(timeout=timeouts))
    parts, key = urlsplit(options.url), _key(server)
    is_secure = parts.scheme == "https"
    # What the environment says of authorities and proxies holds for servers out there, not for one beside us.
    config = AdditionalConfig(timeout=timeouts, trust_env=is_secure)
    host = parts.hostname or ""
    parameters = ConnectionParams.from_params(
        http_host=host,
        http_port=parts.port or (443 if is_secure else 80),
        http_secure=is_secure,
        grpc_host=options.grpc_host or host,
        grpc_port=options.grpc_port,
        grpc_secure=is_secure,
    )
    # The client's own checks also ask a package registry for a newer client.
    return WeaviateClient(
        connection_params=parameters,
        auth_client_secret=Auth.api_key(key) if key else None,
        additional_config=config,
        skip_init_checks=True,
    )


def _key(server: Server) -> str | None:
    variable = server.options.key_variable
    if variable is None:
        return None
    key = server.secret(variable)
    if not key:
        raise server.failed(
            f"the environment variable {variable}, which is to hold the server's key, is not set", f"Set {variable}."
        )
    return key


def _open_embedded(server: Server, config: "AdditionalConfig") -> "WeaviateClient":
    from weaviate import WeaviateClient
    from weaviate.connect import ConnectionParams
    from weaviate.embedded import EmbeddedOptions

    options = server.options
    binaries = Path(options.binary_folder or "")
    if not any(binaries.glob(f"weaviate-v{options.version}-*")):
        raise server.failed(
            f"there is no server v{options.version} in {binaries}",
            "Put its binary there, or name the folder that holds it as `binary_folder`.",
        )
    if _listens(_EMBEDDED_PORT):
        # Another process of this project holds the server; it is asked instead of a second one.
        parameters = ConnectionParams.from_params(
            http_host=_EMBEDDED_HOST,
            http_port=_EMBEDDED_PORT,
            http_secure=False,
            grpc_host=_EMBEDDED_HOST,
            grpc_port=options.grpc_port,
            grpc_secure=False,
        )
        return WeaviateClient(connection_params=parameters, additional_config=config, skip_init_checks=True)
    embedded = EmbeddedOptions(
        persistence_data_path=str(server.data),
        binary_path=str(binaries),
        version=str(options.version),
        hostname=_EMBEDDED_HOST,
        port=_EMBEDDED_PORT,
        grpc_port=options.grpc_port,
        additional_env_vars=_EMBEDDED_SETTINGS,
    )
    return WeaviateClient(embedded_options=embedded, additional_config=config, skip_init_checks=True)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((_EMBEDDED_HOST, port)) == 0


def _require_new_enough(server: Server, version: str) -> None:
    from packaging.version import InvalidVersion, Version

    try:
        is_fit = Version(version) >= Version(_OLDEST) and version not in _BROKEN
    except InvalidVersion:
        is_fit = False
    if not is_fit:
        raise server.failed(
            f"the server at {server.options.url} is version {version or 'unknown'}, and aliases need"
            f" {_OLDEST} or newer (but {' and '.join(_BROKEN)} lose them)",
            "Update the server.",
        )


@contextmanager
def telling(server: Server) -> Iterator[None]:
    """Turns whatever the client raises in the body into a failure of the target."""
    import httpx
    from weaviate.exceptions import WeaviateBaseError

    try:
        yield
    except OrchestratorError:
        raise
    except (WeaviateBaseError, httpx.HTTPError, OSError) as error:
        problem, fix = _untrusted(server, error) or _explain(server, error)
        raise server.failed(problem, fix) from error


def _explain(server: Server, error: Exception) -> tuple[str, str]:
    import httpx
    from weaviate import exceptions as told

    where, seconds = server.options.url, server.options.timeout_seconds
    status = getattr(error, "status_code", None)
    if isinstance(error, told.AuthenticationFailedError) or status in {401, 16}:
        return (f"the server at {where} does not accept the key", _key_hint(server))
    if isinstance(error, told.InsufficientPermissionsError) or status in {403, 7}:
        return (f"the server at {where} does not let this key do that ({_short(error)})", _key_hint(server))
    if isinstance(error, told.WeaviateTimeoutError | httpx.TimeoutException | TimeoutError):
        return (
            f"the server at {where} did not answer within {seconds:g} s",
            "Look at its load, or raise `timeout_seconds`.",
        )
    if isinstance(error, told.WeaviateGRPCUnavailableError):
        return (
            f"the server at {where} answers, but not on its gRPC port {server.options.grpc_port}",
            "Name the right `grpc_port` (and `grpc_host`), and open it.",
        )
    if isinstance(error, told.WeaviateConnectionError | told.WeaviateStartUpError | httpx.TransportError | OSError):
        return (f"the server at {where} does not answer ({_short(error)})", "Start it, or correct the `url`.")
    return (f"the server at {where} failed: {_short(error)}", "Look at the server's log and its disk.")


def _untrusted(server: Server, error: BaseException | None) -> tuple[str, str] | None:
    while error is not None and not isinstance(error, ssl.SSLCertVerificationError):
        error = error.__cause__ or error.__context__
    if error is None:
        return None
    return (
        f"the certificate of the server at {server.options.url} is not trusted",
        "Name the file of its authority in SSL_CERT_FILE and GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.",
    )


def _key_hint(server: Server) -> str:
    variable = server.options.key_variable
    if variable is None:
        return "Name the environment variable that holds a key as `key_variable`."
    return f"Put a key that the server knows into {variable}."


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
