"""Functions of your own that a search can train. A function has one of four forms.

A function that returns its result at the end, as a number or as a mapping of metrics:

    def train(params):
        return {"accuracy": 0.9}

A generator that yields a mapping of metrics after each epoch, and is closed when training should stop. `--halving`
needs this form or one of the next two:

    def train(params, *, epochs, seed):
        for epoch in range(epochs):
            yield {"accuracy": 0.9}

A function that reports, for code that can't be a generator, such as callbacks of a library. `report` raises `hpo.Stop`
when the training should end:

    def train(params, *, epochs, report):
        for epoch in range(epochs):
            report(epoch, accuracy=0.9)

A generator that trains K settings together, and yields arrays (K,). Each `yield` returns a mask (K,) of the trials that
stay, or None if all do:

    @hpo.population
    def train(settings, *, epochs, seed):
        for epoch in range(epochs):
            stay = yield {"accuracy": array}

`params` is a dict with a value for each parameter of the space, and `settings` a list of K such dicts. Whatever else a
function asks for by the name of a parameter, it gets:

    epochs  how many epochs it should train
    seed    the same for all trials of a search; another when the best settings are trained again
    trial   the number of its trial
    folder  a `pathlib.Path` to a folder of its own, for checkpoints and the like
    device  one of `--devices`, such as cuda:1; None if there are none
    report  see above

If a process is killed, or the search is, and is resumed, its trials begin again, with their folders as they were left.
So a training goes on from a checkpoint in its folder, after it has reported once more what it had reported by then:

    def train(params, *, epochs, folder):
        state = load(folder / "checkpoint") if (folder / "checkpoint").exists() else first_state(params)
        yield from state.curve
        for epoch in range(len(state.curve), epochs):
            accuracy = state.train_one_epoch()
            state.curve.append({"accuracy": accuracy})
            save(state, folder / "checkpoint")
            yield state.curve[-1]

Where the best settings are trained again, each training has a new folder. Folders are beside the database, or where
`--folder` says, and `hpo delete` deletes them with their study.

If a function reports several metrics, `metric` in the plan names the one to optimize. A returned number needs no name.
Other metrics than that one may be missing in some epochs; they are NaN there.
A trial whose metric becomes NaN, or larger than 1e150, has diverged, and its training ends. An exception of whatever
kind, also `SystemExit`, fails the trial: its message and traceback are stored, and the search goes on. What a function
prints goes to stderr, and the last 10,000 characters are kept with the trial. `hpo show NAME TRIAL` shows all that.
A trial that trains for longer than `--trial-timeout` fails, and so does one whose process needs more memory than
`--trial-memory`.

Each trial trains in a process of its own, so what it does to global random generators, to the working folder, to
handlers of signals and to its process touches no other trial: even a process that is killed is only replaced. At the
beginning of a trial, the generators of `random`, `numpy.random` and `torch` follow from `seed`. A function of a module
is imported there by its name. One of a script or a notebook travels as its code, with what it refers to. So if it
changes a global variable, only later trials of the same process see that. With `executor="threads"` trials train on
threads of this process, which share all that.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpo.choose.types import Direction, Traits
from hpo.errors import PlanError
from hpo.plan.space import Settings
from hpo.trainables.call import Call, Train, is_kind, name_of, options_of, values_of
from hpo.trainables.cross_validation import CrossValidation
from hpo.trainables.task import Task, Training
from hpo.trainables.travelling import Sent, train_there
from trainer.fields import bounds_of

if TYPE_CHECKING:
    from trainer.references import Reference

UNNAMED_METRIC = "value"  # of a function that returns a number, if the plan names no metric


class Function:
    """A function as a trainable. With `halving`, some trainings end at rungs; one that `travels` trains in
    processes, which may be `far` away.

    Raises:
        PlanError: a search can't call it, it can't travel, or halving is asked of a function that is not a generator.
    """

    notes: Sequence[str] = ()
    contents: Mapping[str, Any] = {}
    overview: Mapping[str, Any] = {}

    folder: Path | None = None
    """Where the folders of its trials are, for functions that ask for one; None: they are temporary."""

    def __init__(
        self,
        train: Train,
        metric: str | None,
        direction: Direction,
        *,
        halving: bool = False,
        travels: bool = False,
        far: bool = False,
    ) -> None:
        self.metric = self.score = metric  # the function decides which rows it measures
        population = getattr(train, "hpo_population", False)
        options = options_of(train, population=population)
        self._call = Call(train, population, options, metric or UNNAMED_METRIC)
        by_fold = isinstance(train, CrossValidation)
        self.traits = Traits(
            direction, stacked=population, bounds=bounds_of(metric), by_fold=by_fold
        )
        if halving and not (is_kind(train, inspect.isgeneratorfunction) or "report" in options):
            raise PlanError(
                f"halving: {name_of(train)} is no generator function and takes no report, so nothing is known "
                "of a training before it ends"
            )
        self.fingerprint: str = getattr(train, "fingerprint", "")
        self.sent = Sent(self._call, train, far=far) if travels or far else None

    @property
    def asks_for(self) -> tuple[str, ...]:
        """Which of `hpo.trainables.call.OPTIONS` it takes."""
        return self._call.options

    @property
    def travels(self) -> bool:
        """Whether its trainings are for processes of their own."""
        return self.sent is not None

    def populations(self, settings: Sequence[Settings]) -> list[list[int]]:
        """Each setting alone, or all together if the function takes a population."""
        every = range(len(settings))
        return [list(every)] if self._call.population else [[k] for k in every]

    def training(self, task: Task) -> Training:
        """The training of a task. The function chooses its rows, so the split has no effect."""
        arguments = (task.settings, values_of(task, self.folder))
        asks = "device" in self.asks_for
        if self.sent is None:
            return Training(self._call, arguments, asks_for_device=asks)
        return Training(train_there, arguments, shared={"sent": self.sent}, asks_for_device=asks)

    def references(self, *_: object) -> Sequence[Reference]:
        """None, because its data are the user's."""
        return ()
