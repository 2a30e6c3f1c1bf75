"""Everything that is wrong with the agent files at once, for people and editors."""

from collections.abc import Sequence
from pathlib import Path

from .agent_files import read_agent_files
from .problems import Problem
from .seats import seat_problems
from .selections import Selectable


def lint_agents(folder: Path, assets: Sequence[Selectable]) -> tuple[Problem, ...]:
    """Returns every problem of the files and of the seats that they take, by file and line."""
    principals, problems = read_agent_files(folder)
    seats = seat_problems(principals, assets, complete=not problems)
    return tuple(sorted([*problems, *seats]))
