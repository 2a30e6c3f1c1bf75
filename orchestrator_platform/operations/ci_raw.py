"""Raw tables under another contract than they were published under: the rows that serve, and those that wait."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from ..errors import OrchestratorError
from ..gate.audit import judge_rows
from ..gate.cycle.order import bench_of
from ..gate.workbench import open_workbench
from ..lake.history import read_quarantine
from ..records.checked import AssetChange
from ..records.ci import AssetReport
from ..records.declarations import AssetDeclaration
from ..records.ledger import QuarantineEntry, QuarantineKind, QuarantineState
from .audit import served_records
from .ci_changes import CODE
from .replay import replay

if TYPE_CHECKING:
    from .ci_report import Reporter

# Rows are read from their landed files again: a few entries of a few rows cost nothing that anybody waits for.
_MOST_ENTRIES, _MOST_ROWS = 10, 1_000
JUDGED = "judged"


def report_raw(reporter: "Reporter", declaration: AssetDeclaration, change: AssetChange) -> AssetReport:
    """Returns what the contract and the checks of the branch say of the rows that serve. Nothing is landed."""
    gate, cut = reporter.gate, reporter.cut
    receipt = reporter.receipts[declaration.key]
    gate.say(f"judging the {receipt.n_rows:,} rows of {declaration.key} that serve")
    with closing(cut.connect()) as connection:
        records = served_records(gate, connection, declaration.key)
    with open_workbench(gate.settings.home.workbenches, gate.new_id(), cut) as workbench:
        findings = judge_rows(bench_of(gate, cut, workbench), receipt, gate.audit_plan(declaration.key), records)
    notes = tuple(_notes(reporter, declaration, change))
    return reporter.judged(declaration, JUDGED, findings, why=f"version {receipt.version} as it serves", notes=notes)


def _notes(reporter: "Reporter", declaration: AssetDeclaration, change: AssetChange) -> Iterator[str]:
    if CODE in change.what:
        yield "How its files are read changes; the rows that serve were read as before, and only new files will differ."
    for entry in _waiting(reporter, declaration):
        try:
            done = replay(reporter.gate, entry.id, dry_run=True)
        except OrchestratorError as error:
            yield f"Quarantine entry {entry.id} could not be judged again: {error}"
            continue
        still = f", {sum(done.still_bad.values()):,} would still wait" if done.still_bad else ""
        yield f"Quarantine entry {entry.id}: {done.n_accepted:,} of {entry.n_rows:,} rows would be let in{still}."


def _waiting(reporter: "Reporter", declaration: AssetDeclaration) -> list[QuarantineEntry]:
    with closing(reporter.cut.connect()) as connection:
        entries = read_quarantine(connection)
    waiting = [e for e in entries if e.asset == declaration.key and e.state is QuarantineState.WAITING]
    return [e for e in waiting if e.kind is QuarantineKind.ROWS and e.n_rows <= _MOST_ROWS][:_MOST_ENTRIES]
