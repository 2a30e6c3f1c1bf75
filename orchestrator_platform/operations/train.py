"""Trains models because a person asks for it: the use case behind `orchestrator train`."""

from collections.abc import Collection
from dataclasses import replace

from ..authority.agent_files import Invocation
from ..authority.permissions import started_by
from ..errors import Misuse, NotPermitted, UnknownAsset
from ..gate.context import Gate
from ..gate.plan import Planned
from ..records.declarations import ModelBuild
from ..records.keys import AssetKey
from .asks import answered_by_start
from .build import BuildResult, build, plan
from .model_assets import with_budget


def train(
    gate: Gate,
    assets: Collection[str],
    *,
    reason: str,
    on_behalf_of: str,
    rebuild: bool = False,
    trials: int | None = None,
    minutes: float | None = None,
) -> BuildResult:
    """Trains these models and brings them through the gate.

    A model whose inputs did not change is not trained again, unless that or another budget is asked for. What was asked
    about them is answered with it.

    Args:
        on_behalf_of: The person who starts it.

    Raises:
        UnknownAsset: A name is no model of the project.
        Misuse: No name was given.
        NotPermitted: It was started by no person.
    """
    _require_person(assets, on_behalf_of)
    gate = _for_training(gate, assets, trials, minutes)
    anew = rebuild or trials is not None or minutes is not None

    def work() -> BuildResult:
        return build(gate, assets, reason=reason or "train", on_behalf_of=on_behalf_of, rebuild=anew)

    return answered_by_start(gate, [AssetKey(name) for name in assets], on_behalf_of, reason or "trained", work)


def plan_training(gate: Gate, assets: Collection[str], *, on_behalf_of: str, rebuild: bool) -> tuple[Planned, ...]:
    """Returns what `train` would do, without doing it, and raises what it raises."""
    _require_person(assets, on_behalf_of)
    gate = _for_training(gate, assets, None, None)
    return plan(gate, assets, rebuild=rebuild, on_behalf_of=on_behalf_of)


def _require_person(assets: Collection[str], on_behalf_of: str) -> None:
    if started_by(on_behalf_of) is not Invocation.MANUAL:
        raise NotPermitted(
            agent=on_behalf_of or "nobody",
            act="train",
            subject=", ".join(assets) or "a model",
            why="only a person starts a training: `orchestrator train MODEL --by PERSON`",
        )


def _for_training(gate: Gate, assets: Collection[str], trials: int | None, minutes: float | None) -> Gate:
    models = [key for key, declared in gate.assets.items() if isinstance(declared.build, ModelBuild)]
    if not assets:
        known = ", ".join(models) or "none"
        raise Misuse(f"No model was named, and a model is trained only by its name. Nothing was done. Known: {known}.")
    for name in assets:
        if name not in models:
            raise UnknownAsset(name=name, known=models)
    changed = {}
    for name in assets:
        declaration = gate.assets[AssetKey(name)]
        assert isinstance(declaration.build, ModelBuild)
        asked = {"trials": trials, "minutes": minutes}
        given = {field: value for field, value in asked.items() if value is not None}
        changed[declaration.key] = with_budget(declaration, declaration.build.options.budget.model_copy(update=given))
    return replace(gate, assets={**gate.assets, **changed})
