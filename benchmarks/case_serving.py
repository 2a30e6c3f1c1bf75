"""Published models: scoring a table, one question to the server, and a steady load while the champion changes."""

from collections.abc import Sequence

import numpy as np

from .reporting import Report, Row
from .running import Setting, python, run_child

NAME = "serving"
N_ROWS, QUICK_ROWS = 44_000, 2_000
SECONDS, QUICK_SECONDS = 60, 10
_CHILD = "benchmarks.children.serve_model"
_SCORED, _ONE_ROW = 10.0, 0.025


def measure(setting: Setting) -> Report:
    """One home with two versions of a model of text and numbers; a rollback every six seconds changes the champion."""
    n_rows = QUICK_ROWS if setting.quick else N_ROWS
    seconds = QUICK_SECONDS if setting.quick else SECONDS
    folder = str(setting.scratch / "serving")
    run_child(python("-m", _CHILD, "make", folder, str(n_rows)))
    setting.say("two versions of a model are published")
    scored = run_child(python("-m", _CHILD, "score", folder, str(n_rows))).said["seconds"]
    setting.say(f"{n_rows:,} rows are scored")
    asked = run_child(python("-m", _CHILD, "ask", folder, str(seconds))).said
    alone, steady = asked["alone"], asked["steady"]
    late = float(np.percentile(alone, 95))
    shares = scored["a tenth more"] / scored["all"]
    return Report(
        NAME,
        (
            Row(f"scoring {n_rows:,} rows, audited and published", f"{scored['all']:.1f} s", "",
                f"{scored['all']:.1f} s", f"≤ {_SCORED:.0f} s", scored["all"] <= _SCORED),
            Row("…a tenth more of them", f"{scored['a tenth more']:.1f} s", "", f"{shares:.2f} of that"),
            Row("one row asked of the server, one after the other", _shown(alone), "", f"{late * 1000:.1f} ms",
                f"≤ {_ONE_ROW * 1000:.0f} ms", late <= _ONE_ROW),
            Row(f"100 questions a second for {seconds} s, the champion changing", _shown(steady), "",
                f"{asked['failed']} of {len(steady):,} failed", "none", asked["failed"] == 0),
        ),
        (
            "Given are median and 95th percentile; the client and what changes the champion share the machine.",
            f"Versions that answered under load: {', '.join(map(str, asked['versions']))}.",
        ),
    )  # fmt: skip


def _shown(seconds: Sequence[float]) -> str:
    return f"{np.median(seconds) * 1000:.1f} ms, {np.percentile(seconds, 95) * 1000:.1f} ms"
