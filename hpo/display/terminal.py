"""The progress of a running search: a live display on a terminal, plain lines elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hpo.display.text import ACTIONS
from hpo.plan.space import Categorical, Parameter, Settings, Space, position
from hpo.run.watcher import Watcher
from studies.words import condition, counted, describe, duration, number, settings

if TYPE_CHECKING:
    from hpo.choose.types import Direction, Verdict
    from hpo.plan.plan import Plan
    from studies.database.records import Confirmation, Result

LINE_SECONDS = 5.0  # between plain lines
BAR_WIDTH = 20
NARROW = 60  # columns: on fewer, bars are shorter


class Progress(Watcher):
    """Shows a search live if stderr is a terminal, else by a line every few seconds."""

    line_seconds = LINE_SECONDS

    def __init__(self, console: Console, *, quiet: bool, verbose: bool) -> None:
        self.study = ""
        self._console, self._quiet, self._verbose = console, quiet, verbose
        self._lock = threading.Lock()
        self._first_at = self._line_at = time.monotonic()
        self._trials = self._done = self._epochs_planned = self._epochs = 0
        self._first_epochs = 0  # those that had ended by `_first_at`
        self._goes_on = False
        self._halved = False
        self._round = self._epochs_each = 0
        self._folds = 1
        self._ended_early = dict.fromkeys(("diverged", "pruned", "raised an error"), 0)
        self._ranges: Space = {}
        self._first: Space = {}
        self._stage = 0
        self._best: tuple[float, int, Settings] | None = None
        self._maximize = True
        self._live = (
            Live(
                console=console, get_renderable=self._picture, transient=True, refresh_per_second=8
            )
            if console.is_terminal and not console.is_dumb_terminal and not quiet
            else None
        )

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def noticed(self, note: str) -> None:
        """Print the note."""
        self._say(f"Note: {note}", "yellow")

    def started(
        self, name: str, plan: Plan, direction: Direction, done: int, remaining: int
    ) -> None:
        """Begin to draw."""
        self.study, self._first, self._maximize = name, dict(plan.space), direction == "maximize"
        self._folds = plan.folds or 1  # networks of each trial, each of which is a training
        self._trials, self._done, self._epochs_each = done + remaining, done, plan.epochs
        self._epochs_planned = round(remaining * plan.epochs * plan.mean_length) * self._folds
        self._halved = plan.halving is not None
        self._line_at, self._goes_on = time.monotonic(), done > 0
        if self._live:
            self._live.start()
        else:
            trainings = counted(remaining * self._folds, "training")
            self._say(f"{name}: {trainings} of {counted(plan.epochs, 'epoch')}")

    def round_started(self, number: int, size: int, ranges: Space) -> None:
        """Show the round's ranges from now on."""
        del size
        self._round, self._ranges, self._stage = number, ranges, 0

    def epoch_trained(self, trials: int) -> None:
        """Count the epochs and, without a live display, print a line if one is due."""
        with self._lock:
            self._epochs += trials * self._folds
            if not self._first_epochs:
                self._first_epochs, self._first_at = self._epochs, time.monotonic()
            if self._live or time.monotonic() - self._line_at < self.line_seconds:
                return
            self._line_at = time.monotonic()
            self._going_on()

    def _going_on(self) -> None:
        self._say(" · ".join([*self._state(), *self._speed(), self._best_line()]))

    def trials_finished(self, results: Sequence[Result], settings: Sequence[Settings]) -> None:
        """Keep the best so far, and count trials that diverged, failed, or left at a rung."""
        for result, values in zip(results, settings, strict=True):
            self._done += 1
            if result.state == "pruned":
                self._ended_early["pruned"] += 1
                continue
            if result.value is None:
                diverged = "diverged_epoch" in result.attributes
                self._ended_early["diverged" if diverged else "raised an error"] += 1
                if self._halved:  # another trial goes on in its place
                    continue
                # Its later epochs will never be trained.
                last = result.attributes.get("diverged_epoch", self._epochs_each)
                self._epochs_planned -= (self._epochs_each - last) * self._folds
            elif self._best is None or self._better(result.value, self._best[0]):
                self._best = (result.value, result.number, values)
        if self._verbose:
            self._say(f"{counted(len(results), 'trial')} recorded · {self._best_line()}")

    def round_judged(self, number: int, verdicts: Mapping[str, Verdict]) -> None:
        """Print each verdict above the live display."""
        for name, verdict in verdicts.items():
            self._say(f"round {number}  {name}  {verdict.reason}", ACTIONS[verdict.action])
            if verdict.warning:
                self._say(f"round {number}  {name}  {verdict.warning}", "yellow")

    def stage_started(self, stage: int, trials: Sequence[int]) -> None:
        """Show the stage in place of the round."""
        del trials
        self._stage = stage

    def stage_finished(self, results: Sequence[Confirmation]) -> None:
        """Count them."""
        self._done += len(results)

    def stopped(self, reason: str) -> None:
        """Print why."""
        self._say(f"Stopped early: {reason}", "yellow")

    def _better(self, value: float, other: float) -> bool:
        return value > other if self._maximize else value < other

    def _say(self, line: str, style: str = "") -> None:
        if not self._quiet:
            # Lines wrap on a terminal, not in a file. If its disk is full, the search goes on.
            with suppress(OSError):
                self._console.print(Text(line, style), soft_wrap=not self._console.is_terminal)

    def _state(self) -> list[str]:
        """The round or stage, the trainings done, and the time remaining."""
        at = f"confirming, stage {self._stage}" if self._stage else f"round {self._round}"
        parts = [at, f"trainings {self._done * self._folds}/{self._trials * self._folds}"]
        if speed := self._epochs_per_second():
            epochs_left = max(0.0, self._epochs_planned - self._epochs)
            parts.append(f"{duration(round(epochs_left / speed))} left")
        return parts

    def _speed(self) -> list[str]:
        """The epochs per second, and how many trials ended early."""
        parts = []
        if speed := self._epochs_per_second():
            shown = f"{speed:,.0f}" if speed >= 10 else f"{speed:.2g}"
            parts.append(f"{shown} epochs/s")
        return parts + [f"{count} {how}" for how, count in self._ended_early.items() if count]

    def _epochs_per_second(self) -> float:
        """Since the first epochs ended, because until then processes start; 0 before others have ended."""
        seconds = time.monotonic() - self._first_at
        return (self._epochs - self._first_epochs) / max(seconds, 1e-3)

    def _best_line(self) -> str:
        if self._best is None:
            return "no new result yet" if self._goes_on else "no result yet"
        value, trial, values = self._best
        return f"best {number(value, 4)} (trial {trial}: {settings(values)})"

    def _picture(self) -> RenderableType:
        share = Table.grid()  # a bar alone does not end its line
        share.add_row(
            ProgressBar(total=max(1, self._epochs_planned), completed=self._epochs, width=40)
        )
        narrow = self._console.width < NARROW
        ranges = Table(box=None, pad_edge=False, show_header=False)
        for name, parameter in self._ranges.items():
            first = self._first.get(name, parameter)
            bar = range_bar(first, parameter, BAR_WIDTH // 3 if narrow else BAR_WIDTH)
            ranges.add_row(
                Text(name), Text(bar, "cyan"), Text(describe(parameter) + condition(parameter))
            )
        return Group(
            Text(f"{self.study}  {' · '.join(self._state())}"),
            share,
            *([Text(" · ".join(self._speed()))] if self._epochs else []),
            Text(self._best_line()),
            ranges,
        )


def range_bar(first: Parameter, now: Parameter, width: int = BAR_WIDTH) -> str:
    """A range's place in the first range, as a bar of fixed width: `──────████──────────`."""
    if isinstance(first, Categorical) or isinstance(now, Categorical):
        return " " * width
    low = max(0.0, min(1.0, position(first, now.low)))
    high = max(0.0, min(1.0, position(first, now.high)))
    start = min(width - 1, int(low * width + 1e-9))
    stop = max(start + 1, round(high * width))
    return "─" * start + "█" * (stop - start) + "─" * (width - stop)
