"""The only loop: narrow -> suggest -> record -> train -> record.

What comes next is a function of the plan, its seed and the recorded history. So there is one way through a study,
whether it is new or was killed a hundred times: look at the record, do what comes next, record it, and look again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from typing import Any

import numpy as np

from hpo.config import Plan
from hpo.executors import threads
from hpo.narrowing import Verdict, narrow
from hpo.space import Settings, Space, distribution, from_mapping, to_mapping
from hpo.suggest import Direction, Observation, suggest
from hpo.trainables import Curves, Trainable, run_population
from studies.records import Result, Round, Trial
from studies.writer import Writer

BATCH = 50
"""Trials that are suggested, trained and recorded together, at the most."""

_SUGGEST, _TRAIN = 0, 1  # purposes of the random streams that grow from a plan's seed


class Watcher:
    """What a search tells of itself while it runs. This one says nothing; the command line's shows it."""

    def noticed(self, what: str) -> None:
        """Something that the user should know of, such as rows of a table that are left out."""

    def started(self, name: str, plan: Plan, direction: Direction, done: int) -> None:
        """A study begins, or goes on with so many trials done."""

    def round_started(self, number: int, size: int, ranges: Space) -> None:
        """A round begins, or goes on after a resume."""

    def epoch_trained(self, trials: int) -> None:
        """So many trials were trained for one more epoch. Called from the threads that train."""

    def batch_finished(self, results: Sequence[Result], settings: Sequence[Settings]) -> None:
        """A batch was recorded."""

    def round_judged(self, number: int, verdicts: Mapping[str, Verdict]) -> None:
        """A round was judged."""


@dataclass
class _History:
    """The record so far, kept in step with the database."""

    trials: list[Observation]
    pending: list[tuple[int, Settings]]
    rounds: list[Round]
    in_round: int

    @classmethod
    def read(cls, trials: Sequence[Trial], rounds: Sequence[Round]) -> _History:
        done = [t for t in trials if t.state != "running"]
        last = rounds[-1].round if rounds else 0
        return cls(
            trials=[Observation(t.params, t.value) for t in done],
            pending=[(t.number, t.params) for t in trials if t.state == "running"],
            rounds=list(rounds),
            in_round=sum(t.attributes.get("round") == last for t in trials),
        )


def run(
    plan: Plan, trainable: Trainable, writer: Writer, *, workers: int, watcher: Watcher
) -> None:
    """Go on with a study from wherever its record stands until every trial of the plan is done and judged."""
    store, study_id = writer.store, writer.study_id
    history = _History.read(store.trials(study_id), store.rounds(study_id))
    for note in trainable.notes:
        watcher.noticed(note)
    watcher.started(writer.name, plan, trainable.direction, len(history.trials))
    with threads(workers) as pool:
        if history.rounds and history.rounds[-1].verdicts is None:
            begun = history.rounds[-1]
            watcher.round_started(begun.round, begun.size, _space(begun.ranges))
        while True:
            if history.pending:
                _train_batch(plan, trainable, writer, history, pool, watcher)
                continue
            current = history.rounds[-1] if history.rounds else None
            if current is not None and history.in_round < current.size:
                _start_batch(plan, trainable.direction, writer, history, current)
                continue
            if current is not None and current.verdicts is None:
                current = _judge(trainable.direction, writer, history, current, watcher)
            if len(history.trials) >= plan.trials:
                writer.complete()
                return
            _start_round(plan, writer, history, current, watcher)


def round_size(plan: Plan, rounds_begun: int, trials_begun: int) -> int:
    """How many trials the next round has: an even share of what is left, in whole numbers."""
    rounds_left = max(1, plan.rounds - rounds_begun)
    return -(-(plan.trials - trials_begun) // rounds_left)


def _start_round(
    plan: Plan, writer: Writer, history: _History, last: Round | None, watcher: Watcher
) -> None:
    number = 0 if last is None else last.round + 1
    size = round_size(plan, number, len(history.trials))
    if last is None or last.next_ranges is None:
        ranges = {name: to_mapping(p) for name, p in plan.space.items()}
    else:
        ranges = last.next_ranges
    writer.start_round(number, size, ranges)
    history.rounds.append(Round(number, size, ranges, None, None))
    history.in_round = 0
    watcher.round_started(number, size, _space(ranges))


def _start_batch(
    plan: Plan, direction: Direction, writer: Writer, history: _History, current: Round
) -> None:
    ranges = _space(current.ranges)
    sampler = "sobol" if current.round == 0 and plan.sampler == "tpe" else plan.sampler
    settings = suggest(
        ranges,
        history.trials,
        min(BATCH, current.size - history.in_round),
        _seed(plan, _SUGGEST, current.round, history.in_round),
        sampler=sampler,
        direction=direction,
    )
    distributions = {name: distribution(p) for name, p in ranges.items()}
    numbers = writer.start_batch(current.round, settings, distributions)
    history.pending = list(zip(numbers, settings, strict=True))
    history.in_round += len(settings)


def _train_batch(
    plan: Plan,
    trainable: Trainable,
    writer: Writer,
    history: _History,
    pool: Executor,
    watcher: Watcher,
) -> None:
    numbers = [number for number, _ in history.pending]
    settings = [values for _, values in history.pending]
    stop = threading.Event()
    seed = _seed(plan, _TRAIN)  # one for all trials of a study: common random numbers
    running: dict[Future[list[Curves] | None], list[int]] = {}
    try:
        for members in trainable.populations(settings):
            future = pool.submit(
                run_population,
                trainable,
                [settings[k] for k in members],
                epochs=plan.epochs,
                seed=seed,
                trained=watcher.epoch_trained,
                stopped=stop.is_set,
            )
            running[future] = members
        wait(running)
    finally:
        stop.set()  # after an interrupt: let the threads go at their next epoch
    results: dict[int, Result] = {}
    for future, members in running.items():
        for k, curves in zip(members, future.result() or (), strict=True):
            results[k] = _result(numbers[k], curves, trainable.score)
    ordered = [results[k] for k in range(len(settings))]
    writer.finish_batch(ordered)
    history.trials += [
        Observation(values, result.value) for values, result in zip(settings, ordered, strict=True)
    ]
    history.pending = []
    watcher.batch_finished(ordered, settings)


def _result(number: int, curves: Curves, score: str) -> Result:
    if curves.diverged_epoch is None:
        value = curves.metrics[score][-1]
        return Result(number, "complete", value, curves.metrics, score, curves.finished)
    return Result(
        number,
        "failed",
        None,
        curves.metrics,
        score,
        curves.finished,
        {"diverged_epoch": curves.diverged_epoch},
    )


def _judge(
    direction: Direction, writer: Writer, history: _History, current: Round, watcher: Watcher
) -> Round:
    verdicts = narrow(_space(current.ranges), history.trials, direction)
    stored: dict[str, Any] = {
        name: {"action": v.action, "reason": v.reason, **v.evidence} for name, v in verdicts.items()
    }
    following = {name: to_mapping(v.next) for name, v in verdicts.items()}
    writer.judge_round(current.round, stored, following)
    judged = Round(current.round, current.size, current.ranges, stored, following)
    history.rounds[-1] = judged
    watcher.round_judged(current.round, verdicts)
    return judged


def _space(ranges: Mapping[str, Any]) -> Space:
    return {name: from_mapping(fields) for name, fields in ranges.items()}


def _seed(plan: Plan, *key: int) -> int:
    sequence = np.random.SeedSequence(plan.seed, spawn_key=key)
    return int(sequence.generate_state(1, np.uint32)[0])
