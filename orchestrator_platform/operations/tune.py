"""Measures index settings on an embedding's own vectors and proposes some; nothing takes effect by itself."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from ..errors import Misuse, UnknownAsset
from ..gate.context import Gate
from ..records.embeddings import IndexSettings, Weaviate
from ..records.events import Event
from ..records.keys import AgentName
from ..records.tunings import Tuning, grid
from .declared_embeddings import DeclaredEmbedding, declared_embeddings
from .projections import note
from .targets import weaviate_target
from .tuning_report import write_report

_EFS, _CONSTRUCTIONS, _CONNECTIONS = (16, 32, 64, 128, 256), (64, 128, 256), (16, 32)
_QUANTIZATIONS = ("none", "rq", "bq")
MOST_VECTORS = 20_000


def usual_grid(
    efs: Sequence[int] = (),
    constructions: Sequence[int] = (),
    connections: Sequence[int] = (),
    quantizations: Sequence[str] = (),
) -> tuple[IndexSettings, ...]:
    """Returns the settings to try; of what is not given, the usual values."""
    return grid(
        efs or _EFS,
        constructions or _CONSTRUCTIONS,
        connections or _CONNECTIONS,
        quantizations or _QUANTIZATIONS,
    )


def tune(
    gate: Gate,
    asset: str,
    *,
    by: AgentName,
    settings: Sequence[IndexSettings] | None = None,
    most_vectors: int = MOST_VECTORS,
) -> tuple[Tuning, Path]:
    """Returns what was measured and the report that was written; the served collection is left alone.

    Args:
        settings: What to try; by default a grid of the usual values.
        most_vectors: At most so many of the embedding's vectors are imported, for each graph anew.

    Raises:
        UnknownAsset: There is no such embedding.
        Misuse: It is not projected to a Weaviate server, or serves nothing.
        TargetFailed: The server fails.
    """
    from ..projections.weaviate.connection import connected
    from ..projections.weaviate.content import content_of_head, first_objects, read_objects, vectors_of
    from ..projections.weaviate.tuning import Trial, measure_settings
    from ..projections.weaviate.verifying import K, search_exactly

    embedding, options = _embedding(gate, asset)
    cut = gate.cut_for_readers()
    head = cut.heads.get(embedding.key)
    if head is None or head.withdrawn:
        raise Misuse(f"{asset} serves nothing. Nothing was measured. Build it: `orchestrator build {asset}`.")
    target = weaviate_target(gate, embedding, options)
    content = content_of_head(cut, head, embedding.options.source)
    bare = target.plan.without_properties()

    objects = list(first_objects(read_objects(content, bare, embedding.options), most_vectors))
    exact = search_exactly(vectors_of(embedding.key, objects), target.golden(cut))
    if not exact.n_objects:
        raise Misuse(
            f"{asset} version {head.version} holds no vectors. Nothing was measured. Which texts it is made of:"
            f" `orchestrator receipt {asset}`."
        )
    with connected(target.server) as client:
        trial = Trial(target.server, client, bare, lambda: objects, exact, content.held, gate.say)
        measured = tuple(measure_settings(trial, settings or usual_grid()))
    tuning = Tuning(
        asset=embedding.key,
        version=head.version,
        n_vectors=exact.n_objects,
        dim=exact.queries.shape[1],
        n_questions=len(exact.queries),
        k=K,
        min_recall=options.min_recall,
        current=options.index,
        measured=measured,
    )
    now = gate.now()
    report = write_report(tuning, gate.settings.home, now)
    note(gate.settings, [_event(gate, tuning, report, by, now)])
    return tuning, report


def _embedding(gate: Gate, asset: str) -> tuple[DeclaredEmbedding, Weaviate]:
    declared = declared_embeddings(gate.assets)
    embedding = next((each for key, each in declared.items() if key == asset), None)
    if embedding is None:
        raise UnknownAsset(name=asset, known=list(declared))
    if embedding.server is None:
        raise Misuse(
            f"{asset} is not projected to a Weaviate server, and files are searched exactly. Nothing was measured. Add"
            " a server to its component: `projections: [{kind: weaviate, url: …}]`."
        )
    return embedding, embedding.server


def _event(gate: Gate, tuning: Tuning, report: Path, by: AgentName, now: datetime) -> Event:
    best = tuning.proposed
    return Event(
        id=gate.new_id(),
        at=now,
        agent=by,
        act="tune",
        subject=tuning.asset,
        outcome="proposed" if best is not None else "nothing",
        inputs={"version": tuning.version, "report": str(report)},
    )
