"""A small home out of a large one, whose keys still join: the use case behind `orchestrator sample`."""

import shutil
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb

from ..authority.permissions import Person
from ..errors import Misuse
from ..gate.context import Gate
from ..gate.cycle.order import Order
from ..gate.cycle.sampling import SampledTable, publish_sample
from ..gate.outcomes import Escalated, Failed, Outcome, Rejected
from ..home_format import make_home
from ..learning.embedders import Embedders
from ..records.declarations import AssetDeclaration, DbtBuild, PythonBuild
from ..records.keys import AssetKey
from ..settings import Home, Settings
from .build import ORCHESTRATOR, build_in_passes, judging_anew
from .ci_changes import NEW, REMOVED, find_changes, served_receipts
from .project_assets import load_gate
from .sample_rows import choose_rows
from .storing import stores

# What an auditor noted of earlier versions: comparing with them needs it.
_STORES = ("audits",)


@dataclass(frozen=True)
class SampledAsset:
    """`by` is the column by which rows were taken; `built` says that it was made anew of the sampled rows."""

    asset: AssetKey
    n_rows: int
    of: int
    by: str
    built: bool = False


@dataclass(frozen=True)
class Sample:
    """`kept` are tables that could not be made anew of the sample, with why: they hold sampled rows as they were."""

    home: Path
    root: AssetKey
    assets: tuple[SampledAsset, ...]
    kept: tuple[tuple[AssetKey, str], ...] = ()


@stores
def export_sample(
    gate: Gate,
    to: Path,
    n_rows: int,
    person: Person,
    *,
    root: str = "",
    dry_run: bool = False,
    embedders: Embedders | None = None,
) -> Sample:
    """Makes a home at `to` with so many rows of one table, and of every other table the rows that join them.

    Vectors come along with their rows, and models as they are. Tables that dbt or Python makes are then made anew of
    the sampled ones and audited, so that a branch is compared with what its lake gives.

    Raises:
        Misuse: The folder holds something, nothing serves, or something was published by other code than the
            project's as it stands.
        UnknownAsset: The root is no table that serves.
    """
    target = Home(to.expanduser().resolve())
    if target.root.exists() and any(target.root.iterdir()):
        raise Misuse(f"{target.root} holds something already. Nothing was made. Name a folder that is not there yet.")
    cut = gate.cut()
    receipts = served_receipts(cut)
    changed = [c for c in find_changes(gate, cut, receipts) if not {NEW, REMOVED} & set(c.what)]
    if changed:
        raise Misuse(
            f"{changed[0].asset} was published under another {changed[0].what[0]} than the project has now. Nothing was"
            " made: a sample must be what the project gives. Build first: `orchestrator build`."
        )
    with closing(cut.connect()) as connection:
        start, chosen = choose_rows(connection, gate.assets, receipts, n_rows, root)
        if dry_run:
            counts = {item.asset: _count(connection, item.relation) for item in chosen}
            taken = [SampledAsset(c.asset, counts[c.asset], receipts[c.asset].n_rows, c.by) for c in chosen]
            return Sample(target.root, start, tuple(taken))
        tables = [SampledTable(gate.assets[c.asset], receipts[c.asset], c.relation) for c in chosen]
        try:
            _furnish(gate.settings.home, target)
            sampled = _gate_of(gate, target, embedders)
            publish_sample(sampled, connection, tables, "a sample")
            outcomes = _build(sampled, person)
        except BaseException:
            shutil.rmtree(target.root, ignore_errors=True)
            raise
    made = {asset: head.n_rows for asset, head in sampled.cut().heads.items()}
    refused = {outcome.asset: why for outcome in outcomes if (why := _why_not(outcome))}
    built = {outcome.asset for outcome in outcomes} - refused.keys()
    return Sample(
        target.root,
        start,
        tuple(SampledAsset(c.asset, made[c.asset], receipts[c.asset].n_rows, c.by, c.asset in built) for c in chosen),
        tuple(refused.items()),
    )


def _count(connection: duckdb.DuckDBPyConnection, relation: str) -> int:
    row = connection.execute(f"SELECT count(*) FROM {relation}").fetchone()
    return int(row[0]) if row else 0


def _furnish(base: Home, target: Home) -> None:
    make_home(target)
    for source, place in ((base.evidence, target.evidence), *((base.cache / s, target.cache / s) for s in _STORES)):
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)


def _gate_of(gate: Gate, target: Home, embedders: Embedders | None) -> Gate:
    settings: Settings = replace(gate.settings, home=target, registry="off", over=None)
    say: Callable[[str], None] = gate.say
    return replace(load_gate(settings, embedders), say=say, now=gate.now, alerts=None)


def _build(gate: Gate, person: Person) -> tuple[Outcome, ...]:
    # What reads no table is not made of the sample: it would be the whole again.
    declared = (gate.assets[key] for key in gate.cut().heads)
    goal = frozenset(item.key for item in declared if _is_built_whole(item))
    if not goal:
        return ()
    order = Order(goal, ORCHESTRATOR, "a sample", person.name, rebuild=True)
    return build_in_passes(gate, order, judging_anew(gate))


def _is_built_whole(declaration: AssetDeclaration) -> bool:
    made_of_tables = isinstance(declaration.build, DbtBuild | PythonBuild) and bool(declaration.parents)
    return made_of_tables and declaration.partition is None


def _why_not(outcome: Outcome) -> str:
    match outcome:
        case Rejected(verdict=verdict) | Escalated(verdict=verdict):
            said = [f"{finding.check}: {finding.message}" for finding in verdict.blocking[:3]]
            return "; ".join(said) or "it asks a person"
        case Failed(message=message):
            return message
        case _:
            return ""
