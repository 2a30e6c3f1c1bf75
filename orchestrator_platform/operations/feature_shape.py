"""What a table of features turned out to give, kept so that a command under which nothing changed asks no DuckDB."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from pydantic import ValidationError

from ..records.base import Record, sha256_of
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration
from ..records.features import FeatureOptions
from ..records.keys import AssetKey
from ..storage import write_whole


class FeatureShape(Record):
    """The columns that the features and the labels have, and the tables that labels and examples read."""

    features: tuple[str, ...]
    labels: tuple[str, ...]
    read: tuple[AssetKey, ...]


def shape_key(
    options: FeatureOptions,
    texts: tuple[str | None, ...],
    contract: Contract,
    declared: Mapping[AssetKey, AssetDeclaration],
) -> str:
    """Returns the hash of all that decides the shape: what is said, every contract, DuckDB, and this code."""
    promised = sorted([key, each.contract.hash()] for key, each in declared.items())
    code = [hashlib.sha256(file.read_bytes()).hexdigest() for file in _own_code()]
    own = [column.model_dump(mode="json") for column in contract.columns]
    return sha256_of([options.model_dump(mode="json"), texts, own, contract.grain, promised, code, version("duckdb")])


def kept_shape(entry: Path, key: str, find: Callable[[], FeatureShape]) -> FeatureShape:
    """Returns the shape kept in the file `entry` for this key; else what is found, which is kept then.

    A damaged entry is ignored. It could only spare a mistake its message: who audits judges the SQL anew.
    """
    try:
        document = json.loads(entry.read_bytes())
        shape = FeatureShape.model_validate(document["shape"])
        if document["key"] == key and document["digest"] == shape.digest():
            return shape
    except (OSError, ValueError, KeyError, TypeError, ValidationError):
        pass
    shape = find()
    entry.parent.mkdir(parents=True, exist_ok=True)
    document = {"key": key, "digest": shape.digest(), "shape": shape.model_dump(mode="json")}
    write_whole(entry, json.dumps(document).encode())
    return shape


def _own_code() -> Iterator[Path]:
    here = Path(__file__).parent
    yield here / "feature_promises.py"
    yield from sorted((here.parent / "transforming").glob("feature_*.py"))
    yield here.parent / "transforming" / "statement_check.py"
