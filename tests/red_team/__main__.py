"""Faces every case, or those named, and writes what became of them into docs/reliability.md."""

import sys
import tempfile
from pathlib import Path

TESTS = Path(__file__).resolve().parents[1]


def main(names: list[str]) -> int:
    from red_team.arena import Arenas
    from red_team.cases import CASES
    from red_team.facing import face
    from red_team.table import PAGE, read_table, row_of, with_table

    unknown = sorted(set(names) - {case.name for case in CASES})
    if unknown:
        sys.stderr.write(f"There is no case {', '.join(unknown)}. Known: {', '.join(case.name for case in CASES)}.\n")
        return 2
    rows = read_table(PAGE.read_text("utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        arenas = Arenas(Path(folder))
        for case in CASES:
            if not names or case.name in names:
                rows[case.name] = row_of(case, face(case, *arenas.give(dbt=case.dbt)))
                sys.stdout.write(f"{rows[case.name]}\n")
                sys.stdout.flush()
    found = {case.name: rows[case.name] for case in CASES if case.name in rows}
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), found), encoding="utf-8")
    return 0


if __name__ == "__main__":
    # The cases import each other, and what suites share, from the folder of the tests.
    sys.path.insert(0, str(TESTS))
    sys.exit(main(sys.argv[1:]))
