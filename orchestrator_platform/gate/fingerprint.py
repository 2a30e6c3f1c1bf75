"""The identity of everything that a candidate is made from and judged by: code, contract, audits, parents' contents."""

from collections.abc import Collection, Mapping, Sequence

from ..records.base import sha256_of
from ..records.declarations import AssetDeclaration, MonitorBuild, ScoresBuild
from ..records.keys import AssetKey
from ..records.slices import Slice


def table_fingerprint(declaration: AssetDeclaration, parents: Mapping[AssetKey, str], besides: str = "") -> str:
    """Returns the fingerprint of a table built from parents with these data versions; optional ones may be missing.

    Args:
        besides: What stands for the inputs that are no parents, where there are any.
    """
    return sha256_of(
        {
            **({"besides": besides} if besides else {}),
            "asset": declaration.key,
            "code": declaration.code_version,
            "contract": declaration.contract.hash(),
            "audits": declaration.audits,
            "parents": {
                parent: parents[parent]
                for parent in _that_decide(declaration, parents)
                if parent in parents or parent not in declaration.optional_parents
            },
        }
    )


def _that_decide(declaration: AssetDeclaration, there: Collection[AssetKey]) -> Sequence[AssetKey]:
    """Without a model, its scores and its monitor are empty, whatever the other parents say."""
    build = declaration.build
    empty = isinstance(build, ScoresBuild | MonitorBuild) and build.options.model not in there
    return () if empty else declaration.parents


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


def slice_fingerprint(declaration: AssetDeclaration, name: str, inputs: str) -> str:
    """Returns the fingerprint of one slice; `inputs` stands for what it is made from."""
    return sha256_of(
        {
            "asset": declaration.key,
            "code": declaration.code_version,
            "contract": declaration.contract.hash(),
            "audits": declaration.audits,
            "slice": name,
            "inputs": inputs,
        }
    )


def slices_now(declaration: AssetDeclaration, slices: Sequence[Slice]) -> tuple[Slice, ...]:
    """Returns slices with the fingerprints that they have under the code, contract and checks in force."""
    return tuple(
        item.model_copy(update={"fingerprint": slice_fingerprint(declaration, item.name, item.inputs)})
        for item in slices
    )


def beside_fingerprint(fingerprint: str, beside: Mapping[AssetKey, str]) -> str:
    """Returns the fingerprint of a candidate as judged by the tests of other tables with these data versions."""
    return sha256_of({"fingerprint": fingerprint, "beside": dict(beside)})
