"""Opens a registry: a database in the home, or a tracking server. Nothing but this module imports MLflow."""

import logging
import sqlite3
import warnings
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import TargetFailed
from ...settings import decline_reports

if TYPE_CHECKING:
    from mlflow import MlflowClient

EXPERIMENT = "orchestrator"


@dataclass(frozen=True)
class RegistryPlace:
    """`url` is that of a tracking server; without one the registry is a database in `folder`, its artefacts beside."""

    folder: Path
    url: str = ""

    @property
    def database(self) -> Path:
        return self.folder / "registry.db"

    @property
    def uri(self) -> str:
        return self.url or f"sqlite:///{self.database}"

    @property
    def artefacts(self) -> str | None:
        """Where new experiments keep artefacts; a server decides for itself."""
        return None if self.url else (self.folder / "artefacts").as_uri()

    @property
    def is_there(self) -> bool:
        return bool(self.url) or self.database.is_file()


@contextmanager
def connected(place: RegistryPlace, target: str, *, anew: bool = False) -> "Iterator[MlflowClient]":
    """Holds the registry open for the body; a database that is not there is made.

    Args:
        anew: A database in the home that cannot be opened is set aside, and another one made.

    Raises:
        TargetFailed: It cannot be reached or opened, or refused what was asked of it.
    """
    client = _opened(place, target, anew=anew)
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield client
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        raise _failed(place, target, error) from error


def _opened(place: RegistryPlace, target: str, *, anew: bool) -> "MlflowClient":
    # Asked before MLflow is: it keeps what it opened once, broken or not, as long as the process lives.
    if problem := _database_problem(place, every_page=anew):
        if not anew:
            raise _failed(place, target, problem)
        _set_aside(place.database)
    try:
        return open_client(place)
    except Exception as error:  # what is no database of a registry may be wrong in any way
        raise _failed(place, target, error) from error


def _database_problem(place: RegistryPlace, *, every_page: bool) -> str:
    if place.url or not place.is_there:
        return ""
    look = "PRAGMA quick_check(1)" if every_page else "SELECT 'ok' FROM (SELECT count(*) FROM sqlite_master)"
    try:
        with closing(sqlite3.connect(f"{place.database.as_uri()}?mode=ro", uri=True)) as connection:
            found = str(connection.execute(look).fetchone()[0])
    except sqlite3.OperationalError:
        return ""  # somebody else is at it, or may: that is told by who opens it
    except sqlite3.DatabaseError as error:
        return str(error)
    return "" if found == "ok" else found


def _set_aside(database: Path) -> None:
    # What SQLite keeps beside a database would be taken for a part of the next one.
    for suffix in ("", "-wal", "-shm", "-journal"):
        file = database.with_name(f"{database.name}{suffix}")
        if file.exists():
            file.replace(file.with_name(f"{file.name}.broken"))


def _failed(place: RegistryPlace, target: str, error: Exception | str) -> TargetFailed:
    first = (str(error).strip() or type(error).__name__).splitlines()[0][:500]
    fix = (
        f"What is published stands. `orchestrator projections rebuild {target}` sets it aside and makes another."
        if isinstance(error, str)
        else "What is published stands. When the registry answers again: `orchestrator projections sync`."
    )
    return TargetFailed(target=target, problem=f"the registry at {place.uri} says: {first}", fix=fix)


def open_client(place: RegistryPlace) -> "MlflowClient":
    """Returns a client of the registry."""
    if not place.url:
        place.folder.mkdir(parents=True, exist_ok=True)
    decline_reports()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its own dependencies warn of is not ours to mend
        from mlflow import MlflowClient

        for name in ("alembic", "mlflow"):
            logging.getLogger(name).setLevel(logging.WARNING)
        return MlflowClient(tracking_uri=place.uri, registry_uri=place.uri)
