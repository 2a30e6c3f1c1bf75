"""A real Weaviate server for tests: built once, started on free ports of the loopback, stopped by its process id."""

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from orchestrator_platform.records.embeddings import Weaviate

VERSION = "1.39.0"
_INSTALL = Path(__file__).with_name("install_weaviate.sh")
_START_SECONDS = 60


@dataclass(frozen=True)
class RunningServer:
    port: int
    grpc_port: int
    process: "subprocess.Popen[bytes]"

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def options(self, **more: object) -> Weaviate:
        return Weaviate.model_validate({"url": self.url, "grpc_port": self.grpc_port, **more})


def server_binary() -> Path:
    """Returns the binary; builds it where that was not done yet."""
    done = subprocess.run([_INSTALL], check=True, capture_output=True, text=True)
    return Path(done.stdout.strip())


def free_ports(n_ports: int) -> list[int]:
    """Returns ports that nothing listens on, all different."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n_ports)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextmanager
def weaviate_server(data: Path, environment: Mapping[str, str] | None = None) -> Iterator[RunningServer]:
    """Runs a server that keeps its data in this folder; `environment` is its configuration."""
    port, grpc, profiling = free_ports(3)
    # The server takes it that these four follow each other.
    gossip, data_port, raft, rpc = _ports_in_a_row(4)
    settings = {
        "PERSISTENCE_DATA_PATH": str(data),
        "AUTHENTICATION_ANONYMOUS_ACCESS_ENABLED": "true",
        "DISABLE_TELEMETRY": "true",
        "ENABLE_MODULES": "",
        "LOG_LEVEL": "error",
        "GRPC_PORT": str(grpc),
        "PROFILING_PORT": str(profiling),
        "GO_PROFILING_DISABLE": "true",
        "CLUSTER_HOSTNAME": "node",
        "CLUSTER_IN_LOCALHOST": "true",
        "CLUSTER_GOSSIP_BIND_PORT": str(gossip),
        "CLUSTER_DATA_BIND_PORT": str(data_port),
        "RAFT_PORT": str(raft),
        "RAFT_INTERNAL_RPC_PORT": str(rpc),
        "RAFT_BOOTSTRAP_EXPECT": "1",
        # One node has nobody to wait for.
        "RAFT_TIMEOUTS_MULTIPLIER": "1",
        "RAFT_BOOTSTRAP_TIMEOUT": "10",
        "CLUSTER_BIND_ADDR": "127.0.0.1",
        "CLUSTER_ADVERTISE_ADDR": "127.0.0.1",
        **(environment or {}),
    }
    data.mkdir(parents=True, exist_ok=True)
    with (data / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [server_binary(), "--host", "127.0.0.1", "--port", str(port), "--scheme", "http"],
            env={**os.environ, **settings},
            stdout=log,
            stderr=log,
        )
    try:
        _wait_until_ready(f"http://127.0.0.1:{port}/v1/.well-known/ready", process, data / "server.log")
        yield RunningServer(port, grpc, process)
    finally:
        stop(process)


def stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _ports_in_a_row(n_ports: int) -> range:
    while True:
        (first,) = free_ports(1)
        ports = range(first, first + n_ports)
        with ExitStack() as stack:
            try:
                for port in ports:
                    stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return ports


def _wait_until_ready(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(url, timeout=1):  # noqa: S310  # the scheme is written here
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the server did not start: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}")
