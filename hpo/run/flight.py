"""Tasks that are in training together, and who of them stays at a rung."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field

from hpo.choose.halving import Rung, staying
from hpo.choose.types import Direction
from hpo.trainables.task import Outcome, Task


@dataclass
class Flight:
    """The tasks of trials drawn at once, of a stage or of the test, with the scores reported at the current rung and
    the outcomes so far.

    `record` records all outcomes, when all have ended; None: each is recorded when it ends. `baselines` go on at every
    rung. `rungs` are those that not all of the tasks have reached. `earlier` are the curves of trials that ended before
    the search was resumed, and are compared with the others at rungs.
    """

    tasks: list[Task]
    record: Callable[[Mapping[int, Outcome]], None] | None
    direction: Direction
    baselines: Container[int] = ()
    rungs: deque[Rung] = field(default_factory=deque)
    earlier: Mapping[int, Sequence[float]] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    outcomes: dict[int, Outcome] = field(default_factory=dict)

    @property
    def training(self) -> list[Task]:
        """The tasks that have not ended."""
        return [task for task in self.tasks if task.trials[0] not in self.outcomes]

    def staying(self) -> dict[Task, Sequence[bool]]:
        """Who stays at a rung, a mask for each task, once all that train have reached it; empty before."""
        training = self.training
        if not training or any(task.trials[0] not in self.scores for task in training):
            return {}
        rung = self.rungs.popleft()
        earlier = {n: c[rung.epoch - 1] for n, c in self.earlier.items() if len(c) >= rung.epoch}
        reported = dict(sorted((earlier | self.scores).items()))
        baselines = {k for k, trial in enumerate(reported) if trial in self.baselines}
        stay = staying([*reported.values()], rung.stay, self.direction, baselines)
        stays = dict(zip(reported, stay, strict=True))
        self.scores.clear()
        return {task: [stays[trial] for trial in task.trials] for task in training}
