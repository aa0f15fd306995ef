"""The verdicts on the ranges of a finished round, and the trials that they rest on."""

from __future__ import annotations

from dataclasses import replace

from hpo.choose.halving import rung_epochs
from hpo.choose.narrowing import narrow
from hpo.choose.types import History, Observation, Round, SearchPlan, Traits, Verdict


def judge(current: Round, plan: SearchPlan, traits: Traits, history: History) -> dict[str, Verdict]:
    """A verdict for every parameter of a round."""
    observations = history.observations
    informative = [trial for trial in observations if _is_informative(trial, plan)]
    verdicts = narrow(
        current.ranges,
        informative,
        traits.direction,
        first=plan.space,
        limits=traits.limits,
        extend=plan.extend,
    )
    pruned = len(observations) - len(informative)
    if not pruned:
        return verdicts
    return {
        name: replace(v, reason=f"{v.reason}, without {pruned} that left at the first rung")
        for name, v in verdicts.items()
    }


def _is_informative(trial: Observation, plan: SearchPlan) -> bool:
    """Whether a trial is evidence for where good settings are. One that left at the first rung is not.

    On measured learning curves, ranges narrowed without those lead to better settings (scripts/bench/RESULTS.md).
    """
    if trial.left_epoch is None or plan.halving is None:
        return True
    return trial.left_epoch > rung_epochs(plan.epochs, plan.halving)[0]
