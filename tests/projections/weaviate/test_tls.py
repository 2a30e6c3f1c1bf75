"""Over TLS, under an authority that the machine does not know until it is named."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tls_proxy import HOST, tls_proxy, write_certificate
from weaviate_server import RunningServer

from orchestrator_platform.records.embeddings import Weaviate

# In a process of its own, because libraries read where authorities are when they are loaded.
ASK = """
import sys
from pathlib import Path
from weaviate.classes.config import Configure
from orchestrator_platform.errors import TargetFailed
from orchestrator_platform.projections.weaviate.connection import Server, connected
from orchestrator_platform.records.embeddings import Weaviate

options = Weaviate.model_validate_json(sys.argv[1])
try:
    with connected(Server("weaviate:things", options, {}.get, Path("unused"))) as client:
        name = sys.argv[2]
        things = client.collections.create(name, vector_config=Configure.Vectors.self_provided())
        try:
            things.data.insert({"said": "over TLS"}, vector=[1.0, 0.0])
            found = things.query.near_vector([1.0, 0.0], limit=1)  # over gRPC
            print([item.properties["said"] for item in found.objects])
        finally:
            client.collections.delete(name)
except TargetFailed as error:
    print(error)
"""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return write_certificate(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def options(server: RunningServer, authority: tuple[Path, Path]) -> Iterator[Weaviate]:
    with (
        tls_proxy(*authority, server.port, ["http/1.1"]) as http,
        tls_proxy(*authority, server.grpc_port, ["h2"]) as grpc,
    ):
        yield Weaviate(url=f"https://{HOST}:{http}", grpc_port=grpc, timeout_seconds=20)


def ask(options: Weaviate, collection: str, **environment: str) -> str:
    command = [sys.executable, "-c", ASK, options.model_dump_json(), collection]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_server_whose_authority_is_named_is_asked_over_both_protocols(
    options: Weaviate, authority: tuple[Path, Path]
) -> None:
    file = str(authority[0])
    said = ask(options, "Trusted", SSL_CERT_FILE=file, GRPC_DEFAULT_SSL_ROOTS_FILE_PATH=file)
    assert said == "['over TLS']"


def test_a_server_whose_authority_nobody_named_is_not_trusted_and_the_message_says_how_to(options: Weaviate) -> None:
    said = ask(options, "Untrusted")
    assert f"the certificate of the server at {options.url} is not trusted" in said
    assert "SSL_CERT_FILE and GRPC_DEFAULT_SSL_ROOTS_FILE_PATH" in said
