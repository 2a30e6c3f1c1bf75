"""`orchestrator tune`: what an index would cost and give with other settings, measured on its own vectors."""

from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .acting import takes_by
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .text import size, table

if TYPE_CHECKING:
    from pathlib import Path

    from ..records.tunings import Tuning


@click.command
@click.argument("asset")
@click.option("--ef", "efs", type=click.IntRange(min=1), multiple=True, help="Try these; by default a usual range.")
@click.option("--ef-construction", "constructions", type=click.IntRange(min=1), multiple=True)
@click.option("--max-connections", "connections", type=click.IntRange(min=2), multiple=True)
@click.option("--quantization", "quantizations", type=click.Choice(["none", "pq", "bq", "sq", "rq"]), multiple=True)
@click.option("--vectors", "most_vectors", type=click.IntRange(min=1), help="Import at most so many for each trial.")
@click.option("--dry-run", is_flag=True, help="Say what would be tried; measure nothing.")
@takes_by
@takes_place
def tune(
    place: Place,
    asset: str,
    efs: tuple[int, ...],
    constructions: tuple[int, ...],
    connections: tuple[int, ...],
    quantizations: tuple[str, ...],
    most_vectors: int | None,
    dry_run: bool,
    by: str,
) -> int:
    """Measure index settings of the embedding ASSET on its Weaviate server, and propose some.

    Recall is against exact search. Nothing takes effect by itself: write the proposal into the component, and the
    next build makes the index anew. Exit code 1 where no setting finds enough.
    """
    from ..operations.tune import MOST_VECTORS, tune, usual_grid
    from ..records.keys import AgentName

    settings = usual_grid(efs, constructions, connections, quantizations)
    if dry_run:
        told = [each.told for each in settings]
        click.echo(json_text({"would_try": told}) if place.as_json else "\n".join(told))
        return 0
    with Progress() as progress:
        gate = place.gate(progress.say)
        tuning, report = tune(
            gate, asset, by=AgentName(by), settings=settings, most_vectors=most_vectors or MOST_VECTORS
        )
    click.echo(_json(tuning, report) if place.as_json else _told(tuning, report))
    return 0 if tuning.proposed is not None else EXIT_NO


def _json(tuning: "Tuning", report: "Path") -> str:
    proposed = tuning.proposed.settings if tuning.proposed is not None else None
    return json_text(
        {"asset": tuning.asset, "proposed": proposed, "report": str(report), "front": tuning.front, "tuning": tuning}
    )


def _told(tuning: "Tuning", report: "Path") -> str:
    from ..operations.tuning_report import proposal

    rows = [
        (f"{one.recall:.4f}", f"{one.p50_ms:.2f}", f"{one.p95_ms:.2f}", f"{one.import_seconds:.1f}",
         size(one.memory_bytes), one.settings.told)
        for one in tuning.front
    ]  # fmt: skip
    front = table(("recall", "p50 ms", "p95 ms", "import s", "memory", "settings"), rows, right=(0, 1, 2, 3, 4))
    return f"{front}\n\n{proposal(tuning)}\n\nreport: {report}"
