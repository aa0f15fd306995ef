"""(ranges, history) -> next ranges, and a verdict with its evidence for every parameter.

After a round, functions are drawn from what is believed of all settings, and for each parameter the place is noted
where each of them has its best (`hpo.choose.places`).

*narrowed*  almost all of these places lie in a part of the range: the next range is that part, with a margin on either
            side. A choice is dropped when almost no function has its best there.
*extended*  most of them lie at an end of the range, or the best setting so far does: the next range goes beyond that
            end, but never past the parameter's limits. So a range that was narrowed too far widens again.
*kept*      they are all over the range, or there are too few values to tell. So a parameter without effect keeps its
            range.

The best settings so far always lie inside the next range, and not on its edge unless that is a limit. So do settings
that still train, since they may turn out to be the best. A range is never narrowed to less than a hundredth of the one
that the search began with.

Trials that left at a rung count with the value that they had there, or as the worst that stayed if that is lower.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any

import numpy as np

from hpo.choose.places import Places, places_of_best
from hpo.choose.positions import Array, positions
from hpo.choose.reach import reachable
from hpo.choose.types import Action, Direction, Observation, Verdict
from hpo.choose.zeros import judge_zero
from hpo.plan.conditions import inside, where_it_applies
from hpo.plan.space import (
    Categorical,
    Float,
    Limit,
    Numeric,
    Parameter,
    Settings,
    is_zero,
    section,
)
from studies.words import describe, number

TAIL = 0.02  # of the functions may have their best below the next range, and as many above
MARGIN = 0.2  # of that range's width, added on either side
SMALLEST_MARGIN = 0.01  # of the present range
WORTHWHILE = 0.9  # a "narrower" range wider than this share of the present one is the same range
OUTERMOST = 0.03  # the part of a range at an end
# The share of functions that have their best at an end, from which on the range is extended; and the same where more
# than the share DOUBTFUL of all functions is flat: noise alone may then gather the best of the others at an end.
CROWD, DOUBTFUL_CROWD = 0.6, 0.75
DOUBTFUL = 0.1
EXTENSION = 0.5  # of the range's width
FASTEST = 0.2  # the least share of a range that remains after one verdict
SMALLEST_WIDTH = 0.01  # of the first range's
NOWHERE = "it applies to no choice that is left"
UNLIKELY = 0.01  # a choice is dropped if a smaller share of the functions has its best there


def narrow(
    ranges: Mapping[str, Parameter],
    history: Sequence[Observation],
    direction: Direction,
    *,
    first: Mapping[str, Parameter] | None = None,
    limits: Mapping[str, Limit] | None = None,
    extend: bool = True,
    training: Sequence[Settings] = (),
) -> dict[str, Verdict]:
    """A verdict for every parameter of `ranges`, from all trials of the history that lie inside them, and in which the
    parameter applies. The next ranges keep the settings that are `training` still.

    `first` are the ranges that the search began with. A range does not go beyond its first one where `extend` is false
    for the search or for the parameter. `limits` are the values that the trainable accepts.
    """
    from threadpoolctl import threadpool_limits

    first = first or ranges
    bounded = reachable(ranges, first, limits or {}, extend=extend)
    inside_them = [trial for trial in history if inside(ranges, trial.settings)]
    training = [settings for settings in training if inside(ranges, settings)]
    trials = _comparable(inside_them, direction)
    verdicts = {}
    evidences: dict[str, Places | str] = {}
    with threadpool_limits(1):  # the same to the last bit on any machine, and faster
        for name, parameter in ranges.items():
            part, members = bounded, trials
            if parameter.when is not None:
                part = where_it_applies(bounded, name)
                members = [t for t in trials if name in t.settings]
            key = repr(part)  # in which the choices 1 and true differ
            if key not in evidences:
                evidences[key] = places_of_best(part, members) if part else NOWHERE
            evidence, zero = evidences[key], None
            if isinstance(parameter, Float) and parameter.zero:
                if not isinstance(evidence, str):
                    having = [t for t in inside_them if name in t.settings]
                    zero = judge_zero(parameter, name, having, direction)
                # A 0 says nothing of where in the range the best is.
                nonzero = [t for t in members if not is_zero(parameter, t.settings[name])]
                if part and len(nonzero) < len(members):
                    evidence = places_of_best(part, nonzero)
            if (why := _untestable(parameter)) or isinstance(evidence, str):
                judged = Verdict("kept", f"kept: {why or evidence}", parameter)
            elif isinstance(parameter, Categorical):
                held = np.append(evidence.best[name], _held(parameter, name, training))
                judged = _judge_choices(parameter, evidence.places[name], held)
            else:
                start, within_reach = first[name], bounded[name]
                assert not isinstance(start, Categorical)  # noqa: S101  # a range stays a range
                assert not isinstance(within_reach, Categorical)  # noqa: S101
                judged = _judge_range(
                    parameter,
                    evidence.places[name],
                    evidence.flat,
                    evidence.best[name],
                    _held(parameter, name, training),
                    within_reach,
                    _smallest(parameter, start),
                    extends=extend and start.extend,
                )
            counts = {
                "trials": sum(t.stage == 0 for t in members),
                "values": sum(t.value is not None for t in members),
            }
            judged = replace(judged, evidence={**counts, **judged.evidence})
            verdicts[name] = _with_zero(judged, zero)
    return verdicts


def _comparable(trials: Sequence[Observation], direction: Direction) -> list[Observation]:
    """The trials with values of which larger are better; None for one that failed.

    A trial that left at a rung was worse than those that stayed, so it counts with its value there, and at most as the
    worst that stayed: on measured curves, verdicts choose better than where all of them count alike.
    """
    sign = 1.0 if direction == "maximize" else -1.0

    def value(trial: Observation) -> float | None:
        return (
            sign * trial.value if trial.value is not None and math.isfinite(trial.value) else None
        )

    stayed = [v for t in trials if t.left_epoch is None and (v := value(t)) is not None]
    worst = min(stayed, default=math.inf)

    def comparable(trial: Observation) -> float | None:
        own = value(trial)
        return own if own is None or trial.left_epoch is None else min(own, worst)

    return [replace(t, value=comparable(t)) for t in trials]


def _untestable(parameter: Parameter) -> str | None:
    """Why there is nothing to decide about a parameter; None if there is."""
    if isinstance(parameter, Categorical):
        return "only one choice is left" if len(parameter.choices) == 1 else None
    return "the range is a single value" if parameter.low == parameter.high else None


def _held(parameter: Parameter, name: str, training: Sequence[Settings]) -> Array:
    """The places of one parameter in settings that train, without its zeros."""
    having = [s for s in training if name in s and not is_zero(parameter, s[name])]
    return positions({name: replace(parameter, when=None)}, [{name: s[name]} for s in having])[:, 0]


def _smallest(parameter: Numeric, first: Numeric) -> float:
    """The least width of the next range as a share of the present one."""

    def width(p: Numeric) -> float:
        low, high = float(p.low), float(p.high)
        return math.log(high) - math.log(low) if p.log else high - low

    return min(1.0, max(FASTEST, SMALLEST_WIDTH * width(first) / width(parameter)))


def _judge_range(
    parameter: Numeric,
    places: Array,
    flat: int,
    best: Array,
    held: Array,
    reach: Numeric,
    smallest: float,
    *,
    extends: bool,
) -> Verdict:
    """A verdict on a range, which keeps the `best` places and those `held`. `reach` is the same with the widest that it
    may become as its limit, `smallest` the least share that may remain. The first `flat` places prevent narrowing, and
    say nothing of an end past which the best may lie.
    """
    low = float(min(np.quantile(places, TAIL), *best, *held))
    high = float(max(np.quantile(places, 1 - TAIL), *best, *held))
    margin = max(MARGIN * (high - low), SMALLEST_MARGIN)
    short = max(0.0, smallest - (high - low + 2 * margin)) / 2
    start, stop = max(0.0, low - margin - short), min(1.0, high + margin + short)
    at_end = {
        "lower": float((places[flat:] < OUTERMOST).mean()),
        "upper": float((places[flat:] > 1 - OUTERMOST).mean()),
    }
    evidence: dict[str, Any] = {
        "low": low, "high": high, "at_lower_end": at_end["lower"], "at_upper_end": at_end["upper"],
    }  # fmt: skip
    if stop - start > WORTHWHILE:
        start, stop = 0.0, 1.0

    crowd = DOUBTFUL_CROWD if flat > DOUBTFUL * len(places) else CROWD
    reasons, warning = [], None
    for end, outermost in (("lower", 1 - best), ("upper", best)):
        crowded = at_end[end] >= crowd
        if not crowded and outermost.max() < 1:
            continue
        likely_there = f"the best likely lies at the {end} end ({at_end[end]:.0%})"
        width = EXTENSION if crowded else margin
        further = section(reach, *((-width, 1.0) if end == "lower" else (0.0, 1 + width)))
        if further.low < parameter.low or further.high > parameter.high:
            start, stop = (-width, stop) if end == "lower" else (start, 1 + width)
            so_far = f"the best setting so far lies at the {end} end"
            reasons.append(likely_there if crowded else so_far)
        elif crowded and not extends:
            warning = f"{likely_there}, but the range may not be extended: it may lie outside"
    following = replace(section(reach, start, stop), limit=parameter.limit)
    likely = " … ".join(number(section(parameter, end, end).low) for end in (low, high))
    action: Action
    if reasons:
        action, reason = "extended", f"extended to {describe(following)}: {' and '.join(reasons)}"
    elif (start, stop) == (0.0, 1.0) or following == parameter or following.low == following.high:
        action, following = "kept", parameter
        reason = f"kept: the best may lie anywhere in {likely}"
    else:
        action = "narrowed"
        reason = f"narrowed to {describe(following)}: the best likely lies in {likely}"
    return Verdict(action, reason, following, evidence, warning)


def _with_zero(judged: Verdict, zero: tuple[float, str] | None) -> Verdict:
    """A verdict on a range, joined with the one on the 0 beside it: the next share of draws, and why."""
    if zero is None or not isinstance(judged.next, Float):
        return judged
    share, why = zero
    following = replace(judged.next, zero=share)
    if judged.action == "kept":
        return replace(judged, action="narrowed", reason=f"narrowed: {why}", next=following)
    return replace(judged, reason=f"{judged.reason}; {why}", next=following)


def _judge_choices(parameter: Categorical, places: Array, best: Array) -> Verdict:
    choices = parameter.choices
    shares = [float((places == k).mean()) for k in range(len(choices))]
    evidence = {"shares": dict(zip(map(str, choices), shares, strict=True))}
    stays = [share >= UNLIKELY or k in best for k, share in enumerate(shares)]
    if all(stays):
        least = shares.index(min(shares))
        reason = (
            f"kept: every choice may be the best (the least likely is {choices[least]}, "
            f"{shares[least]:.0%})"
        )
        return Verdict("kept", reason, parameter, evidence)
    following = replace(parameter, choices=tuple(compress(choices, stays)))
    dropped = ", ".join(str(c) for c, stay in zip(choices, stays, strict=True) if not stay)
    reason = f"narrowed to {describe(following)}: the best is very unlikely to have {dropped}"
    return Verdict("narrowed", reason, following, evidence)
