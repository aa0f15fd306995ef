"""A program of your own, in whatever language, that a search can train.

    hpo search --program './train --lr {learning_rate} --epochs {epochs}' --space learning_rate=1e-5:1:log

The command is split into words as a shell would, and run without one, in the folder where the search began. {NAME} is
the value of that parameter of the space; each parameter has to be there. Where one does not apply, its word is left
out, and the option before it: `--momentum {momentum}`. {epochs}, {seed}, {trial}, {folder} and {device} are what a
function may ask for by these names (see `hpo.trainables.function`).

The program says on its standard output how good the settings are, in one of two ways. After each epoch with a line of
its number and metrics, and nothing else; `=` may be `:`, and commas may stand between:

    epoch=3 accuracy=0.91 loss=0.3

Epochs are counted from 0 or from 1. Such a line should be written at once (flush the stream), so that `--halving` can
end trials that do badly. A program that trains on after the last epoch of the plan is ended there. Or at its end with
one last line, an object of JSON:

    {"accuracy": 0.91, "loss": 0.3}

With an "epoch" in it, such a line is one of an epoch. Everything else that a program writes goes to stderr and is kept
with the trial, as what a function prints. A program that ends with another status than 0, or says no metric, fails its
trial: `hpo show NAME TRIAL` has the command, the status and its last lines of stderr.

The program runs in a process group of its own. Where its training should stop, all of the group gets SIGTERM and, after
5 seconds, SIGKILL, even if the search itself is killed. While a trial waits for others at a rung, its program stands
still (SIGSTOP).
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpo.choose.types import Direction, Traits
from hpo.errors import PlanError
from hpo.plan.command import CommandLine
from hpo.plan.space import Settings
from hpo.trainables.call import metrics_of, values_of
from hpo.trainables.function import UNNAMED_METRIC
from hpo.trainables.guarded import Guarded
from hpo.trainables.task import Array, Curves, Task, Training, TrialError
from studies.words import counted
from trainer.fields import bounds_of

if TYPE_CHECKING:
    from trainer.references import Reference

PAIR = r"([^\s=:,]+)\s*[=:]\s*([^\s=:,]+)"
PAIRS = re.compile(rf"\s*{PAIR}(?:(?:\s*,\s*|\s+){PAIR})*\s*")
EPOCH = "epoch"
EXPECTED = 'write epoch=3 accuracy=0.91 after each epoch, or {"accuracy": 0.91} as the last line'
LINES = 20  # of stderr that are stored with a trial that failed


class Program:
    """A program as a trainable.

    Raises:
        PlanError: there is no such program, or it can't be run.
    """

    fingerprint = ""
    contents: Mapping[str, Any] = {}
    overview: Mapping[str, Any] = {}

    folder: Path | None = None
    """Where the folders of its trials are, if it asks for them; None: they are temporary."""

    def __init__(
        self,
        command: CommandLine,
        metric: str | None,
        direction: Direction,
        *,
        timeout: float | None = None,
        memory: int | None = None,
    ) -> None:
        self.metric = self.score = metric  # the program decides which rows it measures
        self.traits = Traits(direction, bounds=bounds_of(metric))
        self.asks_for = command.asks_for
        # The command may come from a database: whoever goes on with a study sees what runs.
        self.notes: Sequence[str] = [f"each trial runs {command} in {command.folder}"]
        self._call = Call(
            executable_of(command), command, metric or UNNAMED_METRIC, timeout, memory
        )

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Each setting alone."""
        return [[k] for k in range(len(settings))]

    def training(self, task: Task) -> Training:
        """The training of a task, wherever there is the program. It chooses its rows, so the split has no effect."""
        values = task.params | values_of(task, self.folder)
        asks = "device" in self.asks_for
        return Training(self._call, (values, task.pauses), asks_for_device=asks)

    def references(self, *_: object) -> Sequence[Reference]:
        """None, because its data are the user's."""
        return ()


def executable_of(command: CommandLine) -> str:
    """The path of the program that a command runs.

    Raises:
        PlanError: there is none, or it may not be run.
    """
    if os.name != "posix":
        raise PlanError("program: only Linux and macOS run programs; on others use a trainer")
    word, folder = command.words[0], Path(command.folder)
    if not folder.is_dir():
        raise PlanError(
            f"program: the folder {folder} that it ran in is gone; give program again, in the folder it is in now"
        )
    here = folder / word
    if "/" not in word:
        if (found := shutil.which(word)) is not None:
            return str(Path(found).absolute())
        there = f"; the one in this folder is ./{word}" if here.is_file() else ""
        raise PlanError(f"program: there is no {word!r} on the PATH{there}")
    if not here.is_file():
        raise PlanError(f"program: there is no file {here}")
    if not os.access(here, os.X_OK):
        raise PlanError(
            f"program: {here} is not executable: chmod +x makes it so, or begin with what runs it, such as python"
        )
    return str(here)


@dataclass(frozen=True)
class Call:
    """How a program is run. It fails if it trains for more than `timeout` seconds, and may have `memory` bytes."""

    executable: str
    command: CommandLine
    metric: str
    timeout: float | None
    memory: int | None

    def __call__(
        self, values: Mapping[str, Any], pauses: Sequence[int], device: str | None = None
    ) -> Curves:
        """Run the program and yield its metrics, epoch by epoch, and {} while there is nothing new.

        In place of a folder that is missing in `values`, a temporary one is made.

        Raises:
            TrialError: it failed, or wrote no metric.
        """
        with ExitStack() as stack:
            values = {**values, "device": device or "cpu"}
            if "folder" in self.command.asks_for:
                if "folder" not in values:
                    made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
                    values["folder"] = Path(stack.enter_context(made))
                values["folder"].mkdir(parents=True, exist_ok=True)
            yield from Run(self, self.command.filled(values)).curves(values["epochs"], pauses)


class Run:
    """One run of a program, with these words."""

    def __init__(self, call: Call, words: Sequence[str]) -> None:
        self._call, self._words = call, words

    def curves(self, epochs: int, pauses: Sequence[int]) -> Curves:
        """The metrics that the program writes; see `Call`."""
        try:
            program = Guarded(
                self._call.executable, self._words, self._call.command.folder,
                seconds=self._call.timeout, memory=self._call.memory,
            )  # fmt: skip
        except OSError as error:
            raise self._failed(f"the program could not begin: {error}") from None
        epoch, first, last = 0, 1, None
        result, wrote = "", ""
        with program:
            for line in program.lines():
                if line is None:
                    yield {}
                    continue
                if result and line.strip():
                    _show(result)
                    result = ""
                report = read(line)
                wrote = line.strip() or wrote
                if report is None:
                    _show(line)
                elif EPOCH not in report:
                    result = line  # if it is the last one
                elif epoch == epochs:
                    _show(f"hpo: ended after {counted(epochs, 'epoch')}, which the plan has")
                    break
                else:
                    number = report.pop(EPOCH)
                    first = first if epoch else min(number, first)
                    if number != first + epoch:
                        following = f"epoch {first + epoch}" if epoch else "epoch 0 or 1"
                        raise self._failed(f"the program wrote {wrote!r}, and {following} was next")
                    metrics = self._metrics(report, line)
                    epoch += 1
                    if epoch == epochs:
                        last = metrics  # it may have more to do, such as to save a model
                        continue
                    if epoch in pauses:
                        program.stop()
                    yield metrics
                    if epoch in pauses:
                        program.go_on()
        if program.is_late:
            raise self._failed(
                f"it trained for longer than the trial_timeout of {self._call.timeout:g} s"
            )
        if program.status:
            raise self._failed(f"the program {_ending(program.status)}", program.tail)
        if last is not None:
            yield last
        if epoch:
            if result:
                _show(result)
        elif not result:
            last_line = f"its last line was {wrote!r}" if wrote else "it wrote no line at all"
            raise self._failed(f"the program wrote no metric ({last_line}): {EXPECTED}")
        elif pauses:
            raise self._failed(
                f"with halving, a program writes a metric after each epoch, such as epoch=1 accuracy=0.91: {result!r}"
            )
        else:
            yield self._metrics(read(result) or {}, result)

    def _metrics(self, report: Mapping[str, Any], line: str) -> dict[str, Array]:
        try:
            return metrics_of(report, self._call.metric, 1)
        except (TypeError, ValueError) as error:
            raise self._failed(f"the program wrote {line.strip()!r}: {error}") from None

    def _failed(self, line: str, tail: str = "") -> TrialError:
        written = [text for text in tail.splitlines() if text.strip()][-LINES:]
        if written:
            line = f"{line}: {written[-1].strip()}"
        return TrialError.saying(
            line, "\n".join([f"$ {shlex.join(self._words)}", *written, line, ""])
        )


def read(line: str) -> dict[str, Any] | None:
    """The metrics of a line; None if it has none. Without an epoch, it has to be the last one."""
    if line.lstrip().startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            return None
        if EPOCH in found and not _is_whole(found[EPOCH]):
            return None
        return found if isinstance(found, dict) and found else None
    if not PAIRS.fullmatch(line):
        return None
    (name, epoch), *pairs = re.findall(PAIR, line)
    if name.lower() != EPOCH or not epoch.isdecimal() or not pairs:
        return None
    try:
        return {EPOCH: int(epoch)} | {name: float(value) for name, value in pairs}
    except ValueError:
        return None


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _ending(status: int) -> str:
    if status > 0:
        return f"ended with status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"


def _show(line: str) -> None:
    sys.stderr.write(f"{line}\n")
