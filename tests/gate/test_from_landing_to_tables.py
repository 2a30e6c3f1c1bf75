from pathlib import Path

import pytest
from made_once import MadeOnce
from small_project import gate_of, make_project, open_project, write, write_orders

from orchestrator_platform.errors import Misuse, NotPermitted, SealBroken, UnknownAsset
from orchestrator_platform.gate.outcomes import Held, Published, Rejected, Unchanged, Waiting, Withheld
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.records_of import journal, ledger, quarantine, quarantine_entry, receipt
from orchestrator_platform.operations.status import State, read_status
from orchestrator_platform.records.ledger import FileState

GOOD = ((1, "ada", 10.5, "open"), (2, "bob", 3, "paid"), (3, "ada", 1, "open"))


def outcomes(result: object) -> dict[str, str]:
    return {outcome.asset: type(outcome).__name__ for outcome in result.outcomes}  # type: ignore[attr-defined]


def make_landed(folder: Path) -> None:
    land(gate_of(make_project(folder)), "orders", [write_orders(folder, "day1.csv", *GOOD)])


def make_built(folder: Path) -> None:
    make_landed(folder)
    build(gate_of(folder))


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


@pytest.fixture
def landed(made_once: MadeOnce) -> Path:
    return made_once(make_landed)


@pytest.fixture
def built(made_once: MadeOnce) -> Path:
    return made_once(make_built)


def test_landed_files_become_audited_published_tables(project: Path) -> None:
    file = write_orders(project, "day1.csv", *GOOD)
    before = file.read_bytes()
    landed = land(gate_of(project), "orders", [file])
    assert isinstance(landed.landed.outcome, Published)
    result = build(gate_of(project))
    assert outcomes(result) == {"marts.totals": "Published", "marts.ranking": "Published"}
    platform = open_project(project)
    assert sorted(platform.read("marts.totals").fetchall()) == [("ada", 11.5), ("bob", 3.0)]
    assert platform.read("marts.totals").df()["total"].sum() == 14.5
    assert platform.read("marts.ranking").pl().shape == (2, 2)
    assert [row[-1] for row in platform.query("SELECT * FROM raw.orders ORDER BY _landed_seq").fetchall()] == [1, 2, 3]
    assert file.read_bytes() == before
    assert not list((project / "home/landing/orders").rglob("*.csv"))


def test_building_again_builds_nothing(built: Path) -> None:
    snapshot = open_project(built).cut().snapshot
    again = build(gate_of(built))
    assert {type(outcome) for outcome in again.outcomes} == {Unchanged}
    assert open_project(built).cut().snapshot == snapshot


def test_new_rows_make_new_versions_with_only_what_changed(built: Path) -> None:
    land(gate_of(built), "orders", [write_orders(built, "day2.csv", (4, "ada", 1, "paid"))])
    result = build(gate_of(built))
    totals, ranking = result.outcomes
    assert isinstance(totals, Published)
    assert (totals.receipt.version, totals.receipt.n_inserted, totals.receipt.n_deleted) == (2, 1, 1)
    assert isinstance(ranking, Unchanged), "the places did not change, so nothing was published"
    assert build(gate_of(built)).outcomes[1] == Unchanged("marts.ranking", "same parents, code and contract")


def test_bad_rows_wait_in_quarantine_by_address_and_the_ledger_adds_up(project: Path) -> None:
    file = write_orders(project, "day1.csv", *GOOD, (4, "eve", -1, "open"), ("x", "eve", 1, "lost"))
    land(gate_of(project), "orders", [file])
    platform = open_project(project)
    (entry,) = ledger(platform)
    assert (entry.n_rows, entry.n_published, entry.n_quarantined, entry.version) == (5, 3, 2, 1)
    (waiting,) = quarantine(platform)
    rows = quarantine_entry(platform, waiting.id).rows
    assert {row.line for row in rows} == {4, 5}
    assert all("eve" not in row.reason for row in rows), "a quarantine holds addresses, not data"


def test_the_same_bytes_under_another_name_are_not_landed_twice(landed: Path) -> None:
    again = land(gate_of(landed), "orders", [write_orders(landed, "copy.csv", *GOOD)])
    assert isinstance(again.landed.outcome, Unchanged)
    platform = open_project(landed)
    assert [(e.file, e.state, e.n_duplicate) for e in ledger(platform)] == [
        ("day1.csv", FileState.LANDED, 0),
        ("copy.csv", FileState.DUPLICATE, 3),
    ]
    assert platform.read("raw.orders").count("*").fetchall() == [(3,)]


def test_a_rejected_candidate_leaves_the_served_version_untouched(built: Path) -> None:
    land(gate_of(built), "orders", [write_orders(built, "day2.csv", (4, "ada", 5000, "paid"))])
    result = build(gate_of(built))
    totals = result.outcomes[0]
    assert isinstance(totals, Rejected)
    assert result.is_no
    assert [finding.check for finding in totals.verdict.blocking] == ["total_lt_1000_0"] or totals.verdict.blocking
    platform = open_project(built)
    assert sorted(platform.read("marts.totals").fetchall()) == [("ada", 11.5), ("bob", 3.0)]
    view = quarantine_entry(platform, totals.quarantine)
    assert view.verdict is not None
    assert view.manifest is not None
    assert view.manifest.n_rows == 2
    assert {s.asset: s.state for s in read_status(gate_of(built))}["marts.totals"] is State.REJECTED


def test_rejected_inputs_are_not_built_again_until_something_changes(project: Path) -> None:
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", (1, "ada", 5000, "open"))])
    assert outcomes(build(gate_of(project)))["marts.totals"] == "Rejected"
    again = build(gate_of(project))
    assert isinstance(again.outcomes[0], Held)
    assert len(quarantine(open_project(project))) == 1
    contract = project / "defs/marts/contract.py"
    write(contract, contract.read_text().replace("lt=1000", "lt=10000"))
    assert outcomes(build(gate_of(project)))["marts.totals"] == "Published"


def test_what_was_built_from_the_rejected_is_built_again_over_what_serves(built: Path) -> None:
    land(gate_of(built), "orders", [write_orders(built, "day2.csv", (4, "zoe", 5000, "paid"))])
    result = build(gate_of(built))
    assert outcomes(result) == {"marts.totals": "Rejected", "marts.ranking": "Unchanged"}
    assert open_project(built).read("marts.ranking").count("*").fetchall() == [(2,)]


def test_an_atomic_group_is_withheld_whole(tmp_path: Path) -> None:
    tables = """
        import duckdb
        from orchestrator_platform import python_table

        @python_table(key="marts.totals", parents={"orders": "raw.orders"}, contract="contract.py:Totals")
        def totals(orders):
            return orders.aggregate("customer, sum(amount) AS total")

        @python_table(key="marts.ranking", parents={"orders": "raw.orders"}, contract="contract.py:Ranking")
        def ranking(orders):
            return orders.aggregate("customer, count(*) AS place")
    """
    atomic = """
        type: orchestrator_platform.components.PythonTableComponent
        attributes: {module: tables.py, atomic: true}
    """
    project = make_project(tmp_path, changes={"defs/marts/tables.py": tables, "defs/marts/defs.yaml": atomic})
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", (1, "ada", 5000, "open"))])
    result = build(gate_of(project))
    assert outcomes(result)["marts.totals"] == "Rejected"
    assert not isinstance(result.outcomes[1], Published)
    assert "marts.ranking" not in open_project(project).cut().heads


def test_without_a_published_parent_a_table_waits(project: Path) -> None:
    assert {type(outcome) for outcome in build(gate_of(project)).outcomes} == {Waiting}


def test_a_receipt_names_makers_judges_parents_and_findings(built: Path) -> None:
    found = receipt(open_project(built), "marts.ranking@1")
    assert (found.producer, found.auditor, found.version) == ("maker", "judge", 1)
    assert [(parent.asset, parent.version) for parent in found.parents] == [("marts.totals", 1)]
    assert {finding.check for finding in found.findings} >= {"schema", "rows"}
    assert all(finding.passed for finding in found.findings)
    with pytest.raises(Misuse, match="no version 7"):
        receipt(open_project(built), "marts.ranking@7")
    with pytest.raises(UnknownAsset):
        receipt(open_project(built), "marts.nothing")


def test_every_act_is_in_the_journal_with_its_agent(project: Path) -> None:
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", *GOOD)], on_behalf_of="person:ada")
    build(gate_of(project))
    events = journal(open_project(project))
    acts = {(event.agent, event.act, event.subject) for event in events}
    assert {("maker", "build", "raw.orders"), ("judge", "audit", "raw.orders")} <= acts
    assert {("maker", "publish", "raw.orders@1")} <= acts
    assert len({event.id for event in events}) == len(events)


def test_the_journal_is_the_same_however_often_the_outbox_is_applied(landed: Path) -> None:
    before = journal(open_project(landed))
    for state in (landed / "home/projections").glob("*.json"):
        state.unlink()
    build(gate_of(landed), ["marts.totals"])
    assert journal(open_project(landed))[: len(before)] == before


def test_an_asset_is_readable_at_every_version_and_several_at_one_snapshot(built: Path) -> None:
    snapshot = open_project(built).cut().snapshot
    land(gate_of(built), "orders", [write_orders(built, "day2.csv", (4, "bob", 1, "paid"))])
    build(gate_of(built))
    platform = open_project(built)
    assert sorted(platform.read("marts.totals", version=1).fetchall()) == [("ada", 11.5), ("bob", 3.0)]
    assert sorted(platform.read("marts.totals").fetchall()) == [("ada", 11.5), ("bob", 4.0)]
    then = platform.at(snapshot)
    assert then.read("raw.orders").count("*").fetchall() == [(3,)]
    assert then.read("marts.totals").sum("total").fetchall() == [(14.5,)]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("agents/judge.md", "audits: ['*']", "audits: []"), "no agent audits"),
        (("agents/maker.md", "audits: []", "audits: ['*']"), "audits"),
        (("agents/maker.md", "produces: ['*']", "produces: []"), "no agent produces"),
    ],
)
def test_an_asset_without_two_different_seats_does_not_load(
    project: Path, change: tuple[str, str, str], message: str
) -> None:
    name, old, new = change
    write(project / name, (project / name).read_text().replace(old, new))
    with pytest.raises(Misuse, match=message):
        gate_of(project)


def test_an_agent_that_may_not_build_does_not_build(landed: Path) -> None:
    agent = landed / "agents/maker.md"
    write(agent, agent.read_text().replace("land, build,", "land,"))
    with pytest.raises(NotPermitted, match="may not build marts"):
        build(gate_of(landed))


def test_withheld_is_told_with_its_cause(project: Path) -> None:
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", (1, "ada", 5000, "open"))])
    result = build(gate_of(project))
    ranking = result.outcomes[1]
    assert isinstance(ranking, Withheld | Waiting)


def test_a_seal_broken_by_a_changed_contract_publishes_nothing(landed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The contract is loosened between the verdict and the publication."""
    from orchestrator_platform.gate.cycle import table_pass

    gate = gate_of(landed)
    publish = table_pass.publish_in

    def loosened(*args: object) -> object:
        from dataclasses import replace

        given, publication = args
        judged = tuple(
            replace(
                item,
                declaration=replace(
                    item.declaration, contract=item.declaration.contract.model_copy(update={"rules": ()})
                ),
            )
            for item in publication.judged  # type: ignore[attr-defined]
        )
        return publish(given, replace(publication, judged=judged))  # type: ignore[arg-type,type-var]

    monkeypatch.setattr(table_pass, "publish_in", loosened)
    with pytest.raises(SealBroken, match="the contract"):
        build(gate)
    assert set(open_project(landed).cut().heads) == {"raw.orders"}


def test_a_table_that_fails_because_of_its_rejected_parent_is_built_again_over_what_serves(tmp_path: Path) -> None:
    ranking = """
        import duckdb

        from orchestrator_platform.transforming.python_table import python_table


        @python_table(key="marts.totals", parents={"orders": "raw.orders"}, contract="contract.py:Totals")
        def totals(orders: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
            return orders.aggregate("customer, sum(amount) AS total")


        @python_table(key="marts.ranking", parents={"totals": "marts.totals"}, contract="contract.py:Ranking")
        def ranking(totals: duckdb.DuckDBPyRelation) -> duckdb.DuckDBPyRelation:
            return totals.project("customer, CASE WHEN total < 1000 THEN 1 ELSE 0 END::BIGINT AS place")
    """
    project = make_project(tmp_path, changes={"defs/marts/tables.py": ranking})
    land(gate_of(project), "orders", [write_orders(project, "day1.csv", *GOOD)])
    build(gate_of(project))
    land(gate_of(project), "orders", [write_orders(project, "day2.csv", (4, "zoe", 5000, "paid"))])
    assert outcomes(build(gate_of(project))) == {"marts.totals": "Rejected", "marts.ranking": "Unchanged"}
    assert [entry.asset for entry in quarantine(open_project(project))] == ["marts.totals"]
