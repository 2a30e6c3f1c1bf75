"""What a project says of a source that pulls, how far a pull has come, and what came of one."""

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from .addresses import require_variable_name
from .base import Record
from .freshness import Period, Span
from .keys import AssetKey

_SHA256 = re.compile(r"[0-9a-f]{64}")
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,150}")
_BRANCH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_+./-]{0,200}")
_HOST = re.compile(r"[A-Za-z0-9\[]")
_UNSEEN = re.compile(r"[\x00-\x20\x7f]")
GIT_SCHEMES = ("https", "ssh", "file")


class _Schedule(Record):
    """What every pull has. `timeout_seconds` is the longest silence, `total_seconds` the longest pull, `max_mb` the
    most that one file may hold. The value of the environment variable `key_variable` is a token for that address.
    """

    # A key that was pasted into the wrong field must not come back in a message.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    enabled: bool = True
    every: Span = Span(count=1, period=Period.HOUR)
    timeout_seconds: float = Field(default=30, gt=0)
    total_seconds: float = Field(default=1800, gt=0)
    max_mb: float = Field(default=4096, gt=0)
    key_variable: str | None = None

    @property
    def max_bytes(self) -> int:
        return int(self.max_mb * 1024**2)

    @field_validator("key_variable")
    @classmethod
    def _is_a_variable(cls, given: str | None) -> str | None:
        require_variable_name(given)
        return given


class HttpPull(_Schedule):
    """A file behind an address. `file` is its name in landing, else the last part of the address.

    `sha256` is what it must have; `checksum_url` is where that is published, as hex digits alone or as lines of
    `sha256sum`.
    """

    kind: Literal["http"] = "http"
    url: str
    file: str = ""
    sha256: str | None = None
    checksum_url: str | None = None
    retries: int = Field(default=5, ge=0, le=20)

    @field_validator("url", "checksum_url")
    @classmethod
    def _is_an_address(cls, given: str | None) -> str | None:
        if given is not None:
            _require_address(given, ("http", "https"))
        return given

    @model_validator(mode="after")
    def _is_one_file(self) -> Self:
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError("`sha256` has 64 hexadecimal digits, in lower case")
        if self.sha256 and self.checksum_url:
            raise ValueError("say `sha256` or `checksum_url`, not both")
        if not _FILE.fullmatch(self.file_name):
            raise ValueError("say under which name it lands: `file: NAME.csv`, of letters, digits and . _ -")
        return self

    @property
    def published_name(self) -> str:
        """What the file is called where it is published."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1]

    @property
    def file_name(self) -> str:
        """What it is called in landing, behind the time of its pull."""
        return self.file or self.published_name


class GitPull(_Schedule):
    """A branch of a git repository; without `branch` the one that the repository calls its own.

    `files` are globs of what is landed. The first pull lands the newest `depth` commits; with `first: everything` the
    oldest of these brings every file that matches, with `changes` only what it changed. `deletions: lines` lands a
    deleted file as a line `{"_deleted": "its/path"}`; else it is counted and lands nothing.
    """

    kind: Literal["git"] = "git"
    url: str
    branch: str = ""
    files: tuple[str, ...] = ("**/*",)
    first: Literal["everything", "changes"] = "everything"
    depth: int = Field(default=1, gt=0, le=100_000)
    deletions: Literal["ignore", "lines"] = "ignore"
    max_repository_mb: float = Field(default=16_384, gt=0)

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, given: str) -> str:
        _require_address(given, GIT_SCHEMES)
        return given

    @field_validator("branch")
    @classmethod
    def _is_a_branch(cls, given: str) -> str:
        wrong = ("..", "//", "@{", "/.", ".lock/")
        if given and (not _BRANCH.fullmatch(given) or any(part in f"{given}/" for part in wrong) or given[-1] in "/."):
            raise ValueError("`branch` is no name of a branch")
        return given


Pull = Annotated[HttpPull | GitPull, Field(discriminator="kind")]


def _require_address(url: str, schemes: tuple[str, ...]) -> None:
    parts = urlsplit(url)
    listed = " or ".join(f"{scheme}://" for scheme in schemes)
    if parts.scheme not in schemes or not url.startswith(f"{parts.scheme}://"):
        raise ValueError(f"an address to pull from begins with {listed}")
    if parts.password or (parts.username and parts.scheme != "ssh") or parts.fragment:
        raise ValueError("an address holds no user, password or fragment; name a token by `key_variable`")
    if _UNSEEN.search(url):
        raise ValueError("an address holds no blanks or control characters")
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError("a repository of this machine is file:///absolute/path")
    elif not parts.hostname or not _HOST.match(parts.hostname) or (parts.username or "x").startswith("-"):
        raise ValueError("an address names a host")


class Validators(Record):
    """How a server tells one content of a file from another, as it said so."""

    etag: str = ""
    last_modified: str = ""

    @property
    def is_known(self) -> bool:
        return bool(self.etag or self.last_modified)

    @property
    def for_ranges(self) -> str:
        """What promises equal bytes; a weak tag promises only something alike."""
        return "" if self.etag.startswith("W/") else self.etag or self.last_modified


class PullState(Record):
    """How far the pulls of one source have come: one file of the home, whoever pulls.

    `seen` and `sha256` are of the last file of an address, `commit` is the last one whose files arrived, `stamp` the
    last time in a name. `arriving` names a file that may not have reached landing yet.
    """

    url: str = ""
    seen: Validators = Validators()
    sha256: str = ""
    arriving: str = ""
    commit: str = ""
    commit_at: datetime | None = None
    stamp: datetime | None = None
    looked_at: datetime | None = None
    arrived_at: datetime | None = None
    next_at: datetime | None = None
    n_failures: int = 0
    problem: str = ""


class PullOutcome(StrEnum):
    ARRIVED = "arrived"
    UNCHANGED = "unchanged"


class ArrivedFile(Record):
    name: str
    sha256: str
    size_bytes: int


class Pulled(Record):
    """What one pull brought into landing. `n_alone` files are no JSON object each and landed as they are; `n_deleted`
    were deleted and `n_passed_over` fit no pattern of the source, and landed nothing.
    """

    source: str
    asset: AssetKey
    outcome: PullOutcome
    files: tuple[ArrivedFile, ...] = ()
    n_commits: int = 0
    n_records: int = 0
    n_alone: int = 0
    n_deleted: int = 0
    n_passed_over: int = 0
    remarks: tuple[str, ...] = ()
    why: str = ""
    next_at: datetime | None = None

    @property
    def size_bytes(self) -> int:
        return sum(file.size_bytes for file in self.files)
