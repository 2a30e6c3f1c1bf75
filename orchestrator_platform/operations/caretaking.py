"""Who looks after a home: a person, or the agent whose file lets it. Needs no definitions, so that it works when
those do not load.
"""

from ..authority.acts import Act
from ..authority.agent_files import load_agent_files
from ..authority.permissions import agent_alike, person_beside, require
from ..errors import Misuse, NotPermitted
from ..records.keys import AgentName
from ..settings import Project


def require_caretaker(project: Project, act: Act, by: str) -> AgentName:
    """Returns the name of the one who acts.

    Raises:
        NotPermitted: No person was named, and no agent, or not the one named, may; the message says why.
        Misuse: The person's name is none, or nearly an agent's.
    """
    agents = [file.stem for file in project.agents.glob("*.md")]
    named = person_beside(by, [name for name in agents if name != agent_alike(by)]).name if by else None
    bare = agent_alike(by)
    # Agent files that do not load must not keep a person from mending them.
    if named is not None and not (project.agents / f"{bare}.md").is_file():
        return named
    principals = sorted(load_agent_files(project.agents), key=lambda principal: principal.name)
    if by:
        principals = [principal for principal in principals if principal.name == bare]
    able = [p for p in principals if act in p.may] or [p for p in principals if act in p.escalates] or principals
    if not able:
        raise Misuse(f"The project has no agents, so a person must {act}. Nothing was done. Say who: --by NAME.")
    try:
        require(able[0], act, None, {})
    except NotPermitted as error:
        why = f"{error.why}; a person may: --by NAME"
        raise NotPermitted(agent=able[0].name, act=act, subject="the home", why=why) from error
    return able[0].name
