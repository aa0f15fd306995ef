"""The journal of a search: each fact is written to the database, then added to the history, then shown.

So the history that choosing depends on is always what a process that resumes the search would read, and nothing is
shown that might still be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

from hpo.choose.comparing import gain
from hpo.choose.concluding import conclude
from hpo.choose.lengths import recommended_epochs
from hpo.choose.next_step import requested_trials
from hpo.choose.rounds import batch_numbers, batches
from hpo.choose.types import Confirmation, Observation, Round, Verdict
from hpo.plan.baseline import outside
from hpo.plan.plan import Plan
from hpo.plan.space import (
    Categorical,
    Float,
    Int,
    Parameter,
    Settings,
    Space,
    Value,
    distribution,
    to_mapping,
)
from hpo.run.history import read_history
from hpo.run.watcher import Watcher
from hpo.trainables.protocol import Trainable
from hpo.trainables.task import TEST, Outcome
from studies.database import records, references
from studies.database.columns import curves
from studies.database.records import Result
from studies.database.writer import Writer

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from hpo.trainables.protocol import Reference


class Journal:
    """Records one search through the writer that holds its study."""

    def __init__(self, plan: Plan, trainable: Trainable, writer: Writer, watcher: Watcher) -> None:
        self._plan, self._traits = plan, trainable.traits
        self._metric, self._score = trainable.metric, trainable.score
        self._notes = trainable.notes
        self._writer, self._watcher = writer, watcher
        self.history = read_history(writer, plan, trainable.traits)
        # The batches of a round are settled when it begins.
        self._batch_of: Sequence[int] = ()
        self._numbered_rounds = -1

    def begin(self, *, until_confirmed: bool) -> None:
        """Show that the search begins or goes on, and its current round. Nothing is recorded.

        `until_confirmed`: it goes on for what `hpo confirm` asked for, and not for the rest of the plan.
        """
        history, direction = self.history, self._traits.direction
        outside_space = outside(self._plan.baseline, self._plan.space)
        for note in [*self._notes, *self._plan.budget, *outside_space]:
            self._watcher.noticed(note)
        remaining = history.owed if requested_trials(self._plan, self._traits, history) else 0
        if not until_confirmed:
            remaining += self._plan.scorings - history.trainings
        done = history.trainings - history.adopted + history.requested
        self._watcher.started(self._writer.name, self._plan, direction, done, remaining)
        if history.rounds and history.rounds[-1].actions is None:
            current = history.rounds[-1]
            self._watcher.round_started(current.number, current.size, current.ranges)

    def start_round(self, number: int, size: int, ranges: Space) -> None:
        """A round begins."""
        self._writer.start_round(number, size, _plain(ranges))
        self.history.rounds.append(Round(number, size, ranges))
        self._watcher.round_started(number, size, ranges)

    def start_batch(
        self, current: Round, settings: Sequence[Settings], first: Mapping[str, Any], split: int
    ) -> dict[int, Settings]:
        """Trials are drawn, to train on a split. `first` are the ranges that the search began with.

        Returns their settings by their numbers.
        """
        distributions = {
            name: _recorded(p, first[name], [b[name] for b in self._plan.baseline if name in b])
            for name, p in current.ranges.items()
        }
        trials = self._writer.start_batch(
            current.number, settings, distributions, split=split, after=self.history.numbered
        )
        drawn = dict(zip(trials, settings, strict=True))
        self.history.running |= drawn
        self.history.split = split
        return drawn

    def scores(self, trials: Sequence[int]) -> dict[int, Sequence[float]]:
        """The scores after each epoch of trials that have ended."""
        of_trials: dict[int, Sequence[float]] = dict.fromkeys(trials, ())
        if trials:
            for found in curves(self._writer.store, self._writer.study_id, among=trials):
                if self._score in (None, found.metric):
                    of_trials |= found.by_trial()
        return of_trials

    def show(self, scores: Mapping[int, Sequence[float]]) -> None:
        """Some trials go on."""
        self._writer.show(scores)

    def finish_trials(self, outcomes: Mapping[int, Outcome]) -> None:
        """Some of the drawn trials have ended."""
        results = [_result(trial, outcome) for trial, outcome in outcomes.items()]
        self._writer.finish_batch(results)
        self._name_metric([r.score for r in results if r.state == "complete"])
        history = self.history
        if len(history.rounds) != self._numbered_rounds:
            self._batch_of = batch_numbers(batches(self._plan, self._traits, history.rounds))
            self._numbered_rounds = len(history.rounds)
        batch_of = self._batch_of
        for result in results:
            attributes = result.attributes
            history.trials[result.number] = Observation(
                history.running.pop(result.number),
                result.value,
                batch_of[history.place(result.number)],
                attributes.get("left_epoch"),
            )
            if "error" in attributes:
                history.errors[result.number] = attributes["error"]
        self._watcher.trials_finished(results, [history.trials[r.number].settings for r in results])

    def _name_metric(self, scores: Sequence[str]) -> None:
        """Record the name of the metric, if it was not known before a training ended."""
        if self._metric is None and scores:
            self._metric = scores[0]
            self._writer.name_metric(self._metric)

    def judge_round(self, current: Round, verdicts: Mapping[str, Verdict]) -> None:
        """The ranges of a round are judged."""
        following = {name: v.next for name, v in verdicts.items()}
        stored = {
            name: {"action": v.action, "reason": v.reason, **v.evidence}
            | ({"warning": v.warning} if v.warning else {})
            for name, v in verdicts.items()
        }
        self._writer.judge_round(current.number, stored, _plain(following))
        self.history.rounds[-1] = replace(
            current, actions={name: v.action for name, v in verdicts.items()}, next_ranges=following
        )
        self._watcher.round_judged(current.number, verdicts)

    def start_stage(self, trials: Sequence[int]) -> None:
        """A stage begins: the settings of some trials train again on a fresh seed and split."""
        history = self.history
        self._writer.start_stage(history.stage + 1, trials)
        history.stage += 1
        history.staged = list(trials)
        self._watcher.stage_started(history.stage, trials)

    def finish_stage(self, outcomes: Mapping[int, Outcome]) -> None:
        """All trainings of a stage have ended."""
        history = self.history
        finished = [
            records.Confirmation(
                history.stage,
                trial,
                o.value,
                o.epochs,
                o.failure,
                o.finished,
                o.metrics,
                () if o.failure else o.out_of_fold,
            )
            for trial, o in outcomes.items()
        ]
        confirmed = [
            *history.confirmed,
            *(Confirmation(c.stage, c.trial, c.value) for c in finished),
        ]
        scored = {trial: o.metrics[o.score] for trial, o in outcomes.items() if o.failure is None}
        self._writer.finish_stage(finished, self._conclusion(confirmed, scored))
        self._name_metric([o.score for o in outcomes.values() if o.failure is None])
        history.confirmed = confirmed
        history.staged = []
        self._watcher.stage_finished(finished)

    def _conclusion(
        self, confirmed: Sequence[Confirmation], scored: Mapping[int, Sequence[float]]
    ) -> records.Conclusion:
        """What is concluded from all stages. `scored` are the scores after each epoch in the last one, by trial."""
        searched, traits = self.history.searched(), self._traits
        concluded = conclude(
            searched, confirmed, traits.direction, traits.bounds, range(len(self._plan.baseline))
        )
        epochs = {} if traits.by_fold else self._epochs(confirmed, scored)
        finalists = [
            records.Finalist(**vars(f), epochs=epochs.get(f.trial) if f.mean is not None else None)
            for f in concluded.finalists
        ]
        return records.Conclusion(concluded.method, finalists)

    def _epochs(
        self, confirmed: Sequence[Confirmation], scored: Mapping[int, Sequence[float]]
    ) -> dict[int, int]:
        """How many epochs the settings that trained again should have, by trial."""
        history, store, study_id = self.history, self._writer.store, self._writer.study_id
        trials = sorted({c.trial for c in confirmed})
        # What Optuna's intermediate values mean is up to its user.
        ours = [n for n in trials if n >= history.adopted and n not in history.elsewhere]
        of_search, of_stages = store.read(lambda: (self.scores(ours), store.stage_curves(study_id)))
        each: dict[int, list[Sequence[float]]] = {n: [of_search.get(n, ())] for n in trials}
        for (_, trial), of_metrics in sorted(of_stages.items()):
            (of_one,) = of_metrics.values() if self._score is None else [of_metrics[self._score]]
            each[trial].append(of_one)
        for trial, curve in scored.items():
            each[trial].append(curve)
        return {
            trial: recommended_epochs(of, self._traits.direction, self._plan.epochs)
            for trial, of in each.items()
        }

    def open_test(self, trial: int) -> None:
        """The test rows are opened for the settings of a trial.

        The conclusion that it follows from is recorded first, if an older version did not.
        """
        if self._writer.store.conclusion(self._writer.study_id) is None:
            self._writer.conclude(self._conclusion(self.history.confirmed, {}))
        self._writer.open_test(trial)
        self.history.tested = trial

    def finish_test(self, outcomes: Mapping[int, Outcome]) -> None:
        """The test rows have been scored."""
        (outcome,) = outcomes.values()
        self._writer.finish_test(outcome.value, outcome.failure, outcome.ci95)
        self.history.test_done = True

    def references(self) -> list[references.Reference]:
        """The references that are recorded."""
        return references.references(self._writer.store, self._writer.study_id)

    def compare(self, fitted: Sequence[Reference]) -> None:
        """References were fitted: compare all of them with the settings that are recommended now."""
        confirmed, before = self.history.confirmed, {r.model: r for r in self.references()}
        conclusion = self._writer.store.conclusion(self._writer.study_id)
        first = conclusion.finalists[0] if conclusion is not None else None
        trial = first.trial if first is not None and first.mean is not None else None
        own = {c.stage: c.value for c in confirmed if c.trial == trial and c.value is not None}
        compared = []
        for reference in fitted:
            earlier = before.get(reference.model)
            # Values of trees with more rounds, as earlier versions fitted them, are those of another model.
            scores = dict(earlier.values) if earlier and earlier.note == reference.note else {}
            scores |= {n: score for n, score in reference.scores.items() if n != TEST}
            values = {stage: scores[stage] for stage in sorted(scores) if stage or not confirmed}
            test = reference.scores.get(TEST, earlier.test if earlier else None)
            better, ci95 = gain(own, values, maximize=self._traits.direction == "maximize")
            compared.append(
                references.Reference(
                    reference.model, reference.estimator, values, test, trial, better, ci95, reference.note,
                )
            )  # fmt: skip
        self._writer.compare(compared)

    def stop(self, reason: str) -> None:
        """The search ends before its last trial."""
        self._writer.stop(reason)
        self.history.stopped = reason
        self._watcher.stopped(reason)

    def complete(self) -> None:
        """The plan is done."""
        self._writer.complete()


def _result(trial: int, outcome: Outcome) -> Result:
    state: Literal["failed", "pruned", "complete"] = "complete"
    if outcome.failure is not None:
        state = "failed"
    elif outcome.pruned:
        state = "pruned"
    return Result(
        trial,
        state,
        outcome.value,
        outcome.metrics,
        outcome.score,
        outcome.finished,
        outcome.attributes,
    )


def _plain(ranges: Space) -> dict[str, Any]:
    return {name: to_mapping(parameter) for name, parameter in ranges.items()}


def _recorded(
    parameter: Parameter, first: Parameter, baseline: Iterable[Value] = ()
) -> BaseDistribution:
    """The distribution that a study records: from 0 and not on a log scale if some draws of the first range are 0, or a
    value of its baselines is one that no log scale has.

    Optuna's plots use a log scale if one trial has a log distribution, and then can't show a 0.
    """
    from optuna.distributions import FloatDistribution, IntDistribution

    if isinstance(parameter, Categorical) or isinstance(first, Categorical):
        return distribution(parameter)
    beside = parameter.log and any(isinstance(v, int | float) and v <= 0 for v in baseline)
    if isinstance(parameter, Int) and beside:
        return IntDistribution(0, parameter.high)
    if beside or (isinstance(first, Float) and first.zero):
        return FloatDistribution(min(0.0, parameter.low), max(0.0, parameter.high))
    return distribution(parameter)
