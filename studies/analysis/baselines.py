"""The settings in use before a search, its baselines, and whether what it recommends is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from studies.analysis.goal import Goal
from studies.database.records import Finalist
from studies.words import ROUNDING, estimate, number

POINT = 0.01
"""Accuracies are shares, and their differences are told in percentage points."""


@dataclass(frozen=True)
class Baseline:
    """A baseline, and how it compares.

    `gain` is how much better the recommended settings are, None if they can't be compared; then `why` says why not.
    `gain_ci95` is the 95 % interval of the gain. `recommended`: it is the baseline itself that is recommended.
    """

    trial: int
    params: Mapping[str, Any]
    mean: float | None = None
    ci95: tuple[float, float] | None = None
    gain: float | None = None
    gain_ci95: tuple[float, float] | None = None
    recommended: bool = False
    why: str = ""

    @property
    def better(self) -> bool | None:
        """Whether the recommended settings are better, beyond the interval; None if that can't be told."""
        return None if self.gain_ci95 is None else self.gain_ci95[0] > 0

    def as_mapping(self) -> dict[str, Any]:
        """One JSON-ready object."""
        return {
            "trial": self.trial,
            "params": dict(self.params),
            "mean": self.mean,
            "ci95": self.ci95 and list(self.ci95),
            "gain": self.gain,
            "gain_ci95": self.gain_ci95 and list(self.gain_ci95),
            "better": self.better,
        }


def baselines_of(
    plan: Mapping[str, Any], finalists: Sequence[Finalist], searched: Mapping[int, float]
) -> list[Baseline]:
    """The baselines of a plan, which are the first trials, with how the search concluded that they compare."""
    return [
        _compared(trial, params, finalists, searched)
        for trial, params in enumerate(plan.get("baseline") or ())
    ]


def _compared(
    trial: int,
    params: Mapping[str, Any],
    finalists: Sequence[Finalist],
    searched: Mapping[int, float],
) -> Baseline:
    own = next((f for f in finalists if f.trial == trial), None)
    if own is None:
        failed = finalists and trial not in searched
        why = "their training failed or diverged" if failed else "they were not trained again"
        return Baseline(trial, params, why=why)
    if own.mean is None:
        return Baseline(trial, params, why="a training of them failed or diverged")
    if own is finalists[0]:
        return Baseline(trial, params, own.mean, own.ci95, 0.0, (0.0, 0.0), recommended=True)
    if own.gain is None:
        return Baseline(trial, params, own.mean, own.ci95, why="they never trained in one stage")
    # What arithmetic rounds is no gain.
    gain, *ends = (
        0.0 if abs(difference) <= ROUNDING * abs(own.mean) else difference
        for difference in (own.gain, *(own.gain_ci95 or ()))
    )
    gain_ci95 = (ends[0], ends[1]) if ends else None
    return Baseline(trial, params, own.mean, own.ci95, gain, gain_ci95)


def sentences(baselines: Sequence[Baseline], goal: Goal) -> list[str]:
    """Whether the recommended settings are better than those in use, a sentence for each baseline."""
    return [_sentence(baseline, goal, several=len(baselines) > 1) for baseline in baselines]


def _sentence(baseline: Baseline, goal: Goal, *, several: bool) -> str:
    which = f"your settings of trial {baseline.trial}" if several else "the settings you have"
    if baseline.recommended:
        return f"{which[0].upper()}{which[1:]} are recommended: keep them."
    if baseline.gain is None:
        return f"Not compared with {which}: {baseline.why}."
    gain = amount(baseline.gain, baseline.gain_ci95, baseline.mean, goal)
    if baseline.gain_ci95 is None:
        return f"{gain} than {which} by one stage, which is too little to tell."
    if not baseline.better:
        return f"Not better than {which}: keep them ({gain})."
    return f"{gain} than {which}."


def amount(gain: float, ci95: tuple[float, float] | None, mean: float | None, goal: Goal) -> str:
    """A gain over settings of this mean, in words: `0.80 ± 0.30 points better`, or `0.120 ± 0.040 lower log_loss`."""
    low, high = ci95 or (0.0, 0.0)
    half = (high - low) / 2
    shares = goal.metric.endswith("accuracy") and mean is not None and 0 <= mean <= 1
    unit = POINT if shares else 1.0
    if not gain and not half:
        return "no difference"
    size, half = abs(gain) / unit, half / unit
    shown = estimate(size, (size - half, size + half)) if half else number(size)
    if shares:
        return f"{shown} points {'better' if gain >= 0 else 'worse'}"
    return f"{shown} {'higher' if (gain >= 0) == goal.maximize else 'lower'} {goal.metric}"
