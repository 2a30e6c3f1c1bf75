"""The rows that a model is asked about: what identifies them, and what it is given of each, as SQL."""

from collections.abc import Sequence

from ..records.scores import INPUTS_HASH, ScoresOptions
from ..sql import identifier


def rows_to_score(options: ScoresOptions, examples: str) -> str:
    """Returns what can stand after FROM for the rows that are to have scores, with all their columns.

    Args:
        examples: The table of examples, as text that can stand after FROM.
    """
    return f"(SELECT * FROM {examples} WHERE ({options.where}\n))" if options.where else examples


def inputs_hash(features: Sequence[str]) -> str:
    """Returns the expression of the sha256 of what a model with these features is given of a row."""
    fields = ", ".join(f"{identifier(name)} := {identifier(name)}" for name in features)
    return f"sha256(to_json(struct_pack({fields}))) AS {INPUTS_HASH}"
