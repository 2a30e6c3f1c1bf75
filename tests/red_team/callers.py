"""Callers: who approves, answers and publishes in another's name, with verdicts that are old, edited or made up."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

from red_team.arena import FORGED, Arena, forged_parquet, just_before, overwrite
from red_team.auditors import HARMLESS
from red_team.facing import Case, Tried
from red_team.producers import forged_total, write_totals
from small_project import write_orders

from orchestrator_platform.audits.raw_checks import archived_path
from orchestrator_platform.errors import OrchestratorError
from orchestrator_platform.gate.candidate import hash_file, load_manifest
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle import table_pass
from orchestrator_platform.gate.outcomes import Outcome, Published
from orchestrator_platform.gate.publish import Done, Publication
from orchestrator_platform.gate.seal import Judged
from orchestrator_platform.operations.approve import approve
from orchestrator_platform.operations.land import land
from orchestrator_platform.records.findings import Finding
from orchestrator_platform.records.verdicts import Decision, Verdict
from orchestrator_platform.settings import PERSON_VARIABLE, load_person

PUBLISH_IN = "orchestrator_platform.gate.cycle.table_pass.publish_in"
Forger = Callable[[Judged], Verdict]


def _waiting(arena: Arena, total: int = 500) -> Path:
    """The folder of the first candidate that waits, which holds a forged row; a person could be asked to let it in."""
    write_totals(arena, made=forged_total(total))
    assert arena.build()
    return min(arena.candidates.iterdir())


def _approve(arena: Arena, approver: str) -> Tried:
    approve(arena.gate(), 1, approver=approver, reason="it is fine")
    return ""


def _agent_approves(arena: Arena) -> Tried:
    _waiting(arena)
    return _approve(arena, "judge")


def _agent_as_person(arena: Arena) -> Tried:
    _waiting(arena)
    return _approve(arena, "person:maker")


def _names_a_person(arena: Arena) -> Tried:
    _waiting(arena)
    return _approve(arena, load_person({PERSON_VARIABLE: "ada"}))


def _edit_json(file: Path, **changes: object) -> None:
    overwrite(file, json.dumps(json.loads(file.read_bytes()) | changes).encode())


def _rejection_made_a_question(arena: Arena) -> Tried:
    _edit_json(_waiting(arena, 5000) / "verdict.json", decision="escalate")
    return _approve(arena, "ada")


def _findings_taken_out(arena: Arena) -> Tried:
    verdict = _waiting(arena) / "verdict.json"
    _edit_json(verdict, findings=json.loads(verdict.read_bytes())["findings"][:1])
    return _approve(arena, "ada")


def _manifest_fits_forged_rows(arena: Arena) -> Tried:
    folder = _waiting(arena)
    rows, manifest = folder / "rows.parquet", folder / "manifest.json"
    forged_parquet(rows, "SELECT * REPLACE (999 AS total) FROM t")
    (file,) = (entry for entry in json.loads(manifest.read_bytes())["files"] if entry["name"] == rows.name)
    forged = file | {"sha256": hash_file(rows), "size_bytes": rows.stat().st_size}
    others = [entry for entry in json.loads(manifest.read_bytes())["files"] if entry["name"] != rows.name]
    _edit_json(manifest, files=[forged, *others])
    return _approve(arena, "ada")


def _another_in_its_folder(arena: Arena) -> Tried:
    first = _waiting(arena)
    write_totals(arena, made=forged_total(999))
    arena.build()
    (second,) = (folder for folder in arena.candidates.iterdir() if folder != first)
    shutil.rmtree(first)
    shutil.move(second, first)
    return _approve(arena, "ada")


@contextmanager
def _publishing(change: Callable[[Gate, Publication], Publication]) -> Iterator[None]:
    """Lets a caller publish something else than what was judged."""
    publish_in = table_pass.publish_in

    def other(gate: Gate, publication: Publication) -> Done:
        return publish_in(gate, change(gate, publication))

    with patch.object(table_pass, "publish_in", other):
        yield


def _with_verdicts(arena: Arena, forge: Forger, made: str = HARMLESS) -> Tried:
    """Publishes with a verdict that is not the auditor's."""

    def change(_: Gate, publication: Publication) -> Publication:
        return replace(publication, judged=tuple(replace(item, verdict=forge(item)) for item in publication.judged))

    write_totals(arena, made=made)
    with _publishing(change):
        return arena.build()


def _nothing_found(arena: Arena) -> Tried:
    return _with_verdicts(arena, lambda item: item.verdict.model_copy(update={"findings": ()}))


def _old_verdict(arena: Arena) -> Tried:
    old: list[Judged] = []

    def change(_: Gate, publication: Publication) -> Publication:
        old.extend(publication.judged)
        return publication

    write_totals(arena, made=HARMLESS.replace("max", "min"))
    with _publishing(change):
        arena.build()
    verdicts = {item.manifest.asset: item.verdict for item in old}
    return _with_verdicts(arena, lambda item: verdicts[item.manifest.asset])


def _judges(gate: Gate, publication: Publication, decision: Decision, *, made_up: bool) -> Publication:
    """What was rejected is published all the same, under a verdict of the caller's."""
    judged = []
    for put_aside in publication.quarantined:
        assert put_aside.entry.candidate is not None
        folder = gate.settings.home.candidates / put_aside.entry.candidate
        verdict = Verdict.model_validate_json((folder / "verdict.json").read_bytes())
        manifest = load_manifest(gate.settings.home.candidates, put_aside.entry.candidate)
        plan = gate.audit_plan(manifest.asset)
        if made_up:
            passed = tuple(Finding(asset=manifest.asset, check=name, passed=True) for name in plan.checks)
            verdict = verdict.model_copy(update={"findings": passed})
        forged = verdict.model_copy(update={"decision": decision})
        judged.append(Judged(manifest, forged, plan.declaration, frozenset(plan.checks)))
    return replace(publication, judged=(*publication.judged, *judged), quarantined=())


def _publish_rejected(arena: Arena, *, made_up: bool) -> Tried:
    write_totals(arena, made=forged_total(5000))
    with _publishing(lambda gate, publication: _judges(gate, publication, Decision.APPROVE, made_up=made_up)):
        return arena.build()


def _decision_turned_over(arena: Arena) -> Tried:
    return _publish_rejected(arena, made_up=False)


def _verdict_made_up(arena: Arena) -> Tried:
    return _publish_rejected(arena, made_up=True)


def _second_publisher(arena: Arena, moment: str, first: Callable[[], object] = lambda: None) -> Tried:
    """Another build publishes between the judgement of the first and its commit."""
    refused: list[str] = []
    publish_in = table_pass.publish_in

    def watched(gate: Gate, publication: Publication) -> Done:
        try:
            return publish_in(gate, publication)
        except OrchestratorError as error:
            refused.append(error.code)
            raise

    def second() -> None:
        first()
        assert any(isinstance(outcome, Published) for outcome in arena.build())

    write_totals(arena, made=HARMLESS)
    with patch.object(table_pass, "publish_in", watched), just_before(moment, second):
        arena.build()
    return ", ".join(f"`{code}`" for code in refused)


def _same_base(arena: Arena) -> Tried:
    return _second_publisher(arena, "orchestrator_platform.gate.publish._put_in_place")


def _lock_deleted(arena: Arena) -> Tried:
    lock = arena.lake / "writer.lock"
    return _second_publisher(arena, "orchestrator_platform.gate.publish._commit", lock.unlink)


def _placed_file_swapped(arena: Arena) -> Tried:
    def swap() -> None:
        rows = [file for file in arena.parquet_of("marts.totals") if file.name.endswith("rows.parquet")]
        forged_parquet(rows[-1], "SELECT * REPLACE (7 AS total) FROM t")

    write_totals(arena, made=HARMLESS)
    with just_before("orchestrator_platform.gate.publish.check_seal", swap):
        return arena.build()


def _landing(arena: Arena, act: Callable[[], object]) -> Outcome:
    file = write_orders(arena.project, "swap.csv", (5, "dora", 2, "open"))
    with just_before("orchestrator_platform.gate.split.read_files", act):
        return land(arena.gate(), "orders", [file]).landed.outcome


def _landed_file_swapped(arena: Arena) -> Tried:
    """Between hashing and reading; the swapped file is a new one, and stays in landing."""
    landed = arena.home / "landing/orders/swap.csv"
    forged = landed.with_name("other.txt")

    def swap() -> None:
        forged.write_text(f"order_id,customer,amount,status\n5,{FORGED},2,open\n", encoding="utf-8")
        forged.replace(landed)

    outcome = _landing(arena, swap)
    assert isinstance(outcome, Published)
    assert landed.exists()
    return "the rows that were hashed are read; the other file stays in landing"


def _archived_file_swapped(arena: Arena) -> Tried:
    def swap() -> None:
        sha256 = hash_file(arena.home / "landing/orders/swap.csv")
        content = f"order_id,customer,amount,status\n5,{FORGED},2,open\n".encode()
        overwrite(archived_path(arena.home / "archive", sha256), content)

    return (_landing(arena, swap),)


def _query_copies(arena: Arena) -> Tried:
    arena.open().query(f"COPY (SELECT 1) TO '{arena.parquet_of('marts.totals')[0]}'")
    return ""


def _query_reads_a_candidate(arena: Arena) -> Tried:
    file = _waiting(arena) / "rows.parquet"
    arena.open().query(f"SELECT * FROM read_parquet('{file}')")
    return ""


_SAME_USER = "who bears the user's name is that person; separate users, and approvals where agents cannot log in"

CASES = (
    Case("agent_approves", "agent", "approves what its auditor asked about", _agent_approves),
    Case("agent_as_person", "agent", "approves as a person of its own name", _agent_as_person),
    Case("agent_as_ada", "agent", "approves with `ORCHESTRATOR_PERSON=ada`", _names_a_person, why=_SAME_USER),
    Case(
        "rejection_to_question",
        "verdict file",
        "turns a rejection into a question, and answers it",
        _rejection_made_a_question,
    ),
    Case("verdict_file_edited", "verdict file", "takes findings out of a verdict that waits", _findings_taken_out),
    Case("manifest_edited", "candidate folder", "makes the manifest fit forged rows", _manifest_fits_forged_rows),
    Case(
        "candidates_swapped",
        "candidate folder",
        "puts another candidate into the folder of one that waits",
        _another_in_its_folder,
    ),
    Case("old_verdict", "caller", "publishes with the verdict on an earlier candidate", _old_verdict),
    Case("empty_verdict", "caller", "publishes with a verdict that found nothing", _nothing_found),
    Case(
        "decision_edited",
        "caller",
        "publishes with a decision that does not follow from the findings",
        _decision_turned_over,
    ),
    Case("verdict_made_up", "caller", "publishes with a verdict made up as a whole", _verdict_made_up),
    Case("same_base", "two publishers", "publish on the same base", _same_base),
    Case("lock_deleted", "two publishers", "one deletes the lock that the other holds", _lock_deleted),
    Case("placed_file_swapped", "other program", "swaps a file between its hash and the commit", _placed_file_swapped),
    Case(
        "landed_file_swapped", "who drops files", "swaps a file between its hash and its reading", _landed_file_swapped
    ),
    Case(
        "archived_file_swapped",
        "other program",
        "swaps the archived copy between its hash and its reading",
        _archived_file_swapped,
    ),
    Case("query_copies", "analyst", "copies over a published file by `orchestrator query`", _query_copies),
    Case(
        "query_reads_candidate",
        "analyst",
        "reads the file of a candidate by `orchestrator query`",
        _query_reads_a_candidate,
    ),
)
