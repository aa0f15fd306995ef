"""What a search shows of itself while it runs."""

from __future__ import annotations

import os
import pty
import re
import signal
import struct
import subprocess
import termios
import time
from fcntl import ioctl
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pytest
from rich.console import Console

from hpo.display.terminal import BAR_WIDTH, Progress, range_bar
from hpo.plan.plan import make_plan
from hpo.plan.space import Categorical, Float, Parameter
from studies.database.engine import now
from studies.database.records import Result
from tests.running import HPO


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
    lost: tuple[Literal["pruned", "failed"], ...] = ("pruned", "pruned", "failed", "failed")
    results = [
        Result(k, "failed" if v is None else "complete", v, {}, "validation_rmse", now())
        for k, v in enumerate(values)
    ]
    file = StringIO()
    attributes: dict[int, Any] = {2: {"diverged_epoch": 1}}
    results += [
        Result(4 + k, state, None, {}, "validation_rmse", now(), attributes.get(k, {}))
        for k, state in enumerate(lost)
    ]
    with Progress(Console(file=file, width=80), quiet=False, verbose=True) as progress:
        progress.started("study", plan, "minimize", 0, plan.trials)
        progress.round_started(0, 4, dict(plan.space))
        progress.trials_finished(results, [{"learning_rate": 10.0**-k} for k in range(8)])
        progress.epoch_trained(5)  # from here on there is a speed
        progress.line_seconds = 0
        progress.epoch_trained(5)
    *lines, line = file.getvalue().splitlines()
    assert lines == [
        "study: 4 trainings of 2 epochs",
        "8 trials recorded · best 1 (trial 1: learning_rate 0.1)",
    ]
    assert re.fullmatch(
        r"round 0 · trainings 8/4 · 0 s left · [\d,.e+]+ epochs/s"
        r" · 1 diverged · 2 pruned · 2 raised an error · best 1 .*",
        line,
    )


def on_a_terminal(
    folder: Path, columns: int, *arguments: str, then: int | None = None, **variables: str
) -> tuple[str, str]:
    """What a search shows on a terminal so wide; from about the middle on in another width, if one is given."""
    ours, theirs = pty.openpty()

    def resize(columns: int) -> None:
        ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    resize(columns)
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "NO_COLOR")}
    shown = [b"", b""]
    with subprocess.Popen(
        [HPO, "search", "digits", "--trials", "60", "--epochs", "20", *arguments],
        cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs,
        env=environment | {"TERM": "xterm-256color"} | variables,
    ) as process:  # fmt: skip
        os.close(theirs)
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # Linux says so when the other side is closed
                break
            if not part:
                break
            shown[bool(shown[1])] += part
            if then is not None and not shown[1] and b"round 0  learning_rate" in shown[0]:
                resize(then)
                process.send_signal(signal.SIGWINCH)
                time.sleep(0.2)  # what was on its way
                shown[1] = os.read(ours, 65536)[-1:]
    os.close(ours)
    assert process.returncode == 0
    return shown[0].decode(errors="replace"), shown[1].decode(errors="replace")


def rows(shown: str) -> list[str]:
    """The rows of a terminal, without colours and what moves the cursor."""
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    return [row for line in plain.split("\n") for row in line.split("\r")]


@pytest.mark.parametrize(
    "columns", [80, *(pytest.param(c, marks=pytest.mark.slow) for c in (40, 200))]
)
def test_a_terminal_shows_a_live_picture_that_fits_and_leaves_verdicts_behind(
    columns: int, tmp_path: Path
) -> None:
    shown, _ = on_a_terminal(tmp_path, columns)
    lines = rows(shown)
    assert max(map(len, lines)) <= columns
    assert any(" epochs/s" in line for line in lines)
    assert re.search(r"trainings[ \r\n]+\d+/60 · ", "\n".join(lines))
    assert re.search(r"\d+ s[ \r\n]+left", "\n".join(lines))
    assert any(line.startswith("best 0.") for line in lines)
    assert any("█" in line or "─" in line for line in lines)
    assert "round 0  learning_rate  " in "\n".join(lines)
    assert "\x1b[?25h" in shown  # the cursor is shown again


@pytest.mark.slow
def test_a_terminal_that_becomes_narrow_is_filled_no_wider(tmp_path: Path) -> None:
    before, after = on_a_terminal(tmp_path, 100, then=40)
    assert 40 < max(map(len, rows(before))) <= 100
    assert "confirming" in after
    assert max(map(len, rows(after)[1:])) <= 40


def test_a_terminal_that_can_not_move_its_cursor_gets_plain_lines() -> None:
    file = StringIO()
    console = Console(file=file, force_terminal=True, width=80, _environ={"TERM": "dumb"})
    plan = make_plan({"source": "digits"})
    with Progress(console, quiet=False, verbose=False) as progress:
        progress.started("study", plan, "maximize", 0, plan.trials)
        progress.line_seconds = 0
        progress.epoch_trained(5)
    assert re.fullmatch(
        r"study: 100 trainings of 10 epochs\nround 0 · .* · no result yet\n", file.getvalue()
    )


@pytest.mark.slow
def test_without_colour_or_on_a_dumb_terminal_there_is_none(tmp_path: Path) -> None:
    quick = ("--epochs", "1")
    plain, _ = on_a_terminal(tmp_path, 80, *quick, NO_COLOR="1")
    assert "confirming" in plain
    assert not re.search(r"\x1b\[[0-9;]*3\d", plain)
    dumb, _ = on_a_terminal(tmp_path, 80, *quick, TERM="dumb")
    assert dumb.startswith("digits-2: 60 trainings of 1 epochs\r\nround 0  learning_rate  ")
    assert "\x1b" not in dumb
    quiet, _ = on_a_terminal(tmp_path, 80, *quick, "-q")
    assert quiet == ""
