"""How long a person waits for the command line: cold processes, bytecode compiled."""

import json
from pathlib import Path

from .feeds import open_feed
from .reporting import Report, Row
from .running import Setting, interleave, python, run_child, spread

NAME = "start"
_HELP, _STATUS = 0.3, 1.0


def measure(setting: Setting) -> Report:
    """`status` is asked of a home in which a first feed is published."""
    home = _published_home(setting)
    helped, status, empty = (["orchestrator", "--help"], ["orchestrator", "--home", str(home), "status"], ["-c", ""])
    for command in (helped, status):
        run_child(command)
    helps, states, pythons = interleave(
        max(5, setting.repeats),
        lambda _: run_child(helped),
        lambda _: run_child(status),
        lambda _: run_child(python(*empty)),
    )
    bare = spread([run.seconds for run in pythons]).show(" s")
    rows = []
    for what, runs, most in (("orchestrator --help", helps, _HELP), ("orchestrator status", states, _STATUS)):
        taken = spread([run.seconds for run in runs])
        rows.append(
            Row(f"`{what}`", taken.show(" s"), f"python -c '': {bare}", taken.show(" s"), f"≤ {most} s",
                taken.median <= most)
        )  # fmt: skip
    return Report(NAME, tuple(rows), (f"{len(helps)} rounds.",))


def _published_home(setting: Setting) -> Path:
    feed = open_feed(None, setting.scratch, quick=True)
    home, script = setting.scratch / "home-start", setting.scratch / "start.json"
    catalogue = [str(file) for file in feed.catalogue]
    steps = [{"name": "full", "land": [["vulnrichment", [str(feed.month)]], ["kev", catalogue]], "build": True}]
    script.write_text(json.dumps(steps), encoding="utf-8")
    run_child(python("-m", "benchmarks.children.carry_feed", str(home), str(script)))
    return home
