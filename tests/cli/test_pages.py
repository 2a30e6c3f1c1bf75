import re
from pathlib import Path

import click
import pytest

from orchestrator_platform.cli.commands import root

PAGES = Path(__file__).resolve().parents[2] / "docs"
COMMAND = re.compile(r"`orchestrator\s+([a-z][^`]*)`|^orchestrator (.+)$|^\| `([a-z][^`]*)`", re.MULTILINE)


def unknown_command(words: list[str]) -> str | None:
    """Returns the first word that is no command, `None` where all of them are."""
    group: click.Command = root
    for word in words:
        if not isinstance(group, click.Group) or not re.fullmatch("[a-z]+", word):
            return None
        found = group.get_command(click.Context(group), word)
        if found is None:
            return word
        group = found
    return None


def named_commands(text: str) -> list[list[str]]:
    return [next(filter(None, match.groups())).split() for match in COMMAND.finditer(text)]


@pytest.mark.parametrize("page", ["operating.md", "reading-the-data.md"])
def test_a_page_names_only_commands_that_there_are(page: str) -> None:
    text = (PAGES / page).read_text(encoding="utf-8")
    commands = named_commands(text.split("\n## The home folder")[0])
    assert len(commands) >= 3
    assert [words for words in commands if unknown_command(words)] == []


def test_the_page_on_operating_names_every_command() -> None:
    named = {words[0].rstrip(",") for words in named_commands((PAGES / "operating.md").read_text(encoding="utf-8"))}
    text = (PAGES / "operating.md").read_text(encoding="utf-8")
    missing = [name for name in root.list_commands(click.Context(root)) if name not in named and f"`{name}" not in text]
    assert missing == []


def test_a_command_that_there_is_not_is_noticed() -> None:
    assert unknown_command(["publish", "everything"]) == "publish"
    assert unknown_command(["quarantine", "burn"]) == "burn"
    assert unknown_command(["quarantine", "show", "7"]) is None
