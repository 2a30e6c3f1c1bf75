"""What a project may write where it names a server: an address without secrets, and the variable that holds the key."""

import re
from urllib.parse import urlsplit

_VARIABLE = re.compile(r"[A-Z_][A-Z0-9_]*")


def require_address(url: str, *, with_path: bool, instead: str = "") -> None:
    """Raises ValueError where `url` is no address of a server, or holds what may be a secret.

    Args:
        with_path: Whether it may go on after the host.
        instead: What else may be written there, for the message.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        other = f", or be `{instead}`" if instead else ""
        raise ValueError(f"`url` must begin with http:// or https:// and name a host{other}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("`url` must hold no user, password, query or fragment; name the key by `key_variable`")
    if parts.path.strip("/") and not with_path:
        raise ValueError("`url` must end with the host and its port: nothing is served below a path")


def require_variable_name(variable: str | None, attribute: str = "key_variable") -> None:
    """Raises ValueError where an attribute is no name of an environment variable, such as a key itself."""
    if variable is not None and not _VARIABLE.fullmatch(variable):
        raise ValueError(f"`{attribute}` is the name of an environment variable (A-Z, 0-9, _), never what it holds")
