"""Puts the audit of a model together: what is read in SQL here, what is judged in fresh processes, and the findings."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from ..errors import ProcessFailed
from ..learning import training_process as training
from ..learning.fresh_process import ProcessLimits, run_fresh
from ..learning.labelled_examples import labelled_examples, write_examples
from ..records.contracts import Contract
from ..records.declarations import AssetDeclaration, ModelBuild
from ..records.findings import Finding, Severity
from ..records.models import Holdout, ModelOptions
from ..sql import identifier, read_columns
from . import model_checks as own
from . import model_names as names
from .candidate_view import CandidateView
from .masking import mask_rows
from .model_checks import ModelView, read_artefact, read_model_row
from .model_names import CLUSTER, SLICE, model_check_names

_LIMITS = ProcessLimits(timeout_seconds=1_800)
_Check = Callable[[], Iterable[Finding]]


def check_names(build: object) -> Sequence[str]:
    """Returns the checks of a model; none for anything else."""
    if not isinstance(build, ModelBuild):
        return ()
    return model_check_names(build.options)


def model_checks(
    view: CandidateView, declaration: AssetDeclaration, examples: Contract | None, cache: Path
) -> Sequence[tuple[str, _Check]]:
    """Returns each check with its name; `cache` is a folder of the auditor's own."""
    seen = ModelView(view, declaration)
    return (
        (names.ARTEFACT_HASH, partial(own.check_artefact_hash, seen)),
        (names.RECORDED, partial(own.check_recorded, seen)),
        (names.ARTEFACT_SIZE, partial(own.check_artefact_size, seen)),
        (names.SPLIT, partial(own.check_split, seen)),
        (names.ENOUGH, partial(own.check_enough, seen)),
        ("model", partial(_judged, seen, examples, cache)),
    )


def _judged(seen: ModelView, examples: Contract | None, cache: Path) -> Iterator[Finding]:
    if seen.is_too_large:
        return
    with _own_folder(cache) as folder:
        bench = ModelBench(seen, folder)
        bench.write()
        for result in bench.judge():
            yield _finding(seen, examples, result)


def _finding(seen: ModelView, examples: Contract | None, result: dict[str, Any]) -> Finding:
    sample = mask_rows(result["sample"], examples) if examples is not None else ()
    severity = Severity(result["severity"])
    return Finding(asset=seen.view.asset, engine="python", **{**result, "sample": sample, "severity": severity})


def _silent(said: str) -> None:
    """Says nothing."""


@contextmanager
def _own_folder(cache: Path) -> Iterator[Path]:
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="model-") as folder:
        yield Path(folder)


@dataclass(frozen=True)
class ModelBench:
    """The folder in which one model is judged. One process loads the artefact; another trains anew, and never sees an
    example that was held out; a third compares what the two artefacts answer.
    """

    seen: ModelView
    folder: Path

    @property
    def options(self) -> ModelOptions:
        return self.seen.options

    @cached_property
    def judged(self) -> Path:
        return self._made("judged")

    @cached_property
    def trained(self) -> Path:
        return self._made("trained")

    @cached_property
    def champion_until(self) -> str:
        view = self.seen.view
        if view.base is None or view.base_receipt is None or view.base_receipt.withdrawn:
            return ""
        return read_model_row(view, view.base).trained_until.isoformat()

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        folder.mkdir()
        return folder

    def write(self) -> None:
        """Writes the examples of both sides and the artefacts."""
        view, options, since = self.seen.view, self.options, self.seen.holdout_since
        trained = labelled_examples(options, self.seen.examples, before=since)
        write_examples(view.connection, trained, self.trained / training.EXAMPLES)
        shutil.copyfile(self.trained / training.EXAMPLES, self.judged / names.TRAIN_FILE)
        held_out = labelled_examples(options, self._with_parts(), since=since, more=tuple(self._parts()))
        write_examples(view.connection, held_out, self.judged / names.HOLDOUT_FILE)
        (self.judged / names.CANDIDATE_FILE).write_bytes(self.seen.artefact)
        if self.champion_until:
            assert view.base is not None
            (self.judged / names.CHAMPION_FILE).write_bytes(read_artefact(view, view.base))

    def _parts(self) -> Mapping[str, str]:
        """Columns that say of each example to which cluster and to which slices it belongs."""
        options = self.options
        columns = {column.name for column in read_columns(self.seen.view.connection, self.seen.examples)}
        cluster = ", ".join(identifier(name) if name in columns else f"({name}\n)" for name in options.cluster)
        keys = ", ".join(identifier(name) for name in options.key)
        slices = {f"{SLICE}{place}": f"coalesce(({part.where}\n), false)" for place, part in enumerate(options.slices)}
        return {CLUSTER: f"(hash({cluster or keys}) >> 1)::BIGINT", **slices}

    def _with_parts(self) -> str:
        parts = ", ".join(f"{sql} AS {identifier(name)}" for name, sql in self._parts().items())
        return f"(SELECT *, {parts} FROM {self.seen.examples})"

    def judge(self) -> Iterator[dict[str, Any]]:
        """Yields each result as the processes answer it."""
        with ThreadPoolExecutor(max_workers=2) as pool:
            training_anew = pool.submit(self._train_anew)
            judging_it = pool.submit(self._run_judge, names.JUDGE)
            yield from judging_it.result()
            problem = training_anew.result()
        if (self.judged / names.ANSWERS_FILE).is_file():
            yield from self._compare(problem)

    def compare_champion(self) -> dict[str, Any]:
        """Returns by how much the model is better than the one that stands for its champion."""
        (result,) = self._run_judge(names.ONLY_CHAMPION)
        return result

    def reproduce(self) -> tuple[bool, dict[str, Any]]:
        """Trains anew; returns whether the artefact has the same bytes, and how its answers compare."""
        problem = self._train_anew()
        same = not problem and (self.trained / training.ARTEFACT).read_bytes() == self.seen.artefact
        return same, list(self._compare(problem))[-1]

    def _compare(self, problem: str) -> Iterator[dict[str, Any]]:
        if problem:
            yield {
                "check": names.TRAINED_AS_DECLARED, "passed": False, "severity": "error", "sample": [],
                "n_failing": 1, "message": f"it could not be trained anew: {problem}",
            }  # fmt: skip
            return
        (self.trained / training.ARTEFACT).rename(self.judged / names.TRAINED_ANEW_FILE)
        yield from self._run_judge(names.COMPARE)

    def _run_judge(self, what: str) -> list[dict[str, Any]]:
        task = {
            "options": self.options.model_dump(mode="json"),
            "champion_until": self.champion_until,
            "what": what,
        }
        answer = run_fresh(names.MODULE, self.judged, task, _LIMITS, _silent)
        judged: list[dict[str, Any]] = answer["judged"]
        return judged

    def _train_anew(self) -> str:
        """Trains with the parameters that the row names, searching for none; returns what went wrong."""
        build = self.seen.build
        options = self.options.model_copy(update={"holdout": Holdout(since=self.seen.holdout_since)})
        task = {
            "options": options.model_dump(mode="json"),
            "file": str(build.file),
            "estimator": build.estimator,
            "parameters": self.seen.row.parameters,
        }
        try:
            run_fresh(training.MODULE, self.trained, task, _LIMITS, _silent)
        except ProcessFailed as error:
            return error.problem
        return ""
