"""New commits of a branch land one by one, in their order, whatever the history and the files are like."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from git_upstream import Upstream, make_upstream
from pulling_project import NOON, landing, make_pulling, pull_now, state_of

from orchestrator_platform.errors import DefinitionError, PullFailed, PullRefused
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations import pull_git
from orchestrator_platform.operations.pull_planning import plan_pull
from orchestrator_platform.pulling.commit_files import record_line
from orchestrator_platform.records.pulls import PullOutcome

PATTERN = ("**/*.ndjson.gz", "**/*.json")


@pytest.fixture
def upstream(tmp_path: Path) -> Upstream:
    return make_upstream(tmp_path / "upstream")


def pulling(upstream: Upstream, pattern: tuple[str, ...] = PATTERN, **options: Any) -> Gate:
    said = {"kind": "git", "url": upstream.url, "files": ["**/*.json"], "depth": 100, **options}
    return make_pulling(upstream.folder.parent / "project", said, pattern)


def text(content: bytes) -> str:
    return (gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content).decode()


def landed(gate: Gate) -> list[str]:
    """Returns what is in landing, in the order in which it would land."""
    return [text(content) for _, content in sorted(landing(gate).items())]


def test_each_commit_is_a_file_of_what_it_changed(upstream: Upstream) -> None:
    first = upstream.commit({"a.json": '{"n": 1}', "notes.txt": "of no pattern"})
    upstream.commit({"deep/b.json": '{"n": 2}'})
    gate = pulling(upstream)
    pulled = pull_now(gate)
    assert (pulled.n_commits, pulled.n_records) == (2, 2)
    assert next(iter(landing(gate))) == f"dt=2026-01-01/000100-{first[:8]}.ndjson.gz"
    assert landed(gate) == ['{"n":1}\n', '{"n":2}\n']

    assert pull_now(gate).outcome is PullOutcome.UNCHANGED
    upstream.commit({"a.json": '{"n": 3}'})
    upstream.commit({"notes.txt": "again"})
    upstream.commit({})
    pulled = pull_now(gate)
    assert (pulled.n_commits, len(pulled.files)) == (3, 1)
    assert landed(gate)[2:] == ['{"n":3}\n']
    assert pull_now(gate).n_commits == 0


def test_values_are_byte_for_byte_what_they_were(upstream: Upstream) -> None:
    document = (
        '{\n\t"amount" : 1.10,\r\n "big":123456789012345678901234567890, "t": "a \\" b\\u00e9  \\n", "k":1,"k":2}'
    )
    upstream.commit({"a.json": document})
    gate = pulling(upstream)
    pull_now(gate)
    assert landed(gate) == [
        '{"amount":1.10,"big":123456789012345678901234567890,"t":"a \\" b\\u00e9  \\n","k":1,"k":2}\n'
    ]


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1',
        b'{"a": 1}\n{"a": 2}\n',
        b"[1, 2]",
        b'"text"',
        b"",
        b"\xff\xfe{}",
        b'{"a": NaN}',
        b"\x00\x01\x02",
        b'\xef\xbb\xbf{"a": 1}',
    ],
)
def test_what_is_no_json_object_lands_alone_byte_for_byte(upstream: Upstream, content: bytes) -> None:
    upstream.commit({"bad.json": content, "good.json": '{"n": 1}'})
    gate = pulling(upstream)
    pulled = pull_now(gate)
    assert (pulled.n_records, pulled.n_alone) == (1, 1)
    (alone,) = [held for name, held in landing(gate).items() if name.endswith("-bad.json")]
    assert alone == content


@pytest.mark.parametrize("document", ['{"a":"\\\\"}', '{"a":"\\\\\\" "}', '{"":{"x":[ ]}}', '{"a":"\u2028  "}'])
def test_a_records_line_means_what_the_document_meant(document: str) -> None:
    line = record_line(document.replace(":", " : ").encode())
    assert line is not None
    assert json.loads(line) == json.loads(document)
    assert b"\n" not in line


def test_names_of_any_kind_land(upstream: Upstream) -> None:
    names = ["a b.json", "new\nline.json", "☃/ü.json", "-rf.json", "x/bad.json", "y/bad.json", "q'\"$(x).json"]
    upstream.commit(dict.fromkeys(names, "{"))
    gate = pulling(upstream)
    assert pull_now(gate).n_alone == len(names)
    found = {name.split("-", 4)[4] for name in landing(gate)}
    assert found == {"a_b.json", "new_line.json", "ü.json", "-rf.json", "bad.json", "bad-2.json", "q_x_.json"}


def test_deleted_and_renamed_files_are_told_where_asked_for(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 1}', "b c.json": '{"n": 2}'})
    gate, telling = pulling(upstream), None
    pull_now(gate)
    upstream.commit({"a.json": None})
    upstream.git("mv", "b c.json", "d.json")
    upstream.commit({})
    pulled = pull_now(gate)
    assert (pulled.n_deleted, pulled.n_records) == (2, 1)
    assert landed(gate)[1:] == ['{"n":2}\n']

    telling = replace(pulling(upstream, deletions="lines", depth=2, first="changes"), now=lambda: NOON)
    shutil.rmtree(telling.settings.home.root)
    pull_now(telling)
    assert landed(telling) == ['{"_deleted":"a.json"}\n', '{"n":2}\n{"_deleted":"b c.json"}\n']


def test_a_file_that_becomes_a_link_is_deleted_and_links_never_land(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 1}'})
    gate = pulling(upstream, deletions="lines")
    pull_now(gate)
    (upstream.folder / "a.json").unlink()
    (upstream.folder / "a.json").symlink_to("/etc/passwd")
    (upstream.folder / "b.json").symlink_to("/etc/passwd")
    upstream.commit({})
    pull_now(gate)
    assert landed(gate)[1:] == ['{"_deleted":"a.json"}\n']


def test_a_changed_mode_is_no_change(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 1}'})
    gate = pulling(upstream)
    pull_now(gate)
    (upstream.folder / "a.json").chmod(0o755)
    upstream.commit({})
    assert pull_now(gate).files == ()


def test_a_merge_lands_what_it_brought_to_the_branch(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 1}'})
    gate = pulling(upstream)
    pull_now(gate)
    upstream.git("checkout", "-q", "-b", "side")
    upstream.commit({"side.json": '{"side": 1}'})
    upstream.commit({"side.json": '{"side": 2}'})
    upstream.git("checkout", "-q", "main")
    upstream.commit({"b.json": '{"n": 2}'})
    upstream.n_commits += 1
    upstream.git("merge", "-q", "--no-ff", "-m", "merge", "side")
    assert pull_now(gate).n_commits == 2
    assert landed(gate)[1:] == ['{"n":2}\n', '{"side":2}\n']


@pytest.mark.parametrize("how", ["amended", "reset", "another history"])
def test_a_rewritten_history_lands_as_what_differs(upstream: Upstream, how: str) -> None:
    upstream.commit({"a.json": '{"n": 1}', "same.json": '{"same": 1}'})
    upstream.commit({"b.json": '{"n": 2}'})
    gate = pulling(upstream, deletions="lines")
    pull_now(gate)
    n_before = len(landed(gate))
    if how == "amended":
        upstream.commit({"b.json": None, "c.json": '{"n": 3}'}, amend=True)
    elif how == "reset":
        upstream.git("reset", "-q", "--hard", "HEAD~1")
        upstream.commit({"c.json": '{"n": 3}'})
    else:
        upstream.git("checkout", "-q", "--orphan", "fresh")
        upstream.commit({"b.json": None, "c.json": '{"n": 3}'})
        upstream.git("branch", "-q", "-D", "main")
        upstream.git("branch", "-q", "-m", "main")
    pulled = pull_now(gate)
    assert "rewritten" in pulled.remarks[0]
    assert landed(gate)[n_before:] == ['{"n":3}\n{"_deleted":"b.json"}\n'] or how == "another history"
    assert any('{"n":3}' in each for each in landed(gate)[n_before:])
    assert not any("same" in each for each in landed(gate)[n_before:])
    assert pull_now(gate).n_commits == 0


def test_a_lost_copy_of_a_rewritten_history_brings_everything_and_says_so(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 1}'})
    gate = pulling(upstream)
    pull_now(gate)
    upstream.commit({"a.json": '{"n": 2}'}, amend=True)
    upstream.git("reflog", "expire", "--expire=now", "--all")
    upstream.git("gc", "-q", "--prune=now")
    shutil.rmtree(gate.settings.home.cache / "pulls")
    pulled = pull_now(gate)
    assert "not to be had any more" in pulled.remarks[0]
    assert landed(gate)[1:] == ['{"n":2}\n']


def test_a_lost_copy_costs_nothing_but_a_fetch(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 1}'})
    upstream.commit({"b.json": '{"n": 2}'})
    gate = pulling(upstream)
    pull_now(gate)
    shutil.rmtree(gate.settings.home.cache / "pulls")
    upstream.commit({"c.json": '{"n": 3}'})
    assert pull_now(gate).n_commits == 1
    assert landed(gate)[2:] == ['{"n":3}\n']


def test_many_commits_at_once_are_all_found(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 0}'})
    gate = pulling(upstream, depth=1)
    pull_now(gate)
    for number in range(1, 40):
        upstream.commit({"a.json": f'{{"n": {number}}}'})
    assert pull_now(gate).n_commits == 39
    assert landed(gate) == [f'{{"n":{number}}}\n' for number in range(40)]


@pytest.mark.parametrize(
    ("first", "depth", "expected"),
    [
        ("everything", 1, ['{"n":1}\n{"n":2}\n{"n":3}\n']),
        ("everything", 2, ['{"n":1}\n{"n":2}\n', '{"n":3}\n']),
        ("changes", 2, ['{"n":2}\n', '{"n":3}\n']),
        ("changes", 9, ['{"n":1}\n', '{"n":2}\n', '{"n":3}\n']),
    ],
)
def test_the_first_pull_goes_back_as_far_as_asked(
    upstream: Upstream, first: str, depth: int, expected: list[str]
) -> None:
    for number in (1, 2, 3):
        upstream.commit({f"{number}.json": f'{{"n": {number}}}'})
    gate = pulling(upstream, first=first, depth=depth)
    pull_now(gate)
    assert landed(gate) == expected


def test_names_keep_the_order_of_commits_whatever_their_clocks_say(upstream: Upstream) -> None:
    far = int((NOON + timedelta(days=9_000)).timestamp())
    for number, at in enumerate((1_767_300_000, 1_767_200_000, 1_767_300_000, far, far, 1_767_200_000)):
        upstream.commit({"a.json": f'{{"n": {number}}}'}, at=at)
    gate = pulling(upstream)
    pull_now(gate)
    assert landed(gate) == [f'{{"n":{number}}}\n' for number in range(6)]
    assert state_of(gate).stamp == NOON + timedelta(seconds=2)


@pytest.mark.parametrize("after", [0, 1, 2, 3])
def test_who_is_killed_between_files_brings_each_once(
    upstream: Upstream, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    upstream.commit({"a.json": '{"n": 1}', "bad.json": "{"})
    upstream.commit({"a.json": '{"n": 2}'})
    gate, really, calls = pulling(upstream), pull_git.arrive, []

    def killed(*args: Any, **more: Any) -> bool:
        if len(calls) == after:
            raise KeyboardInterrupt
        calls.append(args)
        return really(*args, **more)

    monkeypatch.setattr(pull_git, "arrive", killed)
    try:
        pull_now(gate)
    except KeyboardInterrupt:
        assert after < 3
    monkeypatch.undo()
    seen = dict(landing(gate).items())
    pull_now(gate)
    assert seen.items() <= landing(gate).items()
    assert sorted(landed(gate)) == sorted(['{"n":1}\n', "{", '{"n":2}\n'])


def test_a_killed_process_leaves_a_pull_that_goes_on(upstream: Upstream) -> None:
    for number in range(30):
        upstream.commit({"a.json": f'{{"n": {number}}}'})
    gate = pulling(upstream)
    project, home = gate.settings.project.root, gate.settings.home
    command = [sys.executable, "-m", "orchestrator_platform.cli", "--project", str(project), "--home", str(home.root)]
    process = subprocess.Popen([*command, "pull", "orders"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    folder = home.landing / "orders"
    while process.poll() is None and not any(folder.rglob("*.gz")):
        pass
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (home.cache / "pulls/orders/repository.git/shallow.lock").touch()
    pull_now(gate)
    assert landed(gate) == [f'{{"n":{number}}}\n' for number in range(30)]


def test_a_damaged_copy_is_made_anew(upstream: Upstream) -> None:
    upstream.commit({"a.json": '{"n": 1}'})
    gate = pulling(upstream)
    pull_now(gate)
    for pack in (gate.settings.home.cache / "pulls").rglob("*.pack"):
        pack.chmod(0o600)
        pack.write_bytes(b"broken")
    upstream.commit({"b.json": '{"n": 2}'})
    for _ in range(2):
        try:
            pull_now(gate)
        except PullFailed:
            continue
    assert landed(gate) == ['{"n":1}\n', '{"n":2}\n']


def test_files_that_are_no_json_land_as_they_are_where_the_source_reads_such(upstream: Upstream) -> None:
    upstream.commit({"may.csv": "id\n1\n", "june.csv": "id\n2\n", "logo.png": b"\x89PNG\x00"})
    gate = pulling(upstream, pattern=("**/*.csv",), files=["*"])
    pulled = pull_now(gate)
    assert (pulled.n_alone, pulled.n_passed_over) == (2, 1)
    assert landed(gate) == ["id\n2\n", "id\n1\n"]


def test_what_one_commit_brings_is_bounded(upstream: Upstream) -> None:
    upstream.commit({f"{number}.json": json.dumps({"x": str(number) * 5_000}) for number in range(4)})
    gate = pulling(upstream, max_mb=0.015)
    with pytest.raises(PullRefused, match=r"larger than 0\.015 MB"):
        pull_now(gate)
    assert landing(gate) == {}


def test_a_repository_that_is_too_slow_is_given_up(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.commit({"a.json": "{}"})
    gate = pulling(upstream, total_seconds=0.000_1)
    with pytest.raises(PullFailed, match="not done in time"):
        pull_now(gate)
    assert state_of(gate).n_failures == 1


@pytest.mark.parametrize("branch", ["nowhere", ""])
def test_a_branch_that_is_not_there_is_told(tmp_path: Path, branch: str) -> None:
    gate = pulling(make_upstream(tmp_path / "empty"), branch=branch)
    with pytest.raises(PullRefused, match=f"no branch '{branch}'" if branch else "no commit yet"):
        pull_now(gate)
    assert "cannot be asked now" in plan_pull(gate, "orders").found


def test_a_look_fetches_nothing(upstream: Upstream) -> None:
    commit = upstream.commit({"a.json": "{}"})
    gate = pulling(upstream)
    assert plan_pull(gate, "orders").found == f"commits up to {commit[:12]} would land (the newest 100 at first)"
    pull_now(gate)
    assert plan_pull(gate, "orders").found == f"nothing is new since {commit[:12]}"


def test_nothing_of_a_repository_is_run(upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its hooks, filters and submodules nor what the user set up for git by themselves."""
    canary = tmp_path / "ran"
    user = tmp_path / "user.gitconfig"
    user.write_text(f'[core]\n\thooksPath = {tmp_path}/hooks\n[url "file:///nowhere/"]\n\tinsteadOf = file://\n')
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-checkout", "reference-transaction", "post-merge"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canary}\n")
        (hooks / name).chmod(0o755)
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(user))
    monkeypatch.setenv("GIT_SSH_COMMAND", f"touch {canary}")
    upstream.commit(
        {
            ".gitattributes": "*.json filter=evil diff=evil\n",
            ".gitmodules": f'[submodule "x"]\n\tpath = x\n\turl = ext::touch% {canary}\n',
            "a.json": '{"n": 1}',
        }
    )
    gate = pulling(upstream)
    pull_now(gate)
    assert landed(gate) == ['{"n":1}\n']
    assert not canary.exists()


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "--upload-pack=touch /tmp/x"},
        {"url": "ext::sh -c touch% /tmp/x"},
        {"url": "http://example.org/x"},
        {"url": "git@example.org:x"},
        {"url": "ssh://-oProxyCommand=touch/x"},
        {"url": "ssh://-x@example.org/x"},
        {"url": "file://host/x"},
        {"url": "https://token:x@example.org/x"},
        {"url": "https://example.org/x\n"},
        {"url": "https://example.org/x", "branch": "--output=x"},
        {"url": "https://example.org/x", "branch": "a..b"},
        {"url": "https://example.org/x", "branch": "a:b"},
    ],
)
def test_an_address_that_could_be_a_command_is_an_error_of_the_project(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(DefinitionError, match="pull"):
        make_pulling(tmp_path, {"kind": "git", **wrong}, PATTERN)


def test_a_machine_without_git_is_told_what_to_do(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream.commit({"a.json": "{}"})
    gate = pulling(upstream)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(PullRefused, match=r"the command git is not there.*Install git"):
        pull_now(gate)
