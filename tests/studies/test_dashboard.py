"""optuna-dashboard serves our studies: its API without an error, its pages in a real browser without a complaint."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from studies import Study

# Each page of a study, and what it shows when it is all there.
PAGES = {
    "": ("Best Trial (number=", "Hyperparameter Importance", "Timeline", "trial #1"),
    "/analytics": ("Slice", "Contour", "Empirical Distribution"),
    "/trials": ("45 Trials", "Trial 0", "learning_rate"),
    "/trialTable": (),  # empty, whoever wrote the study: its table is on the next
    "/smartSelection": ("Parallel Coordinate", "Param activation"),
    "/note": ("Note",),
    "/preference-history": (),
}
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 60.0  # seconds, on a machine that has much else to do

# Chromium takes commands on descriptor 3 and answers on 4: no port, and no library.
LAUNCHER = """
import fcntl, os, sys
read, write = (fcntl.fcntl(int(n), fcntl.F_DUPFD, 10) for n in sys.argv[1:3])
os.dup2(read, 3)
os.dup2(write, 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


@pytest.fixture(scope="module")
def dashboard(study: Study) -> Iterator[str]:
    """The address of `optuna-dashboard` as a user starts it, on the stored study."""
    pytest.importorskip("optuna_dashboard")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    program = Path(sys.executable).with_name("optuna-dashboard")
    with subprocess.Popen(
        [program, study.storage, "--port", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        address = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            with contextlib.suppress(urllib.error.URLError):
                get(f"{address}/api/meta")
                break
            time.sleep(0.05)
        yield address
        process.terminate()


def get(address: str) -> str:
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:  # noqa: S310  # http on this host
        assert answer.status == 200
        return str(answer.read().decode())


def test_its_api_tells_of_our_study_what_we_do(dashboard: str, study: Study) -> None:
    (listed,) = json.loads(get(f"{dashboard}/api/studies"))["study_summaries"]
    assert listed["study_name"] == "small"
    address = f"{dashboard}/api/studies/{listed['study_id']}"
    shown = json.loads(get(address))
    assert (shown["name"], shown["directions"]) == ("small", ["minimize"])
    assert shown["has_intermediate_values"]
    frame = study.trials_frame()
    states = [trial["state"].lower().replace("fail", "failed") for trial in shown["trials"]]
    assert states == frame["state"].to_list()
    assert [t["values"][0] for t in shown["trials"] if "values" in t] == frame[
        "value"
    ].dropna().to_list()
    assert study.best is not None
    assert [trial["number"] for trial in shown["best_trials"]] == [study.best.number]
    (weights,) = json.loads(get(f"{address}/param_importances"))["param_importances"]
    assert {weight["name"] for weight in weights} == {"learning_rate", "units", "activation"}
    rows = list(csv.DictReader(io.StringIO(get(f"{dashboard}/csv/{listed['study_id']}"))))
    assert len(rows) == len(frame)


class Browser:
    """A headless Chromium, told what to do by its own protocol; it keeps what its pages complain of."""

    def __init__(self, program: str, profile: Path) -> None:
        theirs_in, ours_out = os.pipe()
        ours_in, theirs_out = os.pipe()
        flags = ["--headless", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe"]
        flags += ["--disable-dev-shm-usage", f"--user-data-dir={profile}", "about:blank"]
        if os.geteuid() == 0:
            flags.insert(0, "--no-sandbox")  # it can't have one as root
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER, str(theirs_in), str(theirs_out), program, *flags],
            pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL,
        )  # fmt: skip
        os.close(theirs_in)
        os.close(theirs_out)
        self._to, self._from = os.fdopen(ours_out, "wb"), os.fdopen(ours_in, "rb")
        self._said, self._session = b"", ""
        self._number = 0
        self.complaints: list[str] = []
        self.loading: set[str] = set()
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)[
            "sessionId"
        ]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        self._to.write(json.dumps(message).encode() + b"\0")
        self._to.flush()
        while True:
            heard = self._next()
            if heard.get("id") == self._number:
                assert "error" not in heard, heard
                return dict(heard["result"])
            self._note(heard.get("method", ""), heard.get("params", {}))

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._said:
            part = os.read(self._from.fileno(), 1 << 16)
            assert part, "the browser has ended"
            self._said += part
        message, self._said = self._said.split(b"\0", 1)
        return dict(json.loads(message))

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.loading.add(told["requestId"])
        elif event in ("Network.loadingFinished", "Network.loadingFailed"):
            self.loading.discard(told["requestId"])
        if event == "Network.responseReceived" and told["response"]["status"] >= 400:
            self.complaints.append(f"{told['response']['status']} {told['response']['url']}")
        elif event == "Network.loadingFailed" and not told.get("canceled"):
            self.complaints.append(f"failed: {told['errorText']}")
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"])[:500])
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "assert"):
            self.complaints.append(json.dumps(told["args"])[:500])
        elif event == "Log.entryAdded" and told["entry"]["level"] == "error":
            self.complaints.append(told["entry"]["text"])

    def text(self) -> str:
        found = self.call("Runtime.evaluate", expression="document.body.innerText")
        return str(found["result"].get("value", ""))

    def visit(self, address: str, *words: str) -> str:
        """Open a page and wait until it shows the words and loads nothing more; what it shows then."""
        self.call("Page.navigate", url=address)
        deadline = time.monotonic() + PATIENCE
        calm = 0
        while calm < 3:
            assert time.monotonic() < deadline, (address, self.complaints, self.text()[:500])
            time.sleep(0.1)
            shown = self.text()
            done = all(word in shown for word in words) and not self.loading
            calm = calm + 1 if done else 0
        return shown

    def close(self) -> None:
        with contextlib.suppress(AssertionError, OSError):
            self._session = ""
            self.call("Browser.close")
        self._to.close()
        self._from.close()
        self.process.wait(PATIENCE)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        if os.environ.get("HPO_TEST_BROWSER"):  # .ci/run sets it
            pytest.fail("no Chromium, and HPO_TEST_BROWSER says that there must be one")
        pytest.skip("no Chromium: install the package chromium")
    opened = Browser(program, tmp_path / "profile")
    yield opened
    opened.close()


def test_every_page_of_it_shows_our_study_without_a_complaint(
    dashboard: str, browser: Browser
) -> None:
    browser.visit(f"{dashboard}/dashboard", "small", "MINIMIZE")
    for page, words in PAGES.items():
        browser.visit(f"{dashboard}/dashboard/studies/1{page}", "small", *words)
    browser.visit(f"{dashboard}/dashboard/compare-studies?ids=1", "small")
    assert browser.complaints == []


def test_a_complaint_of_a_page_is_heard(dashboard: str, browser: Browser) -> None:
    """Or else the test above could not fail."""
    browser.visit(f"{dashboard}/dashboard", "small")
    browser.call("Runtime.evaluate", expression="console.error('wrong'); fetch('/api/nothing')")
    browser.call("Runtime.evaluate", expression="setTimeout(() => { throw Error('thrown') })")
    deadline = time.monotonic() + PATIENCE
    while len(browser.complaints) < 3 and time.monotonic() < deadline:
        browser.text()
    heard = " ".join(browser.complaints)
    assert "wrong" in heard
    assert "404" in heard
    assert "thrown" in heard
