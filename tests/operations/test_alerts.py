"""People are told once of each cause, whatever becomes of a channel; and no publication suffers from it."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import damage
import pytest
from asking_project import ASKS
from damage import Damage
from filelock import FileLock
from receivers import STALLS, Hook, hook, mailbox
from small_project import FILES, gate_of, make_project, write_orders

from orchestrator_platform.errors import DefinitionError, Misuse
from orchestrator_platform.gate.context import Gate
from orchestrator_platform.gate.cycle.asks import Wanted
from orchestrator_platform.gate.outcomes import Unchanged
from orchestrator_platform.operations import alert_causes
from orchestrator_platform.operations.alerts import raise_alerts, read_alerts, send_alerts, try_channels
from orchestrator_platform.operations.asks import ask, deny_ask
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.discard import discard
from orchestrator_platform.operations.land import land
from orchestrator_platform.operations.project_assets import load_gate
from orchestrator_platform.projections.serving import Serving, remember
from orchestrator_platform.records.alerts import About, AlertOptions, Channel, Log, Mail, Webhook
from orchestrator_platform.records.asks import Evidence
from orchestrator_platform.records.keys import AgentName, AssetKey
from orchestrator_platform.settings import Settings

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
        build(gate_of(project))
        assert told(received) == [["rejected"]]
        discard(gate_of(project), 1, why="it is wrong", by="ada")
        reject(project, "again.csv")
        assert told(received) == [["rejected"], ["rejected"]]
    ids = [json.loads(line)["id"] for line in (project / "home/journal/alerts.jsonl").read_text().splitlines()]
    assert ids == ["rejected:1", "rejected:2"]


def alerted(settings: Settings, *channels: Channel, about: tuple[About, ...] = (About.REJECTED,)) -> Gate:
    """The project in which a candidate waits that was rejected, with these channels."""
    return replace(load_gate(settings), alerts=AlertOptions(project="shop", channels=channels, about=about))


def log_of(settings: Settings) -> list[str]:
    file = settings.home.journal / "alerts.jsonl"
    return [json.loads(line)["id"] for line in file.read_text().splitlines()] if file.exists() else []


def test_a_channel_that_fails_harms_nothing_and_is_told_at_the_next_occasion(settings: Settings) -> None:
    status = [500]
    with hook(lambda number: status[0]) as received:
        gate = alerted(settings, Log(), Webhook(url=received.url, retries=0))
        build(gate)
        assert log_of(settings) == ["rejected:1"]
        by_channel = {each.channel.partition(":")[0]: each for each in read_alerts(gate)}
        assert by_channel["log"].sent_at is not None
        assert (by_channel["webhook"].sent_at, "status 500" in by_channel["webhook"].error) == (None, True)
        status[0] = 200
        build(gate)
    (again,) = (each for each in read_alerts(gate) if each.channel != "log")
    assert (again.sent_at is not None, again.n_failed, again.error) == (True, 1, "")
    assert log_of(settings) == ["rejected:1"]


def test_a_receiver_that_stalls_does_not_keep_a_build_from_its_end(settings: Settings) -> None:
    with hook(lambda number: STALLS) as received:
        gate = alerted(settings, Webhook(url=received.url, timeout_seconds=0.2))
        assert build(gate).outcomes
        (stands,) = read_alerts(gate)
    assert (stands.sent_at, stands.n_failed) == (None, 1)


def test_nothing_that_telling_people_breaks_makes_a_publication_look_undone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(*args: Any) -> None:
        raise ZeroDivisionError("by itself")

    monkeypatch.setattr("orchestrator_platform.operations.alerts.find_causes", breaks)
    said: list[str] = []
    gate = replace(alerted(settings, Log()), say=said.append)
    assert isinstance(build(gate, ["marts.ranking"], rebuild=True).outcomes[0], Unchanged)
    assert any("ZeroDivisionError: by itself" in each for each in said)


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


@pytest.mark.parametrize("plant", [damage.cut_the_catalog, damage.lose_the_catalog])
def test_what_stops_publishing_keeps_nobody_from_being_told_what_becomes_late(tmp_path: Path, plant: Damage) -> None:
    orders = (
        FILES["defs/orders/defs.yaml"].rstrip(" ")
        + f"{' ' * 8}  freshness: {{warn_after: {{count: 2, period: day}}}}\n"
    )
    project = make_project(tmp_path, changes={"defs/orders/defs.yaml": orders, **alerting("{kind: log}")})
    start = datetime(2030, 1, 1, tzinfo=UTC)
    gate = at(project, start)
    land(gate, "orders", [write_orders(project, "huge.csv", (1, "eve", 5000, "open"))])
    build(replace(gate, alerts=None))
    plant(gate.settings.home)
    said: list[str] = []
    told = raise_alerts(replace(at(project, start + timedelta(days=3)), say=said.append))
    assert [each.cause.about for each in told] == [About.REJECTED, About.LATE]
    assert said == []


def at(project: Path, now: datetime) -> Gate:
    return replace(gate_of(project), now=lambda: now)


def test_a_serving_copy_that_lags_is_told_once_until_it_has_caught_up(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = alerted(settings, Log(), about=(About.LAGGING,))
    copy = Serving(target="weaviate:embeddings.notes", asset=AssetKey("embeddings.notes"))
    declared = SimpleNamespace(target=SimpleNamespace(name=copy.target))
    monkeypatch.setattr(alert_causes, "declared_targets", lambda gate: [declared])
    for error, n_told in (("the server is down", 1), ("it is still down", 1), ("", 1), ("down again", 2)):
        remember(settings.home.projections, copy.model_copy(update={"error": error}))
        raise_alerts(gate)
        assert len(log_of(settings)) == n_told


def test_mail_and_webhook_are_told_each_for_themselves_and_can_be_tried(settings: Settings) -> None:
    with hook() as received, mailbox() as box:
        mail = Mail(host="127.0.0.1", port=box.port, security="none", sender="a@b.c", recipients=("d@e.f",))
        gate = alerted(settings, mail, Webhook(url=received.url, format="slack"))
        assert [each.problem for each in try_channels(gate)] == ["", ""]
        assert box.mails[0]["Subject"] == "[shop] a test of this channel"
        box.refuses_all = True
        send_alerts(gate)
        assert len(received.bodies) == 2
        assert [each.sent_at is None for each in read_alerts(gate)] == [True, False]
        box.refuses_all = False
        send_alerts(gate)
    assert [mail["Subject"] for mail in box.mails[1:]] == ["[shop] marts.totals rejected"]
    assert len(received.bodies) == 2


def test_a_lost_or_damaged_note_tells_once_more(settings: Settings) -> None:
    gate = alerted(settings, Log())
    send_alerts(gate)
    (settings.home.projections / "alerts.json").write_text("[{", encoding="utf-8")
    for _ in range(2):
        send_alerts(gate)
    assert log_of(settings) == ["rejected:1", "rejected:1"]


def test_while_another_process_tells_people_this_one_tells_nobody(settings: Settings) -> None:
    gate = alerted(settings, Log())
    with FileLock(settings.home.projections / ".alerts.lock"):
        (stands,) = send_alerts(gate)
    assert (stands.sent_at, log_of(settings)) == (None, [])


def test_without_the_component_nobody_is_told(settings: Settings) -> None:
    gate = load_gate(settings)
    build(gate)
    assert (raise_alerts(gate), log_of(settings)) == ((), [])
    for act in (send_alerts, try_channels, read_alerts):
        with pytest.raises(Misuse, match="declares no alerts"):
            act(gate)


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
