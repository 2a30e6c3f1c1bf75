"""What is wrong with the agent files, as values: a linter wants all of them, a loader the first."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import AgentFileError


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that keeps the agent files from loading.

    `line` is 0 where no single line is at fault. `message` is what is wrong, `fix` what to do.
    """

    file: str
    line: int
    message: str
    fix: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.message}. {self.fix}"


def refuse(problems: Sequence[Problem]) -> None:
    """Does nothing where there are no problems.

    Raises:
        AgentFileError: The first problem, with the number of the others.
    """
    if not problems:
        return
    first = min(problems)
    others = len(problems) - 1
    more = " There is 1 more problem: `orchestrator agents check`." if others == 1 else ""
    if others > 1:
        more = f" There are {others} more problems: `orchestrator agents check`."
    raise AgentFileError(file=first.file, line=first.line or None, problem=first.message, fix=first.fix + more)
