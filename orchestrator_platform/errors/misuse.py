"""What the caller asked for cannot be: a name that is not there, a file of the project that is wrong."""

from collections.abc import Sequence
from pathlib import Path

from .family import Misuse


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
