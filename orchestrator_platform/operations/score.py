"""Lets a published model answer for rows of a file: in a fresh process, with a sentence per row that is refused."""

import csv
import io
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import Misuse, RowsRefused
from ..gate.context import Gate
from ..learning import scoring_process as scoring
from ..learning.fresh_process import ProcessLimits, run_fresh
from ..records.scores import CONFIDENCE, PREDICTED, probability_column
from .champions import Champion, named_model, read_champion

_LIMITS = ProcessLimits(timeout_seconds=1_800)


@dataclass(frozen=True)
class Scored:
    """Answers in the order of the rows; each has the row's key, where it has one, probabilities and what is called."""

    champion: Champion
    rows: tuple[dict[str, Any], ...]


def score_rows(gate: Gate, name: str, text: str, *, is_csv: bool) -> Scored:
    """Returns the published model's answers for the rows of a text.

    Args:
        text: CSV with a header, or a JSON list of objects, or one object per line.

    Raises:
        UnknownAsset: There is no such model.
        ModelNotServed: None of its versions serves.
        RowsRefused: A row breaks the contract of the model's inputs; none was scored.
        Misuse: The text is not such a file.
    """
    champion = read_champion(gate, named_model(gate, name))
    rows = _csv_rows(champion, text) if is_csv else _json_rows(text)
    if problems := champion.inputs.problems(rows):
        raise RowsRefused(model=champion.asset, problems=problems, n_rows=len(rows))
    return Scored(champion, tuple(_answers(gate, champion, rows)) if rows else ())


def answer_of(
    champion: Champion, row: dict[str, Any], given: Sequence[float], called: str, confidence: float
) -> dict[str, Any]:
    """Returns one answer as people get it."""
    keys = {column.name: row[column.name] for column in champion.inputs.key if column.name in row}
    probabilities = {probability_column(name): float(p) for name, p in zip(champion.row.classes, given, strict=True)}
    return {
        **keys,
        **probabilities,
        PREDICTED: called,
        CONFIDENCE: float(confidence),
        "model_version": champion.version,
    }


def _answers(gate: Gate, champion: Champion, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    row, options = champion.row, champion.options
    table = champion.inputs.table(rows).append_column(scoring.ROW, pa.array(range(1, len(rows) + 1)))
    cache = gate.settings.home.cache / "scoring"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        folder = Path(name)
        pq.write_table(table, folder / scoring.ROWS)
        (folder / scoring.ARTEFACT).write_bytes(champion.artefact)
        task = scoring.scoring_task(row.features, row.classes, options.positive, row.thresholds, options.allowed_types)
        run_fresh(scoring.MODULE, folder, task, _LIMITS, gate.say)
        found = pq.read_table(folder / scoring.SCORES).to_pylist()
    columns = [probability_column(name) for name in row.classes]
    return [
        answer_of(champion, given, [one[column] for column in columns], one[PREDICTED], one[CONFIDENCE])
        for given, one in zip(rows, found, strict=True)
    ]


def _csv_rows(champion: Champion, text: str) -> list[dict[str, Any]]:
    reader = csv.DictReader(io.StringIO(text), strict=True)
    try:
        rows = list(reader)
        doubled = sorted({name for name in reader.fieldnames or () if list(reader.fieldnames or ()).count(name) > 1})
    except csv.Error as error:
        raise Misuse(f"Line {reader.line_num} is no CSV: {error}. Nothing was scored.") from error
    if doubled:
        raise Misuse(f"The header names {', '.join(doubled)} more than once. Nothing was scored. Mend it.")
    for number, row in enumerate(rows, 1):
        if None in row or any(value is None for value in row.values()):
            raise Misuse(f"Row {number} has not as many fields as the header. Nothing was scored. Mend it.")
    return [champion.inputs.parse_texts(row) for row in rows]


def _json_rows(text: str) -> list[Any]:
    try:
        if text.lstrip().startswith("["):
            return list(json.loads(text))
        # A text may hold other ends of lines than this one.
        return [json.loads(line) for line in text.split("\n") if line.strip()]
    except (ValueError, RecursionError) as error:
        raise Misuse(
            f"The rows are no JSON: {error}. Nothing was scored. Give a list of objects, or one object per line."
        ) from error
