"""Advisory texts embedded with the same weights: by the default embedder and by sentence-transformers."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator_platform.learning.minilm import choose_precision, find_minilm
from orchestrator_platform.records.embedders import EmbedderOptions

from .advisories import Advisories, read_advisories
from .feeds import open_feed
from .reporting import Report, Row
from .running import GIGABYTE, PROJECT, Run, Setting, interleave, python, ratios, run_child, spread

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

NAME = "embedding"
INTERPRETER_VARIABLE = "BENCH_SENTENCE_TRANSFORMERS"
_N_TIMED, _QUICK_TIMED = 384, 128
_N_TEXTS, _QUICK_TEXTS = 7_000, 600
_N_STREAMED, _STREAMED_CHARACTERS = 44_000, 120
_FASTER, _QUALITY, _MOST_MEMORY = 4.0, 0.005, 2 * GIGABYTE
_RANK = 10


def measure(setting: Setting) -> Report:
    """The clocks run from texts to vectors, with models loaded; each round of each way is a process of its own."""
    feed = open_feed(setting.feed, setting.scratch, quick=setting.quick)
    advisories = read_advisories(feed, _QUICK_TEXTS if setting.quick else _N_TEXTS)
    different = sorted(set(advisories.texts.values()))
    n_timed = min(_QUICK_TIMED if setting.quick else _N_TIMED, len(different))
    timed = random.Random(5).sample(different, n_timed)  # noqa: S311 (the same texts each time, hides nothing)
    plain, plain_name = _plain_way(setting)
    chosen = choose_precision(EmbedderOptions(), "openvino")
    texts = _write(setting, "timed", timed)
    # Where 8 bits are not chosen, they cannot be had either.
    names = ["int8", "fp32"] if chosen == "int8" else ["fp32"]
    ways = [lambda _, way=way: _embed(setting, way, texts) for way in names]
    ours, *others, theirs = interleave(setting.repeats, *ways, lambda _: plain(texts), say=setting.say)
    rows = [
        _speed_row(f"{len(timed)} advisory texts, {chosen} as is chosen here", len(timed), ours, theirs, target=True)
    ]
    if others:
        rows.append(_speed_row("…fp32", len(timed), others[0], theirs, target=False))
        rows += _quality_rows(setting, advisories, "int8")
    if not setting.quick:
        rows.append(_memory_row(setting, different, chosen))
    cpu = ratios(_said(theirs, "cpu_seconds"), _said(ours, "cpu_seconds"))
    notes = (
        f"{feed.name}; {setting.rounds}. The plain way: {plain_name}.",
        f"Processor time of the plain way: {cpu.show('× ours')}.",
        f"`precision: auto` is {chosen} on this processor: it has {'' if chosen == 'int8' else 'no '}VNNI.",
    )
    return Report(NAME, tuple(rows), notes)


def _write(setting: Setting, name: str, texts: Sequence[str]) -> Path:
    file = setting.scratch / f"{name}.json"
    file.write_text(json.dumps(texts), encoding="utf-8")
    return file


def _embed(setting: Setting, way: str, texts: Path) -> Run:
    vectors = setting.scratch / f"{texts.stem}-{way}.npy"
    files = [str(setting.scratch / "cache"), str(texts), str(vectors)]
    return run_child(python("-m", "benchmarks.children.embed_texts", way, *files))


class _SentenceTransformers:
    def __init__(self, interpreter: str, scratch: Path) -> None:
        self._interpreter, self._scratch = interpreter, scratch

    def __call__(self, texts: Path) -> Run:
        script = str(PROJECT / "benchmarks" / "plain" / "embed_texts.py")
        vectors = str(self._scratch / f"{texts.stem}-plain.npy")
        return run_child([self._interpreter, script, str(find_minilm()), str(texts), vectors])


class _OnnxRuntime:
    def __init__(self, setting: Setting) -> None:
        self._setting = setting

    def __call__(self, texts: Path) -> Run:
        return _embed(self._setting, "onnxruntime", texts)


def _plain_way(setting: Setting) -> tuple[_SentenceTransformers | _OnnxRuntime, str]:
    """Returns sentence-transformers in an environment of its own; where it cannot be had, onnxruntime in fp32."""
    interpreter = os.environ.get(INTERPRETER_VARIABLE) or _make_environment(setting)
    if interpreter is None:
        return _OnnxRuntime(setting), "onnxruntime in fp32, as sentence-transformers could not be installed"
    return _SentenceTransformers(interpreter, setting.scratch), f"sentence-transformers {_version(interpreter)}"


def _make_environment(setting: Setting) -> str | None:
    folder = setting.scratch / "plain-environment"
    interpreter = str(folder / "bin" / "python")
    setting.say("installs sentence-transformers beside the project, several GB with torch")
    for command in (
        [sys.executable, "-m", "venv", str(folder)],
        [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "sentence-transformers"],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            setting.say(f"it cannot be had: {done.stderr.strip().splitlines()[-1:]}")
            return None
    return interpreter


def _version(interpreter: str) -> str:
    code = (
        "from importlib.metadata import version as v;"
        "print(v('sentence-transformers') + ' with torch ' + v('torch'), end='')"
    )
    return subprocess.run([interpreter, "-c", code], capture_output=True, text=True, check=True).stdout


def _speed_row(what: str, n_texts: int, ours: Sequence[Run], theirs: Sequence[Run], *, target: bool) -> Row:
    measured = ratios(_said(theirs, "seconds"), _said(ours, "seconds"))
    return Row(
        what,
        spread([n_texts / seconds for seconds in _said(ours, "seconds")]).show(" texts/s", 0),
        spread([n_texts / seconds for seconds in _said(theirs, "seconds")]).show(" texts/s", 0),
        measured.show("× as fast"),
        f"≥ {_FASTER:g}×" if target else "",
        measured.median >= _FASTER if target else None,
    )


def _quality_rows(setting: Setting, advisories: Advisories, way: str) -> tuple[Row, ...]:
    import numpy as np

    names = list(advisories.texts)
    corpus = _write(setting, "corpus", [advisories.texts[name] for name in names])
    queries = _write(setting, "queries", list(advisories.queries.values()))
    wanted = np.asarray([names.index(name) for name in advisories.queries])
    found: dict[str, float] = {}
    vectors: dict[str, Vectors] = {}
    for one in (way, "fp32"):
        for texts in (corpus, queries):
            _embed(setting, one, texts)
        vectors[one] = np.load(setting.scratch / f"corpus-{one}.npy")
        found[one] = ndcg(np.load(setting.scratch / f"queries-{one}.npy") @ vectors[one].T, wanted)
    difference = found["fp32"] - found[way]
    common = top_in_common(vectors, way)
    return (
        Row(
            f"nDCG@10 of {len(wanted)} catalogue texts asking for {len(names):,} advisories, {way}",
            f"{found[way]:.4f}",
            f"fp32: {found['fp32']:.4f}",
            f"{difference:+.4f} lost",
            f"≤ {_QUALITY}",
            difference <= _QUALITY,
        ),
        Row("…the ten nearest of 300 advisories that are those of fp32 as well", f"{common:.3f}", "1", f"{common:.3f}"),
    )


def ndcg(scores: "Vectors", wanted: "npt.NDArray[np.int64]") -> float:
    """Returns the mean nDCG@10 where each query has one answer; equal scores count as ranked before it."""
    import numpy as np

    own = scores[np.arange(len(wanted)), wanted][:, None]
    ranks = (scores >= own).sum(axis=1)
    return float(np.where(ranks <= _RANK, 1 / np.log2(ranks + 1), 0.0).mean())


def top_in_common(vectors: "Mapping[str, Vectors]", way: str) -> float:
    """Returns which share of the ten nearest texts of 300 others is the same in fp32."""
    import numpy as np

    nearest = {}
    for name, found in vectors.items():
        scores = found[:300] @ found.T
        scores[np.arange(len(scores)), np.arange(len(scores))] = -2
        nearest[name] = np.argpartition(-scores, _RANK, axis=1)[:, :_RANK]
    pairs = zip(nearest[way], nearest["fp32"], strict=True)
    return float(np.mean([len(set(a.tolist()) & set(b.tolist())) / _RANK for a, b in pairs]))


def _memory_row(setting: Setting, different: Sequence[str], way: str) -> Row:
    streamed = [
        f"{number} {different[number % len(different)][:_STREAMED_CHARACTERS]}" for number in range(_N_STREAMED)
    ]
    run = _embed(setting, way, _write(setting, "streamed", streamed))
    return Row(
        f"{_N_STREAMED:,} different texts, largest memory",
        f"{run.peak_bytes / GIGABYTE:.2f} GB",
        "",
        f"{run.peak_bytes / GIGABYTE:.2f} GB",
        "≤ 2 GB",
        run.peak_bytes <= _MOST_MEMORY,
    )


def _said(runs: Sequence[Run], name: str) -> list[float]:
    return [float(run.said[name]) for run in runs]
