"""What agent files load as, and that each way of being wrong is refused with file and line."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator_platform.authority.acts import Act
from orchestrator_platform.authority.agent_files import Invocation, Principal, load_agent_files
from orchestrator_platform.authority.front_matter import SIZE_LIMIT_BYTES, FrontMatter, read_front_matter
from orchestrator_platform.authority.problems import Problem
from orchestrator_platform.errors import AgentFileError

LINES = {
    "name": "name: keeper",
    "description": "description: Keeps things.",
    "produces": "produces: [group:raw]",
    "audits": "audits: []",
    "may": "may: [build, publish]",
    "escalates": "escalates: [rollback]",
    "never": "never: [audit]",
    "invocation": "invocation: automatic",
    "context_budget": "context_budget: 8000",
}


def agent_file(folder: Path, *, extra: str = "", prompt: str = "Keep.", **changed: str) -> Path:
    """Writes a good file in which the named lines are changed; an empty text leaves a line out."""
    lines = [line for line in {**LINES, **changed}.values() if line]
    file = folder / "keeper.md"
    file.write_text("\n".join(["---", *lines, *([extra] if extra else []), "---", prompt, ""]), encoding="utf-8")
    return file


def refusal(folder: Path) -> AgentFileError:
    with pytest.raises(AgentFileError) as caught:
        load_agent_files(folder)
    return caught.value


def test_a_file_becomes_a_principal_with_the_lines_of_its_items(tmp_path: Path) -> None:
    file = agent_file(tmp_path, produces="produces:\n  - group:raw\n  - key:marts/*", extra="model: some-model")
    (principal,) = load_agent_files(tmp_path)
    assert principal.name == "keeper"
    assert principal.produces == ("group:raw", "key:marts/*")
    assert principal.may == (Act.BUILD, Act.PUBLISH)
    assert principal.invocation is Invocation.AUTOMATIC
    assert (principal.context_budget, principal.model, principal.prompt) == (8000, "some-model", "Keep.")
    assert principal.file == str(file)
    assert [principal.line_of(place) for place in ("name", "produces", "produces[0]", "produces[1]")] == [2, 4, 5, 6]


def test_windows_line_ends_and_a_prompt_with_its_own_rules_are_fine(tmp_path: Path) -> None:
    file = agent_file(tmp_path, prompt="One.\n---\nTwo.")
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert load_agent_files(tmp_path)[0].prompt == "One.\n---\nTwo."


BOMB = "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]"
WRONG = {
    "unknown key": ({"extra": "owner: me"}, 11, "`owner` is not a known key"),
    "duplicate key": ({"extra": "may: []"}, 11, "`may` is there twice"),
    "missing key": ({"audits": ""}, 9, "`audits` is missing"),
    "number as text": ({"description": "description: 12"}, 3, "`description` is not a text"),
    "list as text": ({"description": "description: [a]"}, 3, "`description` is not a text"),
    "text as list": ({"produces": "produces: group:raw"}, 4, "`produces` is not a list"),
    "null as list": ({"may": "may:"}, 6, "`may` is not a list"),
    "map as list": ({"may": "may: {build: yes}"}, 6, "`may` is not a list"),
    "list in list": ({"may": "may: [[build]]"}, 6, "`may` is not a list"),
    "bool in list": ({"may": "may:\n  - build\n  - yes"}, 8, "reads as bool"),
    "unknown act": ({"may": "may:\n  - build\n  - destroy"}, 8, "'destroy', which is no act"),
    "act twice": ({"may": "may: [build, build]"}, 6, "`build` twice"),
    "act in two lists": ({"never": "never:\n  - audit\n  - build"}, 10, "`build` is in `may` and in `never`"),
    "approve": ({"may": "may: [approve]"}, 6, "only a person"),
    "escalated approve": ({"escalates": "escalates: [approve]"}, 7, "only a person"),
    "invocation": ({"invocation": "invocation: sometimes"}, 9, "neither automatic nor manual"),
    "budget as text": ({"context_budget": "context_budget: '8000'"}, 10, "`context_budget`"),
    "budget zero": ({"context_budget": "context_budget: 0"}, 10, "`context_budget`"),
    "budget octal": ({"context_budget": "context_budget: 010"}, 10, "`context_budget`"),
    "budget sexagesimal": ({"context_budget": "context_budget: 1:30"}, 10, "`context_budget`"),
    "budget bool": ({"context_budget": "context_budget: true"}, 10, "`context_budget`"),
    "other name": ({"name": "name: other"}, 2, "the agent is called other, its file keeper.md"),
    "upper case": ({"name": "name: Keeper"}, 2, "no agent's name"),
    "a person": ({"name": "name: 'person:ada'"}, 2, "no agent's name"),
    "selection": ({"produces": "produces:\n  - group:raw and"}, 5, "at position 14"),
    "selection with a dot": ({"audits": "audits: [key:raw.kev]"}, 5, "write an asset as key:schema/name"),
    "tag": ({"description": "description: !!python/object/apply:os.system [ls]"}, 3, "YAML tag"),
    "alias": ({"audits": "audits:\n  - *x"}, 6, "anchor or alias"),
    "bare star": ({"audits": "audits:\n  - *"}, 6, "not valid YAML"),
    "deep nesting": ({"may": "may: [[[build]]]"}, 6, "nested too deep"),
    "anchor": ({"description": "description: &d text"}, 3, "anchor"),
    "bomb": ({"extra": BOMB}, 11, "anchor"),
    "merge key": ({"extra": "<<: {may: [audit]}"}, 11, "`<<` is not a known key"),
    "bad yaml": ({"description": "description: a: b"}, 3, "not valid YAML"),
    "open quote": ({"description": 'description: "a'}, 10, "not valid YAML"),
    "second document": ({"extra": "...\nmay: []"}, 12, "not valid YAML"),
    "control character": ({"description": "description: a\x07b"}, 3, "control character"),
    "lone surrogate": ({"description": 'description: "\\uD800"'}, 3, "escape that is no character"),
    "no such character": ({"description": 'description: "\\UFFFFFFFF"'}, 1, "not valid YAML"),
    "key that is a list": ({"extra": "? [a]\n: b"}, 11, "key that is not a text"),
    "no prompt": ({"prompt": " \n"}, 10, "has no prompt"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_file_is_refused_with_its_line(tmp_path: Path, case: str) -> None:
    changed, line, message = WRONG[case]
    file = agent_file(tmp_path, **changed)
    error = refusal(tmp_path)
    assert (error.file, error.line) == (str(file), line), error
    assert message in error.problem
    assert error.fix


@pytest.mark.parametrize(
    ("data", "line", "message"),
    [
        (b"", 1, "no front matter"),
        (b"# A page\n", 1, "no front matter"),
        (b"\xef\xbb\xbf---\nname: keeper\n---\nx", 1, "no front matter"),
        (b"---\nname: keeper\n", 1, "without an end"),
        (b"---\n---\nx", 1, "not a list of keys"),
        (b"---\n- name\n---\nx", 2, "not a list of keys"),
        (b"---\nname: keeper\ndescription: caf\xe9\n---\nx", 3, "not UTF-8"),
        (b"\xff\xfe-\x00-\x00-\x00", 1, "not UTF-8"),
        (b"---\n" + b"[" * 60_000, 1, "without an end"),
        (b"---\n" + b"[" * 60_000 + b"\n---\nx", 2, "not a list of keys"),
        (b"---\nname: " + b"[" * 60_000 + b"\n---\nx", 2, "nested too deep"),
        (b"---\nname: keeper\n---\n" + b"x" * SIZE_LIMIT_BYTES, None, "larger than"),
    ],
)
def test_bytes_that_are_no_agent_file_are_refused(tmp_path: Path, data: bytes, line: int | None, message: str) -> None:
    (tmp_path / "keeper.md").write_bytes(data)
    error = refusal(tmp_path)
    assert message in error.problem
    assert error.line == line


@given(
    st.binary(max_size=200) | st.text(alphabet="-\n\r\t &*!{}[]:,#|>'\"?%@`ab0~.\\\x00", max_size=120).map(str.encode)
)
def test_no_front_matter_whatever_ends_in_another_error(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    file = tmp_path_factory.getbasetemp() / "any.md"
    file.write_bytes(b"---\n" + body + b"\n---\nprompt")
    assert isinstance(read_front_matter(file), FrontMatter | Problem)


def test_a_missing_folder_and_a_folder_named_like_a_file_are_refused(tmp_path: Path) -> None:
    assert "no such folder" in refusal(tmp_path / "nowhere").problem
    (tmp_path / "keeper.md").mkdir()
    assert "not a file" in refusal(tmp_path).problem


def test_the_first_problem_says_how_many_others_there_are(tmp_path: Path) -> None:
    agent_file(tmp_path, may="may: [destroy]", audits="audits: nothing", invocation="invocation: sometimes")
    error = refusal(tmp_path)
    assert error.line == 5
    assert "2 more problems: `orchestrator agents check`" in str(error)


def test_only_permissions_are_in_the_hash_and_their_order_is_not(tmp_path: Path) -> None:
    (keeper,) = load_agent_files(agent_file(tmp_path).parent)
    same = {
        "description": "Else.",
        "prompt": "Else.",
        "model": "else",
        "file": "else.md",
        "context_budget": 1,
        "lines": (),
    }
    for field, value in {**same, "may": keeper.may[::-1]}.items():
        assert keeper.model_copy(update={field: value}).permissions_hash() == keeper.permissions_hash(), field
    for field, value in {
        "produces": ("*",),
        "audits": ("*",),
        "may": (Act.BUILD,),
        "escalates": (),
        "never": (),
        "invocation": Invocation.MANUAL,
    }.items():
        assert keeper.model_copy(update={field: value}).permissions_hash() != keeper.permissions_hash(), field


@pytest.mark.parametrize("field", ["prompt", "model"])
def test_prompt_and_model_are_in_the_hash_where_a_language_model_voted(tmp_path: Path, field: str) -> None:
    (keeper,) = load_agent_files(agent_file(tmp_path).parent)
    other = keeper.model_copy(update={field: "else"})
    assert other.permissions_hash(language_voted=True) != keeper.permissions_hash(language_voted=True)
    assert keeper.permissions_hash(language_voted=True) != keeper.permissions_hash()


def test_moving_an_act_between_lists_changes_the_hash(tmp_path: Path) -> None:
    (keeper,) = load_agent_files(agent_file(tmp_path).parent)
    moved = keeper.model_copy(update={"may": (Act.BUILD,), "escalates": (Act.PUBLISH, Act.ROLLBACK)})
    assert moved.permissions_hash() != keeper.permissions_hash()


def test_a_principal_written_as_json_reads_back_equal(tmp_path: Path) -> None:
    (keeper,) = load_agent_files(agent_file(tmp_path).parent)
    assert Principal.model_validate_json(keeper.canonical_json()) == keeper


def test_every_act_has_a_meaning_of_its_own() -> None:
    assert len({act.meaning for act in Act}) == len(Act)
    assert all(re.fullmatch(r"[a-z]+", act) for act in Act)
