"""`orchestrator selftest`: plants defects into copies of what serves and counts what the audits catch."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from ..errors import EXIT_NO
from .json_text import json_text
from .place import Place, takes_place
from .progress import Progress
from .text import count, plural, shorten, table

if TYPE_CHECKING:
    from ..records.selftests import PlantedDefect, SelfTested, Tally

_HEADERS = ("planted", "blocked", "warned", "missed", "caught")
_NUMBERS = range(1, 1 + len(_HEADERS))
_MOST_MISSED = 30
_LINE_WIDTH = 200


@click.command
@click.argument("assets", nargs=-1)
@click.option("--kind", "kinds", multiple=True, metavar="KIND", help="Plant this kind alone; may be repeated.")
@click.option("--columns", "n_columns", type=click.IntRange(min=1), help="At most N defects of a kind in an asset.")
@click.option("--seed", default=0, show_default=True, help="Decides which rows and columns are hit.")
@click.option(
    "--at-least", default=0.95, show_default=True, type=click.FloatRange(0, 1), help="The share that must be caught."
)
@click.option("--max-rows", default=200_000, show_default=True, help="Larger tables are left out.")
@takes_place
def selftest(
    place: Place,
    assets: tuple[str, ...],
    kinds: tuple[str, ...],
    n_columns: int | None,
    seed: int,
    at_least: float,
    max_rows: int,
) -> int:
    """Test the audits of ASSETS, by default of all that serve.

    Defects are planted into copies of what serves, which are judged as any candidate is. Nothing is published or
    put aside. Exits with 1 if too few are caught, or a batch without a defect is held up.
    """
    from ..operations.selftest import SelfTestOptions
    from ..operations.selftest import selftest as test_gate

    options = SelfTestOptions(frozenset(kinds), seed, n_columns, max_rows)
    with Progress() as progress:
        progress.say("loading the project")
        found = test_gate(place.gate(progress.say), assets, options)
    click.echo(json_text(_as_json(found, at_least)) if place.as_json else "\n".join(_text_lines(found, at_least)))
    return 0 if found.holds(at_least) else EXIT_NO


def _as_json(found: "SelfTested", at_least: float) -> dict[str, object]:
    return {
        "holds": found.holds(at_least),
        "at_least": at_least,
        "total": _tally_json(found.tally()),
        "false_alarms": len(found.false_alarms),
        "by_kind": {kind: _tally_json(tally) for kind, tally in found.by_kind().items()},
        "by_asset": {asset: _tally_json(tally) for asset, tally in found.by_asset().items()},
        **found.model_dump(mode="json"),
    }


def _tally_json(tally: "Tally") -> dict[str, object]:
    return {**tally.model_dump(mode="json"), "n_missed": tally.n_missed, "rate": round(tally.rate, 4)}


def _text_lines(found: "SelfTested", at_least: float) -> Iterator[str]:
    yield _tallies("defect", found.by_kind())
    yield ""
    yield _tallies("asset", {str(asset): tally for asset, tally in found.by_asset().items()})
    if found.missed:
        yield ""
        yield "Missed, and what would catch it:"
        yield from (f"  {_missed(defect)}" for defect in found.missed[:_MOST_MISSED])
        if len(found.missed) > _MOST_MISSED:
            yield f"  … and {count(len(found.missed) - _MOST_MISSED)} more; --json lists all"
    yield ""
    for batch in found.false_alarms:
        yield f"FALSE ALARM: {batch.asset}, {batch.batch}: {', '.join(batch.checks)}"
    for left in found.left_out:
        yield f"left out: {left.asset} {left.why}"
    yield from _summary(found, at_least)


def _tallies(name: str, tallies: Mapping[str, "Tally"]) -> str:
    rows = [
        (key, count(t.n_planted), count(t.n_blocked), count(t.n_warned), count(t.n_missed), _share(t))
        for key, t in tallies.items()
    ]
    return table((name, *_HEADERS), rows, right=tuple(_NUMBERS))


def _missed(defect: "PlantedDefect") -> str:
    where = f" of {', '.join(defect.columns)}" if defect.columns else ""
    return shorten(f"{defect.asset}: {defect.kind}{where}: {defect.advice}", _LINE_WIDTH)


def _summary(found: "SelfTested", at_least: float) -> Iterator[str]:
    total = found.tally()
    held_up = len(found.false_alarms)
    yield (
        f"{plural(total.n_planted, 'defect')}: {count(total.n_blocked)} blocked, {count(total.n_warned)} warned of,"
        f" {count(total.n_missed)} missed. {count(len(found.clean))} clean batches: {count(held_up)} held up."
    )
    said = "The gate holds" if found.holds(at_least) else "NOT ENOUGH"
    left_out = f" {plural(len(found.left_out), 'asset')} not tested." if found.left_out else ""
    yield f"{said}: {_share(total)} caught, at least {at_least:.1%} asked.{left_out}"


def _share(tally: "Tally") -> str:
    return f"{tally.rate:.1%}" if tally.n_planted else ""
