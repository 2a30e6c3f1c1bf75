"""The only reader of environment and configuration: where the home is, where the project is."""

import json
import os
import pwd
import tomllib
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from .errors import DefinitionError, Misuse
from .home_format import check_home_format

HOME_VARIABLE = "ORCHESTRATOR_HOME"
PROJECT_VARIABLE = "ORCHESTRATOR_PROJECT"
PERSON_VARIABLE = "ORCHESTRATOR_PERSON"
REGISTRY_VARIABLE = "ORCHESTRATOR_REGISTRY"
_NETWORK_VARIABLES = frozenset(
    {"PATH", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR", "SSH_AUTH_SOCK"}
)
ENVIRONMENT_VARIABLE = "ORCHESTRATOR_ENV"
DEV = "dev"
# Where `orchestrator dev` serves dbt's documentation, for the pages that link to it.
DOCS_VARIABLE = "ORCHESTRATOR_DOCS"
# The file that `orchestrator dev` writes when it is stopped, for whatever waits in its services.
STOPPING_VARIABLE = "ORCHESTRATOR_STOPPING"
# In a database of the home; nowhere; any other value is the address of a tracking server.
REGISTRY_AT_HOME, REGISTRY_OFF = "home", "off"
# What [tool.orchestrator] may say.
_TEXTS, _TABLES = ("defs", "dbt_project", "agents", "registry"), ("retention", "search")


@dataclass(frozen=True)
class Project:
    """Where a project's definitions are: components, dbt models, agent files."""

    root: Path
    defs: Path
    dbt_project: Path
    agents: Path


@dataclass(frozen=True)
class Home:
    """All state, in one folder. Deleting it is a clean start."""

    root: Path

    @property
    def landing(self) -> Path:
        return self.root / "landing"

    @property
    def archive(self) -> Path:
        return self.root / "archive"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def candidates(self) -> Path:
        return self.root / "candidates"

    @property
    def workbenches(self) -> Path:
        return self.root / "workbenches"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def projections(self) -> Path:
        return self.root / "projections"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def dagster(self) -> Path:
        return self.root / "dagster"

    @property
    def queue(self) -> Path:
        """Who works at which asset now."""
        return self.root / "queue"

    @property
    def backups(self) -> Path:
        return self.root / "backups"

    @property
    def evidence(self) -> Path:
        """What was measured of versions: it cannot be made again from the lake."""
        return self.root / "evidence"

    @property
    def pulls(self) -> Path:
        """How far each source that pulls has come."""
        return self.root / "pulls"

    @property
    def marker(self) -> Path:
        return self.root / "home.json"

    @property
    def overlay_marker(self) -> Path:
        """Is there where the home lies over another one, and says over which."""
        return self.root / "overlay.json"


@dataclass(frozen=True)
class Retention:
    """What `gc` keeps beyond heads and releases.

    Versions younger than `days`, and the newest `versions` of each asset; the newest `rejected` candidates of each
    asset, and those younger than `rejected_days`. Whatever somebody may have begun to read less than `reader_hours`
    ago stays.
    """

    days: float = 30
    versions: int = 10
    rejected: int = 3
    rejected_days: float = 7
    reader_hours: float = 24


@dataclass(frozen=True)
class Searching:
    """What the condition of a search may take, in the process of its own where it is computed."""

    condition_seconds: float = 10
    condition_memory_mb: int = 1024


@dataclass(frozen=True)
class Settings:
    """A landed file counts as whole when nobody wrote to it for `settle_seconds`; `closed_seconds` are enough where the
    operating system says that nobody has it open for writing (`None`: it is not asked).

    `over` is the home that this one lies over: that one is only read, and nothing is sent anywhere from this one.
    """

    home: Home
    project: Project
    retention: Retention = Retention()
    registry: str = REGISTRY_AT_HOME
    searching: Searching = Searching()
    lock_timeout_seconds: float = 60.0
    settle_seconds: float = 2.0
    over: Path | None = None
    docs_address: str = ""
    closed_seconds: float | None = 0.3


def load_settings(
    home: Path | None = None,
    project: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    check_format: bool = True,
) -> Settings:
    """Returns the settings: arguments first, then the environment, then the project's own folder.

    Where the environment is `dev`, the home that would be used is only read: another one lies over it, in the project.

    Args:
        check_format: Whether a home that this version cannot read is refused; whoever looks for damage reads on.

    Raises:
        Misuse: The folder named is not a project.
        DefinitionError: What the project sets is not what can be set.
        NewerHome: The home was written by a newer format.
    """
    found = load_project(project or _path(environment.get(PROJECT_VARIABLE)))
    root = home or _path(environment.get(HOME_VARIABLE)) or found.root / ".orchestrator"
    file = found.root / "pyproject.toml"
    named = Home(root.expanduser().resolve())
    over = read_overlay(named)
    if over is None and load_environment(environment) == DEV:
        named, over = Home(found.root / f".orchestrator-{DEV}"), named.root
    registry = load_registry(file, environment)
    settings = Settings(
        home=named,
        project=found,
        retention=load_retention(file),
        registry=registry if over is None or registry == REGISTRY_AT_HOME else REGISTRY_OFF,
        searching=load_searching(file),
        over=over,
        docs_address=environment.get(DOCS_VARIABLE, ""),
    )
    if check_format:
        check_home_format(settings.home)
    return settings


def load_environment(environment: Mapping[str, str] = os.environ) -> str:
    """Returns `dev`, or nothing where commands work on the home itself.

    Raises:
        Misuse: The environment names another one.
    """
    named = environment.get(ENVIRONMENT_VARIABLE, "").strip()
    if named not in {"", DEV}:
        raise Misuse(f"{ENVIRONMENT_VARIABLE} is {named!r}. Nothing was done. Set it to {DEV}, or leave it out.")
    return named


def read_overlay(home: Home) -> Path | None:
    """Returns the home that this one lies over, `None` where it lies over none.

    Raises:
        Misuse: The marker cannot be read.
    """
    try:
        return Path(json.loads(home.overlay_marker.read_text(encoding="utf-8"))["over"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Misuse(
            f"{home.overlay_marker} cannot be read ({error}), so it is not known what {home.root} lies over. Nothing"
            " was done. Remove the folder; it is made anew."
        ) from error


def load_settings_around(file: Path, environment: Mapping[str, str] = os.environ) -> Settings:
    """Returns the settings of the project that a file is in; where the environment names one, that one's.

    Raises:
        Misuse: It is in none, and neither is the working folder.
        DefinitionError: What the project sets is not what can be set.
    """
    if not environment.get(PROJECT_VARIABLE):
        for folder in file.resolve().parents:
            if _project_table(folder / "pyproject.toml") is not None:
                return load_settings(project=folder, environment=environment)
    return load_settings(environment=environment)


def load_retention(file: Path) -> Retention:
    """Returns what a project's `[tool.orchestrator.retention]` says, with the defaults for what it leaves out.

    Raises:
        DefinitionError: A name is unknown, or a value is no number of at least zero.
    """
    return Retention(**_numbers(file, "retention", Retention))


def load_searching(file: Path) -> Searching:
    """Returns what a project's `[tool.orchestrator.search]` says, with the defaults for what it leaves out.

    Raises:
        DefinitionError: A name is unknown, or a value is no number of at least zero.
    """
    return Searching(**_numbers(file, "search", Searching))


def _numbers(file: Path, name: str, wanted: type[Retention | Searching]) -> dict[str, Any]:
    said = (_project_table(file) or {}).get(name, {})
    known: dict[str, object] = {field.name: field.type for field in fields(wanted)}
    wrong = [
        key
        for key, value in (said.items() if isinstance(said, dict) else [(name, said)])
        if key not in known
        or isinstance(value, bool)
        or not isinstance(value, int if known[key] is int else int | float)
        or value < 0
    ]
    if wrong:
        raise DefinitionError(
            file=file,
            problem=f"[tool.orchestrator.{name}] cannot have {wrong[0]!r} as it stands",
            fix=f"Give numbers of at least 0, whole ones for counts, for any of: {', '.join(sorted(known))}.",
        )
    return dict(said)


def load_registry(file: Path, environment: Mapping[str, str] = os.environ) -> str:
    """Returns where published models are registered: `home`, `off`, or the address of a tracking server.

    The environment goes before the project.

    Raises:
        DefinitionError: What either says is none of these.
    """
    named = environment.get(REGISTRY_VARIABLE, "")
    said = named or (_project_table(file) or {}).get("registry", REGISTRY_AT_HOME)
    if said in {REGISTRY_AT_HOME, REGISTRY_OFF} or str(said).startswith(("http://", "https://")):
        return str(said)
    raise DefinitionError(
        file=file,
        problem=f"{REGISTRY_VARIABLE if named else '`registry` in [tool.orchestrator]'} says {said!r}",
        fix=f'Write "{REGISTRY_AT_HOME}", "{REGISTRY_OFF}", or the http(s) address of a tracking server.',
    )


def load_stopping(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the file that is there as soon as the services of this process are being stopped; `None` where nobody
    would write it.
    """
    file = environment.get(STOPPING_VARIABLE)
    return Path(file) if file else None


def load_user_cache(environment: Mapping[str, str] = os.environ) -> Path | None:
    """Returns the folder for what is found out once on this machine, `None` where this process has no home folder."""
    named, home = _path(environment.get("XDG_CACHE_HOME")), _path(environment.get("HOME"))
    folder = named or (home / ".cache" if home else None)
    return folder / "orchestrator" if folder and folder.is_absolute() else None


def load_person(environment: Mapping[str, str] = os.environ) -> str:
    """Returns the name of the person at work: as the environment says, else that of the operating system's user."""
    named = environment.get(PERSON_VARIABLE, "")
    if named:
        return named
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid-{os.getuid()}"


def load_secret(variable: str, environment: Mapping[str, str] = os.environ) -> str | None:
    """Returns the value of a variable that a project names for a key; `None` where it is not set, or empty."""
    return environment.get(variable, "").strip() or None


def load_network_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Returns what a program of the system needs to find other programs, proxies and certificates, and no more."""
    return {name: value for name, value in environment.items() if name.upper() in _NETWORK_VARIABLES}


def decline_reports(environment: MutableMapping[str, str] = os.environ) -> None:
    """Tells libraries that would report their use to their makers not to; they ask when they are imported."""
    environment.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def load_project(root: Path | None = None) -> Project:
    """Returns the project at `root`, else the one around the working folder.

    A project is a folder whose pyproject.toml has a table `[tool.orchestrator]`.

    Raises:
        Misuse: There is none.
        DefinitionError: A pyproject.toml on the way cannot be read.
    """
    for folder in [root] if root else _upwards(Path.cwd()):
        table = _project_table(folder / "pyproject.toml")
        if table is not None:
            base = folder.resolve()
            return Project(
                root=base,
                defs=base / table.get("defs", "defs"),
                dbt_project=base / table.get("dbt_project", "dbt_project"),
                agents=base / table.get("agents", "agents"),
            )
    where = f"{root} is not a project" if root else f"{Path.cwd()} is not inside a project"
    raise Misuse(
        f"{where}: a project is a folder whose pyproject.toml has the table [tool.orchestrator]. Nothing was done."
        f" Change into one, or name it with --project or {PROJECT_VARIABLE}."
    )


def _upwards(folder: Path) -> list[Path]:
    return [folder, *folder.parents]


def _project_table(file: Path) -> dict[str, Any] | None:
    if not file.is_file():
        return None
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DefinitionError(file=file, problem=f"is not valid TOML: {error}", fix="Mend the file.") from error
    tool = document.get("tool")
    table = tool.get("orchestrator") if isinstance(tool, dict) else None
    if table is None:
        return None
    _require_known(file, table)
    return dict(table)


def _require_known(file: Path, table: object) -> None:
    """A misspelt setting would else be as if it had not been written, one of `gc`'s among them."""
    said = table if isinstance(table, dict) else {"tool.orchestrator": table}
    wrong = [
        name
        for name, value in said.items()
        if not (isinstance(value, str) if name in _TEXTS else name in _TABLES and isinstance(value, dict))
    ]
    if wrong:
        raise DefinitionError(
            file=file,
            problem=f"[tool.orchestrator] cannot have {wrong[0]!r} as it stands",
            fix=f"Known are the texts {', '.join(_TEXTS)} and the tables {', '.join(_TABLES)}.",
        )
