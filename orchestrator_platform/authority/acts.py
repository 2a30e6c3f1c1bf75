"""The closed list of what an actor can do, what each act means, and which seat it needs.

Who may do what is the agent files' business, not this module's.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Needs(StrEnum):
    """What an act asks for beyond being listed in the agent's file."""

    PRODUCER = "the producer's seat"
    AUDITOR = "the auditor's seat"
    EITHER = "one of the two seats"
    NOTHING = "no seat"
    PERSON = "a person"


class Act(StrEnum):
    PULL = "pull"
    LAND = "land"
    BUILD = "build"
    TRAIN = "train"
    SCORE = "score"
    PUBLISH = "publish"
    PROMOTE = "promote"
    TUNE = "tune"
    REPLAY = "replay"
    ROLLBACK = "rollback"
    AUDIT = "audit"
    QUARANTINE = "quarantine"
    DISCARD = "discard"
    PLAN = "plan"
    DELEGATE = "delegate"
    ASK = "ask"
    ANSWER = "answer"
    SEARCH = "search"
    ONBOARD = "onboard"
    PROJECT = "project"
    RELEASE = "release"
    GC = "gc"
    BACKUP = "backup"
    RESTORE = "restore"
    REPAIR = "repair"
    ERASE = "erase"
    APPROVE = "approve"

    @property
    def needs(self) -> Needs:
        return _ACTS[self][0]

    @property
    def meaning(self) -> str:
        return _ACTS[self][1]


_ACTS: Mapping[Act, tuple[Needs, str]] = MappingProxyType(
    {
        Act.PULL: (Needs.PRODUCER, "bring files into landing from where others publish them"),
        Act.LAND: (Needs.PRODUCER, "take landed files into a workbench and account for their rows"),
        Act.BUILD: (Needs.PRODUCER, "make a candidate"),
        Act.TRAIN: (Needs.PRODUCER, "search and fit a model; the result is a candidate"),
        Act.SCORE: (Needs.PRODUCER, "apply a published model to rows; the result is a candidate"),
        Act.PUBLISH: (Needs.PRODUCER, "bring an approved candidate through the gate"),
        Act.PROMOTE: (Needs.PRODUCER, "make a published model the champion that scores follow"),
        Act.TUNE: (Needs.PRODUCER, "propose another layout or index setting, with measurements"),
        Act.REPLAY: (Needs.PRODUCER, "bring a quarantined candidate or row to its audit again, without a rebuild"),
        Act.ROLLBACK: (Needs.PRODUCER, "retract a version and everything derived from it"),
        Act.AUDIT: (Needs.AUDITOR, "judge a candidate, or again what is served"),
        Act.QUARANTINE: (Needs.AUDITOR, "put a rejected candidate or row aside, with reasons"),
        Act.DISCARD: (Needs.EITHER, "close a quarantine entry for good"),
        Act.PLAN: (Needs.NOTHING, "turn a goal into waves of assets and agents"),
        Act.DELEGATE: (Needs.NOTHING, "start the producing agents of a plan, and retry or reroute them"),
        Act.ASK: (Needs.NOTHING, "ask a person to start what only a person may start"),
        Act.ANSWER: (Needs.NOTHING, "tell an agent what it needs to know, within its context budget"),
        Act.SEARCH: (Needs.NOTHING, "read published content"),
        Act.ONBOARD: (Needs.NOTHING, "propose the definition and contract of something new"),
        Act.PROJECT: (Needs.NOTHING, "apply the outbox, or rebuild a projection from the lake"),
        Act.RELEASE: (Needs.NOTHING, "name one snapshot over all assets and keep it"),
        Act.GC: (Needs.NOTHING, "free what the retention policy no longer keeps"),
        Act.BACKUP: (Needs.NOTHING, "copy the home to another place"),
        Act.RESTORE: (Needs.NOTHING, "make an empty home from a backup"),
        Act.REPAIR: (Needs.NOTHING, "do what the doctor calls safe"),
        Act.ERASE: (Needs.NOTHING, "remove a person's data from every version"),
        Act.APPROVE: (Needs.PERSON, "answer an escalation or an ask; no agent can"),
    }
)
