"""A real browser for the tests: headless Chromium, spoken to by its own protocol through a pipe."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

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
        self.requests: list[str] = []
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
            self.requests.append(told["request"]["url"])
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

    def value(self, expression: str) -> Any:
        """What a piece of JavaScript gives."""
        found = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def text(self) -> str:
        return str(self.value("document.body ? document.body.innerText : ''"))

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

    def forget(self) -> None:
        """Begin anew with what it heard and asked for."""
        self.complaints.clear()
        self.requests.clear()

    def close(self) -> None:
        with contextlib.suppress(AssertionError, OSError):
            self._session = ""
            self.call("Browser.close")
        self._to.close()
        self._from.close()
        self.process.wait(PATIENCE)


def find() -> str:
    """The program; where there is none, the test is skipped."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        if os.environ.get("HPO_TEST_BROWSER"):  # .ci/run sets it
            pytest.fail("no Chromium, and HPO_TEST_BROWSER says that there must be one")
        pytest.skip("no Chromium: install the package chromium")
    return program
