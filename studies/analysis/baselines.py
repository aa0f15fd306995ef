"""The settings in use before a search, its baselines, and whether what it recommends is better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studies.analysis.goal import Goal
from studies.database.records import Finalist
from studies.words import number

POINT = 0.01
"""Accuracies are shares, and their differences are told in percentage points."""


@dataclass(frozen=True)
class Baseline:
    """A baseline, and how it was compared. `confirmed` has its means and its gain; None: it was not trained again.

    `recommended`: the baseline itself is what the search recommends.
    """

    trial: int
    params: Mapping[str, Any]
    confirmed: Finalist | None
    recommended: bool

    @property
    def gain(self) -> float | None:
        """How much better the recommended settings are; None if they can't be compared."""
        return 0.0 if self.recommended else self.confirmed and self.confirmed.gain

    @property
    def gain_ci95(self) -> tuple[float, float] | None:
        """The 95 % interval of the gain."""
        return (0.0, 0.0) if self.recommended else self.confirmed and self.confirmed.gain_ci95

    @property
    def better(self) -> bool | None:
        """Whether the recommended settings are better, beyond the interval; None if that can't be told."""
        return None if self.gain_ci95 is None else self.gain_ci95[0] > 0

    def as_mapping(self) -> dict[str, Any]:
        """One JSON-ready object."""
        mean, ci95 = (self.confirmed.mean, self.confirmed.ci95) if self.confirmed else (None, None)
        return {
            "trial": self.trial,
            "params": dict(self.params),
            "mean": mean,
            "ci95": ci95 and list(ci95),
            "gain": self.gain,
            "gain_ci95": self.gain_ci95 and list(self.gain_ci95),
            "better": self.better,
        }


def baselines_of(plan: Mapping[str, Any], finalists: Sequence[Finalist]) -> list[Baseline]:
    """The baselines of a plan, which are the first trials, with how the search concluded that they compare."""
    confirmed = {finalist.trial: finalist for finalist in finalists}
    first = finalists[0].trial if finalists and finalists[0].mean is not None else None
    return [
        Baseline(trial, params, confirmed.get(trial), trial == first)
        for trial, params in enumerate(plan.get("baseline") or ())
    ]


def sentences(baselines: Sequence[Baseline], goal: Goal) -> list[str]:
    """Whether the recommended settings are better than those in use, a sentence for each baseline."""
    return [_sentence(baseline, goal, several=len(baselines) > 1) for baseline in baselines]


def _sentence(baseline: Baseline, goal: Goal, *, several: bool) -> str:
    which = f"your settings of trial {baseline.trial}" if several else "the settings you have"
    if baseline.recommended:
        return f"{which[0].upper()}{which[1:]} are recommended: keep them."
    if baseline.confirmed is None:
        return f"Not compared with {which}, which were not trained again."
    if baseline.confirmed.mean is None:
        return f"Not compared with {which}, since a training of them failed."
    if baseline.gain is None:
        return f"Not compared with {which}: they never trained in one stage."
    gain = _amount(baseline, goal)
    if baseline.gain_ci95 is None:
        return f"By one stage {gain} than {which}: too little to tell."
    if not baseline.better:
        return f"Not better than {which}: keep them ({gain})."
    return f"{gain[0].upper()}{gain[1:]} than {which}."


def _amount(baseline: Baseline, goal: Goal) -> str:
    """The gain in words: `0.8 ± 0.3 points better`, or `log_loss 0.12 ± 0.04 lower`."""
    gain, ends = baseline.gain or 0.0, baseline.gain_ci95 or (0.0, 0.0)
    mean = baseline.confirmed and baseline.confirmed.mean
    if goal.metric.endswith("accuracy") and mean is not None and 0 <= mean <= 1:
        word = "better" if gain >= 0 else "worse"
        return f"{_plus_minus(abs(gain) / POINT, (ends[1] - ends[0]) / 2 / POINT)} points {word}"
    word = "higher" if (gain >= 0) == goal.maximize else "lower"
    return f"{goal.metric} {_plus_minus(abs(gain), (ends[1] - ends[0]) / 2)} {word}"


def _plus_minus(value: float, half: float) -> str:
    """A value with half of its interval, which has two digits."""
    if half <= 0:
        return number(value)
    decimals = max(0, 1 - math.floor(math.log10(half)))
    return f"{value:.{decimals}f} ± {half:.{decimals}f}"
