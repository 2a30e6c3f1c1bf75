"""Who looks after a home: a person, or the agent whose file lets it. Needs no definitions, so that it works when
those do not load.
"""

from ..authority.acts import Act
from ..authority.agent_files import load_agent_files
from ..authority.permissions import person, require
from ..errors import Misuse, NotPermitted
from ..records.keys import AgentName
from ..settings import Project


def require_caretaker(project: Project, act: Act, by: str) -> AgentName:
    """Returns the name of the one who acts.

    Raises:
        NotPermitted: No person was named and no agent may; the message says why.
        Misuse: The person's name is none.
    """
    if by:
        return person(by).name
    principals = sorted(load_agent_files(project.agents), key=lambda principal: principal.name)
    able = [p for p in principals if act in p.may] or [p for p in principals if act in p.escalates] or principals
    if not able:
        raise Misuse(f"The project has no agents, so a person must {act}. Nothing was done. Say who: --by NAME.")
    try:
        require(able[0], act, None, {})
    except NotPermitted as error:
        why = f"{error.why}; a person may: --by NAME"
        raise NotPermitted(agent=able[0].name, act=act, subject="the home", why=why) from error
    return able[0].name
