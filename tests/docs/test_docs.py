"""The README and the pages say what is: their commands exist, their blocks parse, their links lead somewhere."""

import ast
import importlib
import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
import pytest
import yaml

from orchestrator_platform.authority.agent_files import load_agent_files
from orchestrator_platform.cli.commands import root
from orchestrator_platform.operations.component_files import read_component_files

PROJECT = Path(__file__).resolve().parents[2]
PAGES = (PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").rglob("*.md")))
FENCE = re.compile(r"^```(\w*)[ ]?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`orchestrator\s+([a-z][^`]*)`")
TABLE_ROW = re.compile(r"^\| (`[a-z][^|]*`) \|", re.MULTILINE)
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]+)[^)]*\)")


@dataclass(frozen=True)
class Block:
    """A fenced block; `file` is where its reader puts it, if it says so."""

    language: str
    file: str
    text: str


def blocks(text: str) -> list[Block]:
    return [Block(*match.groups()) for match in FENCE.finditer(text)]


def command_lines(text: str) -> Iterator[str]:
    """Yields what stands behind `orchestrator` in blocks for a terminal and in inline code."""
    for block in blocks(text):
        for line in block.text.splitlines() if block.language in ("", "bash", "console") else ():
            if line.removeprefix("$ ").startswith("orchestrator "):
                yield line.removeprefix("$ ").removeprefix("orchestrator ")
    yield from (" ".join(match.split()) for match in INLINE.findall(FENCE.sub("", text)))


def problem_with(line: str) -> str | None:
    """Returns the first word that is no command, or no option of the command that it follows."""
    command: click.Command = root
    options = {name: parameter for parameter in root.params for name in parameter.opts}
    words = iter(shlex.split(line, comments=True))
    for word in words:
        if word.startswith("-"):
            option = options.get(word)
            if option is None:
                return word
            if not getattr(option, "is_flag", False):
                next(words, None)
        elif isinstance(command, click.Group) and re.fullmatch("[a-z]+", word):
            found = command.get_command(click.Context(command), word)
            if found is None:
                return word
            command = found
            options |= {name: parameter for parameter in command.params for name in parameter.opts}
    return None


def missing_imports(text: str) -> list[str]:
    missing = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                importlib.import_module(alias.name)
        elif isinstance(node, ast.ImportFrom):
            module = importlib.import_module(str(node.module))
            missing += [alias.name for alias in node.names if not hasattr(module, alias.name)]
    return missing


def dead_links(page: Path, text: str) -> list[str]:
    return [link for link in LINK.findall(text) if "://" not in link and not (page.parent / link).exists()]


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(PROJECT).as_posix())


@each_page
def test_a_page_names_only_commands_and_options_that_there_are(page: Path) -> None:
    wrong = {line: word for line in command_lines(read(page)) if (word := problem_with(line))}
    assert wrong == {}


@each_page
def test_a_page_names_only_make_targets_that_there_are(page: Path) -> None:
    targets = set(re.findall(r"^(\w+):", read(PROJECT / "Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make (\w+)", read(page), re.MULTILINE))
    assert named <= targets


@each_page
def test_python_on_a_page_compiles_and_imports_what_there_is(page: Path) -> None:
    for block in blocks(read(page)):
        if block.language == "python":
            assert missing_imports(block.text) == []


@each_page
def test_components_on_a_page_are_those_of_the_loader(page: Path, tmp_path: Path) -> None:
    for number, block in enumerate(blocks(read(page))):
        if block.language == "yaml":
            folder = tmp_path / str(number)
            folder.mkdir()
            (folder / "defs.yaml").write_text(block.text, encoding="utf-8")
            declared = [value for value in yaml.safe_load_all(block.text) if "type" in value]
            assert len(read_component_files(folder)) == len(declared)


@each_page
def test_agent_files_on_a_page_load(page: Path, tmp_path: Path) -> None:
    for block in blocks(read(page)):
        if block.language == "markdown":
            name = yaml.safe_load(block.text.split("---")[1])["name"]
            (tmp_path / f"{name}.md").write_text(block.text, encoding="utf-8")
    if any(tmp_path.iterdir()):
        assert load_agent_files(tmp_path)


@each_page
def test_links_of_a_page_lead_to_files(page: Path) -> None:
    assert dead_links(page, read(page)) == []


def test_the_page_on_operating_names_every_command() -> None:
    rows = " ".join(TABLE_ROW.findall(read(PROJECT / "docs" / "operating.md")))
    named = {words.split()[0] for words in re.findall(r"`([^`]+)`", rows)}
    assert set(root.list_commands(click.Context(root))) <= named


def test_the_readme_lists_every_page() -> None:
    listed = set(LINK.findall(read(PROJECT / "README.md")))
    assert {f"docs/{page.name}" for page in (PROJECT / "docs").glob("*.md")} <= listed


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("publish everything", "publish"),
        ("quarantine burn 7", "burn"),
        ("build --fast", "--fast"),
        ("status --rebuild", "--rebuild"),
        ("quarantine show 7 --limit 3", None),
        ("--home x build marts.triage  # what changed", None),
    ],
)
def test_a_command_or_option_that_there_is_not_is_noticed(line: str, word: str | None) -> None:
    assert problem_with(line) == word


def test_a_name_that_cannot_be_imported_and_a_dead_link_are_noticed() -> None:
    assert missing_imports("from orchestrator_platform import Platform, Nothing") == ["Nothing"]
    assert dead_links(PROJECT / "README.md", "[a](docs/idea.md) [b](docs/nothing.md)") == ["docs/nothing.md"]


def test_what_an_install_leaves_out_is_said_alike_in_both_places() -> None:
    left_out = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["uv"]
    lines = (PROJECT / "install-overrides.txt").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if not line.startswith("#")] == left_out["override-dependencies"]
