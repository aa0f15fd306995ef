"""What a search shows of itself while it runs."""

from __future__ import annotations

import os
import pty
import re
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from hpo.cli.progress import BAR_WIDTH, Progress, duration, range_bar
from hpo.config import make_plan
from hpo.space import Categorical, Float, Parameter
from studies.engine import now
from studies.records import Result

HPO = Path(sys.executable).with_name("hpo")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (8.4, "8 s"), (99.4, "99 s"), (100, "2 min"), (5970, "1 h 40 min"), (7500, "2 h 05 min")],
)  # fmt: skip
def test_a_duration_is_said_as_a_person_says_it(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("first", "now_", "bar"),
    [
        (Float(1e-4, 1, log=True), Float(1e-4, 1, log=True), "█" * 20),
        (Float(1e-4, 1, log=True), Float(1e-3, 1e-2, log=True), "─" * 5 + "█" * 5 + "─" * 10),
        (Float(0, 1), Float(0.5, 0.5), "─" * 10 + "█" + "─" * 9),
        (Float(0, 1), Float(1, 1), "─" * 19 + "█"),
        (Float(0, 1), Float(-5, 5), "█" * 20),
        (Categorical(("a", "b")), Categorical(("a",)), " " * 20),
    ],
)
def test_a_bar_shows_where_a_range_stands_in_the_first(
    first: Parameter, now_: Parameter, bar: str
) -> None:
    assert range_bar(first, now_) == bar
    assert len(bar) == BAR_WIDTH


def test_the_best_so_far_follows_the_direction_and_counts_what_failed() -> None:
    plan = make_plan({"source": "diabetes", "trials": 4, "rounds": 1, "epochs": 2})
    values = [3.0, 1.0, None, 2.0]
    results = [
        Result(k, "failed" if v is None else "complete", v, {}, "validation_rmse", now())
        for k, v in enumerate(values)
    ]
    file = StringIO()
    with Progress(Console(file=file, width=80), quiet=False, verbose=True) as progress:
        progress.started("study", plan, "minimize", 0)
        progress.round_started(0, 4, dict(plan.space))
        progress.batch_finished(results, [{"learning_rate": 10.0**-k} for k in range(4)])
    assert file.getvalue().splitlines() == [
        "study: 4 trainings of 2 epochs",
        "batch of 4 recorded · best 1 (trial 1: learning_rate 0.1)",
    ]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_terminal_shows_a_live_picture_that_fits_and_leaves_verdicts_behind(
    columns: int, tmp_path: Path
) -> None:
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        [HPO, "search", "digits", "--trials", "60", "--epochs", "20"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=theirs,
        env=environment | {"TERM": "xterm-256color"},
    ) as process:  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            shown += part
    os.close(ours)
    assert process.returncode == 0
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
    lines = [line for part in plain.split("\n") for line in part.split("\r")]
    assert max(map(len, lines)) <= columns
    assert any("epochs/s" in line or "…" in line for line in lines)
    assert any(line.startswith("best 0.") for line in lines)
    assert any("█" in line or "─" in line for line in lines)
    assert "round 0  learning_rate  " in plain
    assert "\x1b[?25h" in shown.decode()  # the cursor is shown again
