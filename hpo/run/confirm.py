"""Finalists on fresh seeds and splits, and the test rows, seen once.

What is best of many trials is best in part by luck. So the better settings are trained again, in stages: all of a stage
on one fresh seed and one fresh split into training and validation rows, so that they are compared on equal luck. Which
settings train in a stage follows from all values so far (`race`). At the end the setting with the best mean is
recommended, and trained once more, on all rows but the test rows, to say how well it does on those.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor

from hpo.choose import stopping
from hpo.choose.suggest import Direction
from hpo.display.watcher import Watcher
from hpo.plan.plan import Plan
from hpo.run.batches import train_batch
from hpo.run.history import History
from hpo.run.seeds import CONFIRM, TEST_ROWS, seed_of
from hpo.trainables.network import Trainable
from studies.analysis.finalists import finalists, scores
from studies.database.records import Confirmation
from studies.database.writer import Writer
from trainer.data import TEST

PARTS, FEWEST = 4, 2  # a stage has a quarter of the trainings that are left, and at least two


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
        """How many trainings confirm: the plan's share, also of a search that has stopped before its last trial.

        Where there is no luck, those that showed it, and one for what is best then.
        """
        history, plan = self.history, self.plan
        if self._knows_no_luck():
            return min(len(history.confirmed) + 1, plan.confirming)
        if history.stopped is not None:
            drawn = len(history.trials) / (plan.trials - plan.confirming)
            return min(plan.confirming, math.ceil(drawn * plan.confirming))
        return min(plan.confirming, plan.trials - len(history.trials))

    def _knows_no_luck(self) -> bool:
        """Whether several trainings gave the very same values again: then there is nothing to confirm."""
        trials, confirmed = self.history.trials, self.history.confirmed
        if self.trainable.repeats is not None or len(confirmed) < FEWEST:
            return False
        return all(c.value == trials[c.trial].value for c in confirmed)

    def measures_noise(self) -> bool:
        """Train the best setting of the first rounds once again, if `patience` has yet to know how noisy values are."""
        history, plan = self.history, self.plan
        if plan.patience is None or len(history.rounds) < plan.patience:
            return False
        if len(history.confirmed) >= min(stopping.REPEATS, plan.confirming):
            return False
        best = [c.trial for c in history.confirmed[:1]] or history.ranked()[:1]
        if best:
            self._start_stage(best)
        return bool(best)

    def step(self, seconds: float) -> bool:
        """Do what comes next after the search; False when nothing is left to do."""
        history, plan = self.history, self.plan
        left = self.budget() - len(history.confirmed)
        trials = self._race(left) if left > 0 else []
        if trials and plan.timeout is not None and seconds >= plan.timeout:
            if history.stopped is None:
                self.stop(stopping.late(plan, history))
        elif trials:
            self._start_stage(trials)
            return True
        if not self.trainable.tests or (history.opening and history.opening.done):
            return False
        return self._open_test()

    def stop(self, reason: str) -> None:
        """Record why the study ends before its last training."""
        self.history.stopped = reason
        self.writer.stop(reason)
        self.watcher.stopped(reason)

    def _race(self, left: int) -> list[int]:
        history = self.history
        if self._knows_no_luck():
            confirmed = {c.trial for c in history.confirmed}
            return [k for k in history.ranked()[:1] if k not in confirmed]
        return race(
            history.searched(), history.confirmed, history.direction, left, self.plan.finalists
        )

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
            found = finalists(history.searched(), history.confirmed, history.direction)
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
    searched: Mapping[int, float],
    confirmed: Sequence[Confirmation],
    direction: Direction,
    left: int,
    most: int | None = None,
) -> list[int]:
    """The trials whose settings train in the next stage, with `left` trainings left for this and all later ones.

    Those with the best scores (`studies.analysis.finalists.scores`), a quarter as many as there are trainings left,
    but at least two: so the clearly worse leave stage by stage, and the closer it is, the more often the best are
    compared. Where `most` is given, so many different ones: all of them train before any leaves.
    """
    found = scores(searched, confirmed, direction)
    ranked = sorted(found, key=lambda trial: (-found[trial], trial))
    size = max(FEWEST, left // PARTS)
    if most is not None:
        begun = {c.trial for c in confirmed}
        new = [trial for trial in ranked if trial not in begun][: max(0, most - len(begun))]
        ranked = [trial for trial in ranked if trial in begun or trial in new]
        size = len(ranked) if new else size
    return ranked[: min(size, left)]
