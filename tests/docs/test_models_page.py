"""The page on models, followed word for word."""

import re
from pathlib import Path

import pytest
from small_models import FILES
from small_project import write_files

from orchestrator_platform.cli.edge import run

PAGE = Path(__file__).resolve().parents[2] / "docs" / "models.md"
FENCE = re.compile(r"^```(\w+)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SEATS = ("pyproject.toml", "agents/maker.md", "agents/judge.md", "agents/orchestrator.md")


def test_who_follows_the_page_gets_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(write_files(tmp_path, {name: FILES[name] for name in SEATS}))
    for language, file, text in FENCE.findall(PAGE.read_text(encoding="utf-8")):
        if file:
            (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / file).write_text(text, encoding="utf-8")
        elif language == "console":
            for line in text.splitlines():
                arguments = [
                    word.strip('"') for word in re.findall(r'"[^"]*"|\S+', line.removeprefix("$ orchestrator "))
                ]
                assert run(arguments) == 0, line
    said = capsys.readouterr().out
    assert re.search(r"models\.late +waiting +waits for a person: .*`orchestrator train models\.late`", said)
    assert re.search(r"models\.late +published +version none → 1, 1 row \(\+1 −0\); \d+ examples, 3 trials", said)
    assert re.search(r"late +1 +champion +roc_auc +0\.\d{4} +2024-05-", said)
    assert "late@1 reproduced: the artefact has the same bytes" in said
