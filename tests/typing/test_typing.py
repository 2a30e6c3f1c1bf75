import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]


def errors_in(*files: str) -> list[tuple[str, int, str]]:
    """Returns file, line and code of every error that mypy finds in the files."""
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(PROJECT / "pyproject.toml")]
    said = subprocess.run(
        [*mypy, *(str(HERE / file) for file in files)], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert said.returncode in (0, 1), said.stdout + said.stderr
    found = re.findall(r"(\w+\.py):(\d+): error: .*\[([a-z-]+)\]", said.stdout)
    assert bool(found) == bool(said.returncode), said.stdout
    return [(file, int(line), code) for file, line, code in found]


def test_what_a_project_writes_is_typed_and_mistakes_in_it_are_found() -> None:
    wrong = "wrong_uses.py"
    lines = (HERE / wrong).read_text(encoding="utf-8").splitlines()
    marked = [(number, line.split("# expect: ")[1]) for number, line in enumerate(lines, 1) if "# expect: " in line]
    assert errors_in("uses.py", wrong) == [(wrong, number, code) for number, code in marked]
