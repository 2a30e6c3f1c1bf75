"""Two versions of many rows compared, against one plain join of both."""

from .reporting import Report, Row
from .running import Run, Setting, interleave, python, ratios, run_child, spread

NAME = "diff"
N_ROWS, QUICK_ROWS = 10_000_000, 1_000_000
_MOST_WHOLE, _MOST_FILES = 1.5, 0.1
# 1 % of the rows changed: those of one stretch, as when a day's rows are corrected, or here and there.
_KINDS = {"together": "changed rows lie together", "scattered": "changed rows lie scattered"}


def measure(setting: Setting) -> Report:
    """All ways read the same lake; clocks start with both versions attached."""
    n_rows = QUICK_ROWS if setting.quick else N_ROWS
    rows: list[Row] = []
    for kind, words in _KINDS.items():
        folder = setting.scratch / kind
        run_child(_child("make", kind, str(folder), str(n_rows)))

        def compare(way: str, folder: str = str(folder), kind: str = kind) -> Run:
            return run_child(_child(way, kind, folder, str(n_rows)))

        files, whole, plain = interleave(
            setting.repeats,
            lambda _, compare=compare: compare("files"),  # type: ignore[misc]
            lambda _, compare=compare: compare("whole"),  # type: ignore[misc]
            lambda _, compare=compare: compare("plain"),  # type: ignore[misc]
            say=setting.say,
        )
        found = {run.said["n_changed"] for run in (*files, *whole, *plain)}
        assert len(found) == 1, f"the ways disagree on the number of changed rows: {found}"
        rows += [
            _row(f"{n_rows:,} rows, {words}: both versions whole", whole, plain, _MOST_WHOLE),
            _row("…from the files that differ", files, plain, _MOST_FILES),
        ]
    return Report(NAME, tuple(rows), (f"{setting.rounds}; 1 % of the rows changed in one column.",))


def _row(what: str, ours: list[Run], plain: list[Run], most: float) -> Row:
    seconds, plain_seconds = _seconds(ours), _seconds(plain)
    ratio = ratios(seconds, plain_seconds)
    shown = spread(seconds).show(" s"), spread(plain_seconds).show(" s")
    return Row(what, *shown, ratio.show("×"), f"≤ {most}×", ratio.median <= most)


def _seconds(runs: list[Run]) -> list[float]:
    return [float(run.said["seconds"]) for run in runs]


def _child(*arguments: str) -> list[str]:
    return python("-m", "benchmarks.children.diff_rows", *arguments)
