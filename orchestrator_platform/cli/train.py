"""`orchestrator train`: a person starts the training of models; what their auditor approves is published."""

import click

from ..errors import EXIT_NO
from .acting import takes_by
from .build import named_at_prompt, result_json, result_text, tell_plan
from .place import Place, takes_place
from .progress import Progress
from .projections import tell_lagging


@click.command
@click.argument("assets", nargs=-1, required=True, metavar="ASSET...")
@click.option("--why", default="", help="The reason, for the journal and the receipts.")
@click.option("--trials", type=click.IntRange(min=1), help="Search so many trials, instead of what the component says.")
@click.option("--minutes", type=click.FloatRange(min=0, min_open=True), help="Search for so long at the most.")
@click.option("--rebuild", is_flag=True, help="Train and search anew, whether or not something changed.")
@click.option("--dry-run", is_flag=True, help="Say what would be trained and why; train nothing.")
@takes_by
@takes_place
def train(
    place: Place,
    assets: tuple[str, ...],
    why: str,
    trials: int | None,
    minutes: float | None,
    rebuild: bool,
    dry_run: bool,
    by: str,
) -> int:
    """Train models, have them audited, and publish what is approved.

    Only a person starts this. A model whose examples, code and options are those of the version that serves is
    trained anew only with --rebuild, --trials or --minutes.
    """
    from ..operations.train import plan_training
    from ..operations.train import train as train_models

    if dry_run:
        gate = place.gate()
        planned = plan_training(gate, assets, on_behalf_of=named_at_prompt(gate, by), rebuild=rebuild)
        tell_plan(place, planned)
        return 0
    with Progress() as progress:
        progress.say("loading the project")
        gate = place.gate(progress.say)
        behalf = named_at_prompt(gate, by)
        result = train_models(
            gate, assets, reason=why, on_behalf_of=behalf, rebuild=rebuild, trials=trials, minutes=minutes
        )
    click.echo(result_json(gate, result) if place.as_json else result_text(gate, result))
    tell_lagging(gate)
    return EXIT_NO if result.is_no else 0
