"""Remembers which inputs gave the content that serves anyway, so that they are not built again.

Losing it costs one build and nothing else; it is no part of the truth.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from ..records.keys import AssetKey

_FILE = "unchanged.json"


def memory_state(cache: Path) -> tuple[int, ...]:
    """Returns what changes whenever something is remembered."""
    try:
        found = (cache / _FILE).stat()
    except FileNotFoundError:
        return ()
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def load_unchanged(cache: Path) -> dict[tuple[AssetKey, str], str]:
    """Returns (asset, fingerprint) -> data version; a damaged file counts as empty."""
    try:
        stored = json.loads((cache / _FILE).read_text(encoding="utf-8"))
        return {
            (AssetKey(asset), fingerprint): version
            for asset, known in stored.items()
            for fingerprint, version in known.items()
        }
    except (OSError, ValueError, AttributeError):
        return {}


def load_unchanged_slices(cache: Path, asset: AssetKey) -> dict[str, tuple[str, str]]:
    """Returns slice -> (fingerprint, that of the slice that served) of slices that gave what served anyway."""
    try:
        stored = json.loads(_slices_file(cache, asset).read_text(encoding="utf-8"))
        return {str(name): (str(fingerprint), str(served)) for name, (fingerprint, served) in stored.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}


def remember_unchanged_slices(cache: Path, asset: AssetKey, found: Mapping[str, tuple[str, str]]) -> None:
    """Adds what was found; of each slice only the newest inputs are kept."""
    if found:
        _write(_slices_file(cache, asset), load_unchanged_slices(cache, asset) | dict(found))


def _slices_file(cache: Path, asset: AssetKey) -> Path:
    return cache / "slices" / f"{asset}.json"


def _write(file: Path, value: object) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f"{file.name}.partial")
    partial.write_text(json.dumps(value), encoding="utf-8")
    partial.replace(file)


def remember_unchanged(cache: Path, found: Mapping[tuple[AssetKey, str], str]) -> None:
    """Adds what was found; of each asset only the newest inputs are kept."""
    if not found:
        return
    known: dict[str, dict[str, str]] = {}
    for (asset, fingerprint), version in (load_unchanged(cache) | dict(found)).items():
        known.setdefault(asset, {})[fingerprint] = version
    kept = {asset: dict(list(versions.items())[-20:]) for asset, versions in known.items()}
    _write(cache / "unchanged.json", kept)
