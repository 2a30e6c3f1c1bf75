"""Building batch by batch gives what one full build gives."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from orchestrator_platform.defs.sample_feed import write_next_batch, write_sample_feed

TABLES = (
    "staging.stg_cve_record",
    "staging.stg_affected_product",
    "staging.stg_kev",
    "marts.dim_vulnerability",
    "marts.dim_vulnerability_history",
    "marts.dim_product",
    "marts.bridge_vulnerability_product",
    "marts.fct_assessment",
    "marts.triage",
    "marts.daily_intake",
)


def _contents(scratch: Any) -> dict[str, tuple[list[Any], list[Any]]]:
    return {table: (scratch.rows(f"describe {table}"), scratch.rows(f"from {table} order by all")) for table in TABLES}


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 12))])
def test_random_batches_equal_a_full_build(new_scratch: Callable[[], Any], tmp_path: Path, seed: int) -> None:
    feed = write_sample_feed(tmp_path, seed=seed, n_records=170, days=2)
    files = [*feed.files, write_next_batch(feed).file]
    rng = Random(seed)  # noqa: S311  # which batches are built together is no secret
    stepwise, at_once = new_scratch(), new_scratch()
    for file in sorted(files):
        at_once.land_feed_file(file)
    for file in feed.kev_files:
        at_once.land_kev_file(file)
    snapshots = list(feed.kev_files)
    for place, file in enumerate(sorted(files)):
        stepwise.land_feed_file(file)
        if place in {2, 8}:
            stepwise.land_kev_file(snapshots.pop(0))
        if place == 0 or rng.random() < 0.4:
            stepwise.build(*(_some(rng) if place else ()))
    stepwise.build()
    at_once.build("--full-refresh")
    assert _contents(stepwise) == _contents(at_once)
    assert set(stepwise.build(command="test").values()) == {"pass"}


def _some(rng: Random) -> tuple[str, ...]:
    """Sometimes a table is left out, as when it was held back."""
    left_out = rng.choice(
        [None, "stg_affected_product", "fct_assessment", "dim_vulnerability", "dim_product", "triage"]
    )
    return ("--exclude", left_out) if left_out else ()


def test_a_build_with_nothing_new_changes_nothing(scratch: Any, tmp_path: Path) -> None:
    feed = write_sample_feed(tmp_path / "feed", seed=3, n_records=200, days=1)
    for file in feed.files:
        scratch.land_feed_file(file)
    scratch.build()
    before = _contents(scratch)
    scratch.build()
    assert _contents(scratch) == before
