"""Writes a new model with an estimator to begin with: the use case behind `orchestrator new model`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import Misuse, UnknownAsset
from ..records.contracts import Column
from ..records.declarations import AssetDeclaration
from ..records.keys import AssetKey
from ..settings import Settings
from .new_columns import NUMBERS, TIMES, contract_text, own_columns, quoted_python
from .new_files import NewFiles, class_name, identifier, new_asset, refuse_existing

# Words are learned from columns of these names; other texts are taken for names of kinds.
_WORDY = frozenset({"text", "title", "description", "body", "comment", "summary", "review", "message", "note"})


@dataclass(frozen=True)
class Learned:
    """What is learned from which table; what is left out is found in its contract, where that says it."""

    examples: str | None = None
    time: str | None = None
    target: str | None = None
    classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Examples:
    table: AssetKey
    key: tuple[str, ...]
    time: str
    target: str
    classes: tuple[str, ...]
    text: tuple[str, ...]
    category: tuple[str, ...]
    number: tuple[str, ...]


def propose_new_model(settings: Settings, name: str, learned: Learned, folder: Path | None = None) -> NewFiles:
    """Returns what would be written; without `examples` a table of made-up ones comes along.

    Args:
        folder: Where the component goes, by default a folder of its name.

    Raises:
        Misuse: The name cannot be a model's, something of that name is there, or the table does not say what is what.
    """
    asset, declared = new_asset(settings, name, "models", "model")
    folder = folder or settings.project.defs / f"{asset.name}_model"
    if learned.examples is None:
        examples = _made_up(AssetKey(f"features.{asset.name}"))
        files = _with_examples(asset, examples, folder)
        unsure: tuple[str, ...] = ()
    else:
        examples = _found(learned, declared)
        files = {
            folder / "defs.yaml": _component(asset, examples),
            folder / "estimator.py": _estimator(asset, examples),
        }
        unsure = _unsure(examples)
    new = NewFiles("model", asset.name, asset, files, unsure, _steps(asset))
    refuse_existing(tuple(new.files), "model")
    return new


def _steps(asset: AssetKey) -> tuple[str, ...]:
    return (
        "Edit features, floors and slices in defs.yaml: what the model is given, and what it must be good at.",
        "`orchestrator build` makes the examples; a build never trains.",
        f"`orchestrator train {asset} --by YOU --why TEXT`, because only a person starts a training.",
    )


def _unsure(examples: _Examples) -> tuple[str, ...]:
    return (
        f"the features: all columns of {examples.table} but key, time and target; take out what is known only later",
        "floors, slices and the days of the holdout: mild ones were taken",
    )


def _found(learned: Learned, declared: Mapping[AssetKey, AssetDeclaration]) -> _Examples:
    table = next((declaration for key, declaration in declared.items() if key == learned.examples), None)
    if table is None:
        raise UnknownAsset(name=str(learned.examples), known=list(declared))
    columns = own_columns(table.contract)
    key = table.contract.grain or ()
    if not key or any(name.startswith("_") for name in key):
        raise Misuse(
            f"{table.key} promises no key of its own. Nothing was written. Give it a `grain` in its contract,"
            f" {table.contract.origin or table.origin}, or learn from a table made of it."
        )
    time = _one(learned.time, [column.name for column in columns if column.type in TIMES], "time", table, columns)
    target = _one(learned.target, [], "target", table, columns)
    if len(learned.classes) < 2:
        raise Misuse(f"What {target} can be is not known. Nothing was written. Say at least two: --classes no,yes.")
    given = [column for column in columns if column.name not in {*key, time, target} and not column.pii]
    texts = [column.name for column in given if column.type == "VARCHAR"]
    return _Examples(
        table=table.key,
        key=tuple(key),
        time=time,
        target=target,
        classes=learned.classes,
        text=tuple(name for name in texts if name.lower() in _WORDY),
        category=tuple(name for name in texts if name.lower() not in _WORDY),
        number=tuple(column.name for column in given if column.type in NUMBERS),
    )


def _one(said: str | None, found: Sequence[str], what: str, table: AssetDeclaration, columns: Sequence[Column]) -> str:
    known = [column.name for column in columns]
    if said is not None and said in known:
        return said
    if said is None and len(found) == 1:
        return found[0]
    problem = f"has no column {said!r}" if said is not None else f"does not say which column is the {what}"
    raise Misuse(f"{table.key} {problem}. Nothing was written. Say --{what} with one of: {', '.join(known)}.")


def _component(asset: AssetKey, examples: _Examples, more: str = "") -> str:
    given = {"text": examples.text, "category": examples.category, "number": examples.number}
    features = "".join(f"    {kind}: [{', '.join(names)}]\n" for kind, names in given.items() if names)
    classes = ", ".join('"' + name.replace('"', '\\"') + '"' for name in examples.classes)
    positive = f'  positive: ["{examples.classes[-1]}"] # which classes are measured against the rest\n'
    return f"""{more}type: orchestrator_platform.components.ModelComponent
attributes:
  asset: {asset}
  name: {asset.name} # what it is registered under
  description: How likely {examples.target} is, for each row of {examples.table}.
  examples: {examples.table}
  key: [{", ".join(examples.key)}] # the grain of the examples
  time: {examples.time} # when each was known: later ones never teach about earlier ones
  target: {examples.target} # null where nobody knows it yet
  classes: [{classes}]
{positive if len(examples.classes) > 2 else ""}  features: # nothing that is only known once the target is
{features}  estimator: estimator.py:{identifier(asset.name)} # in a file beside this one
  holdout: {{days: 10}} # the last days with labels: measured on, never trained on
  validation: {{folds: 2}}
  metric: roc_auc
  floors: {{roc_auc: 0.6}} # below it nothing is published; raise it to what you measure
  max_calibration_error: 0.15
  # slices: # conditions on the examples' columns: what it must not fail on
  #   - {{name: of one kind, where: "kind = 'one'", floor: 0.6, min_support: 50}}
  cluster: ["{examples.time}::DATE"] # examples that share it are drawn together when an interval is made
  budget: {{trials: 5, minutes: 1}}
"""


def _estimator(asset: AssetKey, examples: _Examples) -> str:
    parts = [
        ("words", "words.WordWeights", "WordWeights()", examples.text),
        ("kinds", "words.Tokens", "Tokens()", examples.category),
        ("numbers", "numbers.KnownNumbers", "KnownNumbers()", examples.number),
    ]
    used = [part for part in parts if part[3]]
    imports = sorted({f"    from orchestrator_platform.learning.models.{m.split('.')[0]} import {m.split('.')[1]}"
                      for _, m, _, _ in used})  # fmt: skip
    steps = "".join(
        f'            ("{name}", {made}, [{", ".join(quoted_python(column) for column in columns)}]),\n'
        for name, _, made, columns in used
    )
    return f'''"""How {asset} is learned."""

from orchestrator_platform.learning.estimators import Estimator


def prepare():
    """What turns rows into numbers: fitted once for each fold and once for the model."""
    from sklearn.compose import ColumnTransformer

{chr(10).join(imports)}

    return ColumnTransformer(
        [
{steps}        ],
        sparse_threshold=1.0,
    )


def build(parameters, seed):
    """An unfitted classifier with `predict_proba`, with the parameters of one trial."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(C=parameters["c"], max_iter=500, random_state=seed)


def suggest(trial):
    """What the search tries."""
    return {{"c": trial.suggest_float("c", 0.01, 10.0, log=True)}}


{identifier(asset.name)} = Estimator(build=build, suggest=suggest, prepare=prepare)
'''


def _made_up(table: AssetKey) -> _Examples:
    return _Examples(table, ("item_id",), "seen_at", "late", ("no", "yes"), (), ("vendor",), ("score",))


def _with_examples(asset: AssetKey, examples: _Examples, folder: Path) -> dict[Path, str]:
    table = """\
# Two components in one file: a table of made-up examples to begin with, and the model that learns from it. Take your
# own table as `examples`, and the first of them away.
type: orchestrator_platform.components.PythonTableComponent
attributes:
  module: tables.py
---
"""
    columns = (
        Column(name="item_id", type="BIGINT", nullable=False),
        Column(name="seen_at", type="TIMESTAMP", nullable=False),
        Column(name="vendor", type="VARCHAR", nullable=False),
        Column(name="score", type="DOUBLE", nullable=False),
        Column(name="late", type="VARCHAR", nullable=True),
    )
    own = class_name(examples.table)
    module = f'''"""Made-up examples: whether an item comes late follows from its score, mostly."""

import numpy as np
import pandas as pd

from orchestrator_platform import python_table


@python_table(key="{examples.table}", parents={{}}, contract="contract.py:{own}")
def {identifier(examples.table.name)}() -> pd.DataFrame:
    """Items, one row each; `late` is null where nobody knows it yet."""
    random = np.random.default_rng(0)
    n = 1_200
    vendor, score = random.choice(["acme", "bolt", "cord"], n), random.normal(0, 1, n).round(3)
    late = np.where(random.random(n) < 1 / (1 + np.exp(-1.8 * score)), "yes", "no").astype(object)
    late[random.random(n) < 0.1] = None
    seen_at = pd.Timestamp("2024-05-01") + pd.to_timedelta(np.arange(n) // 30, unit="D")
    return pd.DataFrame(
        {{
            "item_id": np.arange(n),
            "seen_at": seen_at,
            "vendor": vendor,
            "score": score,
            "late": pd.Series(late, dtype="str"),
        }}
    )
'''
    about = f"What every row of {examples.table} promises."
    return {
        folder / "defs.yaml": _component(asset, examples, table),
        folder / "tables.py": module,
        folder / "contract.py": contract_text(own, about, columns, '{"grain": ["item_id"]}'),
        folder / "estimator.py": _estimator(asset, examples),
    }
