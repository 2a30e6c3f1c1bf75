"""Loads a project's definitions as a code server does, and evaluates the sensor that builds what changed.

Run as `python -m benchmarks.children.load_assets PROJECT HOME`.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import dagster as dg

from orchestrator_platform.components.conditions import BUILD
from orchestrator_platform.components.load import load_definitions
from orchestrator_platform.components.waiting import Patience
from orchestrator_platform.operations.dev import write_dagster_home
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.settings import load_settings


def main(project: str, home: str) -> None:
    warnings.simplefilter("ignore")
    settings = load_settings(Path(home), Path(project))
    _import_all()
    began = time.perf_counter()
    repository = load_definitions(settings, Patience(seconds=0)).get_repository_def()
    repository.asset_graph.get_all_asset_keys()
    loaded = time.perf_counter() - began
    sensor = repository.get_sensor_def(BUILD)
    with dg.DagsterInstance.from_config(str(write_dagster_home(settings))) as instance:

        def tick(cursor: str | None) -> tuple[float, str | None]:
            with dg.build_sensor_context(instance=instance, cursor=cursor, repository_def=repository) as context:
                started = time.perf_counter()
                data = sensor.evaluate_tick(context)
                return time.perf_counter() - started, data.cursor

        _, cursor = tick(None)
        idle, cursor = tick(cursor)
        _land_one(settings.home.root, Path(project))
        changed, _ = tick(cursor)
    assets = len(repository.asset_graph.get_all_asset_keys())
    print(json.dumps({"load": loaded, "idle": idle, "changed": changed, "assets": assets}))


def _import_all() -> None:
    """Whatever is imported when it is first needed is imported before the clock is started."""
    import dagster_dbt
    import pandera.pandas

    assert dagster_dbt
    assert pandera


def _land_one(home: Path, project: Path) -> None:
    gate = Platform.open(home, project).gate
    file = home / "incoming" / f"{time.time_ns()}.csv"
    file.parent.mkdir(exist_ok=True)
    file.write_text(f"key,label,amount\n{time.time_ns()},a,1\n", encoding="utf-8")
    land(gate, "s0", [file])


if __name__ == "__main__":
    main(*sys.argv[1:])
