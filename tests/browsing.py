"""Dagster's pages of one home in a real Chromium: started, driven and looked at as a person would."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright
from playwright.sync_api import TimeoutError as PlaywrightTimeoutError

INSTALL = "apt-get install -y --no-install-recommends chromium fonts-dejavu-core"
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE_SECONDS = 90
_WITHOUT_PATHS = """() => {
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        texts.currentNode.data = texts.currentNode.data.replace(/\\/\\S*\\/lib\\/python3/g, "…/lib/python3");
    }
}"""
_RUNS = "{ runsOrError(limit: 50) { ... on Runs { results { runId status jobName } } } }"
_FAILURE = """{ runOrError(runId: "%s") { ... on Run { eventConnection { events {
    ... on ExecutionStepFailureEvent { failureMetadata { description } error { message } } } } } } }"""
_LOCATIONS = "{ workspaceOrError { ... on Workspace { locationEntries { loadStatus updatedTimestamp } } } }"
_LARGEST_BYTES = 150_000


def find_chromium() -> str:
    """Returns the browser; without one the test fails, and says what to install."""
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.fail(f"There is no Chromium on this machine, so nothing is known of the pages. Install it: {INSTALL}")
    return found


@contextmanager
def serving(home: Path, project: Path, log: Path) -> Iterator[str]:
    """Runs `orchestrator dev` on a free port, and gives the address as soon as the definitions are loaded."""
    port = _free_port()
    environment = {
        **os.environ,
        "ORCHESTRATOR_HOME": str(home),
        "ORCHESTRATOR_PROJECT": str(project),
        "ORCHESTRATOR_PERSON": "ada",
    }
    command = [Path(sys.executable).with_name("orchestrator"), "dev", "--port", str(port)]
    with log.open("wb") as said:
        server = subprocess.Popen(command, env=environment, stdout=said, stderr=subprocess.STDOUT)
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until(lambda: _has_assets(address), "definitions", lambda: log.read_text(encoding="utf-8")[-3000:])
            yield address
        finally:
            server.send_signal(signal.SIGINT)
            try:
                server.wait(30)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


@contextmanager
def browsing(address: str, screenshots: Path | None) -> Iterator["Pages"]:
    """Opens a browser on the pages."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1240, "height": 760})
        page.set_default_timeout(PATIENCE_SECONDS * 1000)
        try:
            yield Pages(address, page, screenshots)
        finally:
            browser.close()


@dataclass(frozen=True)
class Pages:
    """The pages, with what a person does on them."""

    address: str
    page: Page
    screenshots: Path | None

    def open(self, path: str, waiting_for: str) -> None:
        """Opens a page and waits until a text of it is there."""
        self.page.goto(f"{self.address}{path}", wait_until="domcontentloaded")
        expect(self.page.get_by_text(waiting_for).first).to_be_visible(timeout=PATIENCE_SECONDS * 1000)

    def open_until(self, path: str, says: str) -> None:
        """Opens a page again and again until a text is on it: what is reported by itself comes a little later."""

        def says_so() -> bool:
            self.page.goto(f"{self.address}{path}", wait_until="domcontentloaded")
            try:
                self.page.get_by_text(says).first.wait_for(timeout=5000)
            except PlaywrightTimeoutError:
                return False
            return True

        wait_until(says_so, f"{says!r} on {path}")

    def reload_definitions(self) -> None:
        """Presses the button by which Dagster reads the project anew, and waits until it has."""
        before = self._loaded()
        self.open("/locations", "orchestrator")
        self.page.get_by_role("button", name="Reload all").click()
        wait_until(lambda: self._loaded() not in (before, None), "the definitions to be loaded anew")

    def _loaded(self) -> float | None:
        (entry,) = _ask(self.address, _LOCATIONS)["workspaceOrError"]["locationEntries"]
        return float(entry["updatedTimestamp"]) if entry["loadStatus"] == "LOADED" else None

    def shoot(self, name: str) -> None:
        """Takes a picture for the documentation, where one was asked for."""
        if self.screenshots is None:
            return
        self.page.mouse.move(0, 0)
        # Where this machine keeps its files is nobody's business.
        self.page.evaluate(_WITHOUT_PATHS)
        self.page.wait_for_timeout(600)  # what fades in has no end that could be waited for
        self.screenshots.mkdir(parents=True, exist_ok=True)
        file = self.screenshots / f"{name}.png"
        self.page.screenshot(path=file, animations="disabled")
        assert file.stat().st_size <= _LARGEST_BYTES, f"{file} has {file.stat().st_size:,} bytes"

    def press(self, label: str) -> "Run":
        """Presses a button that launches a run, and returns the run once it is known."""
        before = {run["runId"] for run in self.runs()}
        button = self.page.get_by_role("button", name=re.compile(f"(^| ){label}( \\(\\d+\\))?$"), disabled=False)
        button.first.click()
        wait_until(lambda: bool(self._new(before)), f"a run after {label!r}")
        return Run(self, self._new(before)[0]["runId"])

    def write_form(self, yaml: str) -> None:
        """Replaces what stands in the launchpad."""
        editor = self.page.locator(".CodeMirror").first
        editor.wait_for()
        editor.evaluate("(element, text) => element.CodeMirror.setValue(text)", yaml)

    def runs(self) -> list[dict[str, str]]:
        return list(_ask(self.address, _RUNS)["runsOrError"]["results"])

    def failed_with(self, text: str) -> "Run":
        """Waits for a run that failed with this text, whoever launched it, and returns it."""

        def failed() -> list[str]:
            ids = [run["runId"] for run in self.runs() if run["status"] == "FAILURE"]
            return [each for each in ids if text in json.dumps(_ask(self.address, _FAILURE % each))]

        wait_until(lambda: bool(failed()), f"a run that fails with {text!r}")
        return Run(self, failed()[0])

    def _new(self, before: set[str]) -> list[dict[str, str]]:
        return [run for run in self.runs() if run["runId"] not in before]

    def show(self, key: str) -> Locator:
        """Opens what a page has under this key, if it is behind a link, and returns where it is shown."""
        row = self.page.locator("tr", has=self.page.get_by_text(key, exact=True)).last
        row.scroll_into_view_if_needed()
        link = row.get_by_text("[Show Markdown]")
        if link.count():
            link.click()
            return self.page.get_by_role("dialog").last
        return row

    def close(self) -> None:
        """Closes what `show` opened, the last first; what is opened over another may close with it."""
        buttons = self.page.get_by_role("button", name="Close", exact=True)
        while n_open := buttons.count():
            buttons.last.click()
            buttons.nth(n_open - 1).wait_for(state="detached")

    @staticmethod
    def rendered_pictures(where: Locator) -> list[int]:
        """Returns the widths in which the browser rendered the pictures there: 0 for a broken one."""
        pictures = where.locator('img[src^="data:image"]')
        pictures.first.wait_for()
        return [int(width) for width in pictures.evaluate_all("all => all.map(each => each.naturalWidth)")]


@dataclass(frozen=True)
class Run:
    pages: Pages
    id: str

    def finished(self) -> str:
        """Waits for the end, and returns the status."""
        wait_until(lambda: self._status() in {"SUCCESS", "FAILURE", "CANCELED"}, f"the end of run {self.id}")
        return self._status()

    def _status(self) -> str:
        return next(run["status"] for run in self.pages.runs() if run["runId"] == self.id)


def wait_until(condition: Callable[[], bool], what: str, tell: Callable[[], str] = str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited {PATIENCE_SECONDS} s for {what}. {tell()}"
        time.sleep(0.2)


def _has_assets(address: str) -> bool:
    try:
        return bool(_ask(address, "{ assetNodes { id } }")["assetNodes"])
    except (urllib.error.URLError, OSError, KeyError, TypeError):
        return False


def _ask(address: str, query: str) -> Any:
    request = urllib.request.Request(  # noqa: S310 - loopback
        f"{address}/graphql", json.dumps({"query": query}).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - loopback
        return json.load(answer)["data"]


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
