"""What asks a published model: rows of a file, and questions over HTTP while the champion changes."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn
from click.testing import CliRunner
from damage import cut, served_file
from served_model import ROW, asking, awaited, where
from small_models import MODEL, gate_of_models
from small_scores import build_all, copied, make_scores, publish_model, query

from orchestrator_platform.cli.commands import root
from orchestrator_platform.cli.serve import KEY_VARIABLE, begins_with
from orchestrator_platform.errors import Misuse, ModelNotServed, RowsRefused, TableFileDamaged
from orchestrator_platform.gate.outcomes import Published
from orchestrator_platform.learning.input_rows import InputColumn, InputContract
from orchestrator_platform.learning.models.artefact import predict
from orchestrator_platform.operations import answering as answering_module
from orchestrator_platform.operations.answering import Answering
from orchestrator_platform.operations.build import build
from orchestrator_platform.operations.champions import named_model, read_champion
from orchestrator_platform.operations.rollback import Goal, rollback
from orchestrator_platform.operations.score import score_rows


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_scores(tmp_path_factory.mktemp("made") / "project")
    build(gate_of_models(folder), ["features.items"])
    assert isinstance(publish_model(folder), Published)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    return copied(made, tmp_path / "project")


@pytest.fixture
def client(made: Path) -> Iterator[httpx.Client]:
    with asking(made) as found:
        yield found


def test_answers_over_http_are_those_of_the_scores_and_name_the_model(folder: Path) -> None:
    build_all(folder)
    (key, vendor, score, size, p_yes) = query(
        folder,
        "SELECT item_id, vendor, score, size, p_yes FROM features.items JOIN scores.late USING (item_id) LIMIT 1",
    )[0]
    with asking(folder) as client:
        said = client.post("/score", json={"rows": [{"item_id": key, "vendor": vendor, "score": score, "size": size}]})
        told = client.get("/version").json()
    assert said.status_code == 200
    answer = said.json()
    assert (answer["model"], answer["version"], answer["sha256"]) == ("late", 1, told["sha256"])
    (row,) = answer["rows"]
    assert row["item_id"] == key
    assert row["p_yes"] == pytest.approx(p_yes, abs=1e-9)
    assert row["model_version"] == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"score": "high"}, '`score` is "high", which is no DOUBLE'),
        ({"size": 1.5}, "`size` is 1.5, which is no BIGINT"),
        ({"size": True}, "`size` is true, which is no BIGINT"),
        ({"vendor": None}, "`vendor` must have a value"),
        ({"colour": "red"}, "`colour` is no column of it"),
        ({"\ud800": 1}, "`\\ud800` is no column of it"),
        ({"vendor": "\ud800"}, '`vendor` is "\\ud800", which is no VARCHAR'),
        ({"score": 10**400}, f"`score` is 1{'0' * 56}…, which is no DOUBLE"),
        ({"item_id": float("nan")}, "`item_id` is NaN, which cannot be given back with its answer"),
        ({"item_id": ["\ud800"]}, '`item_id` is ["\\ud800"], which cannot be given back with its answer'),
    ],
)
def test_a_row_that_breaks_the_contract_is_refused_with_a_sentence(
    client: httpx.Client, change: dict[str, Any], said: str
) -> None:
    content = json.dumps({"rows": [ROW, {**ROW, **change}]})
    answer = client.post("/score", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422
    assert answer.json()["rows"] == {"2": said}


def test_a_missing_column_is_named(client: httpx.Client) -> None:
    answer = client.post("/score", json={"rows": [{"vendor": "acme", "size": 1}]})
    assert answer.json()["rows"] == {"1": "`score` is missing"}


@pytest.mark.parametrize("body", ["", "[]", "{", '{"rows": []}', '{"rows": 1}', "[" * 100_000])
def test_what_is_no_question_is_refused(client: httpx.Client, body: str) -> None:
    answer = client.post("/score", content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400


def test_more_than_it_takes_and_other_than_json_is_refused(client: httpx.Client) -> None:
    assert client.post("/score", json={"rows": [ROW] * 1_001}).status_code == 413
    assert client.post("/score", content="rows=1").status_code == 415


@pytest.mark.parametrize("name", ["evil.example", "evil.example:8900", "127.0.0.1.evil.example"])
def test_without_a_key_nobody_is_answered_under_another_name_of_this_machine(client: httpx.Client, name: str) -> None:
    found = client.post("/score", json={"rows": [ROW]}, headers={"host": name})
    assert (found.status_code, found.json()["error"]) == (403, "not_here")


@pytest.mark.parametrize("name", ["localhost", "localhost:8900", "127.0.0.1:1", "[::1]:8900"])
def test_without_a_key_this_machine_is_answered_under_its_own_names(client: httpx.Client, name: str) -> None:
    assert client.post("/score", json={"rows": [ROW]}, headers={"host": name}).status_code == 200


def test_without_the_key_nobody_is_answered_but_health(made: Path) -> None:
    with asking(made, key="secret") as client:
        assert client.get("/health").status_code == 200
        assert client.post("/score", json={"rows": [ROW]}).status_code == 401
        for wrong in ("Bearer secre", "secret", "Basic secret", "Bearersecret", ""):
            assert client.get("/version", headers={"authorization": wrong}).status_code == 401
        assert client.get("/version", headers={"authorization": "bearer secret"}).status_code == 200
        allowed = client.post("/score", json={"rows": [ROW]}, headers={"authorization": "Bearer secret"})
        assert allowed.status_code == 200


def flipped(artefact: bytes, variant: int) -> bytes:
    return artefact[:-variant] + bytes([artefact[-variant] ^ 1]) + artefact[len(artefact) - variant + 1 :]


@pytest.mark.parametrize(
    ("column", "changed"), [("artefact", flipped), ("thresholds", lambda _, variant: json.dumps({"positive": variant}))]
)
def test_a_model_that_was_changed_in_its_published_file_answers_nobody(
    folder: Path, column: str, changed: Callable[[Any, int], Any]
) -> None:
    forge(served_file(gate_of_models(folder).settings.home, MODEL), column, changed)
    with pytest.raises(ModelNotServed, match="version 1 is not what its receipt tells of: `orchestrator doctor`"):
        score_rows(gate_of_models(folder), MODEL, json.dumps([ROW]), is_csv=False)
    with asking(folder) as client:
        refused = client.post("/score", json={"rows": [ROW]})
    assert (refused.status_code, refused.json()["error"]) == (503, "model_not_served")


def forge(file: Path, column: str, changed: Callable[[Any, int], Any]) -> None:
    """Changes one value of a model's row; DuckDB would notice a file of another size, or another footer."""
    before, table = file.read_bytes(), pq.read_table(file)
    file.chmod(0o644)
    with duckdb.connect() as connection:
        for variant in range(1, 200):
            value = pa.array([changed(table[column][0].as_py(), variant)], table.schema.field(column).type)
            connection.register("forged", table.set_column(table.schema.names.index(column), column, value))
            connection.execute(f"COPY forged TO '{file}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)")
            after = file.read_bytes()
            if (len(after), after[-8:]) == (len(before), before[-8:]):
                return
    raise AssertionError("no change leaves the size as it is")


def test_a_version_that_was_replaced_answers_no_more_where_its_successor_cannot_be_read(folder: Path) -> None:
    gate = gate_of_models(folder)
    answering = Answering(gate, named_model(gate, MODEL))
    answering.look()
    assert answering.champion.version == 1
    (first,) = (gate.settings.home.lake / "data/models/late").glob("*.parquet")
    publish_model(folder, c=0.01)
    (second,) = set(first.parent.glob("*.parquet")) - {first}
    kept = second.read_bytes()
    cut(second)
    answering.look()
    with pytest.raises(TableFileDamaged, match=second.name):
        _ = answering.champion
    second.write_bytes(kept)
    answering.look()
    assert answering.champion.version == 2
    cut(second)
    build_all(folder)
    answering.look()
    assert answering.champion.version == 2, "what is open and serves goes on"


def test_a_model_that_cannot_be_read_is_told_to_callers_and_ends_no_server(folder: Path) -> None:
    cut(served_file(gate_of_models(folder).settings.home, MODEL))
    with asking(folder) as client:
        refused, health = client.post("/score", json={"rows": [ROW]}), client.get("/health")
    assert (refused.status_code, refused.json()["error"], health.status_code) == (503, "table_file_damaged", 503)
    assert "orchestrator restore" in refused.json()["message"]


def test_a_question_that_breaks_the_model_or_is_given_up_harms_no_other(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(estimator: Any, frame: pd.DataFrame) -> Any:
        if (frame.vendor == "boom").any():
            raise ZeroDivisionError("by this row")
        return predict(estimator, frame)

    monkeypatch.setattr(answering_module, "predict", breaks)
    answering = Answering(gate_of_models(made), named_model(gate_of_models(made), MODEL))
    answering.look()
    first, broken, given_up, last = (
        answering.ask([{**ROW, "vendor": name}]) for name in ("acme", "boom", "bolt", "cord")
    )
    assert given_up.cancel()
    answering.start()
    try:
        assert [one.result(30).rows[0]["item_id"] for one in (first, last)] == [1, 1]
        assert isinstance(broken.exception(30), ZeroDivisionError)
    finally:
        answering.stop()


def test_it_follows_the_champion_under_load_and_answers_nothing_once_that_is_taken_back(folder: Path) -> None:
    with asking(folder) as client:
        answers: list[tuple[int, int]] = []
        ended = threading.Event()

        def ask() -> None:
            while not ended.is_set():
                answer = client.post("/score", json={"rows": [ROW]})
                answers.append((answer.status_code, answer.json().get("version", 0)))

        callers = [threading.Thread(target=ask) for _ in range(2)]
        for caller in callers:
            caller.start()
        try:
            assert isinstance(publish_model(folder, c=0.01), Published)
            awaited(lambda: bool(answers) and answers[-1][1] == 2)
        finally:
            ended.set()
            for caller in callers:
                caller.join()
        assert {status for status, _ in answers} == {200}
        assert {version for _, version in answers} == {1, 2}
        rollback(gate_of_models(folder), Goal(asset="features.items"), why="the wrong file", by="ada")
        awaited(lambda: client.get("/health").status_code == 503)
        refused = client.post("/score", json={"rows": [ROW]})
        assert refused.status_code == 503
        assert "was made from features.items, which was taken back (the wrong file)" in refused.json()["message"]
    with pytest.raises(ModelNotServed):
        read_champion(gate_of_models(folder), named_model(gate_of_models(folder), MODEL))


def test_rows_of_a_file_are_answered_for_in_their_order(made: Path, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("item_id,vendor,score,size\n7,acme,2.5,3\n8,bolt,-2.5,3\n", encoding="utf-8")
    place = ["--home", str(made / "home"), "--project", str(made)]
    printed = CliRunner().invoke(root, [*place, "score", "late", "--in", str(file)], standalone_mode=False)
    lines = printed.output.splitlines()
    assert lines[0] == "item_id,p_no,p_yes,predicted,confidence,model_version"
    assert [line.split(",")[0] for line in lines[1:]] == ["7", "8"]
    given = json.dumps([{**ROW, "item_id": 7, "score": 2.5, "size": 3}])
    (one,) = score_rows(gate_of_models(made), MODEL, given, is_csv=False).rows
    assert float(lines[1].split(",")[2]) == pytest.approx(one["p_yes"], abs=1e-12)


def test_rows_of_a_file_that_break_the_contract_are_named_and_none_is_scored(made: Path) -> None:
    gate = gate_of_models(made)
    with pytest.raises(RowsRefused, match='2 of 3 rows: row 2: `score` is "x", which is no DOUBLE; row 3'):
        score_rows(gate, MODEL, "vendor,score,size\nacme,1,1\nacme,x,1\n,1,1\n", is_csv=True)
    with pytest.raises(Misuse, match="Row 1 has not as many fields"):
        score_rows(gate, MODEL, "vendor,score,size\nacme,1\n", is_csv=True)
    with pytest.raises(Misuse, match="The header names score more than once"):
        score_rows(gate, MODEL, "vendor,score,score,size\nacme,1,2,1\n", is_csv=True)
    with pytest.raises(RowsRefused, match='`score` is "1_0"'):
        score_rows(gate, MODEL, "vendor,score,size\nacme,1_0,1\n", is_csv=True)
    for text in ("{", "[" * 100_000):
        with pytest.raises(Misuse, match="no JSON"):
            score_rows(gate, MODEL, text, is_csv=False)


def test_a_row_of_a_json_file_ends_where_its_line_does(made: Path) -> None:
    row = json.dumps({**ROW, "vendor": "ac\u2028me"}, ensure_ascii=False)
    assert len(score_rows(gate_of_models(made), MODEL, f"{row}\n{row}\r\n", is_csv=False).rows) == 2


def test_a_server_says_at_the_start_who_answers_or_why_nobody_does(folder: Path) -> None:
    gate, address = gate_of_models(folder), "http://127.0.0.1:8900/score"
    assert begins_with(gate, "late", address) == f"{MODEL} version 1 answers at {address}"
    rollback(gate, Goal(asset=MODEL), why="gone", by="ada")
    said = begins_with(gate, "late", address)
    assert said.startswith(f"{MODEL} does not answer: ")
    assert said.endswith(f"It answers at {address} as soon as a version serves.")


def test_nobody_serves_to_others_without_a_key(made: Path) -> None:
    place = ["--home", str(made / "home"), "--project", str(made)]
    with pytest.raises(Misuse, match="no key protects the model"):
        CliRunner().invoke(
            root,
            [*place, "serve", "late", "--host", "192.0.2.1"],
            catch_exceptions=False,
            standalone_mode=False,
        )


@pytest.mark.parametrize("key", ["schlüssel", "clé\u20ac", "two\nlines"])
def test_a_key_that_no_caller_could_send_is_refused_at_the_start(
    made: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    monkeypatch.setattr(uvicorn, "run", lambda *_, **__: pytest.fail("it was started"))
    place = ["--home", str(made / "home"), "--project", str(made)]
    with pytest.raises(Misuse, match="cannot be sent in a header") as refused:
        CliRunner().invoke(root, [*place, "serve", "late"], catch_exceptions=False, standalone_mode=False)
    assert key not in str(refused.value)


@pytest.mark.parametrize("key", [None, "secret"])
def test_nothing_but_what_is_documented_is_answered(made: Path, key: str | None) -> None:
    with asking(made, key=key) as client:
        for path in ("/openapi.json", "/docs", "/docs/oauth2-redirect", "/redoc", "/"):
            assert client.get(path).status_code == 404


@pytest.mark.parametrize(
    ("type_", "good", "bad"),
    [
        ("VARCHAR[]", ["a", None], [1]),
        ("TIMESTAMP", "2024-05-01T10:00:00+02:00", "yesterday"),
        ("BOOLEAN", False, 0),
        ("TINYINT", -128, 128),
        ("DOUBLE", 1, float("nan")),
        ("FLOAT", 3.4e38, 3.5e38),
        ("TIMESTAMP", "9999-12-31T23:59:59", "9999-12-31T23:59:59-23:00"),
        ("UBIGINT", 2**63, -1),
    ],
)
def test_a_value_is_held_against_the_type_of_its_column(type_: str, good: Any, bad: Any) -> None:
    contract = InputContract((InputColumn("x", type_),))
    assert contract.problems([{"x": good}, {"x": None}]) == {}
    assert list(contract.problems([{"x": bad}])) == [1]
    assert len(contract.frame([{"x": good}, {"x": None}])) == 2


def test_a_question_that_does_not_arrive_is_given_up_and_holds_no_server(made: Path) -> None:
    with asking(made, most_seconds=0.3) as client, socket.create_connection(where(client)) as slow:
        slow.settimeout(30)
        slow.sendall(b"POST /score HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        slow.sendall(b"Content-Length: 100\r\n\r\n{")
        said = b"".join(iter(lambda: slow.recv(4096), b""))
        assert said.startswith(b"HTTP/1.1 408")
        assert b"arrives within 0.3 s" in said
        assert client.post("/score", json={"rows": [ROW]}).status_code == 200


def test_a_body_without_end_is_refused_as_soon_as_it_is_too_large(client: httpx.Client) -> None:
    answer = client.post(
        "/score", content=(b"x" * 1_000_000 for _ in range(200)), headers={"content-type": "Application/JSON"}
    )
    assert answer.status_code == 413


def test_a_row_for_which_the_model_gives_no_probabilities_is_named(made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def overflows(estimator: Any, frame: pd.DataFrame) -> Any:
        return np.where(frame[["score"]] > 1_000, np.nan, predict(estimator, frame))

    monkeypatch.setattr(answering_module, "predict", overflows)
    with asking(made) as client:
        answer = client.post("/score", json={"rows": [ROW, {**ROW, "score": 2_000}]})
        assert (answer.status_code, answer.json()["error"]) == (500, "scoring_failed")
        assert "no probabilities for 1 of 2 rows, first for row 2" in answer.json()["message"]
        assert client.post("/score", json={"rows": [ROW]}).status_code == 200


@pytest.mark.parametrize("marked", [b"", b"\xef\xbb\xbf"])
def test_rows_from_standard_input_are_utf_8_whatever_the_machine_says(made: Path, marked: bytes) -> None:
    asked = ["score", "late", "--csv", "--home", str(made / "home"), "--project", str(made)]
    rows = "vendor,score,size\nacme,1,1\n"
    told = CliRunner().invoke(root, asked, input=marked + rows.encode(), standalone_mode=False)
    assert len(told.output.splitlines()) == 2
    with pytest.raises(Misuse, match="Standard input cannot be read: 'utf-8' codec"):
        CliRunner().invoke(root, asked, input=rows.encode("utf-16"), catch_exceptions=False, standalone_mode=False)


def test_a_hundred_thousand_rows_of_a_file_are_answered_for_or_refused_in_short(made: Path) -> None:
    gate = gate_of_models(made)
    header = "size,vendor,score\n"
    assert len(score_rows(gate, MODEL, header + "3,acme,1.5\n" * 100_000, is_csv=True).rows) == 100_000
    with pytest.raises(RowsRefused, match="100000 of 100000 rows") as refused:
        score_rows(gate, MODEL, header + "3,acme,inf\n" * 100_000, is_csv=True)
    assert "`score` is Infinity, which is no DOUBLE" in str(refused.value)
    assert len(str(refused.value)) < 2_000
