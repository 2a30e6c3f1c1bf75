"""Keeps compiled contracts as JSON, so that a command under which nothing changed never imports pandera."""

import hashlib
import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..records.base import sha256_of
from ..records.contracts import Contract
from ..records.keys import AssetKey
from .places import Place

_DECIDE = ("orchestrator-platform", "pandera", "pandas", "duckdb")


@dataclass(frozen=True)
class CodeFiles:
    """The Python files that a project's contracts may depend on. Each is read once for all of them."""

    files: Sequence[Path]
    _hashes: dict[Path, str] = field(default_factory=dict, repr=False, compare=False)

    def hash_of(self, file: Path) -> str:
        """Returns the sha256 of the file as it was when it was first asked for."""
        if file not in self._hashes:
            self._hashes[file] = _hash(file)
        return self._hashes[file]

    @cached_property
    def digest(self) -> str:
        """The sha256 of all of them, of the libraries' versions and of this code: what every contract depends on."""
        files = [[str(path), self.hash_of(path)] for path in self.files]
        versions = [[name, _version(name)] for name in _DECIDE]
        code = [self.hash_of(path) for path in _own_code()]
        return sha256_of([files, versions, code, list(sys.version_info[:3])])


def cached_pandera_contract(
    cache: Path, asset: AssetKey, file: Path, class_name: str, *, depends_on: CodeFiles
) -> Contract:
    """Returns the contract of the pandera model, from the folder `cache` where nothing that decides it changed.

    That is the bytes of `file` and `depends_on`, the versions of the libraries, and this code. A
    damaged entry is ignored and written anew.

    Raises:
        DefinitionError: The file or the model is wrong, or a file that it depends on is missing.
    """
    key = _key(asset, file, class_name, depends_on)
    entry = cache / f"{asset}.{class_name}.json"
    kept = _read(entry, key)
    if kept is not None:
        return kept
    from .pandera_contract import load_pandera_contract

    contract = load_pandera_contract(asset, file, class_name)
    _write(entry, key, contract)
    return contract


def _key(asset: AssetKey, file: Path, class_name: str, depends_on: CodeFiles) -> str:
    return sha256_of([asset, class_name, str(file), depends_on.hash_of(file), depends_on.digest])


def _own_code() -> Iterator[Path]:
    package = Path(__file__).parent
    yield from sorted(package.glob("*.py"))
    yield package.parent / "records" / "contracts.py"


def _hash(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise Place(str(path)).error(
            f"cannot be read: {error.strerror}", "A contract is made of existing files: mend the path."
        ) from error


@cache
def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"


def _read(entry: Path, key: str) -> Contract | None:
    try:
        document = json.loads(entry.read_bytes())
        contract = Contract.model_validate(document["contract"])
        # The digest tells an entry that was damaged and still reads.
        return contract if document["key"] == key and document["digest"] == contract.digest() else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _write(entry: Path, key: str, contract: Contract) -> None:
    entry.parent.mkdir(parents=True, exist_ok=True)
    document = {"key": key, "digest": contract.digest(), "contract": contract.model_dump(mode="json")}
    partial = entry.with_name(f"{entry.name}.{uuid.uuid4().hex}.partial")
    partial.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    partial.replace(entry)
