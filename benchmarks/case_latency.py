"""How long after a file was dropped everything of `marts` is made of it, by Dagster's daemon and by `watch`."""

import json
import shutil
import statistics
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .reporting import Report, Row
from .running import Setting, python, run_child

NAME = "latency"
_BY_DAEMON, _BY_WATCH, _OVER_BUILD = 8.0, 2.0, 4.0
_DROPS, _QUICK_DROPS, _RECORDS = 50, 5, 3_000


def measure(setting: Setting) -> Report:
    """Each way works at a home of its own, in which the first files are published, and is given the same drops."""
    home, drops = _published_home(setting)
    n_drops = len(list(drops.iterdir()))
    rows = []
    for how, most in (("watch", _BY_WATCH), ("daemon", _BY_DAEMON)):
        own = setting.scratch / f"home-{how}"
        _copy_home(home, own)
        said = run_child(python("-m", "benchmarks.children.drop_files", str(own), str(drops), "vulnrichment", how))
        taken = sorted(said.said["seconds"])
        setting.say(f"{how}: {', '.join(f'{seconds:.2f}' for seconds in taken)}")
        name = "`orchestrator watch`" if how == "watch" else "Dagster's daemon"
        half = statistics.median(taken)
        rows.append(
            Row(f"a file dropped → marts published, by {name}", _distribution(taken), "", f"p50 {half:.2f} s",
                f"p50 ≤ {most:g} s", half <= most)
        )  # fmt: skip
    rows.append(_over_build(setting, home))
    return Report(
        NAME, tuple(rows), (f"{n_drops} drops of about 30 records each on {_RECORDS:,}, at any moment of a beat.",)
    )


def _distribution(taken: Sequence[float]) -> str:
    seen = np.percentile(taken, [0, 25, 50, 75, 90, 100], method="inverted_cdf")
    return " · ".join(f"{seconds:.2f}" for seconds in seen) + " s"


def _published_home(setting: Setting) -> tuple[Path, Path]:
    """Returns a home with the first files in its marts, and a folder of files to drop."""
    from orchestrator_platform.defs.sample_feed import write_next_batch, write_sample_feed

    feed = write_sample_feed(setting.scratch / "feed", seed=7, n_records=_RECORDS, days=7)
    first, drops = setting.scratch / "first", setting.scratch / "drops"
    shutil.copytree(feed.vulnrichment, first)
    drops.mkdir()
    for number in range(1, (_QUICK_DROPS if setting.quick else _DROPS) + 1):
        file = write_next_batch(feed, batch=number).file
        shutil.copyfile(file, drops / f"{number:03}-{file.name}")
    home, script = setting.scratch / "home", setting.scratch / "steps.json"
    catalogue = [str(file) for file in feed.kev_files]
    steps = [{"name": "first", "land": [["vulnrichment", [str(first)]], ["kev", catalogue]], "build": True}]
    script.write_text(json.dumps(steps), encoding="utf-8")
    run_child(python("-m", "benchmarks.children.carry_feed", str(home), str(script)))
    run_child(["orchestrator", "--home", str(home), "build"])
    return home, drops


def _copy_home(home: Path, to: Path) -> None:
    """Files of the lake are known by where they lie, so that a home is moved by its own commands."""
    backup = to.with_name(f"{to.name}-backup")
    run_child(["orchestrator", "--home", str(home), "backup", str(backup)])
    run_child(["orchestrator", "--home", str(to), "restore", str(backup)])


def _over_build(setting: Setting, home: Path) -> Row:
    said = run_child(
        python("-m", "benchmarks.children.launch_runs", str(home), "marts.triage", "2" if setting.quick else "10")
    ).said
    by_hand, by_page = statistics.median(said["built"]), statistics.median(said["launched"])
    return Row(
        "a run started from the UI, over `orchestrator build`", f"{by_page:.2f} s", f"{by_hand:.2f} s",
        f"+{by_page - by_hand:.2f} s", f"≤ +{_OVER_BUILD:g} s", by_page - by_hand <= _OVER_BUILD,
    )  # fmt: skip
