"""Every case becomes what docs/reliability.md says of it."""

import subprocess
import sys

import pytest
from red_team.arena import Arenas
from red_team.cases import CASES
from red_team.facing import Became, Case, Found, face
from red_team.table import PAGE, read_table, row_of, with_table


@pytest.fixture(scope="module")
def arenas(tmp_path_factory: pytest.TempPathFactory) -> Arenas:
    return Arenas(tmp_path_factory.mktemp("arenas"))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_case_becomes_what_the_page_says(case: Case, arenas: Arenas) -> None:
    found = face(case, *arenas.give(dbt=case.dbt))
    assert row_of(case, found) == read_table(PAGE.read_text("utf-8")).get(case.name)


def test_the_page_lists_every_case_once_and_no_other() -> None:
    assert list(read_table(PAGE.read_text("utf-8"))) == [case.name for case in CASES]


def test_a_row_is_written_between_the_markers_and_the_rest_of_the_page_stays() -> None:
    page, case = PAGE.read_text("utf-8"), CASES[0]
    row = row_of(case, Found(Became.NEITHER, "nothing says so"))
    written = with_table(page, {**read_table(page), case.name: row})
    assert read_table(written)[case.name] == row
    assert with_table(written, read_table(page)) == page


def test_the_command_knows_the_cases_by_name() -> None:
    command = [sys.executable, "-m", "tests.red_team", "no_such_case"]
    done = subprocess.run(command, cwd=PAGE.parents[1], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert CASES[-1].name in done.stderr
