"""What keeps a project from loading, or that nothing does, as checks of the project with file and line."""

import re
from collections.abc import Mapping
from pathlib import Path

from ..authority.problems import Problem
from ..authority.seats import Seats
from ..errors import AgentFileError, DbtFailed, DefinitionError, EmbedderUnusable, OrchestratorError, PythonTableFailed
from ..records.checked import Case, CaseState
from ..records.keys import AssetKey
from ..settings import Settings
from .agents import check_agents
from .written_places import find_line

PROJECT = "project"
AGENTS, DEFINITIONS = "agents", "definitions"
_OF_THE_PROJECT = (DefinitionError, DbtFailed, EmbedderUnusable, PythonTableFailed)
_DBT_PLACE = re.compile(r"((?:models|tests|macros|snapshots|seeds)/[\w./-]+\.(?:sql|ya?ml))")
_EMPTY_SEAT = re.compile(r"^no agent (?P<seat>produces|audits) (?P<asset>\S+)$")
_DONE = {"produces": "produced", "audits": "audited"}
_LINE = re.compile(r"\bline (\d+)")


def loading_failed(error: OrchestratorError) -> bool:
    """Returns whether a file of the project is to blame, and not the place where it was read."""
    return isinstance(error, _OF_THE_PROJECT)


def cases_of_loading(
    settings: Settings, error: OrchestratorError | None = None, seats: Mapping[AssetKey, Seats] | None = None
) -> tuple[Case, ...]:
    """Returns a check of the agent files and one of everything else that is declared; one for each problem.

    Args:
        seats: Who made and who judged what serves: whose files are looked at where a seat is empty.
    """
    if error is None:
        return (_passed(AGENTS), _passed(DEFINITIONS))
    if isinstance(error, AgentFileError):
        problems = check_agents(settings).problems
        return tuple(_agents_case(settings, problem, seats or {}) for problem in problems)
    if isinstance(error, DefinitionError):
        return (_failed(settings, DEFINITIONS, f"{error.problem}. {error.fix}", error.file, error.line),)
    if isinstance(error, PythonTableFailed):
        return (_failed(settings, DEFINITIONS, f"{error.problem}. {error.fix}", error.file, error.line),)
    file, line = _named_by_dbt(settings, str(error)) if isinstance(error, DbtFailed) else ("", None)
    return (_failed(settings, DEFINITIONS, str(error), file, line),)


def _agents_case(settings: Settings, problem: Problem, seats: Mapping[AssetKey, Seats]) -> Case:
    empty = _EMPTY_SEAT.search(problem.message)
    held = seats.get(AssetKey(empty["asset"])) if empty is not None else None
    if empty is None or held is None:
        message = f"{problem.message}. {problem.fix}"
        return _failed(settings, AGENTS, message, problem.file, problem.line or None)
    agent = held.producer if empty["seat"] == "produces" else held.auditor
    file = settings.project.agents / f"{agent}.md"
    gone = "" if file.is_file() else ", whose file is gone"
    message = f"{problem.message}: what serves was {_DONE[empty['seat']]} by {agent}{gone}. {problem.fix}"
    return _failed(settings, AGENTS, message, str(file), find_line(file, rf"^{empty['seat']}:") or 1)


def _named_by_dbt(settings: Settings, message: str) -> tuple[str, int | None]:
    named, line = _DBT_PLACE.search(message), _LINE.search(message)
    file = str(settings.project.dbt_project / named[1]) if named else str(settings.project.dbt_project)
    return file, int(line[1]) if named and line else None


def _passed(check: str) -> Case:
    return Case(subject=PROJECT, check=check, state=CaseState.PASSED)


def _failed(settings: Settings, check: str, message: str, file: str, line: int | None) -> Case:
    path = Path(file)
    inside = path.is_absolute() and path.is_relative_to(settings.project.root)
    told = str(path.relative_to(settings.project.root)) if inside else file
    return Case(subject=PROJECT, check=check, state=CaseState.FAILED, message=message, file=told, line=line)
