"""One message through one channel, to real servers that take it, refuse it, stall or break."""

import base64
import hashlib
import hmac
import json
import re
import socket
import ssl
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from receivers import CLOSES, STALLS, hook, mailbox, self_signed

from orchestrator_platform.errors import AlertNotSent
from orchestrator_platform.projections.alerting.messages import Message
from orchestrator_platform.projections.alerting.sending import Sender
from orchestrator_platform.records.alerts import About, Cause, Channel, Log, Mail, Webhook

NOW = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
SIGNED_WITH = "a-secret-of-the-receiver"


def cause(number: int = 7, says: str = "not published (unique × 3).") -> Cause:
    look = f"orchestrator quarantine show {number}"
    return Cause(id=f"rejected:{number}", about=About.REJECTED, subject="marts.totals", says=says, look=look)


def send(folder: Path, channel: Channel, *causes: Cause, **secrets: str) -> str:
    message = Message("triage", causes or (cause(),), NOW)
    return Sender(folder / "journal" / "alerts.jsonl", secrets.get).send(channel, message)


def mail(port: int, **more: Any) -> Mail:
    plain = {"security": "none", "sender": "platform@example.org", "recipients": ("ada@example.org", "bob@example.org")}
    return Mail(host="127.0.0.1", port=port, **{**plain, **more})


def test_a_webhook_gets_one_signed_post_with_everything_that_is_new(tmp_path: Path) -> None:
    with hook() as received:
        send(tmp_path, Webhook(url=received.url, key_variable="S"), cause(7), cause(8), S=SIGNED_WITH)
    (body,), (headers,) = received.bodies, received.headers
    said = json.loads(body)
    assert (said["project"], [each["id"] for each in said["alerts"]]) == ("triage", ["rejected:7", "rejected:8"])
    assert said["alerts"][0]["look"] == "orchestrator quarantine show 7"
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
    expected = base64.b64encode(hmac.new(SIGNED_WITH.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
    assert headers["webhook-timestamp"] == str(int(NOW.timestamp()))


def test_a_secret_in_the_standards_own_form_is_decoded(tmp_path: Path) -> None:
    key = b"twenty-four bytes of key"
    with hook() as received:
        send(tmp_path, Webhook(url=received.url, key_variable="S"), S=f"whsec_{base64.b64encode(key).decode()}")
    headers = received.headers[0]
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), received.bodies[0]])
    assert (
        headers["webhook-signature"]
        == f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"
    )
    with pytest.raises(AlertNotSent, match="no base64"):
        send(tmp_path, Webhook(url="http://127.0.0.1:9/", key_variable="S"), S="whsec_*")


def test_slack_gets_text_in_which_nothing_is_a_mention(tmp_path: Path) -> None:
    with hook() as received:
        channel = Webhook(url_variable="SLACK", format="slack")
        send(tmp_path, channel, cause(says="<!channel> & <http://evil.example|more>"), SLACK=received.url)
    text = json.loads(received.bodies[0])["text"]
    assert text.startswith("*[triage] marts.totals rejected*\n• ")
    assert "&lt;!channel&gt; &amp; &lt;http://evil.example|more&gt;" in text


@pytest.mark.parametrize("first", [503, 429, CLOSES])
def test_what_passes_is_tried_again_under_the_same_id(tmp_path: Path, first: int) -> None:
    with hook(lambda number: first if number == 1 else 200) as received:
        send(tmp_path, Webhook(url=received.url, key_variable="S"), S=SIGNED_WITH)
    assert len(received.bodies) == 2
    assert len({headers["webhook-id"] for headers in received.headers}) == 1


@pytest.mark.parametrize("status", [400, 401, 404, 302])
def test_a_refusal_is_not_tried_again_and_no_redirect_followed(tmp_path: Path, status: int) -> None:
    with hook(lambda number: status) as received, pytest.raises(AlertNotSent, match=f"status {status}"):
        send(tmp_path, Webhook(url=received.url))
    assert len(received.bodies) == 1


def test_a_server_that_stays_broken_is_given_up_after_the_retries(tmp_path: Path) -> None:
    with hook(lambda number: 500) as received, pytest.raises(AlertNotSent, match="status 500"):
        send(tmp_path, Webhook(url=received.url, retries=1))
    assert len(received.bodies) == 2


def test_what_is_redirected_never_reaches_the_other_host(tmp_path: Path) -> None:
    with hook() as other, hook(lambda number: 307, headers={"Location": other.url}) as received:
        with pytest.raises(AlertNotSent, match="status 307"):
            send(tmp_path, Webhook(url=received.url))
        assert (len(received.bodies), other.bodies) == (1, [])


def test_a_server_that_asks_to_be_left_alone_is(tmp_path: Path) -> None:
    with hook(lambda number: 429 if number == 1 else 200, headers={"Retry-After": "1"}) as received:
        begun = time.monotonic()
        send(tmp_path, Webhook(url=received.url))
        assert time.monotonic() - begun >= 1
        assert len(received.bodies) == 2
    with hook(lambda number: 429, headers={"Retry-After": "3600"}) as received:
        with pytest.raises(AlertNotSent, match="status 429"):
            send(tmp_path, Webhook(url=received.url))
        assert len(received.bodies) == 1


def test_an_answer_that_never_ends_is_left_and_taken_for_what_it_says_first(tmp_path: Path) -> None:
    with hook(endless=True) as received:
        assert send(tmp_path, Webhook(url=received.url, timeout_seconds=5)) == ""
    with hook(headers={"Content-Length": "1000"}) as received:
        assert send(tmp_path, Webhook(url=received.url, timeout_seconds=5)) == ""


def test_a_server_that_cannot_prove_its_name_is_told_nothing_and_what_is_wrong_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = self_signed(tmp_path)
    with hook(certificate=files) as received:
        with pytest.raises(AlertNotSent, match=r"its certificate is not to be trusted \(self-signed certificate\)"):
            send(tmp_path, Webhook(url=received.url))
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
        elsewhere = received.url.replace("127.0.0.1", "localhost")
        with pytest.raises(AlertNotSent, match=r"trusted \(Hostname mismatch\)"):
            send(tmp_path, Webhook(url_variable="S"), S=elsewhere)
        assert received.bodies == []
        send(tmp_path, Webhook(url=received.url))


def test_a_server_that_stalls_holds_nobody_longer_than_its_time(tmp_path: Path) -> None:
    with hook(lambda number: STALLS) as received:
        begun = time.monotonic()
        with pytest.raises(AlertNotSent, match=r"no answer within 0\.3 s|ReadTimeout"):
            send(tmp_path, Webhook(url=received.url, timeout_seconds=0.3))
        assert time.monotonic() - begun < 3


def test_a_secret_address_is_in_no_message(tmp_path: Path) -> None:
    for wrong in (
        "not an address/T0K3N",
        "http://127.0.0.1:9/T0K3N",
        "ftp://host/T0K3N",
        "https://xn--T0K3N-/",
        "http://T0K3N..example/",
        "http://h:T0K3N/",
        "http://127.0.0.1:9/T0K3N\r\nX: y",
    ):
        with pytest.raises(AlertNotSent) as raised:
            send(tmp_path, Webhook(url_variable="SLACK", retries=0), SLACK=wrong)
        assert "T0K3N" not in str(raised.value)
    with pytest.raises(AlertNotSent, match="SLACK is not set"):
        send(tmp_path, Webhook(url_variable="SLACK"))


def test_a_secret_address_is_in_no_name_of_a_channel_and_in_no_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first, other = (Webhook(url=f"https://hooks.example.org:8443/T0K3N{number}") for number in (1, 2))
    assert re.fullmatch(r"webhook:hooks\.example\.org:8443:[0-9a-f]{8}", first.name)
    assert first.name != other.name
    caplog.set_level("DEBUG")
    with hook() as received:
        send(tmp_path, Webhook(url_variable="S", format="slack"), S=f"{received.url}/T0K3N")
        with httpx.Client() as client:
            client.post(f"{received.url}/another")
    assert "T0K3N" not in caplog.text
    assert "/another" in caplog.text, "others go on to be logged"


def storm(says: str) -> tuple[Cause, ...]:
    return tuple(cause(number, says) for number in range(1000))


@pytest.mark.parametrize("says", ["no.", "<!channel> " * 1000, "&" * 100_000])
def test_a_thousand_causes_are_one_message_that_can_be_taken(tmp_path: Path, says: str) -> None:
    causes, last = storm(says), "more: `orchestrator alerts`"
    with hook() as received, mailbox() as box:
        send(tmp_path, Webhook(url=received.url), *causes)
        send(tmp_path, Webhook(url_variable="S", format="slack"), *causes, S=received.url)
        send(tmp_path, mail(box.port), *causes)
    send(tmp_path, Log(), *causes)
    plain, slack = (json.loads(body) for body in received.bodies)
    assert len(received.bodies[0]) < 100_000
    assert (len(plain["alerts"]), plain["more"], plain["look"]) == (50, 950, "orchestrator alerts")
    assert plain["title"] == "[triage] marts.totals rejected and 999 more"
    assert len(slack["text"]) <= 40_000
    assert (slack["unfurl_links"], slack["unfurl_media"]) == (False, False)
    listed = slack["text"].count("• marts.totals rejected")
    assert slack["text"].endswith(f"… and {1000 - listed} {last}")
    assert listed == 50 if says == "no." else listed >= 10
    text = box.mails[0].get_payload(decode=True).decode()
    assert text.splitlines()[-1] == f"… and 950 {last}"
    assert len(text) < 40_000
    lines = [json.loads(line) for line in (tmp_path / "journal/alerts.jsonl").read_text().splitlines()]
    assert len(lines) == 51
    assert lines[-1] == {"at": NOW.isoformat(), "test": False, "more": 950, "look": "orchestrator alerts"}


def test_names_that_are_no_characters_keep_nothing_from_being_told(tmp_path: Path) -> None:
    torn = cause(says="file \udcff.csv")
    with hook() as received, mailbox() as box:
        for channel in (Webhook(url=received.url), Webhook(url=received.url, format="slack"), mail(box.port), Log()):
            send(tmp_path, channel, torn)
    assert (len(received.bodies), len(box.mails)) == (2, 1)
    assert json.loads((tmp_path / "journal/alerts.jsonl").read_text())["says"] == "file ?.csv"


def test_mail_arrives_with_a_line_for_each_cause(tmp_path: Path) -> None:
    with mailbox() as box:
        assert send(tmp_path, mail(box.port), cause(7), cause(8)) == ""
    (arrived,) = box.mails
    assert arrived["Subject"] == "[triage] marts.totals rejected and 1 more"
    assert (arrived["From"], arrived["To"]) == ("platform@example.org", "ada@example.org, bob@example.org")
    assert box.recipients == [["ada@example.org", "bob@example.org"]]
    assert "Look: orchestrator quarantine show 8" in arrived.get_payload(decode=True).decode()


def test_a_subject_never_becomes_another_header(tmp_path: Path) -> None:
    evil = cause().model_copy(update={"subject": "x\r\nBcc: eve@example.org"})
    with mailbox() as box:
        send(tmp_path, mail(box.port), evil)
    assert box.mails[0]["Bcc"] is None
    assert box.recipients == [["ada@example.org", "bob@example.org"]]


def test_who_is_refused_is_remarked_on_where_others_took_the_mail(tmp_path: Path) -> None:
    with mailbox(refuses=frozenset({"bob@example.org"})) as box:
        assert send(tmp_path, mail(box.port)) == "refused for bob@example.org"
    assert box.recipients == [["ada@example.org"]]
    with mailbox(refuses=frozenset({"ada@example.org", "bob@example.org"})) as box, pytest.raises(AlertNotSent):
        send(tmp_path, mail(box.port))


def test_mail_is_sent_by_who_logs_in_over_tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = self_signed(tmp_path)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    login = {"security": "starttls", "user": "platform", "key_variable": "P"}
    with mailbox(password=b"right", tls_context=context, require_starttls=True) as box:
        with pytest.raises(AlertNotSent, match="CERTIFICATE_VERIFY_FAILED"):
            send(tmp_path, mail(box.port, **login), P="right")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        with pytest.raises(AlertNotSent, match="535: user or password is refused"):
            send(tmp_path, mail(box.port, **login), P="wrong")
        with pytest.raises(AlertNotSent, match="beyond ASCII"):
            send(tmp_path, mail(box.port, **login), P="fälsch")
        send(tmp_path, mail(box.port, **login), P="right")
    assert len(box.mails) == 1


def test_a_mail_server_that_greets_nobody_or_drips_is_left(tmp_path: Path) -> None:
    def drip(connection: socket.socket) -> None:
        while not ended.wait(0.05):
            connection.sendall(b"2")

    ended = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

        def answer() -> None:
            with listening.accept()[0] as connection:
                drip(connection)

        thread = threading.Thread(target=answer)
        thread.start()
        begun = time.monotonic()
        with pytest.raises(AlertNotSent, match=r"no answer within 0\.4 s"):
            send(tmp_path, mail(port, timeout_seconds=0.4))
        assert time.monotonic() - begun < 3
        ended.set()
        thread.join()


def test_the_log_has_a_line_for_each_cause(tmp_path: Path) -> None:
    send(tmp_path, Log(), cause(7), cause(8, says="ünïcode"))
    lines = (tmp_path / "journal/alerts.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["rejected:7", "rejected:8"]
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(AlertNotSent, match="log was not told"):
        Sender(tmp_path / "file" / "alerts.jsonl", {}.get).send(Log(), Message("triage", (cause(),), NOW))
