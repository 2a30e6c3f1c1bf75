import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]


def errors_in(file: str) -> list[tuple[int, str]]:
    """Returns line and code of every error that mypy finds in the file."""
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(PROJECT / "pyproject.toml"), str(HERE / file)]
    said = subprocess.run(mypy, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert said.returncode in (0, 1), said.stdout + said.stderr
    found = re.findall(rf"{re.escape(file)}:(\d+): error: .*\[([a-z-]+)\]", said.stdout)
    assert bool(found) == bool(said.returncode), said.stdout
    return [(int(line), code) for line, code in found]


def test_what_a_project_writes_is_typed() -> None:
    assert errors_in("uses.py") == []


def test_mistakes_are_found_by_the_types() -> None:
    lines = (HERE / "wrong_uses.py").read_text(encoding="utf-8").splitlines()
    expected = [(number, line.split("# expect: ")[1]) for number, line in enumerate(lines, 1) if "# expect: " in line]
    assert errors_in("wrong_uses.py") == expected
