"""A file behind an address arrives whole, once, and only if it changed, whatever the server does."""

import gzip
import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from file_server import Answer, Asked, FileServer, breaking, good, serve_file
from pulling_project import NOON, landing, make_pulling, pull_now, state_of
from small_project import orders_csv
from tls_proxy import tls_proxy, write_certificate

from orchestrator_platform.errors import DefinitionError, LockTimeout, Misuse, NotPermitted, PullFailed, PullRefused
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.operations import pull_http
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.pull_planning import claim_pull, plan_pull
from orchestrator_platform.projections.journal import read_journal
from orchestrator_platform.pulling.http_addresses import Address
from orchestrator_platform.records.pulls import PullOutcome

MANY = orders_csv(*((n, "ann", n, "paid") for n in range(4_000))).encode()
FEW = orders_csv((1, "ann", 10, "open")).encode()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve_file(MANY) as serving:
        yield serving


@pytest.fixture
def gate(server: FileServer, tmp_path: Path) -> Gate:
    return make_pulling(tmp_path, {"kind": "http", "url": server.url, "timeout_seconds": 0.5, "retries": 3})


def later(gate: Gate, **time: float) -> Gate:
    return replace(gate, now=lambda: NOON + timedelta(**time))


def test_a_file_arrives_once_under_the_time_of_the_pull_and_lands(gate: Gate, server: FileServer) -> None:
    pulled = pull_now(gate)
    sha256 = hashlib.sha256(MANY).hexdigest()
    assert landing(gate) == {f"dt=2026-05-01/120000-{sha256[:8]}-orders.csv": MANY}
    assert [file.sha256 for file in pulled.files] == [sha256]
    # It is known for whole at once: nothing has to settle.
    assert land(gate, "orders").landed.ledger[0].n_published == 4_000

    again = pull_now(later(gate, hours=1))
    assert again.outcome is PullOutcome.UNCHANGED
    assert server.asked[-1].headers["if-none-match"] == server.etag
    assert landing(gate) == {}


def test_a_changed_file_arrives_beside_the_one_before(gate: Gate, server: FileServer) -> None:
    pull_now(gate)
    server.content = FEW
    # Two changes within a second keep their order.
    pull_now(gate)
    assert [name[:20] for name in landing(gate)] == ["dt=2026-05-01/120000", "dt=2026-05-01/120001"]
    assert list(landing(gate).values()) == [MANY, FEW]


def test_a_server_without_tags_is_asked_by_date(gate: Gate, server: FileServer) -> None:
    server.script = lambda server, asked: (
        Answer(status=304) if "if-modified-since" in asked.headers else good(server, asked, etag="")
    )
    pull_now(gate)
    assert pull_now(gate).outcome is PullOutcome.UNCHANGED


def test_a_broken_transfer_goes_on_where_it_broke(gate: Gate, server: FileServer) -> None:
    server.script = breaking(20_000, times=2)
    pull_now(gate)
    assert [asked.begins for asked in server.asked] == [0, 20_000, 40_000]
    assert list(landing(gate).values()) == [MANY]


def test_a_stalled_transfer_goes_on_too(gate: Gate, server: FileServer) -> None:
    server.script = breaking(20_000, times=1, stalls=True)
    pull_now(gate)
    assert list(landing(gate).values()) == [MANY]


def test_what_one_pull_could_not_bring_the_next_one_goes_on_with(gate: Gate, server: FileServer) -> None:
    server.script = breaking(10_000, times=4)
    with pytest.raises(PullFailed, match=r"40,000 bytes of it are kept"):
        pull_now(gate)
    assert landing(gate) == {}
    pull_now(gate)
    assert server.asked[-1].begins == 40_000
    assert list(landing(gate).values()) == [MANY]


def test_a_file_that_changes_while_it_is_resumed_is_brought_anew(gate: Gate, server: FileServer) -> None:
    def script(server: FileServer, asked: Asked) -> Answer:
        answer = breaking(20_000)(server, asked)
        server.content = FEW * 500
        return answer

    server.script = script
    pull_now(gate)
    assert list(landing(gate).values()) == [FEW * 500]


@pytest.mark.parametrize("lie", ["another tag", "another place", "another length"])
def test_a_server_that_goes_on_with_something_else_is_not_believed(gate: Gate, server: FileServer, lie: str) -> None:
    other = b"z" * len(MANY)

    def script(server: FileServer, asked: Asked) -> Answer:
        if not asked.begins:
            return breaking(20_000, times=1)(server, asked)
        begins = 10 if lie == "another place" else asked.begins
        total = len(MANY) + (lie == "another length")
        tag = '"other"' if lie == "another tag" else server.etag
        range_ = f"bytes {begins}-{total - 1}/{total}"
        return Answer(other[begins:], 206, {"ETag": tag, "Content-Range": range_})

    server.script = script
    pull_now(gate)
    assert list(landing(gate).values()) == [MANY]


def test_a_server_that_knows_no_ranges_begins_again(gate: Gate, server: FileServer) -> None:
    server.script = lambda server, asked: (
        breaking(20_000)(server, asked) if server.n_sent == 1 else good(server, asked, ranges=False)
    )
    pull_now(gate)
    assert list(landing(gate).values()) == [MANY]


def test_a_weak_tag_promises_no_equal_bytes_so_nothing_is_gone_on_with(gate: Gate, server: FileServer) -> None:
    def script(server: FileServer, asked: Asked) -> Answer:
        answer = good(server, asked, etag='W/"1"')
        return replace(answer, sent=20_000) if server.n_sent == 1 else answer

    server.script = script
    pull_now(gate)
    assert [asked.begins for asked in server.asked] == [0, 0]
    assert list(landing(gate).values()) == [MANY]


def test_a_truncated_file_never_arrives(gate: Gate, server: FileServer) -> None:
    server.script = breaking(20_000, times=99)
    server.script = lambda server, asked: Answer(MANY, sent=20_000)
    with pytest.raises(PullFailed, match="connection broke"):
        pull_now(gate)
    assert landing(gate) == {}


def test_an_empty_answer_is_no_file(gate: Gate, server: FileServer) -> None:
    server.content = b""
    with pytest.raises(PullFailed, match="the answer was empty"):
        pull_now(gate)
    assert landing(gate) == {}


def test_a_server_in_trouble_is_asked_again_when_it_says(gate: Gate, server: FileServer) -> None:
    def script(server: FileServer, asked: Asked) -> Answer:
        troubled = {1: {"Retry-After": "7"}, 2: {}}.get(server.n_sent)
        return good(server, asked) if troubled is None else Answer(status=503, headers=troubled)

    server.script, waited = script, list[float]()
    pull_now(gate, waited)
    assert waited == [7.0, 2.0]
    assert list(landing(gate).values()) == [MANY]


def test_a_server_that_stays_in_trouble_fails_the_pull_and_is_left_alone_for_longer(
    gate: Gate, server: FileServer
) -> None:
    server.script = lambda server, asked: Answer(status=500)
    waits = []
    for n_failures in (1, 2, 3):
        with pytest.raises(PullFailed, match="status 500"):
            pull_now(gate)
        assert state_of(gate).n_failures == n_failures
        waits.append((state_of(gate).next_at - NOON) / timedelta(hours=1))
    assert all(1 * 2**n <= wait <= 1.1 * 2**n for n, wait in enumerate(waits))
    assert "after 3 tries that failed: status 500" in claim_pull(gate, "orders")
    server.script = good
    pull_now(gate)
    assert (state_of(gate).n_failures, state_of(gate).problem) == (0, "")


def test_a_refusal_is_not_asked_for_again_at_once(gate: Gate, server: FileServer) -> None:
    server.script = lambda server, asked: Answer(status=404)
    with pytest.raises(PullRefused, match="status 404"):
        pull_now(gate)
    assert server.n_sent == 1


def test_new_tags_of_the_same_bytes_bring_nothing(gate: Gate, server: FileServer) -> None:
    server.script = lambda server, asked: good(server, asked, etag=f'"{server.n_sent}"')
    pull_now(gate)
    again = pull_now(gate)
    assert (again.outcome, again.why) == (PullOutcome.UNCHANGED, "it has the bytes of the file which arrived last")
    assert len(landing(gate)) == 1


def test_a_tag_that_is_none_is_never_sent_back(gate: Gate, server: FileServer) -> None:
    server.script = lambda server, asked: good(server, asked, etag="not quoted")
    pull_now(gate)
    pull_now(gate)
    assert "if-none-match" not in server.asked[-1].headers


def test_a_packed_answer_is_unpacked(gate: Gate, server: FileServer) -> None:
    server.script = lambda server, asked: Answer(gzip.compress(MANY), headers={"Content-Encoding": "gzip"})
    pull_now(gate)
    assert list(landing(gate).values()) == [MANY]


@pytest.mark.parametrize("length", [None, -1])
def test_a_file_that_is_too_large_never_arrives(server: FileServer, tmp_path: Path, length: int | None) -> None:
    gate = make_pulling(tmp_path, {"kind": "http", "url": server.url, "max_mb": 0.01})
    server.script = lambda server, asked: Answer(MANY, length=length)
    with pytest.raises(PullRefused, match=r"larger than 0\.01 MB"):
        pull_now(gate)
    assert landing(gate) == {}
    assert not (gate.settings.home.cache / "pulls/orders/partial").exists()


def test_a_head_that_never_ends_is_given_up_in_time(server: FileServer, tmp_path: Path) -> None:
    gate = make_pulling(tmp_path, {"kind": "http", "url": server.url, "total_seconds": 0.3})
    server.script = lambda server, asked: Answer(trickles=True)
    with pytest.raises(PullFailed, match="no time is left"):
        pull_now(gate)


def test_a_wrong_checksum_keeps_a_file_out(server: FileServer, tmp_path: Path) -> None:
    gate = make_pulling(tmp_path, {"kind": "http", "url": server.url, "sha256": "0" * 64, "retries": 1})
    with pytest.raises(PullFailed, match=r"its sha256 is .*, and 0000.* was promised"):
        pull_now(gate)
    assert server.n_sent == 2
    assert landing(gate) == {}


@pytest.mark.parametrize("form", ["{0}", "{0}  orders.csv\n", "{1}  other.csv\n{0} *orders.csv\n"])
def test_a_published_checksum_decides_whatever_the_tags_say(server: FileServer, tmp_path: Path, form: str) -> None:
    def script(server: FileServer, asked: Asked) -> Answer:
        if asked.path == "/sums":
            return Answer(form.format(hashlib.sha256(server.content).hexdigest(), "0" * 64).encode())
        return good(server, asked, etag='"always the same"')

    server.script = script
    sums = server.url.replace("/orders.csv", "/sums")
    gate = make_pulling(tmp_path, {"kind": "http", "url": server.url, "checksum_url": sums})
    pull_now(gate)
    before = server.n_sent
    assert pull_now(gate).why == "the published checksum did not change"
    assert server.n_sent == before + 1
    server.content = FEW
    pull_now(gate)
    assert list(landing(gate).values()) == [MANY, FEW]


def test_a_list_without_the_files_checksum_is_refused(server: FileServer, tmp_path: Path) -> None:
    server.script = lambda server, asked: Answer(b"0" * 64 + b"  other.csv\n")
    gate = make_pulling(tmp_path, {"kind": "http", "url": server.url, "checksum_url": f"{server.url}.sums"})
    with pytest.raises(PullRefused, match=r"no sha256 for orders\.csv"):
        pull_now(gate)


@pytest.mark.parametrize(
    ("there", "why"),
    [
        ("/orders.csv", "leads on more than 5 times"),
        ("file:///etc/passwd", r"leads to file:///etc/passwd, and only http\(s\)"),
        ("ftp://127.0.0.1/x", "only http"),
        ("//[", "only http"),
    ],
)
def test_where_an_address_leads_is_looked_at(gate: Gate, server: FileServer, there: str, why: str) -> None:
    server.script = lambda server, asked: Answer(status=302, headers={"Location": there})
    with pytest.raises(PullRefused, match=why):
        pull_now(gate)
    assert landing(gate) == {}


def test_a_redirect_is_followed_and_the_key_stays_behind(
    server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FEED_KEY", "s3cret")
    with serve_file(FEW) as other:
        server.script = lambda server, asked: Answer(status=307, headers={"Location": other.url})
        gate = make_pulling(tmp_path, {"kind": "http", "url": server.url, "key_variable": "FEED_KEY"})
        pull_now(gate)
        assert server.asked[0].headers["authorization"] == "Bearer s3cret"
        assert "authorization" not in other.asked[0].headers
    assert list(landing(gate).values()) == [FEW]
    assert "s3cret" not in repr(Address(server.url, "s3cret"))


def test_tls_is_verified_and_never_left(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, key = write_certificate(tmp_path)
    port = int(server.url.split(":")[2].split("/")[0])
    with tls_proxy(authority, key, port, ["http/1.1"]) as secure:
        url = f"https://127.0.0.1:{secure}/orders.csv"
        gate = make_pulling(tmp_path / "p", {"kind": "http", "url": url})
        with pytest.raises(PullRefused, match="certificate cannot be trusted"):
            pull_now(gate)
        assert server.n_sent == 0
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        pull_now(gate)
        assert list(landing(gate).values()) == [MANY]
        server.content = FEW
        server.script = lambda server, asked: Answer(status=302, headers={"Location": server.url})
        with pytest.raises(PullRefused, match="down to http://"):
            pull_now(gate)


@pytest.mark.parametrize("when", ["before it arrives", "after it arrived", "after it was landed"])
def test_who_is_killed_over_an_arrival_brings_it_once(
    gate: Gate, server: FileServer, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    really = pull_http.arrive

    def killed(*args: object, **more: object) -> bool:
        if when != "before it arrives":
            really(*args, **more)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    monkeypatch.setattr(pull_http, "arrive", killed)
    with pytest.raises(KeyboardInterrupt):
        pull_now(gate)
    monkeypatch.undo()
    if when == "after it was landed":
        land(gate, "orders")
    pull_now(gate)
    brought = landing(gate)
    assert len(brought) == (0 if when == "after it was landed" else 1)
    ledger = land(gate, "orders").landed.ledger
    assert [entry.n_published for entry in ledger] == [4_000] * len(brought)


def test_a_whole_file_that_was_lost_before_it_arrived_is_brought_again(
    gate: Gate, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object, **more: object) -> bool:
        raise KeyboardInterrupt

    monkeypatch.setattr(pull_http, "arrive", killed)
    with pytest.raises(KeyboardInterrupt):
        pull_now(gate)
    monkeypatch.undo()
    (gate.settings.home.cache / "pulls/orders/whole").unlink()
    pull_now(gate)
    assert list(landing(gate).values()) == [MANY]


def test_what_may_not_be_asked_is_not_asked(server: FileServer, tmp_path: Path) -> None:
    off = make_pulling(tmp_path / "off", {"kind": "http", "url": server.url, "enabled": False})
    with pytest.raises(Misuse, match=r"switched off.*enabled: true"):
        pull_now(off)
    assert plan_pull(off, "orders").found == "switched off: nobody was asked"
    mute = make_pulling(tmp_path / "mute", {"kind": "http", "url": server.url, "key_variable": "NOBODY_SET_IT"})
    with pytest.raises(PullRefused, match="NOBODY_SET_IT is not set"):
        pull_now(mute)
    assert server.n_sent == 0


def test_an_agent_pulls_only_if_its_file_says_so(server: FileServer, tmp_path: Path) -> None:
    from small_project import AGENT_FILES

    options = {"kind": "http", "url": server.url}
    gate = make_pulling(tmp_path, options, **{"agents/maker.md": AGENT_FILES["agents/maker.md"]})
    with pytest.raises(NotPermitted, match="`pull`"):
        pull_now(gate)
    assert server.n_sent == 0


def test_the_journal_tells_what_came_and_the_first_failure_of_a_row(gate: Gate, server: FileServer) -> None:
    pull_now(gate)
    pull_now(gate)
    server.script = lambda server, asked: Answer(status=404)
    for _ in range(2):
        with pytest.raises(PullRefused):
            pull_now(gate)
    told = [
        (event.agent, event.act, event.subject, event.outcome) for event in read_journal(gate.settings.home.journal)
    ]
    assert told == [("maker", "pull", "raw.orders", "arrived"), ("maker", "pull", "raw.orders", "failed")]


def test_a_look_brings_nothing(gate: Gate, server: FileServer) -> None:
    assert plan_pull(gate, "orders").found == f"it would be transferred ({len(MANY):,} bytes)"
    assert landing(gate) == {}
    assert state_of(gate).looked_at is None
    pull_now(gate)
    assert plan_pull(gate, "orders").found == "it did not change"


def test_who_asks_for_a_pull_asks_once(gate: Gate) -> None:
    assert claim_pull(gate, "orders") == ""
    assert "the next look is at 2026-05-01 13:00:00Z; never looked at yet" in claim_pull(gate, "orders")
    assert claim_pull(later(gate, hours=1), "orders") == ""


def test_two_pulls_at_once_are_one(gate: Gate, server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    from orchestrator_platform.operations import pulling_sources as module

    monkeypatch.setattr(module, "LOCK_SECONDS", 0.0)

    def script(server: FileServer, asked: Asked) -> Answer:
        with pytest.raises(LockTimeout):
            pull_now(gate)
        return good(server, asked)

    server.script = script
    pull_now(gate)
    assert server.n_sent == 1


def test_a_name_that_the_source_would_never_land_is_an_error_of_the_project(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"defs\.yaml:8: `pull` brings files such as dt=.*-list\.txt"):
        make_pulling(tmp_path, {"kind": "http", "url": "https://example.org/list.txt"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://example.org/a.csv"},
        {"url": "https://ada:secret@example.org/a.csv"},
        {"url": "https://example.org/a b.csv"},
        {"url": "https://example.org/"},
        {"url": "https://example.org/a.csv", "file": "../a.csv"},
        {"url": "https://example.org/a.csv", "sha256": "abc"},
        {"url": "https://example.org/a.csv", "key_variable": "s3cret value"},
    ],
)
def test_an_address_that_cannot_be_is_an_error_of_the_project(tmp_path: Path, wrong: dict[str, str]) -> None:
    with pytest.raises(DefinitionError) as told:
        make_pulling(tmp_path, {"kind": "http", **wrong})
    assert "secret" not in str(told.value)
