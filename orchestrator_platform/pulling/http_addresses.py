"""Opens an address and follows where it leads: never to another scheme, never down from TLS, and not for ever."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from ..errors import PullRefused
from .failures import PassingFailure

if TYPE_CHECKING:
    import httpx

MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_USER_AGENT = "orchestrator-platform"


@dataclass(frozen=True)
class Address:
    """Where to ask. `key` is held for this pull only, is sent to this origin only, and is never shown."""

    url: str
    key: str | None = None

    def __repr__(self) -> str:
        return f"Address({self.url!r})"


@contextmanager
def opened(client: "httpx.Client", address: Address, headers: Mapping[str, str]) -> Iterator["httpx.Response"]:
    """Gives the answer's head; its body is not read yet.

    Raises:
        PassingFailure: Nobody answered, or the connection broke.
        PullRefused: It leads round in circles, to another scheme, or to somebody whose certificate cannot be trusted.
    """
    import httpx

    url = address.url
    try:
        for _ in range(MOST_REDIRECTS + 1):
            with client.stream("GET", url, headers={**headers, **_own(address, url)}) as answer:
                where = answer.headers.get("location", "") if answer.status_code in _REDIRECTS else ""
                if not where:
                    yield answer
                    return
            url = _followed(address.url, url, where)
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise _refused(address, f"it leads to {_short(url)}, which is no address", "Ask whoever serves it.") from error
    except httpx.TimeoutException as error:
        raise PassingFailure("nothing was heard for too long") from error
    except httpx.TransportError as error:
        if _distrusted(error):
            fix = "Mend the certificate there, or name its authority's file by SSL_CERT_FILE."
            raise _refused(address, "its certificate cannot be trusted", fix) from error
        raise PassingFailure(f"the connection broke ({type(error).__name__})") from error
    raise _refused(address, f"it leads on more than {MOST_REDIRECTS} times, last to {_short(url)}", "Compare `url`.")


def _own(address: Address, url: str) -> dict[str, str]:
    own = {"User-Agent": _USER_AGENT, "Accept": "*/*", "Accept-Encoding": "identity"}
    if address.key and _origin(url) == _origin(address.url):
        own["Authorization"] = f"Bearer {address.key}"
    return own


def _followed(declared: str, url: str, where: str) -> str:
    try:
        there = urljoin(url, where)
        scheme = urlsplit(there).scheme
    except ValueError:
        there, scheme = where, ""
    if scheme not in {"http", "https"}:
        raise _refused(
            Address(declared), f"it leads to {_short(there)}, and only http(s) is followed", "Compare `url`."
        )
    if scheme == "http" and urlsplit(url).scheme == "https":
        raise _refused(Address(declared), f"it leads from https down to {_short(there)}", "Ask whoever serves it.")
    return there


def _origin(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    return parts.scheme, (parts.hostname or "").lower(), parts.port


def _distrusted(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"


def _refused(address: Address, problem: str, fix: str) -> PullRefused:
    return PullRefused(url=address.url, problem=problem, fix=fix)
