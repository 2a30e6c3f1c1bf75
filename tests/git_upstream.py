"""A real local git repository that a test writes commits to, as somebody else would."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_FIRST = 1_767_225_600  # 2026-01-01 00:00:00Z


@dataclass
class Upstream:
    """Commits are a minute apart, unless told otherwise."""

    folder: Path
    n_commits: int = 0
    commits: list[str] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"file://{self.folder}"

    def git(self, *arguments: str, at: int | None = None) -> str:
        seconds = _FIRST + 60 * self.n_commits if at is None else at
        who = {f"GIT_{role}_{what}": "somebody" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        when = {f"GIT_{role}_DATE": f"{seconds} +0200" for role in ("AUTHOR", "COMMITTER")}
        fixed = {"GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_NOSYSTEM": "1", "PATH": os.environ["PATH"]}
        done = subprocess.run(
            ["git", "-C", str(self.folder), "-c", "protocol.file.allow=always", *arguments],
            env={**fixed, **who, **when},
            capture_output=True,
            check=True,
        )
        return done.stdout.decode().strip()

    def commit(
        self,
        files: Mapping[str, bytes | str | None] | None = None,
        *,
        at: int | None = None,
        amend: bool = False,
    ) -> str:
        """Writes files, removes those that are None, commits, and returns the commit."""
        self.n_commits += 1
        for name, content in (files or {}).items():
            path = self.folder / name
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "change", *(["--amend"] if amend else []), at=at)
        self.commits.append(self.git("rev-parse", "HEAD"))
        return self.commits[-1]


def make_upstream(folder: Path) -> Upstream:
    folder.mkdir(parents=True)
    upstream = Upstream(folder)
    upstream.git("init", "-q", "-b", "main")
    return upstream
