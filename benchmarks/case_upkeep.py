"""A home of many versions and one of many assets looked after: what it costs, and what many versions cost others."""

from .reporting import Report, Row
from .running import Setting, python, run_child

NAME = "upkeep"
N_VERSIONS, QUICK_VERSIONS = 1000, 100
N_ASSETS, QUICK_ASSETS = 100, 20
_MOST_GC, _MOST_DOCTOR, _MOST_BACKUP, _MOST_SLOWER = 30.0, 5.0, 2.0, 1.5


def measure(setting: Setting) -> Report:
    """One round: making the versions takes minutes. The first and the last ten go through the gate."""
    n_versions = QUICK_VERSIONS if setting.quick else N_VERSIONS
    n_assets = QUICK_ASSETS if setting.quick else N_ASSETS
    ours = run_child(_child("versions", setting, n_versions)).said
    setting.say(f"{n_versions} versions looked after")
    doctor = run_child(_child("assets", setting, n_assets)).said
    return Report(
        NAME,
        (
            _row(f"`gc` of {ours['n_freed']:,} of {n_versions:,} versions", float(ours["gc"]), _MOST_GC),
            _row(f"`doctor` of {n_assets:,} assets, every byte read", float(doctor["doctor"]), _MOST_DOCTOR),
            _row("`backup` with nothing changed", float(ours["backup_nothing"]), _MOST_BACKUP),
            Row("…the first one", f"{ours['backup_first']:.2f} s", "", f"{ours['backup_first']:.2f} s"),
            _slower("a file landed and published", ours["publish_first"], ours["publish_last"], n_versions),
            _slower("`status`", ours["status_first"], ours["status_last"], n_versions),
            Row(
                "…a file landed after `gc`",
                f"{ours['publish_after']:.2f} s",
                f"among the first ten: {ours['publish_first']:.2f} s",
                f"{ours['publish_after'] / ours['publish_first']:.2f}×",
            ),
        ),
        (
            "One round. Versions between the first and the last ten are published by the writer alone.",
            f"The home that the doctor looks at: {doctor['n_versions']:,} versions, {doctor['n_files']:,} files.",
        ),
    )


def _child(what: str, setting: Setting, number: int) -> list[str]:
    return python("-m", "benchmarks.children.look_after", what, str(setting.scratch / what), str(number))


def _row(what: str, seconds: float, most: float) -> Row:
    return Row(what, f"{seconds:.2f} s", "", f"{seconds:.2f} s", f"≤ {most:g} s", seconds <= most)


def _slower(what: str, first: float, last: float, n_versions: int) -> Row:
    return Row(
        f"{what}, the asset having {n_versions:,} versions",
        f"{last:.2f} s",
        f"among the first ten: {first:.2f} s",
        f"{last / first:.2f}×",
        f"≤ {_MOST_SLOWER:g}×",
        last <= _MOST_SLOWER * first,
    )
