"""Whatever is in a landed file, it is published right, put into quarantine by address, or refused with a message."""

import json
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
from bad_files import FORMATS, Case, cases_of
from small_project import gate_of, make_project, open_project

from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.platform import Platform
from orchestrator_platform.operations.records_of import ledger, quarantine, quarantine_entry
from orchestrator_platform.records.ledger import FileState, LedgerEntry, RowAddress

SOURCE = """
    type: orchestrator_platform.components.SourceComponent
    attributes:
      name: {name}
      asset: raw.{name}
      contract: ../people.py:People
      format: {name}
      max_bad_share: 1.0
      limits: {{field_bytes: 12000000}}
"""
PEOPLE = """
    import pandera.pandas as pa


    class People(pa.DataFrameModel):
        id: int
        name: str = pa.Field(nullable=True)

        class Config:
            strict = True
            metadata = {"grain": "none"}
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = {f"defs/{name}/defs.yaml": SOURCE.format(name=name) for name in FORMATS}
    return make_project(tmp_path_factory.mktemp("bad"), changes={**sources, "defs/people.py": PEOPLE})


def write_cases(folder: Path, cases: Sequence[Case]) -> Mapping[str, Case]:
    """Writes each case as a file of its own; returns them by name."""
    files = {case.name or f"{number:03d}{case.suffix}": case for number, case in enumerate(cases)}
    folder.mkdir(parents=True, exist_ok=True)
    for name, case in files.items():
        (folder / name).write_bytes(case.content)
        os.utime(folder / name, (1_700_000_000, 1_700_000_000))
    return files


def addresses_of(platform: Platform, source: str) -> dict[str, list[RowAddress]]:
    """The addresses of the source's rejected rows and refused files, by file."""
    found: dict[str, list[RowAddress]] = {}
    for entry in quarantine(platform):
        if entry.asset == f"raw.{source}":
            for address in quarantine_entry(platform, entry.id, limit=10_000).rows:
                found.setdefault(address.file, []).append(address)
    return found


def outcome(case: Case, entry: LedgerEntry, addresses: Sequence[RowAddress]) -> str:
    """Says what became of a file in the words of its case; the ledger and the quarantine must say the same."""
    assert all(address.reason for address in addresses)
    lines = {address.line for address in addresses}
    if entry.state is FileState.REFUSED:
        assert lines == {None}
        return "nothing" if case.n_bad is None else "refused"
    assert None not in lines
    assert len(lines) == entry.n_quarantined
    return "nothing" if case.n_bad is None else f"{entry.n_quarantined} bad"


def summary(outcome: str, rows: Sequence[object]) -> str:
    if outcome == "refused" or not rows:
        return "refused, or no row of it served"
    return "published whole" if outcome == "0 bad" else "good rows published, bad ones in quarantine"


def expected(case: Case) -> str:
    return "nothing" if case.n_bad is None else "refused" if case.refused else f"{case.n_bad} bad"


@pytest.mark.parametrize("name", FORMATS)
def test_each_file_is_published_right_quarantined_by_address_or_refused(
    project: Path, name: str, record_property: Callable[[str, object], None]
) -> None:
    cases = write_cases(project / "home/landing" / name, cases_of(name))
    land(gate_of(project), name)
    platform = open_project(project)
    entries = {entry.file: entry for entry in ledger(platform) if entry.source == name}
    assert entries.keys() == cases.keys()
    rows: dict[str, list[tuple[object, ...]]] = {}
    for file, *row in platform.read(f"raw.{name}").project("_file, id, name").fetchall():
        rows.setdefault(file, []).append(tuple(row))
    addresses = addresses_of(platform, name)
    found = {
        file: (outcome(case, entries[file], addresses.get(file, [])), rows.get(file, []))
        for file, case in cases.items()
    }
    record_property("bad_files", json.dumps({name: Counter(summary(*found[file]) for file in found)}))
    due = {file: (expected(case), list(case.published)) for file, case in cases.items()}
    wrong = {f"{file[:40]!r}: {cases[file].kind}": got[0] for file, got in found.items() if got != due[file]}
    assert wrong == {}


def test_there_are_hundreds_of_cases() -> None:
    assert sum(len(cases_of(name)) for name in FORMATS) >= 800
