"""Makes a home with two versions of a model, scores many rows by it, and asks its server while the champion changes.

Run as `python -m benchmarks.children.serve_model make|score|ask|change FOLDER N`: N unlabelled rows, or seconds.
The model is a small one of text and numbers; what is measured is what stands around it.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx

from benchmarks.children.write_rows import AGENTS, write_files
from benchmarks.running import python
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.outcomes import Published
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.train import train
from orchestrator_platform.settings import load_settings

_PORT, _PER_SECOND, _ALONE = 8951, 100, 300
_CHAMPION_STAYS_SECONDS = 6.0
_ROW = {"item_id": 1, "body": "w1 w7 w12 w300", "vendor": "acme", "score": 1.5}

_TABLES = """
    import numpy as np
    import pandas as pd

    from orchestrator_platform import python_table


    @python_table(key="features.items", parents={{}}, contract="contract.py:Items")
    def items():
        # Each column has a generator of its own, so that more rows leave those before them as they were.
        words, vendors, scores, labels = (np.random.default_rng(seed) for seed in range(4))
        n = 2_000 + {n}
        body = [" ".join(f"w{{word}}" for word in row) for row in np.minimum(words.zipf(1.3, size=(n, 45)), 40_000)]
        vendor, score = vendors.choice(["acme", "bolt", "cord"], n), scores.normal(0, 1, n).round(3)
        # Both tell something: a model that needs one alone is rejected.
        told = score + pd.Series(vendor).map({{"acme": -1.2, "bolt": 0.0, "cord": 1.2}}).to_numpy()
        late = np.where(labels.random(n) < 1 / (1 + np.exp(-told)), "yes", "no").astype(object)
        late[2_000:] = None
        seen_at = pd.Timestamp("2024-05-01") + pd.to_timedelta(np.minimum(np.arange(n), 2_000) // 50, unit="D")
        label = pd.Series(late, dtype="str")
        columns = {{"item_id": np.arange(n), "seen_at": seen_at, "body": body, "vendor": vendor, "score": score}}
        return pd.DataFrame({{**columns, "late": label}})
"""
_CONTRACT = """
    from datetime import datetime

    import pandera.pandas as pa


    class Items(pa.DataFrameModel):
        item_id: int
        seen_at: datetime
        body: str
        vendor: str
        score: float
        late: str = pa.Field(nullable=True)

        class Config:
            strict = True
            metadata = {"grain": ["item_id"]}
"""
_MODEL = """
    type: orchestrator_platform.components.ModelComponent
    attributes:
      asset: models.late
      name: late
      examples: features.items
      key: [item_id]
      time: seen_at
      target: late
      classes: ["no", "yes"]
      features: {{text: [body], category: [vendor], number: [score]}}
      estimator: estimator.py:late
      holdout: {{days: 10}}
      max_calibration_error: 0.2
      budget: {{trials: 1, minutes: 1}}
      validation: {{folds: 2}}
      seed: {seed}
"""
_ESTIMATOR = """
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    from orchestrator_platform.learning.estimators import Estimator
    from orchestrator_platform.learning.models.words import WordWeights


    def build(parameters, seed):
        columns = ColumnTransformer(
            [
                ("body", WordWeights(neighbours=1, most=5_000), ["body"]),
                ("vendor", OneHotEncoder(handle_unknown="ignore"), ["vendor"]),
                ("score", SimpleImputer(), ["score"]),
            ]
        )
        return make_pipeline(columns, LogisticRegression(C=parameters["c"], max_iter=500, random_state=seed))


    def suggest(trial):
        return {"c": trial.suggest_float("c", 0.5, 2.0)}


    late = Estimator(build=build, suggest=suggest)
"""
_SCORES = """
    type: orchestrator_platform.components.ScoresComponent
    attributes:
      asset: scores.late
      model: models.late
      examples: features.items
      key: [item_id]
      where: late IS NULL
"""


def _files(n: int, seed: int) -> dict[str, str]:
    maker = "agents/maker.md"
    return AGENTS | {
        maker: AGENTS[maker].replace("may: [", "may: [train, score, "),
        "pyproject.toml": (
            '[tool.orchestrator]\ndefs = "defs"\ndbt_project = "dbt"\nagents = "agents"\nregistry = "off"\n'
        ),
        "defs/items/defs.yaml": (
            "type: orchestrator_platform.components.PythonTableComponent\nattributes:\n  module: tables.py\n"
        ),
        "defs/items/tables.py": _TABLES.format(n=n),
        "defs/items/contract.py": _CONTRACT,
        "defs/models/defs.yaml": _MODEL.format(seed=seed),
        "defs/models/estimator.py": _ESTIMATOR,
        "defs/scores/defs.yaml": _SCORES,
    }


def _gate(folder: Path) -> Gate:
    return load_gate(load_settings(folder / "home", folder))


def make(folder: Path, n: int) -> dict[str, Any]:
    for seed in (7, 8):
        write_files(folder, _files(n, seed))
        build(_gate(folder), ["features.items"])
        (outcome,) = train(_gate(folder), ["models.late"], reason="", on_behalf_of="person:ada").outcomes
        if not isinstance(outcome, Published):
            raise TypeError(f"the model was not published: {outcome}")
    return {}


def score(folder: Path, n: int) -> dict[str, Any]:
    """Scores all rows, then a tenth of them more."""
    seconds = {"all": _build_scores(folder)}
    write_files(folder, _files(n + n // 10, 8))
    build(_gate(folder), ["features.items"])
    return {"seconds": {**seconds, "a tenth more": _build_scores(folder)}}


def _build_scores(folder: Path) -> float:
    gate = _gate(folder)
    began = time.perf_counter()
    (outcome,) = build(gate, ["scores.late"]).outcomes
    if not isinstance(outcome, Published):
        raise TypeError(f"the scores were not published: {outcome}")
    return time.perf_counter() - began


def ask(folder: Path, seconds: int) -> dict[str, Any]:
    """Asks one after the other, then at a steady rate while rollbacks move the champion to and fro."""
    command = ["-m", "orchestrator_platform.cli", "--home", str(folder / "home"), "--project", str(folder)]
    server = subprocess.Popen([*python(*command), "serve", "late", "--port", str(_PORT)], stderr=subprocess.DEVNULL)
    try:
        _await_server()
        alone = asyncio.run(_ask_alone())
        changing = subprocess.Popen(python("-m", __spec__.name, "change", str(folder), str(seconds)))
        answers = asyncio.run(_ask_steadily(seconds))
        changing.wait()
    finally:
        server.send_signal(signal.SIGINT)
        server.wait()
    failed = sum(status != 200 for _, status, _ in answers)
    versions = sorted({version for _, _, version in answers})
    return {"alone": alone, "steady": [taken for taken, _, _ in answers], "failed": failed, "versions": versions}


def change(folder: Path, seconds: int) -> dict[str, Any]:
    until, version = time.monotonic() + seconds - _CHAMPION_STAYS_SECONDS, 1
    gate, n_changes = _gate(folder), 0
    while time.monotonic() < until:
        rollback(gate, Goal(asset="models.late", version=version), why="a benchmark", by="ada")
        version, n_changes = 3 - version, n_changes + 1
        time.sleep(_CHAMPION_STAYS_SECONDS)
    return {"n_changes": n_changes}


def _await_server() -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            if httpx.get(f"http://127.0.0.1:{_PORT}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise TimeoutError("the server did not come up within a minute")


async def _ask_alone() -> list[float]:
    async with httpx.AsyncClient(timeout=30) as client:
        return [(await _ask_one(client))[0] for _ in range(_ALONE)]


async def _ask_steadily(seconds: int) -> list[tuple[float, int, int]]:
    """Questions begin on time, whether or not those before them are answered."""
    began = time.perf_counter()
    async with httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=100)) as client:
        asked = []
        for number in range(seconds * _PER_SECOND):
            await asyncio.sleep(max(0.0, began + number / _PER_SECOND - time.perf_counter()))
            asked.append(asyncio.create_task(_ask_one(client)))
        return list(await asyncio.gather(*asked))


async def _ask_one(client: httpx.AsyncClient) -> tuple[float, int, int]:
    began = time.perf_counter()
    try:
        answer = await client.post(f"http://127.0.0.1:{_PORT}/score", json={"rows": [_ROW]})
    except httpx.HTTPError:
        return time.perf_counter() - began, 0, 0
    taken = time.perf_counter() - began
    return taken, answer.status_code, answer.json().get("version", 0)


if __name__ == "__main__":
    what, where, number = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    where.mkdir(parents=True, exist_ok=True)
    print(json.dumps({"make": make, "score": score, "ask": ask, "change": change}[what](where, number)))
