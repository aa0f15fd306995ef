"""The only loop: narrow -> suggest -> record -> train -> record; and at the end, confirm.

What comes next is a function of the plan, its seed and the recorded history. So there is one way through a study,
whether it is new or was killed a hundred times: look at the record, do what comes next, record it, and look again.
Time is no part of the record; that it was over is written down there, and so becomes one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Literal

from hpo.choose import stopping
from hpo.choose.halving import batch_size, rung_epochs, rungs
from hpo.choose.narrowing import narrow
from hpo.choose.rounds import Batch, batch_numbers, batches, round_size
from hpo.choose.samplers import SAMPLERS
from hpo.choose.suggest import Observation, suggest
from hpo.display.watcher import Watcher
from hpo.errors import TooManyFailuresError
from hpo.executors.threads import threads
from hpo.plan.plan import Plan
from hpo.plan.space import Space, from_mapping, recorded, to_mapping
from hpo.run.batches import Curves, train_batch
from hpo.run.confirm import Confirming
from hpo.run.history import History
from hpo.run.seeds import SUGGEST, TRAIN, seed_of
from hpo.trainables.network import Trainable
from studies.database.records import Result, Round
from studies.database.writer import Writer

ALL_FAIL = 10
"""Where so many trainings have failed with an error and none has given a value, the rest would fail, too."""


def run(
    plan: Plan, trainable: Trainable, writer: Writer, *, workers: int, watcher: Watcher
) -> None:
    """Go on with a study from wherever its record stands until every trial of the plan is done, judged and confirmed.

    Raises:
        TooManyFailuresError: more trainings failed than the plan allows.
    """
    with threads(workers) as pool:
        _Search(plan, trainable, writer, pool, watcher).run()


class _Search:
    """One search, from wherever its record stands."""

    def __init__(
        self, plan: Plan, trainable: Trainable, writer: Writer, pool: Executor, watcher: Watcher
    ) -> None:
        self.plan, self.trainable, self.writer = plan, trainable, writer
        self.pool, self.watcher = pool, watcher
        self.learns = SAMPLERS[plan.draws_by].learns
        self.history = History.read(writer, self.most, learns=self.learns)
        self.confirming = Confirming(plan, trainable, writer, pool, watcher, self.history)
        self.began = time.monotonic()

    def most(self, round_size: int) -> int:
        """How many trials of a round make a batch."""
        most, eta = self.trainable.batch(round_size), self.plan.halving
        return most if eta is None else max(most, batch_size(eta))

    def run(self) -> None:
        history = self.history
        for note in self.trainable.notes:
            self.watcher.noticed(note)
        self.watcher.started(
            self.writer.name, self.plan, self.trainable.direction, history.trainings
        )
        if history.rounds and history.rounds[-1].verdicts is None:
            begun = history.rounds[-1]
            self.watcher.round_started(begun.round, begun.size, _space(begun.ranges))
        while self.step():
            pass
        self.writer.complete()

    def step(self) -> bool:
        """Do what comes next; False when nothing is left to do."""
        history = self.history
        current = history.rounds[-1] if history.rounds else None
        full = current is None or history.in_round == current.size
        if history.pending:
            self.train_batch()
        elif history.staged:
            self.confirming.train_stage()
        elif current is not None and full and current.verdicts is None:
            self.judge(current)
        elif current is not None and full and self.confirming.measures_noise():
            pass
        elif (full and len(history.trials) >= self.to_draw()) or self.stops():
            return self.confirming.step(self.seconds())
        elif current is not None and not full:
            self.start_batch(current)
        else:
            self.start_round(current)
        return True

    def to_draw(self) -> int:
        """How many trials the search has in all, beside those that confirm."""
        return self.plan.trials - self.confirming.budget()

    def seconds(self) -> float:
        """How long this process has searched."""
        return time.monotonic() - self.began

    def stops(self) -> bool:
        """Whether no further trial is to be drawn, though the plan may have more."""
        if self.history.stopped is None:
            reason = stopping.reason(self.plan, self.history, self.seconds())
            if reason is not None:
                self.confirming.stop(reason)
        return self.history.stopped is not None

    def start_round(self, last: Round | None) -> None:
        plan, history = self.plan, self.history
        number = 0 if last is None else last.round + 1
        size = round_size(self.to_draw(), plan.rounds, len(history.trials), number)
        if last is None or last.next_ranges is None:
            ranges = {name: to_mapping(p) for name, p in plan.space.items()}
        else:
            wide = {n: to_mapping(plan.space[n]) for n in history.widened.get(number, ())}
            ranges = last.next_ranges | wide
        self.writer.start_round(number, size, ranges)
        history.rounds.append(Round(number, size, ranges, None, None))
        history.in_round = 0
        self.watcher.round_started(number, size, _space(ranges))

    def start_batch(self, current: Round) -> None:
        plan, history = self.plan, self.history
        self.check_failures()
        ranges = _space(current.ranges)
        _, batch = self.batch()
        settings = suggest(
            ranges,
            history.trials,
            batch.size,
            seed_of(plan, SUGGEST, current.round, history.in_round),
            sampler="sobol" if batch.explores else plan.draws_by,
            direction=self.trainable.direction,
        )
        distributions = {name: recorded(p, plan.space[name]) for name, p in ranges.items()}
        numbers = self.writer.start_batch(
            current.round, settings, distributions, after=len(history.trials)
        )
        history.pending = list(zip(numbers, settings, strict=True))
        history.in_round += len(settings)

    def batch(self) -> tuple[int, Batch]:
        """The number of the batch that is next, or in flight, and what it is."""
        begun = batches(self.history.rounds, self.most, learns=self.learns)
        number = batch_numbers(begun)[len(self.history.trials)]
        return number, begun[number]

    def check_failures(self) -> None:
        history, most = self.history, self.plan.max_failures
        count = len(history.errors)
        hopeless = count >= ALL_FAIL and all(t.value is None for t in history.trials)
        if hopeless or (most is not None and count > most):
            whole = "all" if hopeless else str(count)
            raise TooManyFailuresError(
                f"{whole} of {len(history.trials)} trainings failed, the last with {history.errors[-1]}"
            )

    def train_batch(self) -> None:
        plan, history = self.plan, self.history
        settings = [values for _, values in history.pending]
        curves = train_batch(
            self.trainable,
            settings,
            self.pool,
            epochs=plan.epochs,
            seed=seed_of(plan, TRAIN),  # one for all trials of a study: common random numbers
            rungs=rungs(len(settings), plan.epochs, plan.halving) if plan.halving else (),
            trained=self.watcher.epoch_trained,
        )
        results = [_result(n, c) for (n, _), c in zip(history.pending, curves, strict=True)]
        self.writer.finish_batch(results)
        if self.trainable.metric is None:
            for result in results:
                if result.state == "complete":
                    self.writer.name_metric(result.score)
                    break
        number, _ = self.batch()
        history.trials += [
            Observation(values, r.value, number, r.attributes.get("left_epoch"))
            for values, r in zip(settings, results, strict=True)
        ]
        history.pending = []
        history.errors += [r.attributes["error"] for r in results if "error" in r.attributes]
        self.watcher.batch_finished(results, settings)

    def tells(self, trial: Observation) -> bool:
        """Whether a trial says where good settings are: not if it left at the first rung, after the shortest training.

        On measured learning curves, ranges narrowed without those lead to better settings (scripts/bench/RESULTS.md).
        """
        plan = self.plan
        if trial.left is None or plan.halving is None:
            return True
        return trial.left > rung_epochs(plan.epochs, plan.halving)[0]

    def judge(self, current: Round) -> None:
        telling = [t for t in self.history.trials if self.tells(t)]
        left = len(self.history.trials) - len(telling)
        verdicts = narrow(
            _space(current.ranges),
            telling,
            self.trainable.direction,
            first=self.plan.space,
            limits=self.trainable.limits,
            extend=self.plan.extend,
        )
        if left:
            verdicts = {
                name: replace(v, reason=f"{v.reason}, without {left} that left at the first rung")
                for name, v in verdicts.items()
            }
        stored: dict[str, Any] = {
            name: {"action": v.action, "reason": v.reason, **v.evidence}
            | ({"warning": v.warning} if v.warning else {})
            for name, v in verdicts.items()
        }
        following = {name: to_mapping(v.next) for name, v in verdicts.items()}
        self.writer.judge_round(current.round, stored, following)
        self.history.rounds[-1] = Round(
            current.round, current.size, current.ranges, stored, following
        )
        self.watcher.round_judged(current.round, verdicts)


def _result(number: int, curves: Curves) -> Result:
    why = curves.attributes
    state: Literal["failed", "pruned", "complete"] = "complete"
    if curves.why is not None:
        state = "failed"
    elif curves.left:
        state = "pruned"
    return Result(number, state, curves.value, curves.metrics, curves.score, curves.finished, why)


def _space(ranges: Mapping[str, Any]) -> Space:
    return {name: from_mapping(fields) for name, fields in ranges.items()}
