"""The installed environment as one hash: what was learned with it can be told from what another one learned."""

from importlib.metadata import distributions

from ..records.base import sha256_of


def environment_hash() -> str:
    """Returns the sha256 of the names and versions of all installed distributions."""
    found = {(dist.metadata["Name"] or "").lower(): dist.version for dist in distributions()}
    return sha256_of(sorted(f"{name}=={version}" for name, version in found.items()))
