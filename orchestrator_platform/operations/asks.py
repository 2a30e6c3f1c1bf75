"""What agents ask people to start, and people's answers: the use cases behind `orchestrator asks`."""

from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from ..authority.agent_files import Invocation
from ..authority.permissions import Person
from ..errors import AskSettled, Misuse
from ..gate.context import Gate
from ..gate.cycle.asks import Wanted, ask_in, asks_in, at_work_on, commit_answers, commit_asks
from ..gate.outcomes import Failed, Held, Outcome, Published, Waiting
from ..lake.published import PublishedCut
from ..records.asks import Ask, AskState
from ..records.keys import AgentName, AssetKey
from .build import BuildResult, build
from .deciding import require_person
from .projections import catch_up
from .storing import stores


@dataclass(frozen=True)
class Answered:
    """An ask as it stands after its answer; `result` is what the work gave, where there was some."""

    ask: Ask
    result: BuildResult | None = None


def read_asks(gate: Gate) -> tuple[Ask, ...]:
    """Returns everything that was ever asked, oldest first."""
    return asks_in(_cut(gate))


@stores
def ask(gate: Gate, agent: AgentName, wanted: Sequence[Wanted], *, reason: str) -> tuple[Ask, ...]:
    """Asks people to start work, on evidence; starts nothing. Returns what was not asked before.

    Raises:
        NotPermitted: The agent may not ask.
    """
    if not wanted:
        return ()
    asked = commit_asks(gate, agent, wanted, reason)
    catch_up(gate.settings, gate.layout)
    return asked


def plan_answer(gate: Gate, number: int, *, by: str, deny: bool = False) -> Ask:
    """Returns the ask that would be answered, without answering it.

    Raises:
        OrchestratorError: As for `approve_ask` or `deny_ask`.
    """
    require_person(gate, by)
    return _answerable(_cut(gate), number, deny=deny)


@stores
def approve_ask(gate: Gate, number: int, *, by: str, why: str) -> Answered:
    """Says yes, and does what is asked for as if the person had started it.

    The answer is recorded first and the outcome afterwards. Where the work is interrupted in between the ask stays
    approved, and can be approved again.

    Raises:
        Misuse: There is no such ask, no reason was given, or the name is no person's.
        NotPermitted: The name is an agent's.
        AskSettled: It was answered before, the work goes on after another answer, or another version serves by now.
    """
    person, reason = require_person(gate, by), _reason(number, "approve", why)
    found = _answerable(_cut(gate), number)
    work = f"ask {number}: {reason}"
    with at_work_on(gate, [found]):
        result = _answering(
            gate,
            [found],
            person,
            reason,
            lambda: build(gate, [found.asset], reason=work, on_behalf_of=person.name, started=Invocation.MANUAL),
        )
    return Answered(ask_in(_cut(gate), number), result)


@stores
def deny_ask(gate: Gate, number: int, *, by: str, why: str) -> Answered:
    """Says no: nothing is started, and the same evidence does not ask again.

    Raises:
        OrchestratorError: As for `approve_ask`.
    """
    person, reason = require_person(gate, by), _reason(number, "deny", why)
    found = _answerable(_cut(gate), number, deny=True)
    with at_work_on(gate, [found]):
        (denied,) = commit_answers(gate, [number], person, AskState.DENIED, reason, {})
    catch_up(gate.settings, gate.layout)
    return Answered(denied)


def answered_by_start(
    gate: Gate, assets: Collection[AssetKey], person: str, reason: str, work: Callable[[], BuildResult]
) -> BuildResult:
    """Does work that a person started, which answers what was asked about these assets with yes, and returns it.

    Where work goes on that answers one of them, it is left to that.

    Raises:
        NotPermitted: The name is an agent's.
    """
    with ExitStack() as held:
        open_: list[Ask] = []
        for asset in sorted(assets):
            asked = [each for each in asks_in(_cut(gate)) if each.waits and each.asset == asset]
            with suppress(AskSettled):
                held.enter_context(at_work_on(gate, asked))
                open_ += asked
        return _answering(gate, open_, require_person(gate, person), reason, work) if open_ else work()


def _answering(
    gate: Gate, asked: Sequence[Ask], person: Person, reason: str, work: Callable[[], BuildResult]
) -> BuildResult:
    numbers = [each.number for each in asked]
    commit_answers(gate, numbers, person, AskState.APPROVED, reason, {})
    result = work()
    became = {outcome.asset: _became(outcome) for outcome in result.outcomes}
    outcomes = {each.number: became.get(each.asset, "not built") for each in asked}
    commit_answers(gate, numbers, person, AskState.DONE, reason, outcomes)
    catch_up(gate.settings, gate.layout)
    return result


def _became(outcome: Outcome) -> str:
    name = type(outcome).__name__.lower()
    match outcome:
        case Published(receipt=receipt):
            return f"{name} version {receipt.version}"
        case Held(why=why) | Waiting(why=why) | Failed(message=why):
            return f"{name}: {why.splitlines()[0][:200] if why else ''}"
        case _:
            return name


def _answerable(cut: PublishedCut, number: int, *, deny: bool = False) -> Ask:
    found = ask_in(cut, number)
    if not (found.waits or (deny and found.state is AskState.OVERTAKEN)):
        raise AskSettled(number=number, asset=found.asset, state=found.state)
    return found


def _reason(number: int, answer: str, why: str) -> str:
    if not why.strip():
        raise Misuse(
            f"An answer needs a reason. Nothing was started. Say it: `orchestrator asks {answer} {number} --why TEXT`."
        )
    return why.strip()


def _cut(gate: Gate) -> PublishedCut:
    return gate.cut_for_readers()
