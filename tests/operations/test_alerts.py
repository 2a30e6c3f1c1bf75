"""People are told once of each cause, whatever becomes of a channel; and no publication suffers from it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from asking_project import ASKS
from receivers import STALLS, Hook, hook, mailbox
from small_project import FILES, gate_of, make_project, write_orders

from orchestrator_platform.errors import DefinitionError, Misuse
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle.asks import Wanted
from orchestrator_platform.operations.alerts import raise_alerts, read_alerts, send_alerts, try_channels
from orchestrator_platform.operations.asks import ask, deny_ask
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.discard import discard
from orchestrator_platform.operations.land import land
from orchestrator_platform.projections.serving import Serving, remember
from orchestrator_platform.records.alerts import About, AlertOptions, Mail, Webhook
from orchestrator_platform.records.asks import Evidence
from orchestrator_platform.records.keys import AgentName, AssetKey

Changes = dict[str, str]


def alerting(*channels: str, about: str = "") -> Changes:
    """A component that names these channels, each as YAML in one line."""
    listed = "".join(f"\n    - {channel}" for channel in channels)
    return {
        "defs/alerts/defs.yaml": "type: orchestrator_platform.components.AlertsComponent\n"
        f"attributes:\n  project: shop\n{about}  channels:{listed}\n"
    }


def told(received: Hook) -> list[list[str]]:
    return [[each["about"] for each in json.loads(body)["alerts"]] for body in received.bodies]


def reject(folder: Path, name: str = "huge.csv") -> None:
    land(gate_of(folder), "orders", [write_orders(folder, name, (len(name), "eve", 5000, "open"))])
    build(gate_of(folder))


def test_a_rejection_is_told_once_and_again_only_when_it_is_another(tmp_path: Path) -> None:
    with hook() as received:
        project = make_project(tmp_path, changes=alerting("{kind: log}", f"{{kind: webhook, url: {received.url}}}"))
        land(gate_of(project), "orders", [write_orders(project, "day1.csv", (1, "ann", 10, "open"))])
        build(gate_of(project))
        assert told(received) == []
        reject(project)
        for _ in range(3):
            build(gate_of(project))
        assert told(received) == [["rejected"]]
        discard(gate_of(project), 1, why="it is wrong", by="ada")
        reject(project, "again.csv")
        assert told(received) == [["rejected"], ["rejected"]]
    ids = [json.loads(line)["id"] for line in (project / "home/journal/alerts.jsonl").read_text().splitlines()]
    assert ids == ["rejected:1", "rejected:2"]


def test_a_channel_that_fails_harms_nothing_and_is_told_at_the_next_occasion(tmp_path: Path) -> None:
    status = [500]
    with hook(lambda number: status[0]) as received:
        hooked = f"{{kind: webhook, url: {received.url}, retries: 0}}"
        project = make_project(tmp_path, changes=alerting("{kind: log}", hooked))
        reject(project)
        assert (project / "home/journal/alerts.jsonl").read_text().count("\n") == 1
        by_channel = {each.channel.partition(":")[0]: each for each in read_alerts(gate_of(project))}
        assert by_channel["log"].sent_at is not None
        assert (by_channel["webhook"].sent_at, "status 500" in by_channel["webhook"].error) == (None, True)
        status[0] = 200
        build(gate_of(project))
        (again,) = (each.sent_at for each in read_alerts(gate_of(project)) if each.channel != "log")
    assert again is not None
    assert (project / "home/journal/alerts.jsonl").read_text().count("\n") == 1


def test_a_receiver_that_stalls_does_not_keep_a_build_from_its_end(tmp_path: Path) -> None:
    with hook(lambda number: STALLS) as received:
        stalling = f"{{kind: webhook, url: {received.url}, timeout_seconds: 0.2}}"
        project = make_project(tmp_path, changes=alerting(stalling))
        reject(project)
        (stands,) = read_alerts(gate_of(project))
    assert (stands.sent_at, stands.n_failed > 0) == (None, True)


def test_nothing_that_telling_people_breaks_makes_a_publication_look_undone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, changes=alerting("{kind: log}"))

    def breaks(*args: Any) -> None:
        raise ZeroDivisionError("by itself")

    monkeypatch.setattr("orchestrator_platform.operations.alerts.find_causes", breaks)
    said: list[str] = []
    gate = replace(gate_of(project), say=said.append)
    land(gate, "orders", [write_orders(project, "day1.csv", (1, "ann", 10, "open"))])
    assert any("ZeroDivisionError: by itself" in each for each in said)
    assert build(gate_of(project)).is_no is False


def test_everything_that_people_should_know_of_is_a_cause(tmp_path: Path) -> None:
    promise = "  freshness: {warn_after: {count: 2, period: day}}\n"
    orders = FILES["defs/orders/defs.yaml"].rstrip(" ") + " " * 8 + promise
    asks_too = FILES["agents/maker.md"].replace("[land, build,", "[land, ask, build,")
    changes = {**ASKS, "defs/orders/defs.yaml": orders, "agents/maker.md": asks_too}
    about = "  about: [rejected, escalated, late, lagging, asked, rows]\n"
    project = make_project(tmp_path, changes={**changes, **alerting("{kind: log}", about=about)})
    start = datetime(2030, 1, 1, tzinfo=UTC)
    gate = at(project, start)
    bad = write_orders(project, "day1.csv", (1, "ann", 500, "open"), (2, "ann", -1, "open"))
    land(gate, "orders", [bad])
    (project / "incoming/torn.csv").write_bytes(b'order_id,customer\n"1')
    land(gate, "orders", [project / "incoming/torn.csv"])
    build(gate)
    evidence = Evidence(trigger="age", measured=31, limit=30, says="31 days old.")
    ask(gate, AgentName("maker"), [Wanted(AssetKey("marts.totals"), evidence)], reason="looked")
    told_now = {each.cause.about for each in send_alerts(gate)}
    assert told_now == {About.REJECTED, About.ESCALATED, About.ROWS, About.ASKED}
    late = {
        each.cause.subject for each in send_alerts(at(project, start + timedelta(days=3))) if each.cause.about == "late"
    }
    assert late == {"raw.orders"}
    log = (project / "home/journal/alerts.jsonl").read_text()
    deny_ask(gate, 1, by="ada", why="no")
    assert About.ASKED not in {each.cause.about for each in read_alerts(gate)}
    assert log.count('"asked:1"') == 1


def at(project: Path, now: datetime) -> Gate:
    return replace(gate_of(project), now=lambda: now)


def test_a_serving_copy_that_lags_is_told_once_until_it_has_caught_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestrator_platform.operations import alert_causes

    project = make_project(tmp_path, changes=alerting("{kind: log}"))
    gate, log = gate_of(project), project / "home/journal/alerts.jsonl"
    copy = Serving(target="weaviate:embeddings.notes", asset=AssetKey("embeddings.notes"), error="the server is down")

    monkeypatch.setattr(
        alert_causes, "declared_targets", lambda gate: [SimpleNamespace(target=SimpleNamespace(name=copy.target))]
    )
    for error, lines in (("the server is down", 1), ("it is still down", 1), ("", 1), ("down again", 2)):
        remember(gate.settings.home.projections, copy.model_copy(update={"error": error}))
        raise_alerts(gate)
        assert log.read_text().count("\n") == lines


def test_mail_and_webhook_are_told_each_for_themselves_and_can_be_tried(tmp_path: Path) -> None:
    with hook() as received, mailbox() as box:
        smtp = f"{{kind: smtp, host: 127.0.0.1, port: {box.port}, security: none, sender: a@b.c, recipients: [d@e.f]}}"
        project = make_project(
            tmp_path, changes=alerting(smtp, f"{{kind: webhook, url: {received.url}, format: slack}}")
        )
        assert [each.problem for each in try_channels(gate_of(project))] == ["", ""]
        assert box.mails[0]["Subject"] == "[shop] a test of this channel"
        box.refuses_all = True
        reject(project)
        assert len(received.bodies) == 2
        assert [each.sent_at is None for each in read_alerts(gate_of(project))] == [True, False]
        box.refuses_all = False
        send_alerts(gate_of(project))
    assert [mail["Subject"] for mail in box.mails[1:]] == ["[shop] marts.totals rejected"]
    assert len(received.bodies) == 2


def test_a_lost_or_damaged_note_tells_once_more(tmp_path: Path) -> None:
    project = make_project(tmp_path, changes=alerting("{kind: log}"))
    reject(project)
    (project / "home/projections/alerts.json").write_text("[{", encoding="utf-8")
    send_alerts(gate_of(project))
    send_alerts(gate_of(project))
    assert (project / "home/journal/alerts.jsonl").read_text().count("\n") == 2


def test_without_the_component_nobody_is_told(tmp_path: Path) -> None:
    project = make_project(tmp_path)
    reject(project)
    assert raise_alerts(gate_of(project)) == ()
    assert not (project / "home/journal/alerts.jsonl").exists()
    for act in (send_alerts, try_channels, read_alerts):
        with pytest.raises(Misuse, match="declares no alerts"):
            act(gate_of(project))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("{kind: webhook}", "a webhook has `url`, or `url_variable`"),
        ("{kind: webhook, url: 'https://user:pass@host/'}", "`url` must hold no user"),
        ("{kind: webhook, url: 'https://host/', key_variable: s3cr3t}", "is the name of an environment variable"),
        ("{kind: smtp, host: h, sender: me, recipients: [a@b.c]}", "sender"),
        ("{kind: smtp, host: h, sender: a@b.c, recipients: []}", "recipients"),
        (
            "{kind: smtp, host: h, security: none, sender: a@b.c, recipients: [a@b.c], user: u, key_variable: P}",
            "a password is not sent without",
        ),
        ("{kind: pigeon}", "pigeon"),
    ],
)
def test_a_channel_that_cannot_be_is_an_error_with_file_and_line(tmp_path: Path, wrong: str, said: str) -> None:
    with pytest.raises(DefinitionError, match=r"alerts/defs\.yaml:\d+: ") as raised:
        gate_of(make_project(tmp_path, changes=alerting(wrong)))
    assert said in str(raised.value)
    assert "pass@host" not in str(raised.value)


def test_two_components_are_one_too_many(tmp_path: Path) -> None:
    first = alerting("{kind: log}")
    second = {"defs/more/defs.yaml": first["defs/alerts/defs.yaml"]}
    with pytest.raises(DefinitionError, match=r"more/defs\.yaml:1: whom to tell is declared already in .*alerts"):
        gate_of(make_project(tmp_path, changes={**first, **second}))


def test_names_of_channels_tell_them_apart() -> None:
    mail = {"host": "h", "sender": "a@b.c"}
    options = AlertOptions(
        channels=(
            Mail(**mail, recipients=("a@b.c",)),
            Mail(**mail, recipients=("d@e.f",)),
            Webhook(url_variable="A"),
        )
    )
    assert len({channel.name for channel in options.channels}) == 3
    with pytest.raises(ValueError, match="listed twice"):
        AlertOptions(channels=(Webhook(url_variable="A"), Webhook(url_variable="A", format="slack")))
