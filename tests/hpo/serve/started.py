"""`hpo serve` as a process, as a user starts it, and what it says."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

from tests.running import HPO


class Started:
    """A service in a process, and what it has said on stderr so far."""

    def __init__(
        self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]
    ) -> None:
        self._out, self._err = folder / "out", folder / "err"
        with self._out.open("wb") as out, self._err.open("wb") as err:
            self.process = subprocess.Popen(
                [HPO, "serve", "--port", "0", *arguments], cwd=folder, stdout=out, stderr=err,
                env=os.environ | {"HPO_STORAGE": "sqlite:///hpo.db"} | environment,
            )  # fmt: skip

    @property
    def out(self) -> str:
        """What it has printed on stdout."""
        return self._out.read_text()

    @property
    def lines(self) -> list[str]:
        """What it has printed on stderr."""
        return self._err.read_text().splitlines()

    def line(self, *words: str) -> str:
        """The first line with these words, as soon as it is there."""
        deadline = time.monotonic() + 60
        while True:
            ended = self.process.poll() is not None
            for line in self.lines:
                if all(word in line for word in words):
                    return line
            assert not ended, self.lines
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.02)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.line("hpo serves on").split()[-1]

    @property
    def port(self) -> int:
        """On which port."""
        return int(self.url.rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal; returns the exit status."""
        self.process.send_signal(number)
        return self.process.wait(60)

    def records(self) -> list[dict[str, Any]]:
        """What is logged."""
        return [json.loads(line) for line in self.lines if line.startswith("{")]
