"""Finalists on fresh seeds and splits, and the test rows, seen once.

What is best of many trials is best in part by luck. So the better settings are trained again, in stages: all of a stage
on one fresh seed and one fresh split into training and validation rows, so that they are compared on equal luck. Which
settings train in a stage follows from all values so far (`race`). At the end the setting with the best mean is
recommended, and trained once more, on all rows but the test rows, to say how well it does on those.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

import numpy as np
from numpy.typing import NDArray

from hpo.batches import train_batch
from hpo.config import Plan
from hpo.history import History
from hpo.seeds import CONFIRM, TEST_ROWS, seed_of
from hpo.stopping import REPEATS
from hpo.trainables import Trainable
from hpo.watcher import Watcher
from studies.finalists import finalists
from studies.records import Confirmation
from studies.writer import Writer
from trainer.data import TEST


class Confirming:
    """The part of a search that trains its best settings again."""

    def __init__(
        self,
        plan: Plan,
        trainable: Trainable,
        writer: Writer,
        pool: Executor,
        watcher: Watcher,
        history: History,
    ) -> None:
        self.plan, self.trainable, self.writer = plan, trainable, writer
        self.pool, self.watcher, self.history = pool, watcher, history

    def budget(self) -> int:
        """How many trainings confirm: what the plan says, or no more than were needed to see that values repeat."""
        if self._knows_no_luck():
            return len(self.history.confirmed)
        return self.plan.confirming

    def _knows_no_luck(self) -> bool:
        """Whether every setting that was trained again gave the very same value: there is nothing to confirm."""
        trials, confirmed = self.history.trials, self.history.confirmed
        if self.trainable.repeats is not None or not confirmed:
            return False
        return all(c.value == trials[c.trial].value for c in confirmed)

    def tries_luck(self) -> bool:
        """Train the best setting again between rounds, if there is something to learn from it now."""
        history, plan = self.history, self.plan
        wanted = 1 if self.trainable.repeats is None else 0
        if plan.patience is not None and len(history.rounds) >= plan.patience:
            wanted = REPEATS
        if self._knows_no_luck():
            wanted = 1
        if len(history.confirmed) >= min(wanted, plan.confirming):
            return False
        known = [c.trial for c in history.confirmed[:1]]
        best = known or history.ranked()[:1]
        if best:
            self._start_stage(best)
        return bool(best)

    def step(self, seconds: float) -> bool:
        """Do what comes next after the search; False when nothing is left to do."""
        history, plan = self.history, self.plan
        left = self.budget() - len(history.confirmed)
        late = plan.timeout is not None and seconds >= plan.timeout
        if history.opening is None and left > 0 and not late:
            trials = self._race(left)
            if trials:
                self._start_stage(trials)
                return True
        if not self.trainable.tests or (history.opening and history.opening.done):
            return False
        return self._open_test()

    def _race(self, left: int) -> list[int]:
        history = self.history
        ranked = history.ranked()
        values: dict[int, list[float | None]] = {k: [history.trials[k].value] for k in ranked}
        for c in history.confirmed:
            if c.trial in values:
                values[c.trial].append(c.value)
        return race(values, left, history.direction == "maximize", self.plan.finalists)

    def _start_stage(self, trials: Sequence[int]) -> None:
        history = self.history
        stage = 1 + max((c.stage for c in history.confirmed), default=0)
        trials = sorted(trials)
        self.writer.start_stage(stage, trials)
        history.staged = [Confirmation(stage, trial) for trial in trials]
        self.watcher.stage_started(stage, trials)

    def train_stage(self) -> None:
        """Train the settings of the stage that was begun."""
        history = self.history
        stage = history.staged[0].stage
        curves = train_batch(
            self.trainable,
            [history.trials[c.trial].settings for c in history.staged],
            self.pool,
            epochs=self.plan.epochs,
            seed=seed_of(self.plan, CONFIRM, stage),
            which=stage,
            trained=self.watcher.epoch_trained,
        )
        done = [
            Confirmation(stage, begun.trial, c.value, c.epochs, c.why, c.finished)
            for begun, c in zip(history.staged, curves, strict=True)
        ]
        self.writer.finish_stage(done)
        history.confirmed += done
        history.staged = []
        self.watcher.stage_finished(done)

    def _open_test(self) -> bool:
        """Train the recommended setting on all rows but the test rows, and score it on those; once a study."""
        history = self.history
        if history.opening is None:
            found = finalists(history.confirmed, history.direction)
            if not found or found[0].mean is None:
                return False
            trial = found[0].trial
            history.opening = self.writer.open_test(trial)
        (curves,) = train_batch(
            self.trainable,
            [history.trials[history.opening.trial].settings],
            self.pool,
            epochs=self.plan.epochs,
            seed=seed_of(self.plan, TEST_ROWS),
            which=TEST,
            trained=lambda _: None,
        )
        self.writer.finish_test(curves.value, curves.why)
        return False


def race(
    values: Mapping[int, Sequence[float | None]], left: int, maximize: bool, most: int | None
) -> list[int]:
    """PLACEHOLDER: which settings train in the next stage."""
    sound = {
        k: [v if maximize else -v for v in vs if v is not None]
        for k, vs in values.items()
        if None not in vs
    }
    if not sound:
        return []
    names = list(sound)
    if most is not None:
        names = names[:most]
    first = np.array([sound[k][0] for k in sound])
    top = np.sort(first)[::-1][: max(8, -(-len(first) // 3))]
    va = vn = top.var() / 2 + 1e-12
    n = np.array([len(sound[k]) for k in names])
    s = np.array([sum(sound[k]) for k in names])
    precision = 1 / va + n / vn
    mean, sd = (top.mean() / va + s / vn) / precision, np.sqrt(1 / precision)
    index = mean + sd
    count = int((index >= mean.max()).sum())
    count = min(max(count, 2), max(2, -(-left // 4)), left)
    order = np.argsort(-index, kind="stable")[:count]
    return [names[k] for k in order]
