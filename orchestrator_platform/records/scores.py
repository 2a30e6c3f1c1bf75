"""What a project says of scores: which model answers for which rows of its examples, and the columns of its answers."""

from collections.abc import Sequence
from typing import Self

from pydantic import Field, model_validator

from .base import Record
from .keys import AssetKey

PREDICTED, CONFIDENCE = "predicted", "confidence"
MODEL_VERSION, MODEL_SHA256, INPUTS_HASH = "model_version", "model_sha256", "inputs_hash"
PROBABILITY = "p_"
# Name, type and meaning of each column after those of the probabilities, in order.
OWN_COLUMNS = (
    (PREDICTED, "VARCHAR", "The class that the model calls, by the threshold that was chosen with it."),
    (CONFIDENCE, "DOUBLE", "The probability that the model gives to the class that it calls."),
    (MODEL_VERSION, "INTEGER", "The published version of the model that answered; a restored one keeps its number."),
    (MODEL_SHA256, "VARCHAR", "sha256 of its artefact."),
    (INPUTS_HASH, "VARCHAR", "sha256 of what the model was given of the row."),
)


def probability_column(name: str) -> str:
    """Returns the column that holds the probability of a class."""
    return f"{PROBABILITY}{name}"


def score_columns(classes: Sequence[str]) -> tuple[str, ...]:
    """Returns the columns that scores have beside their key, in order."""
    return (*(probability_column(name) for name in classes), *(name for name, _, _ in OWN_COLUMNS))


class ScoresOptions(Record):
    """Scores, as their component declares them. `examples` is a table with the model's features whose grain is `key`.

    `where` is a condition in SQL over its columns: which rows are scored, all where nothing is said. `max_shift` is the
    population stability index above which a class's probabilities have moved (.25 is commonly read as a major shift).
    """

    model: AssetKey
    examples: AssetKey
    key: tuple[str, ...] = Field(min_length=1)
    where: str = ""
    max_shift: float = Field(default=0.25, gt=0)

    @model_validator(mode="after")
    def _key_stands_beside_own_columns(self) -> Self:
        own = {name for name, _, _ in OWN_COLUMNS}
        for name in self.key:
            if name.lower() in own or name.startswith("__"):
                raise ValueError(f"key column {name!r} has a name that is the platform's: give it another")
        return self


class ScoringCounts(Record):
    """What one scoring did: `scored` rows went to the model, `reused` stand as they serve, `removed` are gone.

    `model_version` is that of the model which answered, 0 where none is published.
    """

    scored: int = 0
    reused: int = 0
    removed: int = 0
    model_version: int = 0
    seconds: float = 0.0
