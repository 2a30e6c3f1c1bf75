"""The small project with a model, with scores by it, and with a table that dbt makes of the scores."""

import shutil
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from small_models import MODEL, PERSON, gate_of_models, make_models
from small_project import DBT_PROJECT

from orchestrator_platform.audits import model_audit
from orchestrator_platform.gate import train as train_stage
from orchestrator_platform.gate.outcomes import Outcome
from orchestrator_platform.learning.fresh_process import ProcessLimits, run_fresh
from orchestrator_platform.learning.models.artefact import pack_model
from orchestrator_platform.learning.scoring_process import SCORES as SCORES_FILE
from orchestrator_platform.learning.training_process import ARTEFACT
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.train import train

SCORES, QUEUE = "scores.late", "marts.queue"

SCORES_COMPONENT = """
    type: orchestrator_platform.components.ScoresComponent
    attributes:
      asset: scores.late
      description: How likely the items without a label come late.
      model: models.late
      examples: features.items
      key: [item_id]
      where: late IS NULL
"""

SCORES_FILES = DBT_PROJECT | {
    "defs/scores/defs.yaml": SCORES_COMPONENT,
    "defs/dbt/defs.yaml": """
        type: orchestrator_platform.components.DbtTablesComponent
        attributes: {}
    """,
    "dbt/models/models.yml": """
        version: 2
        sources:
          - {name: features, schema: features, tables: [{name: items}]}
          - {name: scores, schema: scores, tables: [{name: late}]}
        models:
          - name: queue
            description: Every item with its label, or else what is predicted.
            config: {meta: {grain: [item_id]}}
            columns:
              - {name: item_id, data_type: BIGINT, data_tests: [unique, not_null]}
              - {name: late, data_type: VARCHAR}
              - {name: source, data_type: VARCHAR}
              - {name: model_version, data_type: INTEGER}
    """,
    "dbt/models/queue.sql": """
        select
            item_id, coalesce(items.late, scores.predicted) as late,
            case when items.late is not null then 'told' when scores.predicted is not null then 'predicted' end
                as source,
            case when items.late is null then scores.model_version end as model_version
        from {{ source('features', 'items') }} as items
        left join {{ source('scores', 'late') }} as scores using (item_id)
    """,
}


def make_scores(folder: Path, changes: Mapping[str, str] | None = None) -> Path:
    """Writes the project and returns its folder."""
    return make_models(folder, changes={**SCORES_FILES, **(changes or {})})


def copied(folder: Path, to: Path) -> Path:
    """Returns a copy of the project with its home, to be changed."""
    return Path(shutil.copytree(folder, to))


def train_late(folder: Path, **asked: Any) -> Outcome:
    (outcome,) = train(gate_of_models(folder), [MODEL], reason="a test", on_behalf_of=PERSON, **asked).outcomes
    return outcome


def build_all(folder: Path, *assets: str, rebuild: bool = False) -> dict[str, Outcome]:
    outcomes = build(gate_of_models(folder), assets, rebuild=rebuild).outcomes
    return {outcome.asset: outcome for outcome in outcomes}


def query(folder: Path, sql: str) -> list[tuple[Any, ...]]:
    return Platform.open(folder / "home", folder).query(sql).fetchall()


def scoring_with(plant: Any) -> Any:
    """Returns what runs a scoring and changes its answers, as a producer could that does not do what it says."""

    def run(module: str, folder: Path, task: Mapping[str, Any], limits: ProcessLimits, say: Any) -> dict[str, Any]:
        answer = run_fresh(module, folder, task, limits, say)
        frame = plant(pq.read_table(folder / SCORES_FILE).to_pandas())
        pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), folder / SCORES_FILE)
        return answer

    return run


def publish_model(folder: Path, c: float = 1.0) -> Outcome:
    """Brings a real, small model through the gate without a search and without its audit, which have tests of their
    own: what comes after a model is tested with many.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_stage, "run_fresh", partial(_fitted, folder / "defs/items/items.parquet", c))
        patch.setattr(model_audit, "check_names", lambda _: ())
        patch.setattr(model_audit, "model_checks", lambda *_: ())
        return train_late(folder, rebuild=True)


def _fitted(examples: Path, c: float, module: str, folder: Path, *_: Any) -> dict[str, Any]:
    frame = pd.read_parquet(examples).dropna(subset="late")
    columns = ColumnTransformer(
        [
            ("vendor", OneHotEncoder(handle_unknown="ignore"), ["vendor"]),
            ("numbers", SimpleImputer(), ["score", "size"]),
        ]
    )
    pipeline = make_pipeline(columns, LogisticRegression(C=c, max_iter=500)).fit(frame, frame.late)
    (folder / ARTEFACT).write_bytes(pack_model(pipeline))
    return {
        "parameters": {"c": c},
        "thresholds": {"positive": 0.5},
        "search": [],
        "metrics": {},
        "trained_from": frame.seen_at.min().isoformat(),
        "trained_until": frame.seen_at.max().isoformat(),
        "n_examples": len(frame),
        "seconds": 0.1,
        "cpu_seconds": 0.1,
        "peak_mb": 1.0,
    }
