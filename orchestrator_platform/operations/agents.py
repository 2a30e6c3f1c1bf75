"""Who produces and audits what, and whether the agent files hold: the use cases behind `orchestrator agents`."""

from dataclasses import dataclass

from ..authority.agent_files import Principal, read_agent_files
from ..authority.lint import lint_agents
from ..authority.problems import Problem
from ..errors import OrchestratorError
from ..gate.context import Gate
from ..records.keys import AssetKey
from ..settings import Settings
from .project_assets import load_declarations, selectable


@dataclass(frozen=True)
class AgentView:
    """An agent with the assets in whose seats it is."""

    principal: Principal
    produces: tuple[AssetKey, ...]
    audits: tuple[AssetKey, ...]


@dataclass(frozen=True)
class AgentsChecked:
    """What is wrong with the agent files. Seats cannot be checked where the project's assets do not load."""

    problems: tuple[Problem, ...]
    n_agents: int
    n_assets: int
    seats_unchecked_because: str = ""

    @property
    def is_good(self) -> bool:
        return not self.problems and not self.seats_unchecked_because


def read_agents(gate: Gate) -> tuple[AgentView, ...]:
    """Returns every agent, by name, with what it produces and audits."""
    return tuple(
        AgentView(
            principal,
            tuple(key for key in gate.assets if gate.seats[key].producer == name),
            tuple(key for key in gate.assets if gate.seats[key].auditor == name),
        )
        for name, principal in sorted(gate.principals.items())
    )


def check_agents(settings: Settings) -> AgentsChecked:
    """Checks all agent files at once; works where an agent file keeps the project from loading."""
    principals, _ = read_agent_files(settings.project.agents)
    try:
        declared = load_declarations(settings).assets
    except OrchestratorError as error:
        # The files themselves can be judged even where the assets they select cannot be known.
        return AgentsChecked(lint_agents(settings.project.agents, []), len(principals), 0, str(error))
    problems = lint_agents(settings.project.agents, [selectable(declaration) for declaration in declared])
    return AgentsChecked(problems, len(principals), len(declared))
