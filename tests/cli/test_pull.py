"""`orchestrator pull` tells what came, what a pull would find, and what went wrong with one source among others."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from file_server import Answer, FileServer, serve_file
from pulling_project import make_pulling
from small_project import orders_csv, write

Call = Callable[..., Any]
FEW = orders_csv((1, "ann", 10, "open"), (2, "bob", 5, "paid")).encode()


@pytest.fixture
def server() -> Iterator[FileServer]:
    with serve_file(FEW) as serving:
        yield serving


@pytest.fixture
def folder(server: FileServer, tmp_path: Path) -> Path:
    return make_pulling(tmp_path, {"kind": "http", "url": server.url, "retries": 0}).settings.project.root


def test_a_pull_tells_what_came_and_what_to_do_next(orchestrator: Call, folder: Path) -> None:
    asked = orchestrator(folder, "pull", "--dry-run")
    assert (asked.code, "it would be transferred" in asked.out) == (0, True)
    said = orchestrator(folder, "pull")
    assert said.code == 0, said.err
    assert "orders: 1 file in landing, 59 bytes" in said.out
    assert "Next: `orchestrator land orders`" in said.out
    again = orchestrator(folder, "pull", "orders", "--json")
    (told,) = json.loads(again.out)
    assert (told["outcome"], told["why"]) == ("unchanged", "the server says that it did not change")


def test_what_came_can_be_landed_at_once(orchestrator: Call, folder: Path) -> None:
    said = orchestrator(folder, "pull", "--land", "--json")
    (told,) = json.loads(said.out)
    assert (said.code, told["outcome"], told["landed"]["asset"]) == (0, "arrived", "raw.orders")
    assert orchestrator(folder, "query", "--json", "SELECT count(*) AS n FROM raw.orders").out == '[{"n": 2}]\n'


def test_one_source_that_fails_stops_no_other(orchestrator: Call, folder: Path, server: FileServer) -> None:
    other = (folder / "defs/orders/defs.yaml").read_text().replace("orders.csv", "gone.csv")
    other = other.replace("name: orders", "name: another").replace("raw.orders", "raw.another")
    write(folder / "defs/another/defs.yaml", other)
    write(folder / "defs/another/contract.py", (folder / "defs/orders/contract.py").read_text())
    good = server.script
    server.script = lambda server, asked: Answer(status=404) if "gone" in asked.path else good(server, asked)
    said = orchestrator(folder, "pull")
    assert said.code == 3
    assert "orders: 1 file in landing" in said.out
    assert "status 404" in said.err


def test_a_source_that_does_not_pull_or_is_off_is_misuse(orchestrator: Call, folder: Path) -> None:
    component = folder / "defs/orders/defs.yaml"
    said = component.read_text()
    component.write_text(said.replace('"retries": 0', '"enabled": false'))
    off = orchestrator(folder, "pull", "orders")
    assert (off.code, "enabled: true" in off.err) == (2, True)
    assert "all are switched off" in orchestrator(folder, "pull").out
    component.write_text("\n".join(line for line in said.splitlines() if "pull:" not in line))
    without = orchestrator(folder, "pull", "orders")
    assert (without.code, "pulls from nowhere" in without.err) == (2, True)
