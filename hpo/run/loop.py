"""The loop that drives a search: ask the machine what to train, train it, tell the machine what came of it."""

from __future__ import annotations

from hpo.executors.protocol import Executor, Paused
from hpo.run.cancel import Cancel
from hpo.run.machine import Done, Machine
from hpo.trainables.task import Task

LISTEN_SECONDS = 0.1  # how often a search that waits looks whether it was cancelled


def run(machine: Machine, executor: Executor, cancel: Cancel) -> None:
    """Go on with a search from wherever its record stands until all of its plan is done.

    Raises:
        CancelledError: the search was asked to end; it can be resumed.
        TooManyFailuresError: more trainings failed than the plan allows.
    """
    with executor:
        while not isinstance(step := machine.ask(), Done):
            cancel.check()
            if isinstance(step, Task):
                executor.start(step)
                continue
            for event in executor.events(LISTEN_SECONDS):
                if isinstance(event, Paused):
                    staying = machine.report(event.task, event.epoch, event.scores)
                    for task, stay in staying.items():
                        executor.go_on(task, stay)
                else:
                    machine.tell(event.task, event.outcomes)
