"""The loop that drives a search: ask the machine for a task, train it, tell the machine its outcomes."""

from __future__ import annotations

from hpo.executors.protocol import Executor, Paused, Underway
from hpo.run.cancel import Cancel
from hpo.run.machine import Done, Machine
from hpo.trainables.task import Task

LISTEN_SECONDS = 0.1  # between checks of the cancel token while a search waits


def run(machine: Machine, executor: Executor, cancel: Cancel) -> None:
    """Run a search from its recorded state until its plan is done.

    Raises:
        CancelledError: the end was requested; the search can be resumed.
        TooManyFailuresError: more trainings failed than the plan allows.
    """
    with executor:
        while not isinstance(step := machine.ask(), Done):
            cancel.check()
            if isinstance(step, Task):
                executor.start(step)
                continue
            ended = []
            for event in executor.events(LISTEN_SECONDS):
                if isinstance(event, Paused):
                    staying = machine.report(event.task, event.epoch, event.scores)
                    for task, stay in staying.items():
                        executor.go_on(task, stay)
                elif isinstance(event, Underway):
                    machine.show(event.task, event.curves)
                else:
                    ended.append((event.task, event.outcomes))
            for task, stay in machine.tell_all(ended).items():
                executor.go_on(task, stay)
