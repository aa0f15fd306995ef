"""What usual models score on the rows of the network, in sentences: is the search worth what it found?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from studies.analysis.baselines import amount
from studies.analysis.goal import Goal
from studies.database.references import Reference
from studies.words import column, number

if TYPE_CHECKING:
    from studies.analysis.summary import Summary

NAMES = {"constant": "a constant", "linear": "a linear model", "boosted": "boosted trees"}
"""Each has the defaults of scikit-learn."""


def sentences(summary: Summary) -> list[str]:
    """How the model that is nearest to the network compares with it, what the others score, and what was not fitted.

    Nothing where the search is not at its end, or an older hpo did not fit them.
    """
    references, goal = summary.references, summary.goal
    fitted = [r for r in references if r.values or r.test is not None]
    first = summary.recommended
    if not fitted or fitted[0].trial != (None if first is None else first.trial):
        return []  # other settings were recommended then, and the search goes on
    nearest = min(fitted, key=lambda r: _distance(r, goal))
    lines = [_comparison(nearest, summary)]
    for other in fitted:
        if other is nearest:
            continue
        if other.model != "constant":
            lines.append(_sentence(f"{NAMES[other.model]}: {_score(other)}"))
        elif other.gain_ci95 is not None and not other.better:
            lines.append("The network is no better than a constant.")
    for reference in references:
        if reference.note:
            was = "were" if reference.model == "boosted" else "was"
            lines.append(_sentence(f"{NAMES[reference.model]} {was} {reference.note}"))
    return lines


def _distance(reference: Reference, goal: Goal) -> tuple[int, float]:
    """The models that can be compared come first, and of these the best; the constant comes last."""
    sign = -1.0 if goal.maximize else 1.0
    if reference.model == "constant":
        return 3, 0.0
    if reference.gain is not None:
        return int(reference.gain_ci95 is None), reference.gain
    score = reference.test if reference.mean is None else reference.mean
    return 2, sign * (score or 0.0)


def _comparison(reference: Reference, summary: Summary) -> str:
    goal, gain, ends = summary.goal, reference.gain, reference.gain_ci95
    name = f"{NAMES[reference.model]} {'score' if reference.model == 'boosted' else 'scores'}"
    if reference.mean is None:
        own = summary.test
        beside = "" if own is None else f", the network {number(own, 4)}"
        score = number(reference.test, 4)
        return _sentence(f"{name} {score} on the test rows{beside}")
    if gain is None:
        return _sentence(f"{name} {number(reference.mean, 4)} on the same rows")
    stages = {c.stage for c in summary.confirmations if c.trial == reference.trial}
    both = [value for stage, value in reference.values.items() if stage in stages]
    mean = sum(both) / len(both)
    scores = [mean, mean + (gain if goal.maximize else -gain)]
    theirs, own_mean = column(scores)
    # The mean of the settings counts their training in the search, too.
    splits = "fresh split" if len(both) == 1 else f"{len(both)} fresh splits"
    size = amount(gain, ends, mean, goal)
    if ends is None:
        claim = f"; too few to tell whether it is better ({size})"
    elif reference.better is None:
        claim = f", {size}, if at all"
    else:
        claim = f", {size}"
    return _sentence(f"on the {splits} alone {name} {theirs}, the network {own_mean}{claim}")


def _score(reference: Reference) -> str:
    if reference.mean is None:
        return f"{number(reference.test, 4)} on the test rows"
    return number(reference.mean, 4)


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
