"""The answer is no: a gate, a permission or a race said so, and nothing was changed."""

from collections.abc import Mapping, Sequence

from .family import Refusal


class CandidateRejected(Refusal):
    """The audit said no."""

    code = "rejected"

    def __init__(self, *, asset: str, summary: str, serving: str, quarantine: int | None) -> None:
        self.asset, self.summary, self.serving, self.quarantine = asset, summary, serving, quarantine
        look = f" Look: `orchestrator quarantine show {quarantine}`." if quarantine is not None else ""
        super().__init__(f"{asset} was rejected: {summary}. Nothing was published; {serving}.{look}")


class SealBroken(Refusal):
    """A verdict does not hold for what is being published."""

    code = "seal_broken"

    def __init__(self, *, asset: str, what: str, sealed: str, found: str, again: str = "") -> None:
        self.asset, self.what, self.sealed, self.found = asset, what, sealed, found
        super().__init__(
            f"The verdict on {asset} does not hold: {what} was {sealed} when it was judged and is {found} now."
            f" Nothing was published. Make it again from what holds now: `{again or f'orchestrator build {asset}'}`."
        )


class BaseMoved(Refusal):
    """Another publication came first."""

    code = "base_moved"
    retryable = True

    def __init__(self, *, asset: str, base: int | None, head: int | None, again: str = "") -> None:
        self.asset, self.base, self.head = asset, base, head
        super().__init__(
            f"{asset} was built on version {base or 'none'}, but version {head or 'none'} serves now."
            f" Nothing was published. Build it again: `{again or f'orchestrator build {asset}'}`."
        )


class ParentRetracted(Refusal):
    """A parent that was read has been taken back since."""

    code = "parent_retracted"
    retryable = True

    def __init__(self, *, asset: str, parent: str, version: int) -> None:
        self.asset, self.parent, self.version = asset, parent, version
        super().__init__(
            f"{asset} was built from {parent}@{version}, which is retracted."
            f" Nothing was published. Build it again: `orchestrator build {asset}`."
        )


class LineageMoved(Refusal):
    """Another publication came between the plan of a rollback and its commit."""

    code = "lineage_moved"
    retryable = True

    def __init__(self, *, subject: str, asset: str) -> None:
        self.subject, self.asset = subject, asset
        super().__init__(
            f"{asset} was published, rolled back or compacted while the rollback of {subject} was prepared."
            " Nothing was changed. Roll back again: the plan is made anew."
        )


class TargetRetracted(Refusal):
    """The version to go back to was made from what is retracted itself."""

    code = "target_retracted"

    def __init__(self, *, asset: str, version: int, causes: Sequence[str]) -> None:
        self.asset, self.version, self.causes = asset, version, tuple(causes)
        listed = ", ".join(self.causes)
        super().__init__(
            f"{asset} cannot go to version {version}: it was made from retracted versions of {listed}."
            f" Nothing was changed. Roll {listed} forward first, or choose another version:"
            f" `orchestrator history {asset}`."
        )


class AlreadyLanded(Refusal):
    """Another landing accounted for a file first."""

    code = "already_landed"
    retryable = True

    def __init__(self, *, files: Sequence[str]) -> None:
        self.files = tuple(files)
        super().__init__(
            f"Another landing accounted for {', '.join(self.files[:5])} first. Nothing was published twice. Land again."
        )


class AlreadySettled(Refusal):
    """Somebody else decided first what becomes of an entry of the quarantine."""

    code = "already_settled"

    def __init__(self, *, number: int, state: str) -> None:
        self.number, self.state = number, state
        super().__init__(
            f"Entry {number} of the quarantine does not wait any more: it is {state}. Nothing was published."
            f" Look: `orchestrator quarantine show {number}`."
        )


class AskSettled(Refusal):
    """What was asked was answered before, or is about a version that does not serve any more."""

    code = "ask_settled"

    def __init__(self, *, number: int, asset: str, state: str) -> None:
        self.number, self.asset, self.state = number, asset, state
        super().__init__(
            f"Ask {number} ({asset}) waits for no answer any more: it is {state}. Nothing was started."
            " Look: `orchestrator asks --all`."
        )


class NotApprovable(Refusal):
    """What waits in quarantine is nothing that a person's approval could publish."""

    code = "not_approvable"

    def __init__(self, *, number: int, asset: str, why: str, fix: str) -> None:
        self.number, self.asset, self.why, self.fix = number, asset, why, fix
        super().__init__(f"Entry {number} ({asset}) cannot be approved: {why}. Nothing was published. {fix}")


class NotReplayable(Refusal):
    """What waits in quarantine cannot be judged again as it is."""

    code = "not_replayable"

    def __init__(self, *, number: int, asset: str, why: str, fix: str) -> None:
        self.number, self.asset, self.why, self.fix = number, asset, why, fix
        super().__init__(f"Entry {number} ({asset}) cannot be replayed: {why}. Nothing was published. {fix}")


class NotPermitted(Refusal):
    """An agent tried what its file does not allow."""

    code = "not_permitted"

    def __init__(self, *, agent: str, act: str, subject: str, why: str) -> None:
        self.agent, self.act, self.subject, self.why = agent, act, subject, why
        super().__init__(f"{agent} may not {act} {subject}: {why}. Nothing was changed. Look: `orchestrator agents`.")


class StatementRefused(Refusal):
    """SQL that may not run where it was found."""

    code = "statement_refused"

    def __init__(self, *, where: str, statement: str, why: str) -> None:
        self.where, self.statement, self.why = where, statement, why
        super().__init__(f"{where} may not run {statement}: {why}. Nothing was built from it.")


class UntrustedModel(Refusal):
    """An artefact holds what no artefact may hold, or is none."""

    code = "untrusted_model"

    def __init__(self, *, culprits: Sequence[str], problem: str) -> None:
        self.culprits, self.problem = tuple(culprits), problem
        # Whoever made the artefact up chose the names in it, and how long they are.
        named = f": {', '.join(culprit[:200] for culprit in self.culprits[:10])}" if self.culprits else ""
        super().__init__(
            f"The artefact was not loaded, {problem[:500]}{named}. Nothing in it was run."
            " Train the model again; a type that it needs and that you trust belongs into `allowed_types`."
        )


class ExamplesUnusable(Refusal):
    """Nothing can be learned, or nothing said about what was learned, from the examples that there are."""

    code = "examples_unusable"

    def __init__(self, *, model: str, problem: str, fix: str) -> None:
        self.model, self.problem, self.fix = model, problem, fix
        super().__init__(f"{model} cannot be trained: {problem}. No model was made. {fix}")


class ModelNotServed(Refusal):
    """A model is asked for an answer, and none of its versions serves."""

    code = "model_not_served"

    def __init__(self, *, model: str, why: str) -> None:
        self.model, self.why = model, why
        super().__init__(
            f"{model} does not answer: {why}. Nothing was scored. Look: `orchestrator history {model}`;"
            f" `orchestrator train {model}` trains it."
        )


class RowsRefused(Refusal):
    """Rows that a model is to answer for break the contract of what it is given; `problems` has a text per row."""

    code = "rows_refused"

    def __init__(self, *, model: str, problems: Mapping[int, str], n_rows: int) -> None:
        self.model, self.problems, self.n_rows = model, dict(problems), n_rows
        first = "; ".join(f"row {number}: {said}" for number, said in list(self.problems.items())[:3])
        more = f"; and {len(self.problems) - 3} more" if len(self.problems) > 3 else ""
        super().__init__(
            f"{model} cannot be given {len(self.problems)} of {n_rows} rows: {first}{more}. Nothing was scored."
            " Mend the rows, or leave them out."
        )
