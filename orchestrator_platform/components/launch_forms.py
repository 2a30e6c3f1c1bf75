"""What a person may say when launching a run in Dagster: the forms, with their defaults and what each field means.

Every form is complete as it is. What must not be left out, such as a reason, is asked for by the run's first line.
"""

from typing import Any, TypeVar

import dagster as dg
from pydantic import Field, ValidationError

from ..errors import Misuse

Form = TypeVar("Form", bound=dg.Config)
_WHY = "Why, in a sentence. It is kept in the receipts and the journal beside your name."


class LandForm(dg.Config):
    """Of a source: Shift-click Materialize to say why."""

    reason: str = Field(default="", description=f"{_WHY} May be left out.", max_length=500)


class MakeForm(dg.Config):
    """Of whatever is built: Shift-click Materialize to rebuild in full, or to say why."""

    rebuild: bool = Field(
        default=False,
        description="Build the selected assets in full although nothing changed. What comes out is audited as always,"
        " and published only where its content differs. Needs a reason.",
    )
    reason: str = Field(default="", description=f"{_WHY} Needed for a full rebuild.", max_length=500)


class BuildForm(dg.Config):
    """Of the job `build`."""

    assets: list[str] = Field(default=[], description="Names such as marts.orders. Empty: all that is built.")
    rebuild: bool = Field(default=False, description="Build in full although nothing changed. Needs a reason.")
    reason: str = Field(default="", description=f"{_WHY} Needed for a full rebuild.", max_length=500)


class ReplayForm(dg.Config):
    """Of the job `replay`."""

    entry: int | None = Field(default=None, description="Its number in quarantine. Left out: the only one that waits.")
    asset: str = Field(default="", description="Instead of a number: the asset of which one entry waits.")
    reason: str = Field(default="", description=_WHY, max_length=500)
    dry_run: bool = Field(default=False, description="Judge it, say what would become of it, and change nothing.")


class DecideForm(dg.Config):
    """Of the jobs `discard` and `approve`."""

    entry: int | None = Field(default=None, description="Its number in quarantine. Left out: the only one that waits.")
    asset: str = Field(default="", description="Instead of a number: the asset of which one entry waits.")
    reason: str = Field(default="", description=_WHY, max_length=500)
    dry_run: bool = Field(default=False, description="Say what would be decided, and change nothing.")


class RollbackForm(dg.Config):
    """Of the job `rollback`."""

    asset: str = Field(default="", description="The asset to take back, for example marts.orders.")
    to: str = Field(
        default="",
        description="The version to return to, a number; `none` empties the asset. Left out: the version before the one"
        " that serves.",
    )
    release: str = Field(default="", description="Instead of an asset: every asset returns to this release.")
    reason: str = Field(default="", description=_WHY, max_length=500)
    dry_run: bool = Field(
        default=True, description="Show the plan in the run's log, and change nothing. Set it to false to do it."
    )


def filled_in(form: type[Form], said: Any) -> Form:
    """Returns the form as it was filled in.

    Raises:
        Misuse: A value cannot be.
    """
    try:
        return form(**(said or {}))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise Misuse(f"`{place}` of the launch form: {first['msg']}. Nothing was done. Launch it again.") from error


def require_reason(reason: str, what: str) -> str:
    """Returns the reason; raises Misuse where there is none."""
    if not reason.strip():
        raise Misuse(f"{what} needs a reason. Nothing was changed. Launch it again with `reason: TEXT` in the form.")
    return reason.strip()
