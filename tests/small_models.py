"""A small project with a model: items, one row per item, some with a label, and a model that predicts it.

The label follows the score and the vendor. What a trainer does wrong is planted by a process that answers otherwise.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from small_project import AGENT_FILES, write_files

from orchestrator_platform.gate.context import Gate
from orchestrator_platform.learning.fresh_process import ProcessLimits, run_fresh
from orchestrator_platform.learning.training_process import ARTEFACT
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.settings import load_settings

ITEMS, MODEL = "features.items", "models.late"
PERSON = "person:ada"
VENDORS = ("acme", "bolt", "cord", "dyno")
DAYS, PER_DAY, HELD_OUT_DAYS = 40, 15, 10

COMPONENT = """
    type: orchestrator_platform.components.ModelComponent
    attributes:
      asset: models.late
      name: late
      description: Which items come late.
      examples: features.items
      key: [item_id]
      time: seen_at
      target: late
      classes: ["no", "yes"]
      features: {category: [vendor], number: [score, size]}
      estimator: estimator.py:late
      holdout: {days: 10}
      floors: {roc_auc: 0.7}
      max_calibration_error: 0.1
      slices:
        - {name: big, where: "size >= 5", floor: 0.6, min_support: 20}
        - {name: of acme, where: "vendor = 'acme'", floor: 0.6, min_support: 20}
      cluster: ["seen_at::DATE"]
      budget: {trials: 3, minutes: 1}
      validation: {folds: 2}
      seed: 7
"""

ESTIMATOR = '''
    """How items are told apart."""

    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from orchestrator_platform.learning.estimators import Estimator


    def build(parameters, seed):
        columns = ColumnTransformer(
            [
                ("vendor", OneHotEncoder(handle_unknown="ignore"), ["vendor"]),
                ("numbers", SimpleImputer(), ["score", "size"]),
            ]
        )
        return make_pipeline(columns, LogisticRegression(C=parameters["c"], max_iter=500, random_state=seed))


    def suggest(trial):
        return {"c": trial.suggest_float("c", 0.1, 10, log=True)}


    late = Estimator(build=build, suggest=suggest)
'''

TABLE = """
    from pathlib import Path

    import pandas as pd

    from orchestrator_platform import python_table


    @python_table(key="features.items", parents={}, contract="contract.py:Items")
    def items() -> pd.DataFrame:
        # VERSION
        return pd.read_parquet(Path(__file__).parent / "items.parquet")
"""

CONTRACT = """
    from datetime import datetime

    import pandas as pd
    import pandera.pandas as pa


    class Items(pa.DataFrameModel):
        item_id: int
        seen_at: datetime
        vendor: str
        score: float
        size: int
        late: str = pa.Field(nullable=True)

        class Config:
            strict = True
            metadata = {"grain": ["item_id"]}
"""

FILES = AGENT_FILES | {
    "pyproject.toml": '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\nregistry = "off"\n',
    "agents/maker.md": AGENT_FILES["agents/maker.md"].replace("[land, build,", "[land, build, train,"),
    "defs/items/defs.yaml": """
        type: orchestrator_platform.components.PythonTableComponent
        attributes:
          module: tables.py
    """,
    "defs/items/tables.py": TABLE,
    "defs/items/contract.py": CONTRACT,
    "defs/models/defs.yaml": COMPONENT,
    "defs/models/estimator.py": ESTIMATOR,
}


def items(days: int = DAYS, seed: int = 0, start: str = "2024-05-01") -> pd.DataFrame:
    """Items of so many days, a few of each day; one in ten is without a label."""
    random = np.random.default_rng(seed)
    n = days * PER_DAY
    vendor = random.choice(VENDORS, n)
    score, size = random.normal(0, 1, n).round(3), random.integers(0, 10, n)
    known = 1.8 * score + np.where(vendor == "acme", 0.8, 0.0) - 0.5
    late = np.where(random.random(n) < 1 / (1 + np.exp(-known)), "yes", "no").astype(object)
    late[random.random(n) < 0.1] = None
    seen_at = pd.Timestamp(start) + pd.to_timedelta(np.repeat(np.arange(days), PER_DAY), unit="D")
    seen_at += pd.to_timedelta(np.tile(np.arange(PER_DAY), days), unit="h")
    return pd.DataFrame(
        {"item_id": np.arange(n), "seen_at": seen_at, "vendor": vendor, "score": score, "size": size, "late": late}
    )


def make_models(folder: Path, examples: pd.DataFrame | None = None, changes: Mapping[str, str] | None = None) -> Path:
    """Writes the project and returns its folder."""
    write_files(folder, {**FILES, **(changes or {})})
    write_items(folder, items() if examples is None else examples)
    return folder


def write_items(folder: Path, examples: pd.DataFrame) -> None:
    """Makes these the examples of the next build."""
    examples.to_parquet(folder / "defs/items/items.parquet", index=False)
    # A table's code is its file: data that it reads beside are no part of it.
    marked = TABLE.replace("VERSION", str(pd.util.hash_pandas_object(examples.astype(str)).sum()))
    write_files(folder, {"defs/items/tables.py": marked})


def gate_of_models(folder: Path) -> Gate:
    return load_gate(load_settings(folder / "home", folder))


Dishonest = Callable[[Path, dict[str, Any]], bytes | None]
"""Gives another artefact for the folder of a training; may change what the process answers."""


def training_with(plant: Dishonest) -> Callable[..., dict[str, Any]]:
    """Returns what runs a training and lets `plant` change what came of it, as a trainer could that does not keep to
    what it says.
    """

    def run(
        module: str, folder: Path, task: Mapping[str, Any], limits: ProcessLimits, say: Callable[[str], None]
    ) -> dict[str, Any]:
        answer = run_fresh(module, folder, task, limits, say)
        artefact = plant(folder, answer)
        if artefact is not None:
            (folder / ARTEFACT).write_bytes(artefact)
        json.dumps(answer)
        return answer

    return run
