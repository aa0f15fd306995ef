"""What choosing is about: a plan, what is trained, and the recorded history, as plain data without a database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from hpo.plan.space import Limit, Parameter, Settings, Space

Direction = Literal["maximize", "minimize"]
Action = Literal["narrowed", "kept", "extended"]


class SearchPlan(Protocol):
    """The fields of a plan that choosing depends on; `hpo.plan.plan.Plan` explains them."""

    @property
    def space(self) -> Mapping[str, Parameter]:
        """The ranges that the search begins with."""

    @property
    def trials(self) -> int:
        """Trainings in all, confirmations included."""

    @property
    def rounds(self) -> int:
        """Rounds, after each of which the ranges are judged."""

    @property
    def epochs(self) -> int:
        """Epochs of a training that is not cut short."""

    @property
    def halving(self) -> int | None:
        """One in so many trials goes on at each rung; None: all do."""

    @property
    def draws_by(self) -> str:
        """The sampler."""

    @property
    def confirming(self) -> int:
        """How many of the trainings confirm."""

    @property
    def finalists(self) -> int | None:
        """How many settings are confirmed; None: the race decides."""

    @property
    def patience(self) -> int | None:
        """Rounds without a gain after which the search ends."""

    @property
    def timeout(self) -> float | None:
        """Seconds after which nothing new begins."""

    @property
    def extend(self) -> bool:
        """Whether ranges may grow past those that the search begins with."""

    @property
    def max_failures(self) -> int | None:
        """Trainings that may fail with an error before the search gives up."""


@dataclass(frozen=True)
class Traits:
    """What choosing has to know of the thing that is trained.

    `stacked`: many settings train as one population, so that batches are large. `noisy`: whether a setting has another
    value with another seed or split; None where only trying shows it. `tests`: whether test rows are set apart.
    `limits`: the lowest and highest value that some parameters can have, however far their ranges are extended.
    """

    direction: Direction
    stacked: bool = False
    noisy: bool | None = None
    tests: bool = False
    limits: Mapping[str, Limit] = field(default_factory=dict)


@dataclass(frozen=True)
class Observation:
    """Settings that were tried, and the value they got; None where the trial failed or diverged.

    The trials of one `batch` were drawn together. A trial that left at a rung has the value that it had there, after
    `left` epochs.
    """

    settings: Settings
    value: float | None
    batch: int = 0
    left: int | None = None


@dataclass(frozen=True)
class Verdict:
    """What was decided about the range of one parameter after a round, and why."""

    action: Action
    reason: str
    next: Parameter
    evidence: dict[str, Any] = field(default_factory=dict)
    warning: str | None = None  # what the evidence asks for, and the plan forbids


@dataclass(frozen=True)
class Round:
    """A round that was begun: what it draws from, how many trials it has when full, and what was decided after it."""

    number: int
    size: int
    ranges: Space
    actions: Mapping[str, Action] | None = None  # of each parameter's verdict; None: not judged yet
    next_ranges: Space | None = None


@dataclass(frozen=True)
class Confirmation:
    """A trial's settings trained again, on the seed and split of a stage. The value is None where that failed."""

    stage: int
    trial: int
    value: float | None


@dataclass
class History:
    """What has been recorded of a search.

    Trials are known by their numbers, from 0. `running` are those that were begun and have no result yet, and `staged`
    the trials that train again in the stage that was begun.
    """

    trials: dict[int, Observation] = field(default_factory=dict)
    running: dict[int, Settings] = field(default_factory=dict)
    rounds: list[Round] = field(default_factory=list)
    errors: dict[int, str] = field(default_factory=dict)  # of the trials that raised one
    confirmed: list[Confirmation] = field(default_factory=list)
    stage: int = 0  # the last one that was begun; 0: none
    staged: list[int] = field(default_factory=list)
    tested: int | None = None  # the trial for whose settings the test rows were opened
    test_done: bool = False
    stopped: str | None = None  # why the search ended before its last trial
    resumed_after: int = 0  # rounds it had when it was made to go on though it had stopped
    widened: dict[int, set[str]] = field(default_factory=dict)
    """A round's number -> parameters whose range its user made wider before it."""

    @property
    def drawn(self) -> int:
        """How many trials were begun."""
        return len(self.trials) + len(self.running)

    @property
    def in_round(self) -> int:
        """How many trials of the last round were begun."""
        return self.drawn - sum(r.size for r in self.rounds[:-1])

    @property
    def trainings(self) -> int:
        """How many trainings are done, confirmations included."""
        return len(self.trials) + len(self.confirmed)

    @property
    def observations(self) -> list[Observation]:
        """The trials that are done, in the order of their numbers."""
        return [self.trials[number] for number in sorted(self.trials)]

    def searched(self) -> dict[int, float]:
        """The values of the trials that were trained to the end, by their numbers."""
        return {
            number: t.value
            for number, t in sorted(self.trials.items())
            if t.value is not None and t.left is None
        }

    def ranked(self, direction: Direction) -> list[int]:
        """The trials that were trained to the end, best first, the earliest of equals first."""
        sign = -1.0 if direction == "maximize" else 1.0
        values = self.searched()
        return sorted(values, key=lambda number: (sign * values[number], number))
