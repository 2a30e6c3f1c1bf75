"""A sample: rows of every table that still join, over which a branch is judged as over the whole."""

from pathlib import Path

import pytest
from ci_project import ADA, N_BUYERS, CiOptions, edit, failed, make_published, over
from embedded_notes import NOTES, embedded, gate_of_notes, make_notes, note, write_notes
from hashed_embedder import hashed_embedders
from made_once import MadeOnce
from small_models import MODEL, PERSON, gate_of_models, make_models
from small_project import gate_of

from orchestrator_platform.errors import Misuse, UnknownAsset
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.ci import run_ci
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.sample import Sample, export_sample
from orchestrator_platform.operations.train import train

N_ROWS = 6


def sampled_orders(folder: Path) -> None:
    make_published(folder)
    export_sample(gate_of(folder), folder / "sample", N_ROWS, ADA, root="marts.buyers")


@pytest.fixture
def folder(made_once: MadeOnce) -> Path:
    """The project with a sample of six of its twenty buyers."""
    return made_once(sampled_orders)


def rows(folder: Path, sql: str) -> list[tuple[object, ...]]:
    return Platform.open(folder / "sample", folder).query(sql).fetchall()


def test_rows_of_every_table_join_and_are_those_of_the_lake(folder: Path) -> None:
    counted = {
        name: rows(folder, f"SELECT count(*) FROM marts.{name}")[0][0] for name in ("buyers", "cleaned", "spend")
    }
    assert counted == {"buyers": N_ROWS, "cleaned": N_ROWS * 10, "spend": N_ROWS * 10}
    orphans = "SELECT count(*) FROM raw.orders ANTI JOIN marts.buyers USING (customer)"
    assert rows(folder, orphans) == [(0,)]
    whole = Platform.open(folder / "home", folder).query("SELECT * FROM marts.by_buyer").fetchall()
    assert set(rows(folder, "SELECT * FROM marts.by_buyer")) < set(whole)
    assert len(whole) == N_BUYERS


def test_the_same_lake_gives_the_same_sample(folder: Path) -> None:
    made = export_sample(gate_of(folder), folder / "again", N_ROWS, ADA, root="marts.buyers")
    assert made.root == "marts.buyers"
    again = Platform.open(folder / "again", folder).query("SELECT customer FROM marts.buyers ORDER BY 1").fetchall()
    assert again == rows(folder, "SELECT customer FROM marts.buyers ORDER BY 1")


def test_a_branch_is_judged_over_a_sample_as_over_the_whole(folder: Path) -> None:
    lake = folder / "sample"
    same = run_ci(over(folder, lake), CiOptions(), ADA)
    assert (same.is_no, same.changes) == (False, ())
    edit(folder, "dbt/models/spend.sql", "on o.customer = b.customer", "on o.customer <= b.customer")
    assert ("marts.spend", "grain_order_id_unique") in failed(run_ci(over(folder, lake), CiOptions(), ADA))


def test_a_contract_of_a_source_is_judged_on_the_sampled_rows(folder: Path) -> None:
    edit(folder, "defs/orders/contract.py", "ge=0", "ge=0, lt=7")
    found = failed(run_ci(over(folder, folder / "sample"), CiOptions(), ADA))
    assert set(found) == {("raw.orders", "amount_lt_7")}


def test_a_dry_run_makes_nothing_and_what_cannot_be_sampled_is_refused(folder: Path) -> None:
    planned = export_sample(gate_of(folder), folder / "none", 3, ADA, dry_run=True)
    assert {item.asset: item.of for item in planned.assets}["marts.buyers"] == N_BUYERS
    assert not (folder / "none").exists()
    with pytest.raises(Misuse, match="holds something already"):
        export_sample(gate_of(folder), folder / "sample", 3, ADA)
    with pytest.raises(UnknownAsset):
        export_sample(gate_of(folder), folder / "none", 3, ADA, root="marts.nothing")
    with pytest.raises(Misuse, match="no key of one column"):
        export_sample(gate_of(folder), folder / "none", 3, ADA, root="raw.orders")
    edit(folder, "dbt/models/cleaned.sql", "amount", "amount + 1 as amount")
    with pytest.raises(Misuse, match=r"marts.cleaned was published under another code"):
        export_sample(gate_of(folder), folder / "none", 3, ADA)


def of(sample: Sample) -> dict[str, tuple[int, int]]:
    return {item.asset: (item.n_rows, item.of) for item in sample.assets}


def test_vectors_come_along_with_their_rows(tmp_path: Path) -> None:
    folder = make_notes(tmp_path)
    write_notes(folder, [note(number) for number in range(30)])
    embedded(folder)
    made = export_sample(gate_of_notes(folder), folder / "sample", 10, ADA, embedders=hashed_embedders())
    # A table of no parents is made anew as a whole: nothing that it reads was sampled.
    assert of(made)[NOTES] == (10, 30)
    platform = Platform.open(folder / "sample", folder)
    assert platform.query(f"SELECT count(*) FROM {NOTES} WHERE vector IS NOT NULL").fetchall() == [(10,)]


def test_a_model_comes_along_as_it_is(tmp_path: Path) -> None:
    folder = make_models(tmp_path)
    build(gate_of_models(folder))
    assert not train(gate_of_models(folder), [MODEL], reason="a test", on_behalf_of=PERSON).is_no
    made = export_sample(gate_of_models(folder), folder / "sample", 50, ADA)
    assert of(made)[MODEL] == (1, 1)
    hashes = [
        Platform.open(folder / home, folder).query(f"SELECT artefact_sha256 FROM {MODEL}").fetchall()
        for home in ("home", "sample")
    ]
    assert hashes[0] == hashes[1]
