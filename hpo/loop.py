"""The only loop: narrow -> suggest -> record -> train -> record.

What comes next is a function of the plan, its seed and the recorded history. So there is one way through a study,
whether it is new or was killed a hundred times: look at the record, do what comes next, record it, and look again.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from hpo.config import Plan
from hpo.executors import threads
from hpo.narrowing import Verdict, narrow
from hpo.space import Settings, Space, from_mapping, recorded, to_mapping
from hpo.suggest import Direction, Observation, suggest
from hpo.trainables import Curves, Trainable, run_population
from studies.records import Result, Round, Trial
from studies.writer import Writer

ALL_FAIL = 10
"""Where so many trainings have failed with an error and none has given a value, the rest would fail, too."""

LEARNING = ("tpe", "gp", "cmaes")  # samplers that draw where earlier trials were good

_SUGGEST, _TRAIN = 0, 1  # purposes of the random streams that grow from a plan's seed


class TooManyFailuresError(Exception):
    """So many trainings raised an error that the search has stopped."""


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
    errors: list[str]

    @classmethod
    def read(cls, trials: Sequence[Trial], rounds: Sequence[Round], most: int) -> _History:
        done = [t for t in trials if t.state != "running"]
        last = rounds[-1].round if rounds else 0
        return cls(
            trials=[
                Observation(t.params, t.value, batch)
                for t, batch in zip(done, batch_numbers(batches(rounds, most)), strict=False)
            ],
            pending=[(t.number, t.params) for t in trials if t.state == "running"],
            rounds=list(rounds),
            in_round=sum(t.attributes.get("round") == last for t in trials),
            errors=[t.attributes["error"] for t in done if "error" in t.attributes],
        )


def run(
    plan: Plan, trainable: Trainable, writer: Writer, *, workers: int, watcher: Watcher
) -> None:
    """Go on with a study from wherever its record stands until every trial of the plan is done and judged.

    Raises:
        TooManyFailuresError: more trainings failed than the plan allows.
    """
    store, study_id = writer.store, writer.study_id
    history = _History.read(store.trials(study_id), store.rounds(study_id), trainable.batch)
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
                _check_failures(plan, history)
                _start_batch(plan, trainable, writer, history, current)
                continue
            if current is not None and current.verdicts is None:
                current = _judge(plan, trainable, writer, history, current, watcher)
            if len(history.trials) >= plan.trials:
                writer.complete()
                return
            _start_round(plan, writer, history, current, watcher)


def _check_failures(plan: Plan, history: _History) -> None:
    count = len(history.errors)
    hopeless = count >= ALL_FAIL and all(t.value is None for t in history.trials)
    if hopeless or (plan.max_failures is not None and count > plan.max_failures):
        whole = "all" if hopeless else str(count)
        raise TooManyFailuresError(
            f"{whole} of {len(history.trials)} trainings failed, the last with {history.errors[-1]}"
        )


def round_size(plan: Plan, rounds_begun: int, trials_begun: int) -> int:
    """How many trials the next round has: an even share of what is left, in whole numbers."""
    rounds_left = max(1, plan.rounds - rounds_begun)
    return -(-(plan.trials - trials_begun) // rounds_left)


class Batch(NamedTuple):
    """Trials that are suggested, trained and recorded together."""

    size: int
    explores: bool  # spread over the ranges, whatever was good so far


def batches(rounds: Sequence[Round], most: int) -> list[Batch]:
    """The batches, of at most `most` trials each, that the rounds begun so far have when they are full.

    All of the first round explores, and half of one whose ranges were extended: nothing is known of where they go on.
    """
    made = []
    for last, current in zip((None, *rounds), rounds, strict=False):
        exploring = current.size
        if last is not None:
            actions = {verdict["action"] for verdict in (last.verdicts or {}).values()}
            exploring = current.size // 2 if "extended" in actions else 0
        for count, explores in ((exploring, True), (current.size - exploring, False)):
            made += [Batch(min(most, count - k), explores) for k in range(0, count, most)]
    return made


def batch_numbers(begun: Sequence[Batch]) -> list[int]:
    """The number of the batch that each trial belongs to, in the order of trials."""
    return [number for number, batch in enumerate(begun) for _ in range(batch.size)]


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
    plan: Plan, trainable: Trainable, writer: Writer, history: _History, current: Round
) -> None:
    ranges = _space(current.ranges)
    begun = batches(history.rounds, trainable.batch)
    batch = begun[batch_numbers(begun)[len(history.trials)]]
    settings = suggest(
        ranges,
        history.trials,
        batch.size,
        _seed(plan, _SUGGEST, current.round, history.in_round),
        sampler="sobol" if batch.explores and plan.sampler in LEARNING else plan.sampler,
        direction=trainable.direction,
    )
    distributions = {name: recorded(p, plan.space[name]) for name, p in ranges.items()}
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
            results[k] = _result(numbers[k], curves)
    ordered = [results[k] for k in range(len(settings))]
    writer.finish_batch(ordered)
    if trainable.metric is None:
        for result in ordered:
            if result.state == "complete":
                writer.name_metric(result.score)
                break
    batch = batch_numbers(batches(history.rounds, trainable.batch))[len(history.trials)]
    history.trials += [
        Observation(values, result.value, batch)
        for values, result in zip(settings, ordered, strict=True)
    ]
    history.pending = []
    history.errors += [r.attributes["error"] for r in ordered if "error" in r.attributes]
    watcher.batch_finished(ordered, settings)


def _result(number: int, curves: Curves) -> Result:
    why: dict[str, Any] = {}
    if curves.diverged_epoch is not None:
        why = {"diverged_epoch": curves.diverged_epoch}
    elif curves.error is not None:
        why = {"error": curves.error.line, "traceback": curves.error.full}
    value = None if why else curves.metrics[curves.score][-1]
    state: Literal["failed", "complete"] = "failed" if why else "complete"
    return Result(number, state, value, curves.metrics, curves.score, curves.finished, why)


def _judge(
    plan: Plan,
    trainable: Trainable,
    writer: Writer,
    history: _History,
    current: Round,
    watcher: Watcher,
) -> Round:
    verdicts = narrow(
        _space(current.ranges),
        history.trials,
        trainable.direction,
        first=plan.space,
        limits=trainable.limits,
        extend=plan.extend,
    )
    stored: dict[str, Any] = {
        name: {"action": v.action, "reason": v.reason, **v.evidence}
        | ({"warning": v.warning} if v.warning else {})
        for name, v in verdicts.items()
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
