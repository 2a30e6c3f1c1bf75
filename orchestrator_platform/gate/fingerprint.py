"""The identity of everything that a candidate is made from and judged by: code, contract, audits, parents' contents."""

from collections.abc import Mapping, Sequence

from ..records.base import sha256_of
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey


def table_fingerprint(declaration: AssetDeclaration, parents: Mapping[AssetKey, str]) -> str:
    """Returns the fingerprint of a table built from parents with these data versions; optional ones may be missing."""
    return sha256_of(
        {
            "asset": declaration.key,
            "code": declaration.code_version,
            "contract": declaration.contract.hash(),
            "audits": declaration.audits,
            "parents": {
                parent: parents[parent]
                for parent in declaration.parents
                if parent in parents or parent not in declaration.optional_parents
            },
        }
    )


def raw_fingerprint(declaration: AssetDeclaration, files: Sequence[str]) -> str:
    """Returns the fingerprint of a landing of files with these sha256."""
    return sha256_of(
        {
            "asset": declaration.key,
            "code": declaration.code_version,
            "contract": declaration.contract.hash(),
            "audits": declaration.audits,
            "files": sorted(files),
        }
    )


def beside_fingerprint(fingerprint: str, beside: Mapping[AssetKey, str]) -> str:
    """Returns the fingerprint of a candidate as judged by the tests of other tables with these data versions."""
    return sha256_of({"fingerprint": fingerprint, "beside": dict(beside)})
