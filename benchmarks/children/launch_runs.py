"""Launches runs as a page does, and builds the same by hand: both of an asset that is up to date already.

Run as `python -m benchmarks.children.launch_runs HOME ASSET N`.
"""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

from benchmarks.children.drop_files import PROJECT, served_home

_LAUNCH = """
mutation Launch($params: ExecutionParams!) {
  launchPipelineExecution(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
    ... on PythonError { message }
  }
}
"""
_STATUS = "query Status($run: ID!) { runOrError(runId: $run) { ... on Run { status } } }"


def main(home: str, asset: str, n_rounds: str) -> None:
    launched, built = [], []
    with served_home(Path(home)) as port:
        for _ in range(int(n_rounds)):
            began = time.perf_counter()
            _launch(port, asset)
            launched.append(time.perf_counter() - began)
            began = time.perf_counter()
            command = [sys.executable, "-m", "orchestrator_platform.cli", "--home", home, "--project", str(PROJECT)]
            subprocess.run([*command, "build", asset], check=False, capture_output=True)
            built.append(time.perf_counter() - began)
    print(json.dumps({"launched": launched, "built": built}))


def _launch(port: int, asset: str) -> None:
    selector = {
        "repositoryLocationName": "orchestrator",
        "repositoryName": "__repository__",
        "pipelineName": "__ASSET_JOB",
        "assetSelection": [{"path": asset.split(".")}],
    }
    params = {"selector": selector, "mode": "default", "runConfigData": {}}
    answer = _ask(port, _LAUNCH, {"params": params})["launchPipelineExecution"]
    if "run" not in answer:
        raise RuntimeError(str(answer))
    while True:
        status = _ask(port, _STATUS, {"run": answer["run"]["runId"]})["runOrError"]["status"]
        if status in {"SUCCESS", "FAILURE", "CANCELED"}:
            return
        time.sleep(0.05)


def _ask(port: int, query: str, variables: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/graphql",
        data=json.dumps({"query": query, "variables": variables}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
        said: dict[str, Any] = json.load(answer)["data"]
    return said


if __name__ == "__main__":
    main(*sys.argv[1:])
