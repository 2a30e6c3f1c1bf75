"""The tutorial, followed word for word: its files are written, its commands run, from an empty folder."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_platform.cli.edge import run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CHAPTER = re.compile(r"^## (\d+)\. ", re.MULTILINE)


def follow(chapter: str, folder: Path) -> None:
    """Does what a chapter says, in the order in which it stands."""
    for language, file, text in FENCE.findall(chapter):
        if file:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            (folder / file).write_text(text, encoding="utf-8")
        elif language == "console":
            for line in text.splitlines():
                program, *arguments = shlex.split(line.removeprefix("$ "))
                if program == "python":
                    subprocess.run([sys.executable, *arguments], cwd=folder, check=True)
                else:
                    assert (program, run(arguments)) == ("orchestrator", 0), line


def test_who_follows_the_tutorial_gets_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "library"
    folder.mkdir()
    monkeypatch.chdir(folder)
    _, *parts = CHAPTER.split(PAGE.read_text(encoding="utf-8"))
    said = {}
    for number, chapter in zip(parts[::2], parts[1::2], strict=True):
        follow(chapter, folder)
        said[int(number)] = capsys.readouterr().out
    assert "2 agents, 0 assets: no problem." in said[1]
    assert "Unsure of:" in said[3]
    assert "1,180 rows = 1,178 published + 2 quarantined + 0 duplicate" in said[3]
    assert re.search(r"marts\.loans +published +version none → 1, 1,178 rows", said[4])
    assert re.search(r"student +yes +\d+", said[4])
    assert re.search(r"librarian", said[4])
    assert re.search(r"auditor", said[4])
    assert re.search(r"embeddings\.books +published .*12 embedded, 0 reused", said[5])
    assert re.search(r"^[─ ]+\n0\.\d+ +12 +The Quiet Bank +vector ", said[5], re.MULTILINE)
    assert re.search(r"models\.late +published +version none → 1", said[6])
    assert re.search(r"late +1 +champion +roc_auc +0\.[789]", said[6])
    assert re.search(r"scores\.late +published", said[6])
    assert re.search(r"marts\.loans +published +version 1 → 2", said[7])
    assert re.search(r"embeddings\.books +unchanged", said[7])
    assert re.search(r"models\.late +model +1 ", said[7])
