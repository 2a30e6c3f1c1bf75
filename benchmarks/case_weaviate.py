"""A Weaviate server brought up to changed vectors, against the plain client, and asked."""

import numpy as np

from .reporting import Report, Row
from .running import Setting, python, ratios, run_child, spread

NAME = "weaviate"
N_TEXTS, N_CHANGED, N_QUESTIONS = 44_000, 10_000, 300
QUICK_TEXTS, QUICK_CHANGED, QUICK_QUESTIONS = 4_400, 1_000, 50
_MOST_RATIO, _LATEST, _LEAST_RECALL = 1.2, 0.010, 0.99


def measure(setting: Setting) -> Report:
    """One server; both ways change the same objects in each round, and take turns in who begins."""
    n_texts, n_changed, n_questions = (
        (QUICK_TEXTS, QUICK_CHANGED, QUICK_QUESTIONS) if setting.quick else (N_TEXTS, N_CHANGED, N_QUESTIONS)
    )
    numbers = (str(number) for number in (n_texts, n_changed, setting.repeats, n_questions))
    said = run_child(python("-m", "benchmarks.children.serve_vectors", str(setting.scratch), *numbers)).said
    ratio, seconds = ratios(said["ours"], said["plain"]), said["seconds"]
    late = float(np.percentile(seconds["vector"], 95))
    hybrid = float(np.percentile(seconds["hybrid"], 95))
    return Report(
        NAME,
        (
            Row(
                f"{n_changed:,} changed of {n_texts:,} brought to the server, verified",
                spread(said["ours"]).show(" s"),
                spread(said["plain"]).show(" s"),
                ratio.show("×"),
                f"≤ {_MOST_RATIO:g}×",
                ratio.median <= _MOST_RATIO,
            ),
            Row(
                f"all {n_texts:,} into a new collection, verified, the alias moved",
                f"{said['all_ours']:.1f} s",
                f"{said['all_plain']:.1f} s",
                f"{said['all_ours'] / said['all_plain']:.2f}×",
            ),
            Row(
                "a question by vector, 95th percentile",
                f"{late * 1000:.1f} ms",
                "",
                f"{late * 1000:.1f} ms",
                f"≤ {_LATEST * 1000:.0f} ms",
                late <= _LATEST,
            ),
            Row("…hybrid", f"{hybrid * 1000:.1f} ms", "", f"{hybrid * 1000:.1f} ms"),
            Row(
                "recall@10 against exact search",
                f"{said['recall']:.4f}",
                "1",
                f"{said['recall']:.4f}",
                f"≥ {_LEAST_RECALL:g}",
                said["recall"] >= _LEAST_RECALL,
            ),
        ),
        (
            f"{setting.rounds} on one server; vectors are made, of 384 numbers.",
            "The plain way: the client's batches of 500, two at once, objects in memory, nothing looked at afterwards.",
        ),
    )
