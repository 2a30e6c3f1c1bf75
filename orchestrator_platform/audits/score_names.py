"""The names of the checks of scores, and what the process that scores anew is called. Light: no numerics."""

PROBABILITIES, COVERAGE = "probabilities", "coverage"
BY_THE_MODEL, SCORED_ANEW = "by_the_published_model", "scored_anew"
DRIFT_SCORES = "drift_scores"
CHECKS = (PROBABILITIES, COVERAGE, BY_THE_MODEL, SCORED_ANEW, DRIFT_SCORES)
