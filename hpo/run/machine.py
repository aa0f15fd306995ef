"""A search without threads, clocks or sockets: it hands out tasks to train and takes their outcomes.

    while not isinstance(step := machine.ask(), Done):
        if isinstance(step, Task):
            start training it, anywhere
        else:                                        # Wait: the next task depends on those in training
            machine.report(task, epoch, scores)      # when a task has reached one of its pauses
            machine.tell(task, outcomes)             # when a task has ended
            ...                                      # both return who stays at a rung, once that is known

Tasks may end in any order, and more can start before they have ended, as far as the plan allows. The next step is a
function of the plan, its seed and the recorded history (`hpo.choose.next_step`), and every fact is recorded before
anything depends on it, so a killed search goes on from its record as if nothing had happened. The clock is not
recorded. When a search stops because time is up, that fact is recorded, so a resumed search knows it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from hpo.choose import evidence, stopping
from hpo.choose.halving import Rung, rungs
from hpo.choose.known import known
from hpo.choose.narrowing import narrow
from hpo.choose.next_step import (
    Confirm,
    Done,
    Draw,
    Judge,
    OpenTest,
    Race,
    Repeat,
    StartRound,
    Step,
    Stop,
    next_step,
)
from hpo.choose.reach import reachable
from hpo.choose.rounds import batch_numbers, batches
from hpo.choose.suggest import explore, suggest
from hpo.choose.types import History
from hpo.errors import TooManyFailuresError
from hpo.plan.plan import Plan
from hpo.plan.space import Settings
from hpo.run.comparing import compare
from hpo.run.flight import Flight
from hpo.run.journal import Journal
from hpo.run.seeds import CONFIRM, SUGGEST, TEST_ROWS, seed_of, training_seed
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import TEST, Outcome, Task, Which

__all__ = ["Done", "Machine", "Wait"]


@dataclass(frozen=True)
class Wait:
    """No task can start before `tell` or `report` has been called for one that is training."""


class Machine:
    """One search, from its recorded state on. `seconds()` is how long this process has searched."""

    def __init__(
        self,
        plan: Plan,
        trainable: Trainable,
        journal: Journal,
        seconds: Callable[[], float],
        *,
        until_confirmed: bool = False,
    ) -> None:
        self._until_confirmed = until_confirmed
        self._plan, self._trainable, self._journal = plan, trainable, journal
        self._traits, self._history = trainable.traits, journal.history
        self._seconds = seconds
        self._to_start: deque[Task] = deque()
        self._flights: list[Flight] = []
        self._done = False
        self.first_error: BaseException | None = (
            None  # that a user's function raised in this process
        )
        journal.begin(until_confirmed=until_confirmed)
        if self._history.running:
            self._train_trials(self._history.running)
        elif self._history.staged:
            self._train_stage()

    @property
    def plan(self) -> Plan:
        """The plan of the search."""
        return self._plan

    @property
    def history(self) -> History:
        """What has been recorded so far."""
        return self._history

    def ask(self) -> Task | Wait | Done:
        """The next task to train; `Wait` if it depends on tasks in training; `Done` if the plan is done.

        Raises:
            TooManyFailuresError: more trainings failed than the plan allows.
        """
        while not self._to_start:
            if self._done:
                return Done()
            if self._flights and not self._history.running:  # a stage or the test
                return Wait()
            step = self._next_step()
            if step is None:
                return Wait()
            if self._until_confirmed and not isinstance(step, Confirm | Judge | OpenTest | Done):
                # The rest of the plan waits for hpo resume.
                return Wait() if self._flights else Done()
            self._do(step)
        return self._to_start.popleft()

    def report(
        self, task: Task, epoch: int, scores: Sequence[float]
    ) -> Mapping[Task, Sequence[bool]]:
        """Take the scores (K,) of a task at one of its pauses, NaN for trials that have left.

        Returns a mask of the trials that stay for each task; empty until all tasks drawn at once have reached the pause
        or have ended.
        """
        flight = self._in_flight(task)
        if not flight.rungs or epoch != flight.rungs[0].epoch:
            raise ValueError(f"trials {task.trials} do not pause at epoch {epoch}")
        flight.scores.update(zip(task.trials, scores, strict=True))
        return flight.staying()

    def show(self, task: Task, curves: Sequence[Sequence[float]]) -> None:
        """Record the scores so far of the trials of a task, so that dashboards show them. Nothing depends on it."""
        if task.split != TEST and task.split <= 0:  # what confirms is no trial
            self._journal.show(dict(zip(task.trials, curves, strict=True)))

    def tell(self, task: Task, outcomes: Sequence[Outcome]) -> Mapping[Task, Sequence[bool]]:
        """Record the outcome of each trial of a task. Tasks may end in any order, each once.

        Returns who stays at a rung that all others have reached, as `report` does.
        """
        return self.tell_all([(task, outcomes)])

    def tell_all(
        self, ended: Sequence[tuple[Task, Sequence[Outcome]]]
    ) -> Mapping[Task, Sequence[bool]]:
        """Record the outcomes of several tasks, in one transaction."""
        singly: dict[int, Outcome] = {}
        for task, outcomes in ended:
            flight = self._in_flight(task)
            if task.trials[0] in flight.outcomes:
                raise ValueError(f"trials {task.trials} have ended already")
            by_trial = dict(zip(task.trials, outcomes, strict=True))
            errors = [o.error.__cause__ or o.error for o in outcomes if o.error is not None]
            self.first_error = next((e for e in [self.first_error, *errors] if e is not None), None)
            flight.outcomes |= by_trial
            if flight.record is None:
                singly |= by_trial
        if singly:
            self._journal.finish_trials(singly)
        stays: dict[Task, Sequence[bool]] = {}
        for flight in [*self._flights]:
            if flight.training:
                stays |= flight.staying()
                continue
            self._flights.remove(flight)
            if flight.record is not None:
                flight.record(dict(sorted(flight.outcomes.items())))
        return stays

    def _in_flight(self, task: Task) -> Flight:
        for flight in self._flights:
            if task in flight.tasks:
                return flight
        raise ValueError(f"trials {task.trials} are not in training")

    def _known(self) -> History:
        """The history that drawing and judging depend on."""
        so_far = known(self._plan, self._traits, self._history)
        assert so_far is not None  # noqa: S101  # next_step has seen it
        return so_far

    def _next_step(self) -> Step | None:
        plan, history = self._plan, self._history
        step = next_step(plan, self._traits, history)
        if self._until_confirmed:
            return step  # the plan's limit of time is for the search
        if isinstance(step, StartRound | Draw | Repeat | Stop) and history.stopped is None:
            late = stopping.time_for_drawing_is_over(plan, self._traits, history, self._seconds())
            return step if late is None else Stop(late)
        if isinstance(step, Race):
            late = stopping.time_for_confirming_is_over(plan, history, self._seconds())
            if late is not None:
                if history.stopped is None:
                    self._journal.stop(late)
                return next_step(plan, self._traits, history, time_to_race=False)
        return step

    def _do(self, step: Step) -> None:
        plan = self._plan
        match step:
            case StartRound():
                self._journal.start_round(step.number, step.size, step.ranges)
            case Draw():
                self._draw(step)
            case Judge():
                so_far = self._known()
                verdicts = narrow(
                    step.round.ranges,
                    evidence.observations(so_far, self._traits.direction),
                    self._traits.direction,
                    first=plan.space,
                    limits=self._traits.limits,
                    extend=plan.extend,
                    training=[*so_far.running.values()],
                )
                self._journal.judge_round(step.round, verdicts)
            case Repeat() | Race() | Confirm():
                self._journal.start_stage(step.trials)
                self._train_stage()
            case OpenTest():
                self._open_test(step.trial)
            case Stop():
                self._journal.stop(step.reason)
            case Done():
                compare(plan, self._trainable, self._journal)
                self._journal.complete()
                self._done = True

    def _draw(self, step: Draw) -> None:
        plan, history = self._plan, self._known()
        if (failures := stopping.too_many_failures(plan, history)) is not None:
            raise TooManyFailuresError(failures) from self.first_error
        baselines = plan.baseline[history.drawn :][: step.batch.size]
        settings = [*map(dict, baselines)]
        ranges = reachable(step.round.ranges, plan.space, self._traits.limits, extend=plan.extend)
        count = step.batch.size - len(baselines)
        seed = seed_of(plan, SUGGEST, step.round.number, history.in_round)
        if step.batch.explores:
            settings += explore(ranges, count, seed)
        else:
            settings += suggest(
                ranges,
                evidence.observations(history, self._traits.direction),
                count,
                seed,
                sampler=plan.draws_by,
                direction=self._traits.direction,
                training=[*history.running.values()],
            )
        split = step.number if self._traits.fresh_splits else 0
        self._train_trials(self._journal.start_batch(step.round, settings, plan.space, split))

    def _train_trials(self, trials: Mapping[int, Settings]) -> None:
        """Train trials without a result: new ones, or those that were interrupted."""
        for members, earlier in self._drawn_at_once(trials):
            self._start(
                {trial: trials[trial] for trial in members},
                # A user's function may train for minutes, so each trial is recorded as soon as it ends.
                self._journal.finish_trials if self._traits.stacked else None,
                seed=training_seed(self._plan, self._history.split),
                split=-self._history.split,
                earlier=self._journal.scores(earlier),
            )

    def _drawn_at_once(
        self, trials: Mapping[int, Settings]
    ) -> Iterator[tuple[list[int], list[int]]]:
        """The parts of some trials that were drawn at once, and the trials drawn with them that have ended.

        Only with halving does it matter which they are.
        """
        plan, history = self._plan, self._history
        if plan.halving is None:
            yield [*trials], []
            return
        batch_of = batch_numbers(batches(plan, self._traits, history.rounds))
        for batch, members in groupby(trials, lambda trial: batch_of[history.place(trial)]):
            yield [*members], [n for n, t in history.trials.items() if t.batch == batch]

    def _train_stage(self) -> None:
        history = self._history
        self._start(
            {trial: history.trials[trial].settings for trial in history.staged},
            self._finish_stage,
            seed=seed_of(self._plan, CONFIRM, history.stage),
            split=history.stage,
        )

    def _finish_stage(self, outcomes: Mapping[int, Outcome]) -> None:
        """Record a stage, unless every training that was ever to confirm raised an error.

        Then the trainer is to blame and not the settings, so the stage remains to be trained.
        """
        history = self._history
        if history.owed and all(c.value is None for c in history.confirmed):
            errors = [o.error.line for o in outcomes.values() if o.error is not None]
            if len(errors) == len(outcomes):
                raise TooManyFailuresError(
                    f"every training that was to confirm failed, the last with {errors[-1]}; "
                    "no result was recorded: once the trainer is mended, hpo resume goes on"
                ) from self.first_error
        self._journal.finish_stage(outcomes)

    def _open_test(self, trial: int) -> None:
        if self._history.tested is None:
            self._journal.open_test(trial)
        self._start(
            {trial: self._history.trials[trial].settings},
            self._journal.finish_test,
            seed=seed_of(self._plan, TEST_ROWS),
            split=TEST,
        )

    def _start(
        self,
        settings: Mapping[int, Settings],
        record: Callable[[Mapping[int, Outcome]], None] | None,
        *,
        seed: int,
        split: Which = 0,
        earlier: Mapping[int, Sequence[float]] | None = None,
    ) -> None:
        """Train settings. With `earlier`, the trials drawn with them that have ended, some leave at rungs."""
        trials, plan = list(settings), self._plan
        table: list[Rung] = []
        if earlier is not None and plan.halving is not None:
            table = rungs(len(trials) + len(earlier), plan.epochs, plan.halving)
        pauses = tuple(rung.epoch for rung in table)
        tasks = [
            Task(
                tuple(trials[k] for k in part),
                tuple(settings[trials[k]] for k in part),
                self._plan.epochs,
                seed,
                split,
                pauses,
            )
            for part in self._trainable.populations(list(settings.values()))
        ]
        baselines = range(len(plan.baseline))
        self._flights.append(
            Flight(tasks, record, self._traits.direction, baselines, deque(table), earlier or {})
        )
        self._to_start.extend(tasks)
