"""Runs git on a repository that may mean harm: nothing of it is ever checked out, and nothing of it is run.

No hook, submodule, filter, credential store or configuration of the user takes part, and only the declared address's
own protocol is spoken.
"""

import base64
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ..errors import PullRefused
from .failures import PassingFailure, told_megabytes

_OLDEST = (2, 31)
_LOOK_SECONDS = 0.1
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "credential.helper=",
    "fetch.recurseSubmodules=false",
    "fetch.unpackLimit=1",
    "gc.auto=0",
    "maintenance.auto=false",
    "http.sslVerify=true",
    "protocol.allow=never",
    "submodule.recurse=false",
)


class GitFailed(Exception):
    """git ended with an error; the text is what it said."""


@dataclass(frozen=True)
class Git:
    """One bare repository of our own. `until` is on the clock that only grows; `max_bytes` is what it may come to."""

    program: str
    repository: Path
    url: str
    environment: Mapping[str, str]
    until: float
    timeout_seconds: float
    max_bytes: int
    key: str | None = None

    def __repr__(self) -> str:
        return f"Git({self.url!r}, {str(self.repository)!r})"

    def run(self, *arguments: str) -> bytes:
        """Returns what git prints.

        Raises:
            GitFailed: It ended with an error.
            PassingFailure: It took too long, or grew too large.
        """
        if time.monotonic() > self.until:
            raise PassingFailure("git was not done in time")
        with self._started(arguments) as process:
            output, said = self._watched(process)
        if process.returncode:
            raise GitFailed(self._told(said) or f"git {arguments[0]} ended with {process.returncode}")
        return output

    @contextmanager
    def talking(self, *arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
        """Gives a git that is written to and read from."""
        with self._started(arguments, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
            yield process

    @contextmanager
    def _started(
        self, arguments: Sequence[str], stdin: int = subprocess.DEVNULL, stderr: int = subprocess.PIPE
    ) -> Iterator["subprocess.Popen[bytes]"]:
        low = int(max(self.timeout_seconds, 1))
        settings = (
            *_SETTINGS,
            f"protocol.{self._scheme}.allow=always",
            "http.lowSpeedLimit=1",
            f"http.lowSpeedTime={low}",
        )
        command = [self.program, "--git-dir", str(self.repository), "--literal-pathspecs"]
        command += [word for setting in settings for word in ("-c", setting)]
        process = subprocess.Popen(  # noqa: S603 - no shell, and the address is checked where it is declared
            [*command, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=self._environment(low),
            cwd=self.repository.parent,
            # Its helpers end with it.
            start_new_session=True,
        )
        try:
            yield process
        finally:
            with suppress(ProcessLookupError, PermissionError):
                _end_group(process)
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with suppress(OSError):
                        stream.close()

    def _environment(self, low: int) -> dict[str, str]:
        fixed = {
            "GIT_ALLOW_PROTOCOL": self._scheme,
            "GIT_ASKPASS": "",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_PROTOCOL_FROM_USER": "0",
            "GIT_SSH_COMMAND": f"ssh -oBatchMode=yes -oConnectTimeout={low} -oClearAllForwardings=yes",
            "GIT_TERMINAL_PROMPT": "0",
            "HOME": str(self.repository.parent),
            "LC_ALL": "C",
            "SSH_ASKPASS": "",
        }
        if self.key and self._scheme == "https":
            # Not among the arguments, which everybody on the machine can read.
            parts = urlsplit(self.url)
            token = base64.b64encode(f"x-access-token:{self.key}".encode()).decode()
            fixed |= {
                "GIT_CONFIG_COUNT": "1",
                "GIT_CONFIG_KEY_0": f"http.{parts.scheme}://{parts.netloc}/.extraHeader",
                "GIT_CONFIG_VALUE_0": f"Authorization: Basic {token}",
            }
        return {**self.environment, **fixed}

    def _watched(self, process: "subprocess.Popen[bytes]") -> tuple[bytes, bytes]:
        while True:
            try:
                return process.communicate(timeout=_LOOK_SECONDS)
            except subprocess.TimeoutExpired:
                if time.monotonic() > self.until:
                    raise PassingFailure("git was not done in time") from None
                if _bytes_in(self.repository) > self.max_bytes:
                    raise PullRefused(
                        url=self.url,
                        problem=f"the repository is larger than {told_megabytes(self.max_bytes)}",
                        fix="Lower `depth`, or raise `max_repository_mb` of the source's `pull`.",
                    ) from None

    def _told(self, said: bytes) -> str:
        text = " ".join(said.decode("utf-8", "backslashreplace").split())
        return (text.replace(self.key, "…") if self.key else text)[:500]

    @property
    def _scheme(self) -> str:
        return urlsplit(self.url).scheme


def find_git(environment: Mapping[str, str], url: str) -> str:
    """Returns where git is.

    Raises:
        PullRefused: It is not there, or too old.
    """
    fix = f"Install git {'.'.join(map(str, _OLDEST))} or newer, and see that it is on the PATH."
    program = shutil.which("git", path=environment.get("PATH"))
    if program is None:
        raise PullRefused(url=url, problem="the command git is not there", fix=fix)
    said = subprocess.run([program, "--version"], capture_output=True, check=False, timeout=30).stdout.decode()  # noqa: S603
    found = re.search(r"(\d+)\.(\d+)", said)
    if found is None or (int(found[1]), int(found[2])) < _OLDEST:
        raise PullRefused(url=url, problem=f"git is too old ({said.strip() or 'it says no version'})", fix=fix)
    return program


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is None:
        import os

        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _bytes_in(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        # git renames its files while they are counted.
        with suppress(FileNotFoundError):
            total += path.lstat().st_size
    return total
