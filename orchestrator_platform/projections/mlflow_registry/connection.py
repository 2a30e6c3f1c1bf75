"""Opens a registry: a database in the home, or a tracking server. Nothing but this module imports MLflow."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
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
def connected(place: RegistryPlace, target: str) -> "Iterator[MlflowClient]":
    """Holds the registry open for the body; a database that is not there is made.

    Raises:
        TargetFailed: It cannot be reached, or refused what was asked of it.
    """
    client = open_client(place)
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield client
    except (MlflowException, RequestException, SQLAlchemyError, OSError) as error:
        problem = f"the registry at {place.uri} says: {str(error).strip().splitlines()[0][:500]}"
        fix = "What is published stands. When the registry answers again: `orchestrator projections sync`."
        raise TargetFailed(target=target, problem=problem, fix=fix) from error


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
