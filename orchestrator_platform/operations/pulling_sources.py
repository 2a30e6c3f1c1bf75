"""The sources of a project that pull: where from, where to, and one pull of each at a time."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from filelock import FileLock, Timeout

from ..audits.raw_checks import archived_path
from ..errors import LockTimeout, Misuse, PullRefused
from ..gate.context import Gate
from ..pulling.git_command import Git, find_git
from ..pulling.http_file import Clock
from ..records.declarations import AssetDeclaration, SourceBuild
from ..records.pulls import GitPull, HttpPull, PullState
from ..settings import load_network_environment, load_secret
from .land import find_source
from .pull_http import PullingPlace

LOCK_SECONDS = 1.0


def pulling_sources(gate: Gate) -> tuple[AssetDeclaration, ...]:
    """Returns the sources that say where they pull from, switched on or not, in the order of their names."""
    found = {
        declaration.build.name: declaration
        for declaration in gate.assets.values()
        if isinstance(declaration.build, SourceBuild) and declaration.build.pull is not None
    }
    return tuple(found[name] for name in sorted(found))


def declared_pull(gate: Gate, source: str) -> tuple[AssetDeclaration, HttpPull | GitPull]:
    """Returns the source of that name, and where it pulls from.

    Raises:
        Misuse: There is no such source, or it pulls from nowhere.
    """
    declaration = find_source(gate, source)
    build = declaration.build
    assert isinstance(build, SourceBuild)
    if build.pull is None:
        raise Misuse(
            f"{build.name} pulls from nowhere. Nothing was asked. Add `pull:` to its component, {declaration.origin}:"
            " docs/add-a-source.md says how."
        )
    return declaration, build.pull


def source_name(declaration: AssetDeclaration) -> str:
    """Returns the name of a source's folder in landing."""
    assert isinstance(declaration.build, SourceBuild)
    return declaration.build.name


@contextmanager
def pulled_alone(gate: Gate, declaration: AssetDeclaration) -> Iterator[None]:
    """Holds the source's lock.

    Raises:
        LockTimeout: Somebody else pulls it now.
    """
    folder = gate.settings.home.pulls
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / f".{source_name(declaration)}.lock", timeout=LOCK_SECONDS)
    try:
        lock.acquire(poll_interval=0.05)
    except Timeout as error:
        raise LockTimeout(lock=Path(lock.lock_file), seconds=LOCK_SECONDS, holder="another pull") from error
    try:
        yield
    finally:
        lock.release()


def pulling_place(
    gate: Gate, name: str, options: HttpPull | GitPull, clock: Clock, save: Callable[[PullState], None]
) -> PullingPlace:
    """Returns where the source pulls to.

    Raises:
        PullRefused: The variable that is named for its key is not set.
    """
    home, now = gate.settings.home, gate.now()
    # Landing knows a file for whole that nobody wrote to for so long.
    settled = now - timedelta(seconds=gate.settings.settle_seconds + 1)
    return PullingPlace(
        landing=home.landing / name,
        work=home.cache / "pulls" / name,
        save=save,
        is_accounted=lambda sha256: archived_path(home.archive, sha256).exists(),
        now=now,
        settled_ns=int(settled.timestamp() * 1e9),
        key=_key(options),
        say=gate.say,
        clock=clock,
    )


def pulling_git(options: GitPull, place: PullingPlace) -> Git:
    """Returns git over the source's copy of its repository.

    Raises:
        PullRefused: git is not there.
    """
    environment = load_network_environment()
    return Git(
        program=find_git(environment, options.url),
        repository=place.work / "repository.git",
        url=options.url,
        environment=environment,
        until=time.monotonic() + options.total_seconds,
        timeout_seconds=options.timeout_seconds,
        max_bytes=int(options.max_repository_mb * 1024**2),
        key=place.key,
    )


def _key(options: HttpPull | GitPull) -> str | None:
    if options.key_variable is None:
        return None
    key = load_secret(options.key_variable)
    if key is None:
        raise PullRefused(
            url=options.url,
            problem=f"the environment variable {options.key_variable} is not set",
            fix=f"Set {options.key_variable} to the address's token; it is never stored.",
        )
    return key
