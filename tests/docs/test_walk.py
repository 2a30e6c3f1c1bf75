"""The pages from an empty folder to audited tables, followed word for word."""

import re
import shlex
from pathlib import Path

import pytest

from orchestrator_platform.cli.edge import run

DOCS = Path(__file__).resolve().parents[2] / "docs"
WALK = ("your-own-project.md", "add-a-source.md", "add-a-table.md", "add-an-embedding.md", "features.md")
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def follow(page: str, folder: Path) -> None:
    """Writes the page's files and runs its commands, in the order in which they stand."""
    for language, file, text in FENCE.findall((DOCS / page).read_text(encoding="utf-8")):
        if file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        elif language == "console":
            for line in text.splitlines():
                arguments = shlex.split(line.removeprefix("$ orchestrator "))
                assert run(arguments) == 0, line


def test_who_follows_the_pages_gets_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    said = {}
    for page in WALK:
        follow(page, tmp_path)
        said[page] = capsys.readouterr().out
    assert "2 agents, 0 assets: no problem." in said["your-own-project.md"]
    assert "The project declares no assets." in said["your-own-project.md"]
    assert "wrote " in said["add-a-source.md"]
    assert "2 files: 6 rows = 5 published + 1 quarantined + 0 duplicate" in said["add-a-source.md"]
    assert re.search(r"2024-05-02\.csv +2 .*amount ≥ 0", said["add-a-source.md"])
    assert re.search(r"auditor +judge", said["add-a-table.md"])
    assert re.search(r"marts\.order_totals +table +1 +3 +current +maker +judge", said["add-a-table.md"])
    assert re.search(
        r"embeddings\.notes +published +version none → 1, 3 rows \(\+3 −0\); 3 embedded, 0 reused",
        said["add-an-embedding.md"],
    )
    assert re.search(r"r3 +acme +11 +0 +0 ", said["features.md"])
    assert re.search(r"r4 +acme +5 +1 +1 ", said["features.md"])
    assert re.search(r"ann +17\.75 +2", said["add-a-table.md"])
