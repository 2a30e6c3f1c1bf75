"""How good searching is: text preparations by ways of searching, on questions whose answers are known.

`python -m benchmarks.search_quality --feed FOLDER [--write]`: the feed's newest texts, and the catalogue's short
descriptions as questions for them.
"""

import argparse
import csv
import gzip
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from orchestrator_platform.lake.session import FULL_TEXT, connect
from orchestrator_platform.learning.embedders import local_embedders
from orchestrator_platform.learning.fusion import DEPTH, reciprocal_ranks, weighted_scores
from orchestrator_platform.learning.lexical import text_scores
from orchestrator_platform.learning.nearest import cosines, highest
from orchestrator_platform.learning.retrieval_metrics import Quality, bootstrap_interval, judge_answers
from orchestrator_platform.projections.word_index import write_words
from orchestrator_platform.records.embedders import EmbedderOptions

from .reporting import describe_machine, write_page
from .running import PROJECT

PAGE = PROJECT / "docs" / "search-quality.md"
NAME = "quality"
K = 10
Floats = npt.NDArray[np.float32]
PREPARATIONS: Mapping[str, Callable[[str, str], str]] = {
    "description": lambda _, description: description,
    "title": lambda title, _: title,
    "title, line break, description": lambda title, description: f"{title}\n{description}".strip(),
    "title. description": lambda title, description: f"{title}. {description}" if title else description,
}


@dataclass(frozen=True)
class Advisory:
    name: str
    title: str
    description: str


@dataclass(frozen=True, eq=False)
class Asked:
    """The scores that every text has for one question."""

    by_vector: Floats
    by_text: Floats

    def ranked(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        words = highest(self.by_text, DEPTH)
        return highest(self.by_vector, DEPTH), words[self.by_text[words] > 0]


WAYS: Mapping[str, Callable[[Asked], Floats]] = {
    "vector": lambda asked: asked.by_vector,
    "text": lambda asked: asked.by_text,
    "hybrid, scores half and half": lambda asked: _weighted(asked, 0.5),
    "hybrid, vector .7": lambda asked: _weighted(asked, 0.7),
    "hybrid, vector .3": lambda asked: _weighted(asked, 0.3),
    "hybrid, reciprocal ranks": lambda asked: reciprocal_ranks(asked.ranked(), len(asked.by_text)),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Returns 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search_quality", description=__doc__)
    parser.add_argument("--feed", type=Path, required=True, help="the folder with vulnrichment/ and kev/")
    parser.add_argument("--cache", type=Path, help="where built embedders are kept; by default nowhere")
    parser.add_argument("--write", action="store_true", help=f"write the table into {PAGE.name}")
    given = parser.parse_args(arguments)
    advisories = read_newest(given.feed / "vulnrichment")
    questions = read_questions(given.feed / "kev" / "known_exploited_vulnerabilities.csv", advisories)
    with tempfile.TemporaryDirectory(prefix="search-quality-") as scratch:
        lines = list(_table(advisories, questions, given.cache or Path(scratch)))
    note = f"{len(advisories):,} texts, {len(questions)} questions with one answer each."
    text = "\n".join([f"*{describe_machine()}*", "", note, "", *lines])
    print(text)
    if given.write:
        write_page(PAGE, {NAME: text})
    return 0


def read_newest(folder: Path) -> tuple[Advisory, ...]:
    """Returns the newest record of each name, in the order of landing, of those that say something in English."""
    newest: dict[str, Advisory] = {}
    for file in sorted(folder.rglob("*.ndjson.gz")):
        for line in gzip.decompress(file.read_bytes()).splitlines():
            record = json.loads(line)
            name = record["cveMetadata"]["cveId"]
            said = record.get("containers", {}).get("cna", {})
            description = _english(said.get("descriptions") or [])
            newest[name] = Advisory(name, str(said.get("title") or ""), description)
    return tuple(newest[name] for name in sorted(newest) if newest[name].description)


def _english(said: Sequence[Mapping[str, Any]]) -> str:
    return next((str(one["value"]) for one in said if str(one.get("lang", "")).lower().startswith("en")), "")


def read_questions(catalogue: Path, advisories: Sequence[Advisory]) -> list[tuple[str, int]]:
    """Returns each short description with the place of the advisory that it describes."""
    places = {advisory.name: place for place, advisory in enumerate(advisories)}
    with catalogue.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["cveID"] in places]
    return [(row["shortDescription"], places[row["cveID"]]) for row in rows]


def _table(advisories: Sequence[Advisory], questions: Sequence[tuple[str, int]], cache: Path) -> Iterator[str]:
    embedder = local_embedders(cache).open(EmbedderOptions(), PROJECT)
    asked_vectors = _embed(embedder, [text for text, _ in questions])
    yield f"| text | way | nDCG@{K} (95 %) | recall@{K} | MRR |"
    yield "| --- | --- | --- | --- | --- |"
    for name, prepare in PREPARATIONS.items():
        print(f"{name}…", file=sys.stderr)
        texts = [prepare(advisory.title, advisory.description) for advisory in advisories]
        vectors = _embed(embedder, texts)
        asked = list(_ask(texts, vectors, questions, asked_vectors))
        for way, score in WAYS.items():
            quality = _judge([score(one) for one in asked], [place for _, place in questions])
            low, high = bootstrap_interval(quality.ndcg)
            measured = f"{quality.ndcg.mean():.3f} ({low:.3f}–{high:.3f}) | {quality.recall.mean():.3f}"
            yield f"| {name} | {way} | {measured} | {quality.mrr.mean():.3f} |"


def _ask(
    texts: Sequence[str], vectors: Floats, questions: Sequence[tuple[str, int]], asked_vectors: Floats
) -> Iterator[Asked]:
    import pyarrow as pa

    with closing(connect(extensions=(FULL_TEXT,))) as connection:
        numbered = pa.table({"number": np.arange(len(texts)), "text": list(texts)})
        connection.register("numbered", numbered)
        words, posted, weights = write_words(connection, "SELECT number, text FROM numbered", len(texts))
        for (text, _), vector in zip(questions, asked_vectors, strict=True):
            by_text = text_scores(len(texts), posted, weights, words.spans(connection, text))
            yield Asked(cosines(vectors, vector), by_text)


def _embed(embedder: Any, texts: Sequence[str]) -> Floats:
    vectors = np.zeros((len(texts), embedder.identity.dim), dtype=np.float32)
    for batch in embedder.embed(texts):
        vectors[batch.positions] = batch.vectors
    return vectors


def _weighted(asked: Asked, share: float) -> Floats:
    scores = (asked.by_vector, asked.by_text)
    return weighted_scores(scores, asked.ranked(), (share, 1 - share), len(asked.by_text))


def _judge(scores: Sequence[Floats], answers: Sequence[int]) -> Quality:
    # The id 0 is that of nothing.
    ranked = np.stack([highest(one, K) + 1 for one in scores]).astype(np.uint64)
    return judge_answers(ranked, [[place + 1] for place in answers])


if __name__ == "__main__":
    raise SystemExit(main())
