"""Writes the file of a new agent, with no more rights than asked for: the use case behind `orchestrator new agent`."""

import json
import re
from collections.abc import Sequence

from ..authority.acts import Act, Needs
from ..authority.agent_files import Invocation
from ..errors import Misuse
from ..settings import Settings
from .new_files import NewFiles, refuse_existing

_NAME = re.compile(r"[a-z][a-z0-9-]{0,62}")
_OF_PRODUCERS = (Act.PULL, Act.LAND, Act.BUILD, Act.TRAIN, Act.SCORE, Act.PUBLISH, Act.REPLAY)
_OF_AUDITORS = (Act.AUDIT, Act.QUARANTINE)
_OF_ALL = (Act.ASK, Act.SEARCH)


def propose_new_agent(
    settings: Settings,
    name: str,
    produces: Sequence[str] = (),
    audits: Sequence[str] = (),
    invocation: Invocation = Invocation.AUTOMATIC,
) -> NewFiles:
    """Returns what would be written.

    Args:
        produces: Selections of the assets that it makes, such as `group:raw` or `*`.
        audits: Selections of those that it judges.

    Raises:
        Misuse: The name cannot be an agent's, or its file is there.
    """
    if not _NAME.fullmatch(name):
        raise Misuse(
            f"{name!r} cannot be an agent's name. Nothing was written. Begin with a letter; then a-z, 0-9 and -, at"
            " most 63 in all."
        )
    file = settings.project.agents / f"{name}.md"
    refuse_existing([file], "agent")
    steps = (
        f"Read {file.name} and edit it: what is in no list is forbidden, and the prompt is advice.",
        "`orchestrator agents check` tells what is wrong, `orchestrator agents` who produces and audits what.",
    )
    text = _text(name, produces, audits, invocation)
    return NewFiles("agent", name, "", {file: text}, (), steps)


def _text(name: str, produces: Sequence[str], audits: Sequence[str], invocation: Invocation) -> str:
    may = [*(_OF_PRODUCERS if produces else ()), *(_OF_AUDITORS if audits else ()), *_OF_ALL]
    escalates = [*([Act.ROLLBACK] if produces else []), *([Act.DISCARD] if produces or audits else [])]
    used = {*may, *escalates}
    never = [act for act in Act if act not in used and (act.needs is not Needs.NOTHING or act is Act.ERASE)]
    does = {(True, False): "make", (False, True): "judge what others made of", (False, False): "read"}
    about = does.get((bool(produces), bool(audits)), "make some, and judge others, of")
    listed = ", ".join([*produces, *audits]) or "what is published"
    return f"""---
# The front matter is a boundary that code enforces; the prompt below it is advice.
name: {name}
description: {json.dumps(f"What {name} is for, in one line.")}
# Selections of assets: group:raw, key:marts/orders, kind:dbt, '*', and `and`, `or`, `not`. Every asset has exactly one
# agent that produces it and exactly one other that audits it.
produces: {_listed(produces)}
audits: {_listed(audits)}
# What it does alone; what it does after a person has approved it; what it never does.
may: [{", ".join(may)}]
escalates: [{", ".join(escalates)}]
never: [{", ".join(never)}]
# automatic: sensors, conditions and other agents may start it. manual: only a person.
invocation: {invocation.value}
# How many tokens it is told before it starts.
context_budget: 16000
---
# What you are for

You {about} {listed}. Say here what that means in this project, and what you read first.

# How you decide

1. Say what counts, in the order in which it counts.

# What you never do

- You never judge what you made, and never write anywhere but through the gate.
"""


def _listed(selections: Sequence[str]) -> str:
    return "[" + ", ".join(json.dumps(selection) for selection in selections) + "]"
