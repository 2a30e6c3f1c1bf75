"""The first build after a change of the dbt project finds out what dbt executes; builds and audits then need no dbt."""

from small_project import gate_of, make_project, write, write_orders

from orchestrator_platform.gate.outcomes import Published, Rejected
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.transforming import dbt_workbench

STATUSES = "marts.statuses"


def count_dbt_calls(monkeypatch):
    asked = []
    run = dbt_workbench._run

    def ask(call, command, chosen, manifest):
        asked.append(command[0])
        return run(call, command, chosen, manifest)

    monkeypatch.setattr(dbt_workbench, "_run", ask)
    return asked


def outcome_of(folder, *rows):
    gate = gate_of(folder)
    name = f"orders-{len(rows)}.csv"
    land(gate, "orders", [write_orders(folder, name, *rows)])
    return next(outcome for outcome in build(gate, [STATUSES]).outcomes if outcome.asset == STATUSES)


def test_dbt_is_asked_by_the_first_build_and_not_again_until_the_project_changes(tmp_path, monkeypatch):
    folder = make_project(tmp_path, dbt=True)
    asked = count_dbt_calls(monkeypatch)
    assert build(gate_of(folder)).outcomes
    assert asked == ["build", "build", "test"]
    asked.clear()
    first = outcome_of(folder, (1, "ann", 5, "open"))
    assert (type(first), first.receipt.n_rows) == (Published, 1)
    second = outcome_of(folder, (2, "bob", 5, "open"), (3, "bob", 6, "paid"))
    assert (type(second), second.receipt.n_rows) == (Published, 2)
    assert asked == []
    write(folder / "dbt/tests/few.sql", "select * from {{ ref('statuses') }} where n_orders > 2")
    third = outcome_of(folder, (4, "eve", 5, "open"), (5, "eve", 5, "open"), (6, "eve", 5, "open"))
    assert type(third) is Rejected
    assert asked == ["build", "build", "test"]
