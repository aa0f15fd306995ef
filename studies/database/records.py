"""Studies, rounds, trials and what else is stored, as plain records; and how Optuna stores numbers."""

from __future__ import annotations

import functools
import json
import math
import warnings
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from studies.database.lease import Holder
from studies.html import table
from studies.words import between, counted, notation, number, rounded, setting

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

State = Literal["running", "interrupted", "complete"]
Direction = Literal["maximize", "minimize"]
TrialState = Literal["running", "complete", "pruned", "failed"]
OPTUNA_STATES: dict[str, TrialState] = {
    "RUNNING": "running",
    "WAITING": "running",
    "COMPLETE": "complete",
    "PRUNED": "pruned",
    "FAIL": "failed",
}
ENDED: tuple[TrialState, ...] = ("complete", "pruned", "failed")


@dataclass(frozen=True)
class Trial:
    """One trial. `attributes` are those that hpo gives to its trials.

    A trial of a study with several objectives has no `value`, but `values`, one for each.
    """

    number: int
    state: TrialState
    value: float | None
    params: dict[str, Any]
    attributes: dict[str, Any]
    started: datetime | None
    finished: datetime | None
    values: tuple[float | None, ...] = ()

    def _repr_html_(self) -> str:
        facts: dict[str, Any] = {"state": self.state}
        if self.values:
            facts["values"] = ", ".join(map(number, self.values))
        else:
            facts["value"] = number(self.value, 4)
        facts |= {name: setting(value) for name, value in self.params.items()}
        if self.finished is not None:
            facts["finished"] = f"{self.finished:%Y-%m-%d %H:%M} UTC"
        return table(f"trial {self.number}", facts)


@dataclass(frozen=True)
class Result:
    """How one trial of a batch ended. `score` names the curve that Optuna shows as intermediate values."""

    number: int
    state: Literal["complete", "pruned", "failed"]
    value: float | None
    curves: Mapping[str, Sequence[float]]
    score: str
    finished: datetime
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Round:
    """One round: the ranges it draws from, how many trials it has when full, and what was decided after it."""

    round: int
    size: int
    ranges: dict[str, Any]
    verdicts: dict[str, Any] | None
    next_ranges: dict[str, Any] | None


@dataclass(frozen=True)
class Confirmation:
    """A trial's settings trained again, on the seed and the split of a stage; `finished` is None until it is done.

    `curves` are what it had after each epoch, metric by metric, and `out_of_fold` what was predicted of each fold, as
    `trainer.folds` has it. Both are to be stored; `Reader.stage_curves` and `Reader.out_of_fold` read them.
    """

    stage: int
    trial: int
    value: float | None = None
    epochs: int = 0
    error: str | None = None
    finished: datetime | None = None
    curves: Mapping[str, Sequence[float]] = field(default_factory=dict)
    out_of_fold: Sequence[float] = ()


@dataclass(frozen=True)
class Finalist:
    """A trial whose settings were trained again, `values` in the order of stages; None where that failed.

    `mean` and `ci95` are None where a training failed: such settings are not recommended. `ci95` is also None where
    there are too few values to estimate their spread. `tied` says whether a comparison can't tell it from the first
    finalist; None: it was not trained often enough to tell. Of a baseline, `gain` is how much better the first is.
    `epochs` is how many a training with these settings should have; None where that was not concluded.
    """

    trial: int
    values: list[float | None]
    mean: float | None
    ci95: tuple[float, float] | None
    tied: bool | None
    params: Mapping[str, Any] = field(default_factory=dict)
    gain: float | None = None
    gain_ci95: tuple[float, float] | None = None
    epochs: int | None = None

    def _repr_html_(self) -> str:
        shown = notation([self.mean], [self.ci95])
        facts = {
            "mean": rounded(self.mean, shown),
            "95 % interval": self.ci95 and between(self.ci95, shown),
            "trained again": counted(len(self.values), "time"),
            "tied": {True: "yes", False: "no", None: "too few trainings to tell"}[self.tied],
        }
        facts |= {} if self.epochs is None else {"epochs": str(self.epochs)}
        return table(f"settings of trial {self.trial}", facts)


@dataclass(frozen=True)
class Conclusion:
    """The finalists, best first, as version `method` of `hpo.choose.concluding` concluded. The first is
    recommended, if it has a mean.

    `recorded` says whether the search stored it. If not, an older hpo wrote the study, and its reader worked this out.
    """

    method: int
    finalists: list[Finalist]
    recorded: bool = True

    @property
    def note(self) -> str:
        """A sentence for whoever is shown a conclusion that was not recorded."""
        if self.recorded:
            return ""
        return "An older hpo stored this study without a ranking, so the ranking was worked out just now."


@dataclass(frozen=True)
class Opening:
    """The result of a trial's settings on the test rows, and when these were first looked at.

    `ci95` is the interval of the value that follows from the number of test rows; None if none was recorded.
    """

    trial: int
    opened: datetime
    value: float | None = None
    error: str | None = None
    ci95: tuple[float, float] | None = None

    @property
    def done(self) -> bool:
        """Whether there is a value or an error."""
        return self.value is not None or self.error is not None


@dataclass(frozen=True)
class PlanVersion:
    """A plan that a study has had, as plain data, with what it changed and how many rounds had begun by then."""

    version: int
    plan: dict[str, Any]
    changes: list[dict[str, Any]]  # field, before, after, means
    rounds: int
    made: datetime


@dataclass(frozen=True)
class Environment:
    """The versions and the machine that a study was trained with from some time on: see `hpo.run.provenance`."""

    since: datetime
    provenance: dict[str, Any]


@dataclass(frozen=True)
class StudyRecord:
    """What is stored of a study itself. `plan` is None if plain Optuna made the study.

    `stopped` says why the search ended before its last trial, if it did; `resumed_after` how many rounds it had when it
    went on after all. Only a study that plain Optuna made can have several `directions`; `direction` is the first.
    `owner` is who began it, if that was recorded.
    `metrics` are the names of the objectives, if Optuna was told them. `data` is what was recorded of the data.
    """

    study_id: int
    name: str
    direction: Direction
    state: State
    plan: dict[str, Any] | None
    metric: str
    data_hash: str | None
    provenance: dict[str, Any]
    created: datetime | None
    holder: Holder | None
    stopped: str | None = None
    resumed_after: int = 0
    directions: tuple[Direction, ...] = ()
    owner: str | None = None
    metrics: tuple[str, ...] = ()
    data: dict[str, Any] | None = None

    @property
    def several(self) -> bool:
        """Whether it has several objectives, so that there may be no best trial."""
        return len(self.directions) > 1

    @property
    def adopted(self) -> int:
        """How many trials, the first ones, plain Optuna made before we went on with its study."""
        return adopted_trials(self.provenance)


def by_state(counts: Iterable[tuple[str, int]]) -> Counter[TrialState]:
    """How many trials there are of each state, from pairs of Optuna's word and a number."""
    states: Counter[TrialState] = Counter()
    for word, count in counts:
        states[OPTUNA_STATES[word]] += count
    return states


def direction_of(word: str) -> Direction:
    """A direction, from Optuna's word for it."""
    return "maximize" if word == "MAXIMIZE" else "minimize"


def adopted_trials(provenance: Mapping[str, Any]) -> int:
    """How many trials of a study plain Optuna made before we went on with it, from the study's provenance."""
    return int(provenance.get("adopted", {}).get("trials", 0))


def stored_number(column: str, value: float) -> dict[str, Any]:
    """A number in Optuna's two columns: infinities and NaN are a word in the second, and the first is empty."""
    if math.isnan(value):
        return {column: None, f"{column}_type": "NAN"}
    if math.isinf(value):
        return {column: None, f"{column}_type": "INF_POS" if value > 0 else "INF_NEG"}
    return {column: value, f"{column}_type": "FINITE"}


def read_number(value: float | None, kind: str | None) -> float | None:
    """The inverse of `stored_number`, also for values that were stored before there was a second column."""
    special = {"INF_POS": math.inf, "INF_NEG": -math.inf, "NAN": math.nan}
    return special.get(kind or "", value)


def stored_points(curve: Sequence[float]) -> str:
    """A curve as a JSON array: every digit, NaN as null, infinities as ±1e999."""
    text = json.dumps([*map(float, curve)])
    return text.replace("NaN", "null").replace("Infinity", "1e999")


def read_points(text: str) -> list[float]:
    """The inverse of `stored_points`."""
    return [math.nan if point is None else float(point) for point in json.loads(text)]


@functools.lru_cache(maxsize=1024)
def read_distribution(text: str) -> BaseDistribution:
    """A distribution, from Optuna's JSON."""
    from optuna.distributions import json_to_distribution

    with warnings.catch_warnings():
        # Optuna warns about choices that it can't store exactly, such as tuples. Who stored them has seen the warning.
        warnings.simplefilter("ignore", UserWarning)
        return json_to_distribution(text)
