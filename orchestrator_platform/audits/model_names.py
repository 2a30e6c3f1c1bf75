"""The names of a model's checks, and what the judging process and whoever starts it call things between them.

Light: whoever only wants to know what is checked loads no numerics.
"""

from collections.abc import Mapping

from ..records.models import ModelOptions
from .check_names import check_names

ARTEFACT_HASH, RECORDED, ARTEFACT_SIZE = "artefact_hash", "recorded", "artefact_size"
SPLIT, ENOUGH = "split_by_time", "enough_examples"
TYPES, LOADS = "artefact_types", "loads_and_scores"
BASELINE, CHAMPION, CALIBRATION = "baseline", "champion", "calibration"
ONE_FEATURE, NEAR_DUPLICATES = "one_feature", "near_duplicate_texts"
MISSING, LATENCY = "missing_features", "latency"
DETERMINISTIC, TRAINED_AS_DECLARED = "deterministic", "trained_as_declared"

MODULE = "orchestrator_platform.audits.model_judging"
# Files of the judging process.
CANDIDATE_FILE, CHAMPION_FILE, TRAINED_ANEW_FILE = "candidate.skops", "champion.skops", "trained_anew.skops"
TRAIN_FILE, HOLDOUT_FILE, ANSWERS_FILE = "train.parquet", "holdout.parquet", "answers.npy"
# Columns of the holdout beside those of the examples.
CLUSTER, SLICE = "__cluster", "__slice_"
# What a task asks for.
JUDGE, COMPARE, ONLY_CHAMPION = "judge", "compare", "champion"
# Where code, data and seed are the same, only the rounding of another machine may show.
SAME_ANSWER = 0.01


def metric_checks(options: ModelOptions) -> Mapping[str, float | None]:
    """Returns the metrics that are measured, each the name of its check, with its floor: the main one always."""
    floors: Mapping[str, float] = {str(name): floor for name, floor in options.floors.items()}
    return {options.metric: floors.get(options.metric), **floors}


def slice_checks(options: ModelOptions) -> tuple[str, ...]:
    """Returns the names of the checks of slices, in their order."""
    return check_names([f"slice {part.name}" for part in options.slices])


def model_check_names(options: ModelOptions) -> tuple[str, ...]:
    """Returns the names of all checks of a model, in the order in which they run."""
    return (
        *(ARTEFACT_HASH, RECORDED, ARTEFACT_SIZE, SPLIT, ENOUGH, TYPES, LOADS, BASELINE),
        *metric_checks(options),
        *slice_checks(options),
        *(CHAMPION, CALIBRATION, ONE_FEATURE),
        *([NEAR_DUPLICATES] if options.features.text else []),
        *(MISSING, LATENCY, DETERMINISTIC, TRAINED_AS_DECLARED),
    )
