"""`orchestrator agents`: who produces and audits what, and whether the agent files hold."""

from typing import TYPE_CHECKING, Any

import click

from ..errors import EXIT_NO
from .json_text import json_lines, json_text
from .listing import Listing
from .place import Place, takes_place
from .text import WIDE, plural, table, visible, visible_lines

if TYPE_CHECKING:
    from ..operations.agents import AgentView

_HEADERS = ("agent", "invocation", "produces", "audits", "may", "escalates")


@click.group(cls=Listing, invoke_without_command=True)
@takes_place
def agents(place: Place) -> None:
    """Show who produces and audits what, or check the files."""
    context = click.get_current_context()
    if context.invoked_subcommand is not None:
        opened = place.opened
        opened.home, opened.project, opened.as_json = place.home, place.project, place.as_json
        return
    from ..operations.agents import read_agents

    found = read_agents(place.gate())
    if place.as_json:
        for text in json_lines(_as_json(item) for item in found):
            click.echo(text, nl=False)
    else:
        click.echo(table(_HEADERS, [_row(item) for item in found], at_most=WIDE))


@agents.command
@takes_place
def check(place: Place) -> int:
    """Check the agent files and the seats they take; every problem with file and line."""
    from ..operations.agents import check_agents

    checked = check_agents(place.settings())
    if place.as_json:
        problems = [vars(problem) for problem in checked.problems]
        click.echo(json_text({"problems": problems, "seats_unchecked_because": checked.seats_unchecked_because}))
    else:
        for problem in checked.problems:
            click.echo(visible(problem))
        if checked.seats_unchecked_because:
            click.echo(f"The seats were not checked: {visible_lines(checked.seats_unchecked_because)}")
        elif not checked.problems:
            click.echo(f"{plural(checked.n_agents, 'agent')}, {plural(checked.n_assets, 'asset')}: no problem.")
    return 0 if checked.is_good else EXIT_NO


def _row(item: "AgentView") -> tuple[str, ...]:
    principal = item.principal
    return (
        principal.name,
        principal.invocation,
        ", ".join(item.produces) or "–",
        ", ".join(item.audits) or "–",
        ", ".join(principal.may),
        ", ".join(principal.escalates),
    )


def _as_json(item: "AgentView") -> dict[str, Any]:
    principal = item.principal.model_dump(mode="json", exclude={"prompt", "lines", "produces", "audits"})
    return principal | {"produces": list(item.produces), "audits": list(item.audits)}
