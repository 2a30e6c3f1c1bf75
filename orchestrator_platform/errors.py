"""The error family. Every error names its culprit, the state things are in and the next step.

OrchestratorError
├── Misuse                  the caller asked for something that cannot be (exit 2)
│   ├── UnknownAsset
│   ├── UnknownVersion
│   ├── VersionNotKept
│   ├── NoCandidate
│   ├── DefinitionError     a file of the project is wrong, with file and line
│   ├── AgentFileError
│   ├── EmbedderUnusable
│   └── NewerHome
├── Refusal                 the answer is no (exit 1)
│   ├── CandidateRejected
│   ├── SealBroken
│   ├── ParentRetracted
│   ├── BaseMoved
│   ├── LineageMoved
│   ├── TargetRetracted
│   ├── AlreadyLanded
│   ├── AlreadySettled
│   ├── NotApprovable
│   ├── NotReplayable
│   ├── NotPermitted
│   └── StatementRefused
└── Fault                   something broke (exit 3)
    ├── ForeignSnapshot
    ├── CommitMismatch
    ├── VersionDamaged
    ├── HomeMoved
    ├── BackupDamaged
    ├── LockTimeout
    ├── StorageFailed
    ├── CatalogDamaged
    ├── TableFileDamaged
    ├── CandidateDamaged
    ├── ReaderFailed
    ├── DbtFailed
    ├── PythonTableFailed
    ├── TargetFailed
    ├── EmbeddingFailed
    ├── EndpointFailed
    ├── EndpointRefused
    └── EndpointAnswerWrong
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

EXIT_NO, EXIT_MISUSE, EXIT_FAULT = 1, 2, 3


class OrchestratorError(Exception):
    """An error that a person or an agent can act on.

    `code` is stable, `retryable` says whether the same call can succeed later without a change.
    """

    code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = EXIT_FAULT
    retryable: ClassVar[bool] = False


class Misuse(OrchestratorError):
    code = "misuse"
    exit_code = EXIT_MISUSE


class Refusal(OrchestratorError):
    code = "refused"
    exit_code = EXIT_NO


class Fault(OrchestratorError):
    code = "fault"
    exit_code = EXIT_FAULT


class UnknownAsset(Misuse):
    """No asset of that name is declared or published."""

    code = "unknown_asset"

    def __init__(self, *, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        listed = ", ".join(sorted(self.known)[:20]) or "none"
        super().__init__(f"There is no asset {name!r}. Known: {listed}. Look: `orchestrator status`.")


class UnknownVersion(Misuse):
    """The asset never had a version of that number."""

    code = "unknown_version"

    def __init__(self, *, asset: str, version: int) -> None:
        self.asset, self.version = asset, version
        super().__init__(f"{asset} has no version {version}. Look: `orchestrator history {asset}`.")


class VersionNotKept(Misuse):
    """The version is in the history, but the lake does not hold its rows any more."""

    code = "version_not_kept"

    def __init__(self, *, asset: str, version: int) -> None:
        self.asset, self.version = asset, version
        super().__init__(
            f"The rows of {asset} version {version} are not kept any more; its receipt is. Nothing was read."
            f" Choose a newer version: `orchestrator history {asset}`."
        )


class NoCandidate(Misuse):
    """An entry of quarantine has no candidate that could be read."""

    code = "no_candidate"

    def __init__(self, *, entry: int, why: str, look: str) -> None:
        self.entry, self.why = entry, why
        super().__init__(f"There is no candidate {entry} to read: {why}. Look: `{look}`.")


class DefinitionError(Misuse):
    """A component, contract, model or agent file is wrong; nothing was loaded."""

    code = "definition"

    def __init__(self, *, file: str | Path, problem: str, fix: str, line: int | None = None) -> None:
        self.file, self.line, self.problem, self.fix = str(file), line, problem, fix
        where = f"{file}:{line}" if line is not None else str(file)
        super().__init__(f"{where}: {problem}. {fix}")


class AgentFileError(DefinitionError):
    """An agent file, or what the agent files say together, is wrong."""

    code = "agent_file"


class EmbedderUnusable(Misuse):
    """An embedder's files, options or key are not what it needs; nothing was embedded."""

    code = "embedder_unusable"

    def __init__(self, *, embedder: str, problem: str, fix: str) -> None:
        self.embedder, self.problem, self.fix = embedder, problem, fix
        super().__init__(f"The embedder {embedder} cannot be used: {problem}. Nothing was embedded. {fix}")


class NewerHome(Misuse):
    """The home folder was written by a newer version of the platform."""

    code = "newer_home"

    def __init__(self, *, home: Path, found: int, known: int) -> None:
        self.home, self.found, self.known = home, found, known
        super().__init__(
            f"The home {home} has format {found}, this version knows up to {known}. Nothing was read."
            " Update the platform, or choose another home with --home."
        )


class CandidateRejected(Refusal):
    """The audit said no."""

    code = "rejected"

    def __init__(self, *, asset: str, summary: str, serving: str, quarantine: int | None) -> None:
        self.asset, self.summary, self.serving, self.quarantine = asset, summary, serving, quarantine
        look = f" Look: `orchestrator quarantine show {quarantine}`." if quarantine is not None else ""
        super().__init__(f"{asset} was rejected: {summary}. Nothing was published; {serving}.{look}")


class SealBroken(Refusal):
    """A verdict does not hold for what is being published."""

    code = "seal_broken"

    def __init__(self, *, asset: str, what: str, sealed: str, found: str, again: str = "") -> None:
        self.asset, self.what, self.sealed, self.found = asset, what, sealed, found
        super().__init__(
            f"The verdict on {asset} does not hold: {what} was {sealed} when it was judged and is {found} now."
            f" Nothing was published. Make it again from what holds now: `{again or f'orchestrator build {asset}'}`."
        )


class BaseMoved(Refusal):
    """Another publication came first."""

    code = "base_moved"
    retryable = True

    def __init__(self, *, asset: str, base: int | None, head: int | None, again: str = "") -> None:
        self.asset, self.base, self.head = asset, base, head
        super().__init__(
            f"{asset} was built on version {base or 'none'}, but version {head or 'none'} serves now."
            f" Nothing was published. Build it again: `{again or f'orchestrator build {asset}'}`."
        )


class ParentRetracted(Refusal):
    """A parent that was read has been taken back since."""

    code = "parent_retracted"
    retryable = True

    def __init__(self, *, asset: str, parent: str, version: int) -> None:
        self.asset, self.parent, self.version = asset, parent, version
        super().__init__(
            f"{asset} was built from {parent}@{version}, which is retracted."
            f" Nothing was published. Build it again: `orchestrator build {asset}`."
        )


class LineageMoved(Refusal):
    """Another publication came between the plan of a rollback and its commit."""

    code = "lineage_moved"
    retryable = True

    def __init__(self, *, subject: str, asset: str) -> None:
        self.subject, self.asset = subject, asset
        super().__init__(
            f"{asset} was published or rolled back while the rollback of {subject} was prepared."
            " Nothing was changed. Roll back again: the plan is made anew."
        )


class TargetRetracted(Refusal):
    """The version to go back to was made from what is retracted itself."""

    code = "target_retracted"

    def __init__(self, *, asset: str, version: int, causes: Sequence[str]) -> None:
        self.asset, self.version, self.causes = asset, version, tuple(causes)
        listed = ", ".join(self.causes)
        super().__init__(
            f"{asset} cannot go to version {version}: it was made from retracted versions of {listed}."
            f" Nothing was changed. Roll {listed} forward first, or choose another version:"
            f" `orchestrator history {asset}`."
        )


class AlreadyLanded(Refusal):
    """Another landing accounted for a file first."""

    code = "already_landed"
    retryable = True

    def __init__(self, *, files: Sequence[str]) -> None:
        self.files = tuple(files)
        super().__init__(
            f"Another landing accounted for {', '.join(self.files[:5])} first. Nothing was published twice. Land again."
        )


class AlreadySettled(Refusal):
    """Somebody else decided first what becomes of an entry of the quarantine."""

    code = "already_settled"

    def __init__(self, *, number: int, state: str) -> None:
        self.number, self.state = number, state
        super().__init__(
            f"Entry {number} of the quarantine does not wait any more: it is {state}. Nothing was published."
            f" Look: `orchestrator quarantine show {number}`."
        )


class NotApprovable(Refusal):
    """What waits in quarantine is nothing that a person's approval could publish."""

    code = "not_approvable"

    def __init__(self, *, number: int, asset: str, why: str, fix: str) -> None:
        self.number, self.asset, self.why, self.fix = number, asset, why, fix
        super().__init__(f"Entry {number} ({asset}) cannot be approved: {why}. Nothing was published. {fix}")


class NotReplayable(Refusal):
    """What waits in quarantine cannot be judged again as it is."""

    code = "not_replayable"

    def __init__(self, *, number: int, asset: str, why: str, fix: str) -> None:
        self.number, self.asset, self.why, self.fix = number, asset, why, fix
        super().__init__(f"Entry {number} ({asset}) cannot be replayed: {why}. Nothing was published. {fix}")


class NotPermitted(Refusal):
    """An agent tried what its file does not allow."""

    code = "not_permitted"

    def __init__(self, *, agent: str, act: str, subject: str, why: str) -> None:
        self.agent, self.act, self.subject, self.why = agent, act, subject, why
        super().__init__(f"{agent} may not {act} {subject}: {why}. Nothing was changed. Look: `orchestrator agents`.")


class StatementRefused(Refusal):
    """SQL that may not run where it was found."""

    code = "statement_refused"

    def __init__(self, *, where: str, statement: str, why: str) -> None:
        self.where, self.statement, self.why = where, statement, why
        super().__init__(f"{where} may not run {statement}: {why}. Nothing was built from it.")


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


class EmbeddingFailed(Fault):
    """An embedder that works here gave what is no vector."""

    code = "embedding_failed"

    def __init__(self, *, embedder: str, problem: str) -> None:
        self.embedder, self.problem = embedder, problem
        super().__init__(
            f"The embedder {embedder} {problem}. Batches that were done before are kept. Its files may be damaged, or"
            " are no sentence encoder: try them alone, or choose another embedder."
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
