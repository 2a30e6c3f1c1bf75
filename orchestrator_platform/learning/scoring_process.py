"""The process that scores: it opens an artefact whose types are allowed, and answers for rows of a file.

Run as `python -m orchestrator_platform.learning.scoring_process FOLDER`. No code of the project is loaded in it, and it
knows no lake.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..records.scores import CONFIDENCE, PREDICTED, score_columns
from .fresh_process import answer_task

if TYPE_CHECKING:
    import pyarrow as pa

MODULE = "orchestrator_platform.learning.scoring_process"
ROWS, ARTEFACT, SCORES = "rows.parquet", "artefact.skops", "scores.parquet"
ROW = "__row"
# Texts of so many rows are held as a matrix at a time.
_SLAB_ROWS = 16_384


def scoring_task(
    features: Sequence[str],
    classes: Sequence[str],
    positive: Sequence[str],
    thresholds: Mapping[str, Any],
    allowed_types: Sequence[str],
) -> dict[str, Any]:
    """Returns what the process is told besides the files."""
    return {
        "features": list(features),
        "classes": list(classes),
        "positive": list(positive),
        "thresholds": dict(thresholds),
        "allowed_types": list(allowed_types),
    }


def score_task(folder: Path, task: dict[str, Any], say: Callable[[str], None]) -> dict[str, Any]:
    """Writes one row of scores for each row of the file, with its number."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    began = time.monotonic()
    tables = list(_scored(folder, task, say))
    pq.write_table(pa.concat_tables(tables), folder / SCORES)
    return {"n_rows": sum(table.num_rows for table in tables), "seconds": round(time.monotonic() - began, 2)}


def _scored(folder: Path, task: dict[str, Any], say: Callable[[str], None]) -> "Iterator[pa.Table]":
    import numpy as np
    import pyarrow as pa

    from .labelled_examples import naming_infinities, read_examples
    from .models.artefact import predict, unpack_model
    from .models.deciding import call_classes, require_probabilities

    model = unpack_model((folder / ARTEFACT).read_bytes(), task["allowed_types"])
    rows = read_examples(folder / ROWS)
    classes = task["classes"]
    for start in range(0, max(len(rows), 1), _SLAB_ROWS):
        slab = rows.iloc[start : start + _SLAB_ROWS]
        with naming_infinities(slab, task["features"]):
            answers = predict(model, slab[task["features"]]) if len(slab) else np.empty((0, len(classes)))
        require_probabilities(answers, len(slab), len(classes))
        places, confidence = call_classes(answers, classes, task["positive"], task["thresholds"])
        columns = dict(zip(score_columns(classes), answers.T, strict=False))
        called = pa.array([classes[place] for place in places], type=pa.string())
        yield pa.table({ROW: slab[ROW].to_numpy(), **columns, PREDICTED: called, CONFIDENCE: confidence})
        if len(rows) > _SLAB_ROWS:
            say(f"scored {min(start + _SLAB_ROWS, len(rows)):,} of {len(rows):,} rows")


if __name__ == "__main__":
    answer_task(score_task)
