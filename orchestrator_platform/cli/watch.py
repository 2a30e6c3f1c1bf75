"""`orchestrator watch`: carries what arrives through to everything made of it, a line for each outcome."""

import signal
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_NO
from .json_text import json_text
from .place import Place, takes_place
from .text import plural, visible

if TYPE_CHECKING:
    from ..gate.context import Gate
    from ..operations.watch import Told


@click.command
@click.option("--once", is_flag=True, help="Stop when nothing is left that can be done now.")
@takes_place
def watch(place: Place, once: bool) -> int:
    """Land what arrives and build what changed, as it happens, without Dagster.

    Files dropped into landing are landed when they are whole, and whatever their rows change is built, audited and
    published. Models wait for a person. SIGTERM and Ctrl-C end it after the publication that it is at. With --json
    every line is an object. With --once the exit code is 1 where something was not published.
    """
    from ..operations.watch import Watch

    codes = [0]

    def tell(gate: "Gate", told: "Told") -> None:
        codes.append(_code(told))
        for line in _json_lines(gate, told) if place.as_json else _lines(gate, told):
            click.echo(line)

    watching = Watch(place.platform().settings, tell)
    before = {number: signal.signal(number, _stopper(watching.stop)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        watching.run(once=once)
    finally:
        for number, found in before.items():
            signal.signal(number, found)
    return max(codes) if once else 0


def _stopper(stop: Any) -> Any:
    def received(number: int, _frame: object) -> None:
        # Whoever asks a second time does not want to wait for the end.
        signal.signal(number, signal.default_int_handler)
        stop()

    return received


def _code(told: "Told") -> int:
    from ..operations.build import BuildResult
    from ..operations.land import LandResult
    from ..operations.watch import Problem

    if isinstance(told, Problem):
        return told.error.exit_code
    is_no = told.is_no if isinstance(told, LandResult) else BuildResult((told,)).is_no
    return EXIT_NO if is_no else 0


def _lines(gate: "Gate", told: "Told") -> Iterator[str]:
    from ..operations.land import LandResult
    from ..operations.status import read_serving
    from ..operations.watch import Problem
    from .outcomes import outcome_lines

    if isinstance(told, Problem):
        yield f"{told.about}  failed  {visible(told.error)}"
        return
    outcome = told.landed.outcome if isinstance(told, LandResult) else told
    yield from outcome_lines([outcome], read_serving(gate))
    for entry in told.landed.quarantined if isinstance(told, LandResult) else ():
        if entry.kind == "rows":
            reasons = ", ".join(f"{number:,} × {visible(rule)}" for rule, number in entry.reasons.items())
            look = f"look: `orchestrator quarantine show {entry.id}`"
            yield f"{outcome.asset}  {plural(entry.n_rows, 'row')} in quarantine: {reasons}; {look}"


def _json_lines(gate: "Gate", told: "Told") -> Iterator[str]:
    from ..operations.land import LandResult
    from ..operations.status import read_serving
    from ..operations.watch import Problem
    from .outcomes import outcome_json

    if isinstance(told, Problem):
        error = told.error
        shown = {"outcome": "failed", "code": error.code, "message": str(error), "retryable": error.retryable}
        yield json_text({"asset": told.about, **shown})
    elif isinstance(told, LandResult):
        landed = told.landed
        yield json_text(
            {"source": told.source, **outcome_json(landed.outcome, read_serving(gate)), "files": len(landed.ledger)}
        )
    else:
        yield json_text(outcome_json(told, read_serving(gate)))
