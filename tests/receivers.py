"""Real local receivers of alerts: an HTTP server and an SMTP server that keep what arrives, refuse, stall and break."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from local_server import serving

STALLS, CLOSES = -1, 0


@dataclass
class Hook:
    """What arrived: bodies and headers, in their order."""

    url: str
    bodies: list[bytes] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)


@contextmanager
def hook(
    answer: Callable[[int], int] = lambda number: 204,
    *,
    headers: Mapping[str, str] = MappingProxyType({}),
    endless: bool = False,
    certificate: tuple[Path, Path] | None = None,
) -> Iterator[Hook]:
    """Serves until the block ends; `answer` gives the status for the n-th request, or STALLS, or CLOSES.

    Args:
        headers: Headers of every answer.
        endless: Whether an answer goes on until nobody takes it any more.
        certificate: With which it serves https.
    """
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.headers.append(dict(self.headers))
            received.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            status = answer(len(received.bodies))
            if status == STALLS:
                ended.wait(30)
            elif status != CLOSES:
                self.send_response(status)
                for name, value in {"Location": received.url, **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                while endless and not ended.is_set():
                    self.wfile.write(b"more" * 10_000)
            self.close_connection = True

    with serving(Handler, ended, certificate) as address:
        received = Hook(f"{address}/alerts")
        yield received


@dataclass
class Mailbox:
    """What arrived, and for whom; `refuses` are recipients that it does not know."""

    port: int = 0
    mails: list[Message] = field(default_factory=list)
    recipients: list[list[str]] = field(default_factory=list)
    refuses: frozenset[str] = frozenset()
    refuses_all: bool = False

    async def handle_RCPT(  # noqa: N802 - the server calls it
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refuses:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - the server calls it
        if self.refuses_all:
            return "451 later"
        self.mails.append(message_from_bytes(envelope.content))
        self.recipients.append(list(envelope.rcpt_tos))
        return "250 OK"


@contextmanager
def mailbox(*, password: bytes | None = None, refuses: frozenset[str] = frozenset(), **more: Any) -> Iterator[Mailbox]:
    """Serves mail until the block ends; with `password` only to those who log in."""
    box = Mailbox(refuses=refuses)

    def allows(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=data.password == password, handled=False)

    if password is not None:
        more |= {"authenticator": allows, "auth_required": True}
    controller = Controller(box, hostname="127.0.0.1", port=_free_port(), **more)
    controller.start()
    box.port = controller.port
    try:
        yield box
    finally:
        controller.stop()


def self_signed(folder: Path) -> tuple[Path, Path]:
    """Writes a certificate for 127.0.0.1 and its key, and returns both files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(certificate.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


def _free_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
