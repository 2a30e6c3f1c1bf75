"""Something broke: storage, a child process, a server, or what a file holds."""

from collections.abc import Mapping
from pathlib import Path

from .family import Fault


class ForeignSnapshot(Fault):
    """The lake holds a snapshot that no receipt explains."""

    code = "foreign_snapshot"

    def __init__(self, *, snapshot: int, explained: int) -> None:
        self.snapshot, self.explained = snapshot, explained
        super().__init__(
            f"The lake is at snapshot {snapshot}, but the last one that this platform wrote is {explained}."
            " Something else wrote to the catalog. Publishing has stopped; readers still see snapshot"
            f" {explained}. Find out who wrote it, then restore the catalog from a backup."
        )


class CommitMismatch(Fault):
    """What was read back after a commit is not what was committed."""

    code = "commit_mismatch"

    def __init__(self, *, asset: str, what: str, expected: object, found: object) -> None:
        self.asset, self.what, self.expected, self.found = asset, what, expected, found
        super().__init__(
            f"{asset}: {what} should be {expected!s} and is {found!s} in the lake."
            " Readers still see the state before. Keep the home as it is and look: `orchestrator status`."
        )


class VersionDamaged(Fault):
    """A version that is kept does not hold what its receipt says."""

    code = "version_damaged"

    def __init__(self, *, asset: str, version: int, expected: str, found: str) -> None:
        self.asset, self.version, self.expected, self.found = asset, version, expected, found
        super().__init__(
            f"{asset} version {version} should hold {expected} and holds {found}. No file was removed since this"
            " was noticed. Look: `orchestrator doctor`; a backup has the files: `orchestrator restore FROM`."
        )


class HomeMoved(Fault):
    """The home lies elsewhere than its catalog says, and not all of it came along."""

    code = "home_moved"

    def __init__(self, *, old: Path, new: Path, missing: str, n_missing: int) -> None:
        self.old, self.new, self.missing, self.n_missing = old, new, missing, n_missing
        super().__init__(
            f"The lake was moved from {old} to {new}, but {n_missing} of its files are not there, {missing} first."
            " Nothing was changed. Move the whole folder, or make a home from a backup: `orchestrator restore FROM`."
        )


class BackupDamaged(Fault):
    """A backup's file is missing or has other bytes than were copied."""

    code = "backup_damaged"

    def __init__(self, *, file: Path, problem: str) -> None:
        self.file, self.problem = file, problem
        super().__init__(
            f"The backup cannot be used: {file} {problem}. The home is as it was. Restore from another one, or back"
            " up into an empty folder."
        )


class LockTimeout(Fault):
    """Another writer held the lock for too long."""

    code = "lock_timeout"
    retryable = True

    def __init__(self, *, lock: Path, seconds: float, holder: str) -> None:
        self.lock, self.seconds, self.holder = lock, seconds, holder
        super().__init__(
            f"The writer's lock {lock} was held by {holder or 'another process'} for {seconds:g} s."
            " Nothing was written. Try again when it is done."
        )


class StorageFailed(Fault):
    """A file could not be written: no room, no permission, a limit, or a broken disk."""

    code = "storage_failed"
    retryable = True

    def __init__(self, *, path: Path, problem: str) -> None:
        self.path, self.problem = path, problem
        super().__init__(
            f"Writing {path} failed: {problem}. What was published before still serves, what is half-written is never"
            " read, and files that were not accounted for are still in landing. Make room, lift the limit or mend"
            " the disk, then run the same command again: it finishes what was begun."
        )


class CatalogDamaged(Fault):
    """The lake's catalog is missing, or SQLite cannot read it."""

    code = "catalog_damaged"

    def __init__(self, *, catalog: Path, problem: str) -> None:
        self.catalog, self.problem = catalog, problem
        super().__init__(
            f"The lake's catalog {catalog} cannot be used: {problem}. Nothing was written, and files that were not"
            " accounted for are still in landing; readers go on with their copy of it. Keep the home as it is and look:"
            " `orchestrator doctor`. Bring it back from a backup: `orchestrator restore FROM --home NEW`."
        )


class ReadersCopyDamaged(Fault):
    """The readers' copy of the catalog is missing, or SQLite cannot read it."""

    code = "readers_copy_damaged"
    retryable = True

    def __init__(self, *, copy: Path, problem: str) -> None:
        self.copy, self.problem = copy, problem
        super().__init__(
            f"The readers' copy {copy} of the lake's catalog cannot be used: {problem}. What was published is whole:"
            " the catalog itself is another file. Files that were not accounted for are still in landing. Run the same"
            " command again; where that does not help, `orchestrator doctor --fix` makes the copy anew."
        )


class TableFileDamaged(Fault):
    """A file of a published table is missing, or cannot be read any more."""

    code = "table_file_damaged"

    def __init__(self, *, file: Path, problem: str) -> None:
        self.file, self.problem = file, problem
        super().__init__(
            f"A published table cannot be read: its file {file} {problem}. Nothing was published. What else is damaged:"
            " `orchestrator doctor`. Bring it back from a backup: `orchestrator restore FROM --home NEW`."
        )


class CandidateDamaged(Fault):
    """A candidate's file is missing or is not what its manifest says."""

    code = "candidate_damaged"

    def __init__(self, *, candidate: str, file: str, problem: str, again: str = "orchestrator build") -> None:
        self.candidate, self.file, self.problem = candidate, file, problem
        super().__init__(f"Candidate {candidate}: {file} {problem}. Nothing was published. Build it again: `{again}`.")


class ReaderFailed(Fault):
    """The child process that reads landed files stopped without an answer."""

    code = "reader_failed"

    def __init__(self, *, file: str, problem: str) -> None:
        self.file, self.problem = file, problem
        super().__init__(f"Reading {file} failed: {problem}. The file is unchanged in landing.")


class DbtFailed(Fault):
    """dbt could not parse or run the project."""

    code = "dbt_failed"

    def __init__(self, *, project: str | Path, problem: str, nodes: Mapping[str, str] | None = None) -> None:
        self.project, self.problem, self.nodes = str(project), problem, dict(nodes or {})
        detail = "".join(f"\n  {node}: {message}" for node, message in self.nodes.items())
        super().__init__(f"dbt project {project}: {problem}. Nothing was published.{detail}")


class PythonTableFailed(Fault):
    """The function of a Python table raised, or returned what is no table."""

    code = "python_table_failed"

    def __init__(self, *, file: str | Path, line: int, function: str, problem: str, fix: str) -> None:
        self.file, self.line, self.function, self.problem, self.fix = str(file), line, function, problem, fix
        super().__init__(f"{file}:{line}: {function}() {problem}. Nothing was published. {fix}")


class FeaturesFailed(Fault):
    """The SQL of a table of features could not be run, or gave what is no table of features."""

    code = "features_failed"

    def __init__(self, *, file: str | Path, problem: str, fix: str) -> None:
        self.file, self.problem, self.fix = str(file), problem, fix
        super().__init__(f"{file}: {problem}. Nothing was published. {fix}")


class TargetFailed(Fault):
    """A serving copy could not be asked, or not be brought to the published version."""

    code = "target_failed"
    retryable = True

    def __init__(self, *, target: str, problem: str, fix: str) -> None:
        self.target, self.problem, self.fix = target, problem, fix
        super().__init__(
            f"{target}: {problem}. What is published in the lake is whole, and what the target served before it still"
            f" serves. {fix} The next build or landing brings it up, as does `orchestrator projections sync`."
        )


class AlertNotSent(Fault):
    """A channel did not take what people were to be told."""

    code = "alert_not_sent"
    retryable = True

    def __init__(self, *, channel: str, problem: str) -> None:
        self.channel, self.problem = channel, problem
        super().__init__(
            f"{channel} was not told: {problem}. Everything else is as it was; it is told at the next occasion."
            " Look: `orchestrator alerts`."
        )


class EmbeddingFailed(Fault):
    """An embedder that works here gave what is no vector."""

    code = "embedding_failed"

    def __init__(self, *, embedder: str, problem: str) -> None:
        self.embedder, self.problem = embedder, problem
        super().__init__(
            f"The embedder {embedder} {problem}. Batches that were done before are kept. Its files may be damaged, or"
            " are no sentence encoder: try them alone, or choose another embedder."
        )


class ProcessFailed(Fault):
    """A process of its own, started for one task, did not do it."""

    code = "process_failed"

    def __init__(self, *, module: str, problem: str, said: str = "") -> None:
        self.module, self.problem, self.said = module, problem, said
        last = said.splitlines()[-1] if said else ""
        more = f" Its last words: {last}" if last and last not in problem else ""
        super().__init__(f"{module} failed: {problem}. Nothing was published.{more}")


class TrainingFailed(Fault):
    """A model could not be trained."""

    code = "training_failed"

    def __init__(self, *, asset: str, problem: str) -> None:
        self.asset, self.problem = asset, problem
        super().__init__(
            f"Training {asset} failed: {problem.rstrip('.')}. Nothing was published, and the trials that were done are"
            f" kept. Mend the estimator, the examples or the budget, then train again: `orchestrator train {asset}`."
        )


class ScoringFailed(Fault):
    """A published model could not answer for the rows that are to be scored."""

    code = "scoring_failed"

    def __init__(self, *, asset: str, model: str, version: int, problem: str) -> None:
        self.asset, self.model, self.version, self.problem = asset, model, version, problem
        super().__init__(
            f"{model} version {version} could not score for {asset}: {problem.rstrip('.')}. Nothing was published."
            f" Look: `orchestrator model list`; `orchestrator rollback {model} --to V --why …` goes back to another."
        )


class EndpointFailed(Fault):
    """An endpoint of embeddings could not be reached, was too slow, or is overloaded, more often than is tried."""

    code = "endpoint_failed"
    retryable = True

    def __init__(self, *, url: str, problem: str, n_tries: int) -> None:
        self.url, self.problem, self.n_tries = url, problem, n_tries
        super().__init__(
            f"{url} gave no vectors in {n_tries} tries: {problem}. Batches that were done before are kept. Run the same"
            " again when it is back: it goes on with the rest."
        )


class EndpointRefused(Fault):
    """An endpoint of embeddings refused a request in a way that asking again cannot change."""

    code = "endpoint_refused"

    def __init__(self, *, url: str, status: int, said: str, fix: str) -> None:
        self.url, self.status, self.said, self.fix = url, status, said, fix
        super().__init__(
            f"{url} refused with status {status}{f': {said}' if said else ''}."
            f" Batches that were done before are kept. {fix}"
        )


class EndpointAnswerWrong(Fault):
    """An endpoint answered with what are not the vectors that were asked for."""

    code = "endpoint_answer_wrong"

    def __init__(self, *, url: str, problem: str) -> None:
        self.url, self.problem = url, problem
        super().__init__(
            f"{url} answered wrongly: {problem}. Nothing of that answer was used; batches that were done before are"
            " kept. Compare `model`, `dim` and `url` of the component with what the endpoint serves."
        )


class PullFailed(Fault):
    """An address could not be pulled from now; later it may be."""

    code = "pull_failed"
    retryable = True

    def __init__(self, *, url: str, problem: str, kept: str = "") -> None:
        self.url, self.problem = url, problem
        more = f" {kept}" if kept else ""
        super().__init__(
            f"{url} could not be pulled: {problem}. Nothing half arrived in landing; what serves still serves.{more}"
            " Pull again later: `orchestrator pull`."
        )


class PullRefused(Fault):
    """What an address gave is not what may be landed, or it may not be asked so."""

    code = "pull_refused"

    def __init__(self, *, url: str, problem: str, fix: str) -> None:
        self.url, self.problem, self.fix = url, problem, fix
        super().__init__(
            f"{url} was not pulled: {problem}. Nothing of it arrived in landing, and what serves still serves. {fix}"
        )
