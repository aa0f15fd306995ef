"""(ranges, history) -> next ranges, and a verdict with its evidence for every parameter.

After a round, the better trials are set against all the others inside the ranges, one parameter at a time, and
always in the space the parameter is searched in (log space for a log range):

*extended*  the better trials crowd against an end of the range, and nothing says that it gets worse towards it: the
            next range goes on beyond that end, by half the width it has now, though never past what the parameter can
            be. A range that was narrowed too far widens again in the same way.
*narrowed*  the better trials are not spread like the rest: the next range is where they lie, and a tenth of their
            width on either side. A choice is dropped when the better trials use it significantly less.
*kept*      they are spread like the rest, or there are too few trials to tell. No evidence, no narrowing: a
            parameter that does nothing keeps its whole range.

Trials that failed or diverged count among the rest: that a region makes networks diverge is evidence.

How likely something is by chance is told by permutation: which trials of a batch are the better ones is shuffled, batch
by batch. For a sampler that learns draws later batches elsewhere, and better, so that among all trials even a
parameter that does nothing would seem to matter; the trials of one batch were drawn alike.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hpo.choose.types import Direction, Observation, Verdict
from hpo.plan.space import (
    Categorical,
    Choice,
    Float,
    Limit,
    Numeric,
    Parameter,
    Value,
    ends,
    inside,
    is_zero,
    position,
    section,
    within,
)
from studies.words import describe, number

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]

BEST_SHARE = 0.3  # the better trials: the best 30 %
MARGIN = 0.1  # of the better trials' width, added on either side
SIGNIFICANCE = 0.05
SHUFFLES = 1999
MIN_BEST, MIN_REST = 4, 8  # with fewer, no two-sample test at this level says much
WORTHWHILE = 0.95  # a "narrower" range wider than this share of the present one is the same range
QUARTER, OUTERMOST = 0.25, 0.1  # the parts of a range next to an end
CROWDED = 0.02  # significance of more of the better trials lying in the quarter than by chance
MIN_CROWD = 0.4  # of the better trials, at the least
EXTENSION = 0.5  # of the range's width
MOST_ZEROS = 0.9  # of the draws, however much better 0 is
PASS = 2**22  # labels that are looked at together


def narrow(
    ranges: Mapping[str, Parameter],
    history: Sequence[Observation],
    direction: Direction,
    *,
    first: Mapping[str, Parameter] | None = None,
    limits: Mapping[str, Limit] | None = None,
    extend: bool = True,
) -> dict[str, Verdict]:
    """A verdict for every parameter of `ranges`, from all trials of the history that lie inside them.

    `first` are the ranges that the search began with: where `extend` is false, for all or for one of them, none goes
    beyond those. `limits` are what the trained thing can take.
    """
    trials = [trial for trial in history if inside(ranges, trial.settings)]
    better = _better(trials, direction)
    shuffled = _shuffled(better, np.array([trial.batch for trial in trials]))
    verdicts = {}
    for name, parameter in ranges.items():
        values = [trial.settings[name] for trial in trials]
        counts = {"trials": len(trials), "best": int(better.sum())}
        if (sure := _beyond_doubt(parameter, counts)) is not None:
            verdicts[name] = sure
        elif isinstance(parameter, Categorical):
            verdicts[name] = _judge_choices(parameter, values, better, shuffled, counts)
        else:
            given = (first or ranges)[name]
            assert not isinstance(given, Categorical)  # noqa: S101  # a range stays a range
            free = extend and given.extend
            reach = (
                ends(within(given, (limits or {}).get(name))) if free else (given.low, given.high)
            )
            zero = _judge_zero(parameter, values, better, shuffled)
            numbers = np.array([not is_zero(parameter, value) for value in values])
            where = np.array(
                [position(parameter, float(v)) for v in np.array(values, float)[numbers]]
            )
            judged = _judge_range(
                parameter, where, better[numbers], shuffled[:, numbers], reach, free
            )
            verdicts[name] = _with_zero(judged, zero, counts)
    return verdicts


def _better(trials: Sequence[Observation], direction: Direction) -> Mask:
    """Which trials are among the best 30 % of all, the earliest of equals first; none without a finite value is.

    One that was trained for longer is better than one that left at a rung: there, it was among the better.
    """
    sign = -1.0 if direction == "maximize" else 1.0
    values = np.array([math.nan if t.value is None else t.value for t in trials], float)
    reached = np.array([math.inf if t.left is None else t.left for t in trials])
    finite = np.isfinite(values)
    order = np.lexsort((sign * values, -reached, ~finite))
    better = np.zeros(len(trials), bool)
    better[order[: min(math.ceil(BEST_SHARE * len(trials)), int(finite.sum()))]] = True
    return better


def _shuffled(better: Mask, batches: NDArray[np.int_]) -> Mask:
    """Which trials would be the better ones by chance (SHUFFLES, N): shuffled inside each batch."""
    rng = np.random.default_rng(0)  # the verdict is a function of the history
    shuffled = np.repeat(better[None], SHUFFLES, axis=0)
    for batch in np.unique(batches):
        members = np.flatnonzero(batches == batch)
        shuffled[:, members] = rng.permuted(shuffled[:, members], axis=1)
    return shuffled


def _by_chance(seen: float, shuffled: NDArray[Any]) -> float:
    """The share of shuffles in which a statistic is as large as it was seen, itself included."""
    return float((1 + (shuffled >= seen - 1e-12).sum()) / (1 + len(shuffled)))


def _beyond_doubt(parameter: Parameter, counts: dict[str, Any]) -> Verdict | None:
    """The verdict where there is nothing to judge, or too little to judge it by."""
    if isinstance(parameter, Categorical):
        if len(parameter.choices) == 1:
            return Verdict("kept", "kept: only one choice is left", parameter, counts)
    elif parameter.low == parameter.high:
        return Verdict("kept", "kept: the range is a single value", parameter, counts)
    if counts["best"] < MIN_BEST or counts["trials"] - counts["best"] < MIN_REST:
        reason = (
            f"kept: {counts['trials']} trials, {counts['best']} of them among the better, "
            f"are too few to tell (at least {MIN_BEST + MIN_REST} and {MIN_BEST})"
        )
        return Verdict("kept", reason, parameter, counts)
    return None


def _judge_range(
    parameter: Numeric,
    where: Floats,
    better: Mask,
    shuffled: Mask,
    reach: tuple[float, float],
    free: bool,
) -> Verdict:
    """A verdict on a range by the positions of its trials (N,); `reach` is how far it may go, `free` whether that is
    as far as the parameter can.
    """
    count = int(better.sum())
    if not 0 < count < len(better):
        return Verdict("kept", "kept: there is nothing to compare", parameter, {})
    p_value = _by_chance(*_distances(where, better, shuffled))
    evidence: dict[str, Any] = {"test": "Kolmogorov-Smirnov, permuted", "p_value": p_value}
    share = f"the best {count} of {len(where)} trials"
    apart = p_value < SIGNIFICANCE
    lowest, highest = where[better].min(), where[better].max()
    margin = MARGIN * (highest - lowest)
    start = max(0.0, lowest - margin) if apart else 0.0
    stop = min(1.0, highest + margin) if apart else 1.0
    evidence |= {"start": start, "stop": stop}  # as shares of the range that was judged

    reachable = replace(parameter, limit=reach)
    crowds, warning = [], None
    for end, outwards in (("bottom", 1 - where), ("top", where)):
        crowd = _crowd(outwards, better, shuffled)
        if crowd is None:
            continue
        told = f"{crowd.better} of the best {count} lie in the {end} quarter of the range"
        evidence |= {"end": end, "in_quarter": crowd.better, "quarter_p_value": crowd.p_value}
        wider = (-EXTENSION, stop) if end == "bottom" else (start, 1 + EXTENSION)
        further = section(reachable, *wider)
        if further.low < parameter.low or further.high > parameter.high:
            (start, stop) = wider
            bound = further.low if end == "bottom" else further.high
            crowds.append(
                f"{'downwards' if end == 'bottom' else 'upwards'} to {number(bound)}: {told}"
            )
        elif not free:
            warning = f"{told}, but it may not be extended: the best may lie outside of it"
    following = replace(section(reachable, start, stop), limit=parameter.limit)
    if crowds:
        reason = f"extended {'; '.join(crowds)} (p = {evidence['quarter_p_value']:.2g})"
        return Verdict("extended", reason, following, evidence, warning)
    if not apart:
        reason = f"kept: {share} are spread like the rest (p = {p_value:.2g})"
        return Verdict("kept", reason, parameter, evidence, warning)
    if following == parameter or stop - start > WORTHWHILE:
        reason = f"kept: {share} are not spread like the rest (p = {p_value:.2g}), but reach from end to end"
        return Verdict("kept", reason, parameter, evidence, warning)
    reason = (
        f"narrowed to {describe(following)}: {share} lie there, unlike the rest (p = {p_value:.2g})"
    )
    return Verdict("narrowed", reason, following, evidence, warning)


def _distances(where: Floats, better: Mask, shuffled: Mask) -> tuple[float, Floats]:
    """The Kolmogorov-Smirnov distance between the better trials and the rest, as it is and as it is by chance."""
    order = np.argsort(where, kind="stable")
    last = np.append(
        np.diff(where[order]) > 0, True
    )  # of trials at one place, so that ties count once

    def distance(labels: Mask) -> Floats:
        among = np.cumsum(labels[:, order], axis=1, dtype=np.float32)
        both = np.arange(1, len(where) + 1, dtype=np.float32)
        inside = np.clip(among[:, -1:], 1, len(where) - 1)  # beside zeros, chance may leave none
        apart = np.abs(among / inside - (both - among) / (len(where) - inside))
        return np.asarray(apart[:, last].max(axis=1))

    by_chance = [distance(part) for part in np.array_split(shuffled, -(-shuffled.size // PASS))]
    return float(distance(better[None])[0]), np.concatenate(by_chance)


class _Crowd(NamedTuple):
    better: int
    p_value: float


def _crowd(outwards: Floats, better: Mask, shuffled: Mask) -> _Crowd | None:
    """The better trials in the outermost quarter of a range, if they are many, and no fewer towards its end.

    That is asked of the outermost tenth; where no trial is, of the one that comes next.
    """
    quarter = outwards >= 1 - QUARTER
    outermost = outwards >= min(1 - OUTERMOST, outwards.max())
    count = int((quarter & better).sum())
    p_value = _by_chance(count, shuffled[:, quarter].sum(axis=1))
    if p_value >= CROWDED or count < MIN_CROWD * better.sum():
        return None
    inner = quarter & ~outermost
    if inner.any() and better[outermost].mean() < better[inner].mean():
        return None
    return _Crowd(count, p_value)


def _judge_zero(
    parameter: Numeric, values: Sequence[Value], better: Mask, shuffled: Mask
) -> tuple[float, str]:
    """The share of draws that are to be 0 from now on, and why, if it is another."""
    if not isinstance(parameter, Float) or not parameter.zero:
        return 0.0, ""
    zero = np.array([is_zero(parameter, value) for value in values])
    count, by_chance = int((zero & better).sum()), shuffled[:, zero].sum(axis=1)
    share = f"{count} of the best {better.sum()} trials have 0"
    less, more = _by_chance(-count, -by_chance), _by_chance(count, by_chance)
    if less < SIGNIFICANCE:
        return 0.0, f"0 is left out: {share} (p = {less:.2g})"
    wanted = min(count / better.sum(), MOST_ZEROS)
    if more < SIGNIFICANCE and wanted > parameter.zero:
        return wanted, f"{wanted:.0%} of the draws are 0: {share} (p = {more:.2g})"
    return parameter.zero, ""


def _with_zero(judged: Verdict, zero: tuple[float, str], counts: dict[str, Any]) -> Verdict:
    """A verdict on a range, with that on the 0 beside it."""
    share, why = zero
    judged = replace(judged, evidence={**counts, **judged.evidence})
    if not why or not isinstance(judged.next, Float):
        return judged
    following = replace(judged.next, zero=share)
    if judged.action == "kept":
        return replace(judged, action="narrowed", reason=f"narrowed: {why}", next=following)
    return replace(judged, reason=f"{judged.reason}; {why}", next=following)


def _judge_choices(
    parameter: Categorical,
    values: Sequence[Value],
    better: Mask,
    shuffled: Mask,
    counts: dict[str, Any],
) -> Verdict:
    p_values: dict[Choice, float] = {}
    for choice in parameter.choices:
        uses = np.array([value == choice for value in values])
        p_values[choice] = _by_chance(-(uses & better).sum(), -shuffled[:, uses].sum(axis=1))
    # Several choices are tested at once, so each must pass at its share of the level (Bonferroni).
    level = SIGNIFICANCE / len(parameter.choices)
    dropped = [choice for choice, p in p_values.items() if p < level]
    evidence = {
        **counts,
        "test": "uses, permuted",
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
