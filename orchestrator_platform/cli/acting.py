"""The option that says who acts: at a prompt that is the person there, unless somebody else is named."""

from collections.abc import Callable
from typing import Any

import click


def _person() -> str:
    from ..settings import load_person

    return load_person()


def by_option(*also: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Returns what adds `--by` to a command, handed to it as `by`; `also` are further names of the option."""
    says = "Who does it, a person or an agent; else ORCHESTRATOR_PERSON, else the user."
    return click.option("--by", *also, "by", default=_person, metavar="NAME", help=says)


takes_by = by_option()
