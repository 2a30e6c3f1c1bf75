"""Jobs by which a person decides from Dagster's pages what the command line decides at a prompt, with a reason.

They call the same operations, as the person at work; what a sensor, a schedule or a retry launches is refused.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import dagster as dg

from ..authority.agent_files import Invocation
from ..authority.permissions import person
from ..errors import Misuse, OrchestratorError
from ..gate.context import Gate
from ..gate.cycle.replayed import Replayed
from ..gate.outcomes import Published
from ..gate.quarantine import describe_finding
from ..gate.rollback_plan import RollbackPlan
from ..operations.approve import approve, plan_approval
from ..operations.asks import answered_by_start
from ..operations.build import BuildResult, build
from ..operations.dagster_sync import sync_versions
from ..operations.discard import discard, plan_discard
from ..operations.replay import replay
from ..operations.rollback import Goal, rollback
from ..operations.rollback import plan as plan_rollback
from ..operations.served import read_served
from ..operations.waiting_entries import choose_entry
from ..projections.dagster_values import rows_text
from ..records.keys import AssetKey
from ..settings import load_person
from .explanations import explain_shortfalls
from .launch_forms import BuildForm, DecideForm, ReplayForm, RollbackForm, filled_in, require_reason
from .steps import run_start

_NEXT = "What stands on it is built next."


@dataclass(frozen=True)
class Decided:
    """What a run says: the first line sums up, `rows` are a table of details; `is_no` fails the run with the lines."""

    lines: tuple[str, ...]
    rows: tuple[dict[str, str], ...] = ()
    is_no: bool = False


Decide = Callable[[Gate, Any, str], Decided]
"""Decides as the person of that name, as the form was filled in."""


def deciding_jobs(gate: Gate) -> Sequence[dg.JobDefinition]:
    """Returns the jobs; none for a project that declares nothing."""
    if not gate.assets:
        return []
    return [
        _job(gate, "build", BuildForm, _build, "Builds what changed, or all in full, through the gate."),
        _job(gate, "replay", ReplayForm, _replay, "Judges what waits in quarantine again; publishes what is let in."),
        _job(gate, "approve", DecideForm, _approve, "Publishes a candidate about which an auditor asked a person."),
        _job(gate, "discard", DecideForm, _discard, "Closes an entry of the quarantine for good."),
        _job(gate, "rollback", RollbackForm, _rollback, "Takes a version back, with all that was made of it."),
    ]


def _job(gate: Gate, name: str, form: type[dg.Config], decide: Decide, says: str) -> dg.JobDefinition:
    @dg.op(name=f"{name}_as_person", description=says, config_schema=form.to_fields_dict())
    def act(context: dg.OpExecutionContext) -> None:
        decided = _decide(context, replace(gate, say=context.log.info), name, form, decide)
        for line in decided.lines:
            context.log.info(line)
        if decided.rows:
            context.add_output_metadata({"summary": decided.lines[0], name: _table(decided.rows)})
        else:
            context.add_output_metadata({"summary": decided.lines[0]})

    @dg.job(
        name=name,
        description=f"{says} Acts as you, and needs a reason: say it in the Launchpad.",
        config={"ops": {f"{name}_as_person": {"config": form().model_dump()}}},
        executor_def=dg.in_process_executor,
    )
    def job() -> None:
        act()

    return job


def _decide(context: dg.OpExecutionContext, gate: Gate, name: str, form: type[dg.Config], decide: Decide) -> Decided:
    """Raises dagster.Failure, with what to do as its first line, where nothing was done or the answer is no."""
    try:
        if run_start(context.run).started is not Invocation.MANUAL:
            raise Misuse(f"Only a person launches {name}. Nothing was changed. Launch it on the page of the job.")
        decided = decide(gate, filled_in(form, context.op_config), str(person(load_person()).name))
    except OrchestratorError as error:
        raise dg.Failure(description=str(error), metadata={"code": error.code}, allow_retries=False) from error
    sync_versions(gate, context.instance)
    if decided.is_no:
        raise dg.Failure(description="\n".join(decided.lines), allow_retries=False)
    return decided


def _replay(gate: Gate, form: ReplayForm, by: str) -> Decided:
    reason = "a dry run" if form.dry_run else require_reason(form.reason, "A replay")
    number = choose_entry(gate, form.entry, form.asset)
    return _replayed(gate, number, replay(gate, number, why=reason, by=by, dry_run=form.dry_run), form)


def _replayed(gate: Gate, number: int, done: Replayed, form: ReplayForm) -> Decided:
    asset = done.entry.asset
    failed = [describe_finding(f) for f in done.verdict.findings if not f.passed] if done.verdict else []
    stays = [f"{count:,} × {rule}" for rule, count in done.still_bad.items()]
    details = tuple(text for text in (f"still bad: {', '.join(stays)}" if stays else "", "; ".join(failed)) if text)
    if form.dry_run:
        what = f"would be answered with {done.verdict.decision}" if done.verdict else "has no row that is good now"
        return Decided((f"Entry {number} of {asset} {what}. Nothing was changed.", *details))
    if done.receipt is not None:
        rows = f", {rows_text(done.n_accepted)} of entry {number}" if done.n_accepted else f", entry {number}"
        return Decided((f"{asset} version {done.receipt.version} serves now{rows}. {_NEXT}", *details))
    serves = read_served(gate, [asset])[asset].says
    asked = done.asked_as if done.asked_as is not None else number
    todo = (
        f"A person must answer: launch the job `approve` with `entry: {asked}`."
        if done.verdict is not None and done.verdict.decision == "escalate"
        else f"Mend the contract or the check that holds it, or launch `discard`. Look: `orchestrator quarantine show"
        f" {done.entry.id}`."
    )
    return Decided((f"Entry {number} of {asset} was not let in; {serves}. {todo}", *details), is_no=True)


def _approve(gate: Gate, form: DecideForm, by: str) -> Decided:
    number = choose_entry(gate, form.entry, form.asset)
    if form.dry_run:
        plan = plan_approval(gate, number, approver=by)
        asked = "; ".join(describe_finding(finding) for finding in plan.asked)
        return Decided(
            (f"Entry {number}, {rows_text(plan.n_rows)} of {plan.asset}, would be published by {by}.", asked)
        )
    done = approve(gate, number, approver=by, reason=require_reason(form.reason, "An approval"))
    receipt = done.receipt
    return Decided((f"{receipt.asset} version {receipt.version} serves now, approved by {by}. {_NEXT}",))


def _discard(gate: Gate, form: DecideForm, by: str) -> Decided:
    number = choose_entry(gate, form.entry, form.asset)
    if form.dry_run:
        done, what = plan_discard(gate, number, by=by), "would be discarded"
    else:
        done, what = discard(gate, number, why=require_reason(form.reason, "A discard"), by=by), "is discarded"
    refused = tuple({"file refused with it": file} for file in done.files_refused[:50])
    entry = done.entry
    return Decided((f"Entry {number} of {entry.asset}, {rows_text(entry.n_rows)}, {what} by {done.agent}.",), refused)


def _rollback(gate: Gate, form: RollbackForm, by: str) -> Decided:
    goal = _goal(gate, form)
    if form.dry_run:
        planned = plan_rollback(gate, goal)
        what = "does nothing: it is so already" if planned.changes_nothing else "would do what the table says"
        return Decided((f"Rolling back {planned.subject} {what}. Nothing was changed. {_DO_IT}",), _steps(planned))
    result = rollback(gate, goal, why=require_reason(form.reason, "A rollback"), by=by)
    if result.done is None:
        return Decided((f"{result.plan.subject}: nothing to do; it is so already.",))
    serve = ", ".join(f"{receipt.asset} version {receipt.version}" for receipt in result.done.receipts)
    kept = tuple(
        f"{rows_text(each.n_rows)} of {each.asset} are entry {each.id} of quarantine" for each in result.done.entries
    )
    return Decided((f"Rolled back, in one snapshot: {serve} serve now.", *kept), _steps(result.plan))


_DO_IT = "To do it, launch it again with `dry_run: false` and a reason."


def _goal(gate: Gate, form: RollbackForm) -> Goal:
    if form.release:
        if form.asset or form.to:
            raise Misuse("Give an asset, or a release alone. Nothing was changed.")
        return Goal(release=form.release)
    if not form.asset:
        known = ", ".join(sorted(gate.cut_for_readers().heads)[:20]) or "none"
        raise Misuse(f"Which asset? Nothing was changed. Launch it again with `asset: NAME`, one of {known}.")
    if form.to.strip().lower() == "none":
        return Goal(asset=form.asset)
    if form.to and not form.to.isdecimal():
        raise Misuse(
            f"{form.to!r} is no version: write a number, or `none` to empty {form.asset}. Nothing was changed."
        )
    return Goal(asset=form.asset, version=int(form.to) if form.to else _before(gate, form.asset))


def _before(gate: Gate, asset: str) -> int:
    head = next((head for key, head in gate.cut_for_readers().heads.items() if key == asset), None)
    if head is not None and head.version == 1:
        raise Misuse(f"{asset} has one version only. Nothing was changed. To empty it: `to: none`.")
    return int(head.version) - 1 if head is not None else 1


def _steps(plan: RollbackPlan) -> tuple[dict[str, str], ...]:
    return tuple(
        {
            "asset": str(step.asset),
            "serves": str(step.serves),
            "becomes": str(step.becomes),
            "with the content of": f"version {step.restores}" if step.restores is not None else "nothing: it is empty",
            "because of": ", ".join(step.because_of),
        }
        for step in plan.steps
    )


def _build(gate: Gate, form: BuildForm, by: str) -> Decided:
    reason = require_reason(form.reason, "A full rebuild") if form.rebuild else form.reason.strip()
    reason = reason or "a person launched the job build in Dagster"

    def work() -> BuildResult:
        return build(gate, form.assets, reason=reason, on_behalf_of=by, rebuild=form.rebuild)

    result = answered_by_start(gate, [AssetKey(name) for name in form.assets if name in gate.assets], by, reason, work)
    outcomes = result.outcomes
    served = read_served(gate, [outcome.asset for outcome in outcomes])
    published = [outcome for outcome in outcomes if isinstance(outcome, Published)]
    rows = tuple({"asset": str(each.asset), "outcome": type(each).__name__.lower()} for each in outcomes)
    if result.is_no:
        return Decided(explain_shortfalls(gate, outcomes, served), rows, is_no=True)
    return Decided((f"{len(published):,} of {len(outcomes):,} assets have a new version; the others stand.",), rows)


def _table(rows: Sequence[dict[str, str]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name) for name in rows[0]])
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows], schema=schema)
