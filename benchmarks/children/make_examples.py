"""Lands a feed, builds the table of features and what it is made from, and writes its labelled rows to a file.

Run as `python -m benchmarks.children.make_examples HOME FEED OUT.parquet`.
"""

import json
import sys
import time
from pathlib import Path

from benchmarks.labels import EXAMPLES
from benchmarks.running import PROJECT
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.records.candidates import AssetKind


def main(home: str, feed: str, out: str) -> None:
    started = time.perf_counter()
    platform = Platform.open(Path(home), PROJECT)
    land(platform.gate, "vulnrichment", [Path(feed)])
    build(platform.gate, [key for key, one in platform.gate.assets.items() if one.kind is AssetKind.TABLE])
    examples = platform.read(EXAMPLES).filter("exploitation IS NOT NULL AND NOT is_rejected")
    examples.order("seen_at, cve_id").write_parquet(out)
    print(json.dumps({"seconds": time.perf_counter() - started, "n_rows": len(examples)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
