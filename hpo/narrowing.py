"""(ranges, history) -> next ranges, and a verdict with its evidence for every parameter.

After a round, the better trials are set against all the others inside the ranges, one parameter at a time, and
always in the space the parameter is searched in (log space for a log range):

*narrowed*  the better trials are not spread like the rest: the next range is where they lie, and a tenth of their
            width on either side. A choice is dropped when the better trials use it significantly less.
*kept*      they are spread like the rest, or there are too few trials to tell. No evidence, no narrowing: a
            parameter that does nothing keeps its whole range.

Trials that failed or diverged count among the rest: that a region makes networks diverge is evidence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from hpo.space import Categorical, Choice, Numeric, Parameter, describe, inside, position, section
from hpo.suggest import Direction, Observation

BEST_SHARE = 0.3  # the better trials: the best 30 %
MARGIN = 0.1  # of the better trials' width, added on either side
SIGNIFICANCE = 0.05
MIN_BEST, MIN_REST = 4, 8  # with fewer, no two-sample test at this level says much
WORTHWHILE = 0.95  # a "narrower" range wider than this share of the present one is the same range


@dataclass(frozen=True)
class Verdict:
    """What was decided about one parameter after a round, and why."""

    action: Literal["narrowed", "kept", "extended"]
    reason: str
    next: Parameter
    evidence: dict[str, Any] = field(default_factory=dict)


def narrow(
    ranges: Mapping[str, Parameter], history: Sequence[Observation], direction: Direction
) -> dict[str, Verdict]:
    """A verdict for every parameter of `ranges`, from all trials of the history that lie inside them."""
    trials = [trial for trial in history if inside(ranges, trial.settings)]
    best, rest = _split(trials, direction)
    return {name: _judge(name, p, best, rest) for name, p in ranges.items()}


def _split(
    trials: Sequence[Observation], direction: Direction
) -> tuple[list[Observation], list[Observation]]:
    sign = -1.0 if direction == "maximize" else 1.0
    scored = sorted(
        (t for t in trials if t.value is not None and math.isfinite(t.value)),
        key=lambda t: sign * (t.value or 0.0),
    )
    best = scored[: math.ceil(BEST_SHARE * len(trials))]
    chosen = {id(t) for t in best}
    return best, [t for t in trials if id(t) not in chosen]


def _judge(
    name: str, parameter: Parameter, best: list[Observation], rest: list[Observation]
) -> Verdict:
    counts = {"trials": len(best) + len(rest), "best": len(best)}
    if isinstance(parameter, Categorical):
        if len(parameter.choices) == 1:
            return Verdict("kept", "kept: only one choice is left", parameter, counts)
    elif parameter.low == parameter.high:
        return Verdict("kept", "kept: the range is a single value", parameter, counts)
    if len(best) < MIN_BEST or len(rest) < MIN_REST:
        reason = (
            f"kept: {counts['trials']} trials, {counts['best']} of them among the better, "
            f"are too few to tell (at least {MIN_BEST + MIN_REST} and {MIN_BEST})"
        )
        return Verdict("kept", reason, parameter, counts)
    if isinstance(parameter, Categorical):
        return _judge_choices(name, parameter, best, rest, counts)
    return _judge_range(name, parameter, best, rest, counts)


def _judge_range(
    name: str,
    parameter: Numeric,
    best: list[Observation],
    rest: list[Observation],
    counts: dict[str, Any],
) -> Verdict:
    from scipy.stats import ks_2samp

    def positions(trials: list[Observation]) -> list[float]:
        return sorted(position(parameter, float(t.settings[name])) for t in trials)  # type: ignore[arg-type]  # inside()

    where = positions(best)
    p_value = float(ks_2samp(where, positions(rest), method="auto").pvalue)
    evidence = {**counts, "test": "Kolmogorov-Smirnov", "p_value": p_value}
    share = f"the best {counts['best']} of {counts['trials']} trials"
    if p_value >= SIGNIFICANCE:
        reason = f"kept: {share} are spread like the rest (p = {p_value:.2g})"
        return Verdict("kept", reason, parameter, evidence)

    margin = MARGIN * (where[-1] - where[0])
    start, stop = max(0.0, where[0] - margin), min(1.0, where[-1] + margin)
    evidence |= {"start": start, "stop": stop}  # as shares of the range that was judged
    following = section(parameter, start, stop)
    if following == parameter or stop - start > WORTHWHILE:
        reason = f"kept: {share} are not spread like the rest (p = {p_value:.2g}), but reach from end to end"
        return Verdict("kept", reason, parameter, evidence)
    reason = (
        f"narrowed to {describe(following)}: {share} lie there, unlike the rest (p = {p_value:.2g})"
    )
    return Verdict("narrowed", reason, following, evidence)


def _judge_choices(
    name: str,
    parameter: Categorical,
    best: list[Observation],
    rest: list[Observation],
    counts: dict[str, Any],
) -> Verdict:
    from scipy.stats import fisher_exact

    def uses(trials: list[Observation], choice: Choice) -> int:
        return sum(t.settings[name] == choice for t in trials)

    p_values = {}
    for choice in parameter.choices:
        among_best, among_rest = uses(best, choice), uses(rest, choice)
        table = [
            [among_best, len(best) - among_best],
            [among_rest, len(rest) - among_rest],
        ]
        p_values[choice] = float(fisher_exact(table, alternative="less").pvalue)
    # Several choices are tested at once, so each must pass at its share of the level (Bonferroni).
    level = SIGNIFICANCE / len(parameter.choices)
    dropped = [choice for choice, p in p_values.items() if p < level]
    evidence = {
        **counts,
        "test": "Fisher's exact",
        "p_values": {str(choice): p for choice, p in p_values.items()},
    }
    share = f"the best {counts['best']} of {counts['trials']} trials"
    if not dropped:
        lowest = min(p_values.values())
        reason = f"kept: {share} use every choice as the rest do (lowest p = {lowest:.2g})"
        return Verdict("kept", reason, parameter, evidence)
    left = replace(parameter, choices=tuple(c for c in parameter.choices if c not in dropped))
    names = ", ".join(str(choice) for choice in dropped)
    worst = max(p_values[choice] for choice in dropped)
    reason = (
        f"narrowed to {describe(left)}: {share} use {names} less than the rest (p = {worst:.2g})"
    )
    return Verdict("narrowed", reason, left, evidence)
