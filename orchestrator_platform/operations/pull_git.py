"""Pulls the new commits of a git branch: one by one, each as files that arrive in landing before the next begins."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..errors import PullFailed
from ..pulling.arriving import arrive, landed_prefix, next_stamp
from ..pulling.commit_files import CommitFiles, MadeFile, Naming, bounded, make_commit_files
from ..pulling.failures import PassingFailure
from ..pulling.git_command import Git, GitFailed
from ..pulling.git_history import (
    Change,
    Commit,
    NewCommits,
    changes,
    fetch_new,
    look_at_head,
    note_done,
    read_blobs,
    too_large,
)
from ..records.pulls import ArrivedFile, GitPull, PullState
from .pull_http import PullingPlace


@dataclass
class CommitsPulled:
    """What arrived, commit by commit; `state` is that after the last one whose files all arrived."""

    state: PullState
    files: list[ArrivedFile] = field(default_factory=list)
    n_commits: int = 0
    n_records: int = 0
    n_alone: int = 0
    n_deleted: int = 0
    n_passed_over: int = 0
    remarks: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Wanted:
    """`is_wanted` says which files of the repository are landed, `fits` which names the source's pattern takes."""

    is_wanted: Callable[[str], bool]
    fits: Callable[[str], bool]


def pull_commits(options: GitPull, state: PullState, place: PullingPlace, git: Git, wanted: Wanted) -> CommitsPulled:
    """Brings the files of every new commit into landing, oldest first.

    Raises:
        PullFailed, PullRefused: The repository could not be asked, or gave what may not be landed; commits that arrived
            before have been noted.
    """
    place.work.mkdir(parents=True, exist_ok=True)
    try:
        return _pull(options, state, place, git, wanted)
    except PassingFailure as error:
        raise PullFailed(url=options.url, problem=str(error)) from error
    except GitFailed as error:
        # The copy is one of what is elsewhere; a damaged one is made anew.
        shutil.rmtree(git.repository, ignore_errors=True)
        problem = f"the copy of the repository was damaged ({error})"
        raise PullFailed(url=options.url, problem=problem, kept="The next pull makes it anew.") from error


def look_at_commits(options: GitPull, state: PullState, git: Git) -> str:
    """Returns what a pull would find, from the name of the newest commit alone."""
    git.repository.parent.mkdir(parents=True, exist_ok=True)
    head = look_at_head(git, options.branch)
    if head == state.commit:
        return f"nothing is new since {head[:12]}"
    since = f"since {state.commit[:12]}" if state.commit else f"the newest {options.depth} at first"
    return f"commits up to {head[:12]} would land ({since})"


def _pull(options: GitPull, state: PullState, place: PullingPlace, git: Git, wanted: Wanted) -> CommitsPulled:
    pulled = CommitsPulled(state)
    if look_at_head(git, options.branch) == state.commit:
        return pulled
    done = Commit(state.commit, state.commit_at) if state.commit and state.commit_at else None
    place.say("fetching new commits")
    new = fetch_new(git, options.branch, done, options.depth, whole=options.first == "everything")
    if new.rewritten:
        pulled.remarks.append(_told(new))
    base = new.base
    for number, commit in enumerate(new.commits, 1):
        place.say(f"commit {number:,} of {len(new.commits):,}")
        # Only of the first may files have arrived before: of a pull that was killed over it.
        before = place if number == 1 else replace(place, is_accounted=lambda _: False)
        _land_commit(options, before, git, wanted, base, commit, pulled)
        base = commit.id
    note_done(git, pulled.state.commit)
    return pulled


def _land_commit(
    options: GitPull,
    place: PullingPlace,
    git: Git,
    wanted: Wanted,
    base: str | None,
    commit: Commit,
    pulled: CommitsPulled,
) -> None:
    found = [each for each in changes(git, base, commit.id) if wanted.is_wanted(_readable(each.path))]
    stamp = next_stamp(commit.at, pulled.state.stamp, place.now)
    state = pulled.state.model_copy(update={"commit": commit.id, "commit_at": commit.at, "url": options.url})
    if found:
        made = _make(options, place, git, wanted, found, landed_prefix(stamp, commit.id))
        if made.files:
            state = state.model_copy(update={"stamp": stamp})
        for number, file in enumerate(made.files):
            _arrive(file, place, options.url, len(pulled.files) + number, pulled)
        pulled.n_records += made.n_records
        pulled.n_alone += made.n_alone
        pulled.n_deleted += made.n_deleted
        pulled.n_passed_over += made.n_passed_over
    pulled.n_commits += 1
    pulled.state = state
    # Only now is the commit done: whoever is killed before makes the same files again, and they are known.
    place.save(state)


def _make(
    options: GitPull, place: PullingPlace, git: Git, wanted: Wanted, found: list[Change], prefix: str
) -> CommitFiles:
    folder = place.work / "commit"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    blobs = (change.blob for change in found if change.blob is not None)
    most = options.max_bytes
    contents = bounded(read_blobs(git, blobs, most), most, lambda: too_large(options.url, most))
    naming = Naming(prefix, wanted.fits)
    return make_commit_files(found, contents, naming, folder, tells_deletions=options.deletions == "lines")


def _arrive(file: MadeFile, place: PullingPlace, url: str, number: int, pulled: CommitsPulled) -> None:
    size = file.path.stat().st_size
    # Landed by the time of their change, files keep the order of their commits too.
    modified_ns = place.settled_ns + number
    target = place.landing / file.name
    came = arrive(file.path, target, file.sha256, url, is_accounted=place.is_accounted, modified_ns=modified_ns)
    if came:
        pulled.files.append(ArrivedFile(name=file.name, sha256=file.sha256, size_bytes=size))


def _told(new: NewCommits) -> str:
    if new.base is None:
        return (
            "what was landed last is not to be had any more: everything that the branch holds now was brought, and what"
            " was deleted meanwhile is not known"
        )
    return "its history was rewritten: what differs from what was landed last was brought as one commit"


def _readable(path: bytes) -> str:
    return path.decode("utf-8", "backslashreplace")
