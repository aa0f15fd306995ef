"""What choosing depends on, as plain data without a database: a plan, the trainable's traits, the recorded history."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from hpo.plan.space import Limit, Parameter, Settings, Space

Direction = Literal["maximize", "minimize"]
Action = Literal["narrowed", "kept", "extended"]
LARGEST_VALUE = 1e150  # of a trial: the squares of larger ones, and so their noise, are infinite


class SearchPlan(Protocol):
    """The fields of a plan that choosing depends on; `hpo.plan.plan.Plan` explains them."""

    @property
    def space(self) -> Mapping[str, Parameter]:
        """The ranges that the search begins with."""

    @property
    def baseline(self) -> Sequence[Settings]:
        """The settings in use today, which are the first trials."""

    @property
    def scorings(self) -> int:
        """How many times settings are trained and scored, confirmations and Optuna's trials included, those of requests
        not."""

    @property
    def rounds(self) -> int:
        """Rounds, after each of which the ranges are judged."""

    @property
    def epochs(self) -> int:
        """Epochs of a full training."""

    @property
    def halving(self) -> int | None:
        """One in `halving` trials goes on at each rung; None: there are no rungs."""

    @property
    def draws_by(self) -> str:
        """The sampler."""

    def most_confirming(self, adopted: int) -> int:
        """How many trainings confirm at the most, if the first `adopted` trials were Optuna's."""

    @property
    def repeats(self) -> int | None:
        """How often a finalist is trained on average; None: that follows from the noise."""

    @property
    def ahead(self) -> int:
        """Trial n of a function is drawn when the trials 0 … n − ahead have ended."""

    @property
    def finalists(self) -> int | None:
        """How many settings are confirmed; None: the race decides."""

    @property
    def patience(self) -> int | None:
        """Rounds without a gain after which the search ends."""

    @property
    def timeout(self) -> float | None:
        """Seconds after which no batch or stage begins."""

    @property
    def extend(self) -> bool:
        """Whether ranges may grow past those that the search begins with."""

    @property
    def max_failures(self) -> int | None:
        """How many trainings may fail with an error before the search gives up."""


UNBOUNDED = (-math.inf, math.inf)


@dataclass(frozen=True)
class Traits:
    """What choosing needs to know about a trainable.

    `stacked`: many settings train as one population, so batches are large. `noisy`: whether a setting's value changes
    with the seed or split; None if only trying shows it. `tests`: whether test rows are held out. `limits`: the lowest
    and highest values of some parameters, which no extended range exceeds. `bounds`: between which its metric lies.
    `fresh_splits`: whether each batch trains on a seed and split of its own. `by_fold`: whether its epochs are folds of
    a cross-validation, of which all are needed.
    """

    direction: Direction
    stacked: bool = False
    noisy: bool | None = None
    tests: bool = False
    limits: Mapping[str, Limit] = field(default_factory=dict)
    bounds: tuple[float, float] = UNBOUNDED
    fresh_splits: bool = False
    by_fold: bool = False


@dataclass(frozen=True)
class Observation:
    """Settings that were tried and their value, which is None if the trial failed or diverged.

    The trials of one `batch` were drawn in the same way. A trial that left at a rung has its value after `left_epoch`
    epochs. A value of a `stage` (from 1) is one more of the settings of a trial; 0 is the search itself.
    """

    settings: Settings
    value: float | None
    batch: int = 0
    left_epoch: int | None = None
    stage: int = 0


@dataclass(frozen=True)
class Verdict:
    """The decision on the range of one parameter after a round, and why."""

    action: Action
    reason: str
    next: Parameter
    evidence: dict[str, Any] = field(default_factory=dict)
    warning: str | None = None  # what the evidence suggests and the plan forbids


@dataclass(frozen=True)
class Round:
    """A round that has begun: the ranges it draws from, its number of trials, and the decisions after it."""

    number: int
    size: int
    ranges: Space
    actions: Mapping[str, Action] | None = None  # by parameter; None: not judged yet
    next_ranges: Space | None = None


@dataclass(frozen=True)
class Confirmation:
    """A trial's settings, trained again on the seed and split of a stage. The value is None if that failed."""

    stage: int
    trial: int
    value: float | None


@dataclass(frozen=True)
class Request:
    """What `hpo confirm` asked for: `trainings` that confirm the best of the first `trials` trials.

    They are beside those of the plan, and come after `confirmed` others had confirmed. `ended`: the search had ended by
    then, whatever was left of its plan, and its user has not changed the plan since.
    """

    confirmed: int
    trainings: int
    trials: int
    ended: bool = False


class Progress(NamedTuple):
    """How many trials had been drawn, how many trainings had confirmed, and how many of those for a request."""

    drawn: int
    confirmed: int
    requested: int


@dataclass
class History:
    """The recorded history of a search.

    Trials are keyed by their numbers, from 0. `running` are those without a result yet; `staged` are the trials that
    train again in the current stage.
    """

    trials: dict[int, Observation] = field(default_factory=dict)
    running: dict[int, Settings] = field(default_factory=dict)
    split: int = 0  # that the running trials train on
    rounds: list[Round] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)  # of the trials that raised one
    confirmed: list[Confirmation] = field(default_factory=list)
    stage: int = 0  # the last stage, from 1; 0: none has begun
    staged: list[int] = field(default_factory=list)
    tested: int | None = None  # the trial for whose settings the test rows were opened
    test_done: bool = False
    stopped: str | None = None  # why the search ended before its last trial
    resumed_after: int = 0  # rounds it had when its user resumed it after it had stopped early
    extended_after: int = 0  # rounds it had when its user last asked for more trials
    widened: dict[int, set[str]] = field(default_factory=dict)
    """A round's number -> the parameters whose ranges the user widened before it."""
    adopted: int = 0  # the first trials, which Optuna made
    elsewhere: set[int] = field(default_factory=set)
    """The numbers of the trials that Optuna added later. Those that ended are among `trials`, and in no round."""
    requests: list[Request] = field(default_factory=list)

    @property
    def drawn(self) -> int:
        """The number of trials that have begun, without those drawn elsewhere."""
        return self.ended + len(self.running)

    @property
    def ended(self) -> int:
        """The number of trials that have a result, without those drawn elsewhere."""
        return len(self.trials) - len(self.trials.keys() & self.elsewhere)

    @property
    def numbered(self) -> int:
        """The number of all trials, which is the number of the next one."""
        return self.drawn + len(self.elsewhere)

    def place(self, number: int) -> int:
        """How many trials come before one with a number, without those drawn elsewhere."""
        return number - sum(other < number for other in self.elsewhere)

    @property
    def in_round(self) -> int:
        """The number of trials of the last round that have begun."""
        return self.drawn - sum(r.size for r in self.rounds[:-1])

    @property
    def requested(self) -> int:
        """The number of trainings that are done and confirmed because of a request."""
        return self._requested(len(self.confirmed))

    def _requested(self, done: int) -> int:
        """How many of so many first trainings that confirm a request asked for."""
        return sum(min(max(0, done - r.confirmed), r.trainings) for r in self.requests)

    @property
    def before(self) -> Progress:
        """How far the search was when its user last asked for more trials.

        The first stage in which a later trial takes part came after that.
        """
        first = sum(r.size for r in self.rounds[: self.extended_after])
        later = (c.stage for c in self.confirmed if self.place(c.trial) >= first)
        since = min(later, default=math.inf)
        confirmed = sum(c.stage < since for c in self.confirmed) if first else 0
        return Progress(first, confirmed, self._requested(confirmed))

    @property
    def owed(self) -> int:
        """The number of trainings that requests still ask for."""
        return sum(r.trainings for r in self.requests) - self.requested

    @property
    def trainings(self) -> int:
        """The number of the plan's trainings that are done, confirmations included."""
        return self.ended + len(self.confirmed) - self.requested

    @property
    def observations(self) -> list[Observation]:
        """The trials that are done, in the order of their numbers."""
        return [self.trials[number] for number in sorted(self.trials)]

    def searched(self) -> dict[int, float]:
        """The values of the trials that trained to the end, by trial number."""
        return {
            number: t.value
            for number, t in sorted(self.trials.items())
            if t.value is not None and t.left_epoch is None
        }

    def ranked(self, direction: Direction) -> list[int]:
        """The trials that trained to the end, best first, the earliest of equals first."""
        sign = -1.0 if direction == "maximize" else 1.0
        values = self.searched()
        return sorted(values, key=lambda number: (sign * values[number], number))
