"""What a branch holds and how it came to: commits in their order, and the files that differ between two of them."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ..errors import PullRefused
from .failures import PassingFailure, told_megabytes
from .git_command import Git, GitFailed

_HEAD, _DONE = "refs/pulled/head", "refs/pulled/done"
_FILES = frozenset({b"100644", b"100755"})
# How far back is looked for the commit that was landed last, at first and at most.
_FIRST_LOOK, _FURTHEST_LOOK = 32, 65_536
_MANY_PACKS = 50


@dataclass(frozen=True)
class Commit:
    id: str
    at: datetime


@dataclass(frozen=True)
class Change:
    """A file that differs; `blob` is its new content, `None` where it is there no more."""

    path: bytes
    blob: str | None


@dataclass(frozen=True)
class NewCommits:
    """Commits to land, oldest first. `base` is what the first of them is compared with, `None` for nothing at all.

    `rewritten` says that what was landed last is not among those before: then one commit stands for all.
    """

    commits: tuple[Commit, ...]
    base: str | None
    rewritten: bool = False


def look_at_head(git: Git, branch: str) -> str:
    """Returns the newest commit of the branch, asked of the other side alone.

    Raises:
        PullRefused: There is no such branch, or the repository is empty.
        PassingFailure: It could not be asked.
    """
    ref = f"refs/heads/{branch}" if branch else "HEAD"
    prepare(git)
    said = _asking(git, "ls-remote", "--end-of-options", git.url, ref).decode("utf-8", "backslashreplace")
    found = [line.split("\t")[0] for line in said.splitlines() if line.endswith(f"\t{ref}")]
    if not found:
        what = f"it has no branch {branch!r}" if branch else "it has no commit yet"
        raise PullRefused(url=git.url, problem=what, fix="Compare `branch` with what is there.")
    return found[0]


def prepare(git: Git) -> None:
    """Makes the repository where it is missing; what a killed git left locked is free again."""
    if not (git.repository / "HEAD").is_file():
        shutil.rmtree(git.repository, ignore_errors=True)
        git.repository.mkdir(parents=True)
        git.run("init", "--quiet", "--bare", "--template=")
    for lock in git.repository.rglob("*.lock"):
        lock.unlink(missing_ok=True)
    for left in (git.repository / "objects" / "pack").glob("tmp_*"):
        left.unlink(missing_ok=True)


def fetch_new(git: Git, branch: str, done: Commit | None, depth: int, *, whole: bool) -> NewCommits:
    """Fetches what is new since the commit that was landed last, and returns it.

    Args:
        depth: How many of the newest commits are new where none was landed yet.
        whole: Whether the oldest of those brings all its files, else only what it changed.

    Raises:
        PassingFailure: It could not be fetched.
    """
    ref = f"+refs/heads/{branch}:{_HEAD}" if branch else f"+HEAD:{_HEAD}"
    if done is None:
        _fetch(git, ref, depth + 1)
        chain = _chain(git, depth + 1)
        new = chain[:depth]
        older = chain[depth].id if len(chain) > depth else None
        return NewCommits(tuple(reversed(new)), None if whole else older)
    if not _is_here(git, done.id):
        # The copy may be gone, and what was landed last no more on any branch.
        with suppress(GitFailed, PassingFailure):
            _fetch(git, f"+{done.id}:{_DONE}", 1)
    chain = _chain_since(git, ref, done)
    place = next((n for n, commit in enumerate(chain) if commit.id == done.id), None)
    if place is not None:
        return NewCommits(tuple(reversed(chain[:place])), done.id)
    return NewCommits((chain[0],), done.id if _is_here(git, done.id) else None, rewritten=True)


def _chain_since(git: Git, ref: str, done: Commit) -> Sequence[Commit]:
    """Returns the branch's own line, newest first, back to what was landed last, or to before its time."""
    look = _FIRST_LOOK
    while True:
        _fetch(git, ref, look)
        chain = _chain(git, look)
        seen_all = len(chain) < look or look >= _FURTHEST_LOOK
        if seen_all or any(commit.id == done.id for commit in chain) or chain[-1].at < done.at:
            return chain
        look *= 4


def note_done(git: Git, commit: str) -> None:
    """Keeps what was landed last, whatever becomes of the branch; a copy of many pieces becomes one."""
    git.run("update-ref", _DONE, commit)
    if len(list((git.repository / "objects" / "pack").glob("*.pack"))) > _MANY_PACKS:
        git.run("repack", "-a", "-d", "-q")


def changes(git: Git, base: str | None, commit: str) -> Iterator[Change]:
    """Yields the files that differ, by path; a renamed one is gone under its old path and there under the new.

    What is no file (a link, a submodule) counts as not there.
    """
    if base is None:
        for entry in _split(git.run("ls-tree", "-r", "-z", "--full-tree", "--end-of-options", commit)):
            said, _, path = entry.partition(b"\t")
            mode, _, blob = said.split(b" ")[:3]
            if mode in _FILES:
                yield Change(path, blob.decode())
        return
    options = ("-r", "-z", "--raw", "--no-renames", "--no-ext-diff", "--no-textconv", "--no-abbrev", "--full-index")
    parts = iter(_split(git.run("diff-tree", *options, "--end-of-options", base, commit)))
    for said, path in zip(parts, parts, strict=True):
        old_mode, new_mode, old, new = said.lstrip(b":").split(b" ")[:4]
        if new_mode in _FILES and (old != new or old_mode not in _FILES):
            yield Change(path, new.decode())
        elif new_mode not in _FILES and old_mode in _FILES:
            yield Change(path, None)


def read_blobs(git: Git, blobs: Iterable[str], max_bytes: int) -> Iterator[bytes]:
    """Yields the contents, in the order asked for.

    Raises:
        PullRefused: One is larger than allowed.
        GitFailed: One is not there.
    """
    with git.talking("cat-file", "--batch") as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for blob in blobs:
            try:
                process.stdin.write(f"{blob}\n".encode())
                process.stdin.flush()
            except OSError as error:
                raise GitFailed("it ended while its objects were read") from error
            said = process.stdout.readline().split()
            if len(said) != 3 or said[1] != b"blob":
                raise GitFailed(f"{blob} is not among its objects")
            size = int(said[2])
            if size > max_bytes:
                raise too_large(git.url, max_bytes)
            content = process.stdout.read(size)
            if len(content) != size or process.stdout.read(1) != b"\n":
                raise GitFailed(f"{blob} could not be read to its end")
            yield content


def too_large(url: str, max_bytes: int) -> PullRefused:
    """Returns the error for a file, or a commit's files, of more bytes than allowed."""
    return PullRefused(
        url=url,
        problem=f"what one commit brings is larger than {told_megabytes(max_bytes)}",
        fix="Raise `max_mb` of the source's `pull`, or say `first: changes` where the first pull brings everything.",
    )


def _fetch(git: Git, ref: str, depth: int) -> None:
    options = ("--quiet", "--no-tags", "--no-recurse-submodules", "--no-auto-gc", "--no-write-fetch-head", "--force")
    _asking(git, "fetch", *options, f"--depth={depth}", "--end-of-options", git.url, ref)


def _asking(git: Git, *arguments: str) -> bytes:
    try:
        return git.run(*arguments)
    except GitFailed as error:
        raise PassingFailure(f"git said: {error}") from error


def _chain(git: Git, most: int) -> Sequence[Commit]:
    """Returns the branch's own line, newest first: of a merge the side that it was merged into."""
    said = git.run("log", "--first-parent", f"-{most}", "--format=%H %ct", "--end-of-options", _HEAD).decode()
    lines = (line.split() for line in said.splitlines())
    return [Commit(id_, datetime.fromtimestamp(int(seconds), UTC)) for id_, seconds in lines]


def _is_here(git: Git, commit: str) -> bool:
    try:
        git.run("cat-file", "-e", f"{commit}^{{tree}}")
    except GitFailed:
        return False
    return True


def _split(output: bytes) -> list[bytes]:
    return output.split(b"\0")[:-1] if output else []
