"""Lists the versions of models, compares two of them, and trains one anew from its receipt alone."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from ..audits.candidate_view import CandidateView, view_served
from ..audits.model_audit import ModelBench
from ..audits.model_checks import ModelView
from ..audits.model_names import SAME_ANSWER, SPLIT
from ..errors import Misuse, UnknownAsset, UnknownVersion, VersionNotKept
from ..gate.context import Gate
from ..lake.history import read_receipt, read_receipts, read_snapshot_of
from ..lake.published import PublishedCut
from ..lake.readers import attach_statement
from ..records.declarations import AssetDeclaration, ModelBuild
from ..records.findings import Finding
from ..records.keys import AssetKey, Version
from ..records.receipts import Receipt

CHAMPION = "champion"


@dataclass(frozen=True)
class ModelVersion:
    """A published version of a model. `value` is what its auditor measured of `metric`."""

    model: str
    asset: AssetKey
    version: Version
    alias: str
    metric: str
    value: float | None
    trained_on_until: str
    published_at: str


@dataclass(frozen=True)
class Compared:
    """Two versions side by side: what each audit measured, and how they answer the same examples."""

    model: str
    one: ModelVersion
    other: ModelVersion
    measured: tuple[tuple[str, Any, Any], ...]
    same_examples: bool
    verdict: str
    better_by: float | None


@dataclass(frozen=True)
class Reproduced:
    """What training anew gave. `furthest` is the largest difference of a probability."""

    model: str
    version: Version
    same_artefact: bool
    furthest: float | None
    tolerance: float
    says: str
    agrees: bool


def list_models(gate: Gate) -> tuple[ModelVersion, ...]:
    """Returns every version of every declared model, newest first."""
    cut = gate.cut_for_readers()
    connection = cut.connect()
    try:
        return tuple(
            _version_of(cut, declaration, receipt)
            for declaration in _models(gate)
            for receipt in read_receipts(connection, declaration.key)
            if not receipt.withdrawn
        )
    finally:
        connection.close()


def compare_models(gate: Gate, name: str, one: int, other: int) -> Compared:
    """Returns how two versions compare: `other` is measured against `one` on the examples of `other`'s holdout.

    Raises:
        UnknownAsset: The project declares no such model.
        UnknownVersion: There is no such version.
        VersionNotKept: The lake does not hold one of them, or the examples that it learned from, any more.
    """
    declaration = _named(gate, name)
    with _opened(gate) as (cut, connection):
        before, after = (_receipt(connection, declaration.key, version) for version in (one, other))
        seen = _seen(cut, connection, declaration, after)
        base = _relation(cut, connection, declaration.key, before)
        with _own_folder(gate) as folder:
            view = replace(seen.view, base=base, base_receipt=before)
            bench = ModelBench(ModelView(view, declaration), folder)
            bench.write()
            result = bench.compare_champion()
    versions = [_version_of(cut, declaration, receipt) for receipt in (before, after)]
    return Compared(
        model=versions[0].model,
        one=versions[0],
        other=versions[1],
        measured=tuple(_side_by_side(before, after)),
        same_examples=_read(before) == _read(after),
        verdict=str(result["message"]),
        better_by=result["measured"],
    )


def reproduce_model(gate: Gate, name: str, version: int) -> Reproduced:
    """Trains a version anew, from the examples as they were read then, and compares the answers.

    Raises:
        Misuse: The code that trained it is not the code of now.
        UnknownAsset, UnknownVersion, VersionNotKept: As for `compare_models`.
    """
    declaration = _named(gate, name)
    with _opened(gate) as (cut, connection):
        receipt = _receipt(connection, declaration.key, version)
        if receipt.code_version != declaration.code_version:
            raise Misuse(
                f"{declaration.key} version {version} was trained by other code or options than those of now"
                f" ({receipt.code_version[:12]}, now {declaration.code_version[:12]}). Nothing was trained. Check out"
                " the estimator and the component as they were, then try again."
            )
        seen = _seen(cut, connection, declaration, receipt)
        with _own_folder(gate) as folder:
            bench = ModelBench(seen, folder)
            bench.write()
            gate.say(f"training {declaration.key} version {version} anew")
            same, result = bench.reproduce()
    return Reproduced(
        model=seen.options.name,
        version=receipt.version,
        same_artefact=same,
        furthest=result.get("measured"),
        tolerance=SAME_ANSWER,
        says="the artefact has the same bytes" if same else str(result["message"]),
        agrees=bool(result["passed"]),
    )


@contextmanager
def open_version(gate: Gate, declaration: AssetDeclaration, receipt: Receipt) -> Iterator[ModelBench]:
    """Opens a published version as its auditor saw it, with a folder of its own to look at it in.

    Raises:
        VersionNotKept: The lake does not hold it, or the examples that it learned from, any more.
    """
    with _opened(gate) as (cut, connection), _own_folder(gate) as folder:
        yield ModelBench(_seen(cut, connection, declaration, receipt), folder)


def parse_model_version(text: str) -> tuple[str, int]:
    """Returns name and version of `MODEL@V`.

    Raises:
        Misuse: It is not written so.
    """
    name, at, version = text.rpartition("@")
    if not at or not name or not version.isdigit():
        raise Misuse(f"{text!r} names no version of a model. Write MODEL@V, for example models.churn@3.")
    return name, int(version)


def _models(gate: Gate) -> list[AssetDeclaration]:
    return [declared for declared in gate.assets.values() if isinstance(declared.build, ModelBuild)]


def _named(gate: Gate, name: str) -> AssetDeclaration:
    """A model is known by its asset or by the name that it is registered under."""
    for declaration in _models(gate):
        build = declaration.build
        if isinstance(build, ModelBuild) and name in {declaration.key, build.options.name}:
            return declaration
    raise UnknownAsset(name=name, known=[declaration.key for declaration in _models(gate)])


def _version_of(cut: PublishedCut, declaration: AssetDeclaration, receipt: Receipt) -> ModelVersion:
    build, head = declaration.build, cut.heads.get(declaration.key)
    assert isinstance(build, ModelBuild)
    serves = head is not None and not head.withdrawn and head.version == receipt.version
    found = {finding.check: finding for finding in receipt.findings}
    value, until = found.get(build.options.metric), found.get(SPLIT)
    return ModelVersion(
        model=build.options.name,
        asset=declaration.key,
        version=receipt.version,
        alias=CHAMPION if serves else "",
        metric=build.options.metric,
        value=float(value.measured) if value is not None and value.measured is not None else None,
        trained_on_until=str(until.measured) if until is not None else "",
        published_at=f"{receipt.published_at:%Y-%m-%d %H:%M:%S}Z",
    )


def _side_by_side(before: Receipt, after: Receipt) -> Iterator[tuple[str, Any, Any]]:
    def measured(receipt: Receipt) -> dict[str, Finding]:
        return {finding.check: finding for finding in receipt.findings}

    was, now = measured(before), measured(after)
    for check in dict.fromkeys([*now, *was]):
        pair = [found[check].measured if check in found else None for found in (was, now)]
        if any(isinstance(value, float) for value in pair):
            yield check, pair[0], pair[1]


def _read(receipt: Receipt) -> dict[AssetKey, str]:
    return {parent.asset: parent.data_version for parent in receipt.parents}


@contextmanager
def _opened(gate: Gate) -> Iterator[tuple[PublishedCut, duckdb.DuckDBPyConnection]]:
    cut = gate.cut_for_readers()
    connection = cut.connect()
    try:
        yield cut, connection
    finally:
        connection.close()


@contextmanager
def _own_folder(gate: Gate) -> Iterator[Path]:
    cache = gate.settings.home.cache / "audits"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="model-") as folder:
        yield Path(folder)


def _receipt(connection: duckdb.DuckDBPyConnection, asset: AssetKey, version: int) -> Receipt:
    receipt = read_receipt(connection, asset, Version(version))
    if receipt is None or receipt.withdrawn:
        raise UnknownVersion(asset=asset, version=version)
    return receipt


def _relation(
    cut: PublishedCut, connection: duckdb.DuckDBPyConnection, asset: AssetKey, receipt: Receipt | None
) -> str:
    """A version of a table as it was, as text that can stand after FROM."""
    snapshot = read_snapshot_of(connection, receipt) if receipt is not None else None
    if snapshot is None:
        raise VersionNotKept(asset=asset, version=receipt.version if receipt is not None else 0)
    alias = f"snapshot_{snapshot}"
    connection.execute(attach_statement(cut.layout, snapshot, alias=alias))
    return f"{alias}.{asset.quoted}"


def _seen(
    cut: PublishedCut, connection: duckdb.DuckDBPyConnection, declaration: AssetDeclaration, receipt: Receipt
) -> ModelView:
    """A version as an auditor sees it: over the parents that it was trained on."""
    relations = {declaration.key: _relation(cut, connection, declaration.key, receipt)}
    for parent in receipt.parents:
        made = read_receipt(connection, parent.asset, parent.version)
        relations[parent.asset] = _relation(cut, connection, parent.asset, made)
    with tempfile.TemporaryDirectory() as folder:
        view: CandidateView = view_served(connection, receipt, relations, Path(folder) / "view", (), ())
    return ModelView(view, declaration)
