"""(ranges, history) -> next ranges, and a verdict with its evidence for every parameter.

After a round, the better trials are compared with the rest of the trials inside the ranges, one parameter at a time, in
the space the parameter is searched in (log space for a log range):

*extended*  the better trials crowd against an end of the range, and do not become fewer towards it: the next range
            goes half its width beyond that end, but never past the parameter's limits. So a range that was narrowed
            too far widens again.
*narrowed*  the better trials are not spread like the rest: the next range is where they lie, with a tenth of their
            width on either side. A choice is dropped when the better trials use it significantly less.
*kept*      they are spread like the rest, or there are too few trials to tell. Without evidence nothing narrows: a
            parameter without effect keeps its whole range.

Trials that failed or diverged count among the rest, because it is evidence that a region makes networks diverge.

P-values come from permutations inside each batch. A sampler that learns draws later batches elsewhere, and better, so
among all trials even a parameter without effect would seem to matter. The trials of one batch were drawn alike.
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
CROWD_SIGNIFICANCE = 0.02  # of more better trials in that quarter than by chance
MIN_CROWD = 0.4  # of the better trials
EXTENSION = 0.5  # of the range's width
MAX_ZEROS = 0.9  # of the draws, however much better 0 is
CHUNK = 2**22  # labels that are tested together


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

    `first` are the ranges that the search began with. A range does not go beyond its first one where `extend` is false
    for the search or for the parameter. `limits` are the values that the trainable accepts.
    """
    trials = [trial for trial in history if inside(ranges, trial.settings)]
    better = _better(trials, direction)
    shuffled = _shuffled(better, np.array([trial.batch for trial in trials]))
    verdicts = {}
    for name, parameter in ranges.items():
        values = [trial.settings[name] for trial in trials]
        counts = {"trials": len(trials), "best": int(better.sum())}
        if (kept := _kept_untested(parameter, counts)) is not None:
            verdicts[name] = kept
        elif isinstance(parameter, Categorical):
            verdicts[name] = _judge_choices(parameter, values, better, shuffled, counts)
        else:
            start = (first or ranges)[name]
            assert not isinstance(start, Categorical)  # noqa: S101  # a range stays a range
            extends = extend and start.extend
            widest = within(start, (limits or {}).get(name))
            reach = ends(widest) if extends else (start.low, start.high)
            zero = _judge_zero(parameter, values, better, shuffled)
            nonzero = np.array([not is_zero(parameter, value) for value in values])
            where = np.array([position(parameter, v) for v in np.array(values, float)[nonzero]])
            judged = _judge_range(
                parameter, where, better[nonzero], shuffled[:, nonzero], reach, extends
            )
            verdicts[name] = _with_zero(judged, zero, counts)
    return verdicts


def _better(trials: Sequence[Observation], direction: Direction) -> Mask:
    """Which trials are among the best 30 %, the earliest of equals first. All of these have finite values.

    A trial that trained for longer is better than one that left at a rung, because it was better at that rung.
    """
    sign = -1.0 if direction == "maximize" else 1.0
    values = np.array([math.nan if t.value is None else t.value for t in trials], float)
    reached = np.array([math.inf if t.left_epoch is None else t.left_epoch for t in trials])
    finite = np.isfinite(values)
    order = np.lexsort((sign * values, -reached, ~finite))
    better = np.zeros(len(trials), bool)
    better[order[: min(math.ceil(BEST_SHARE * len(trials)), int(finite.sum()))]] = True
    return better


def _shuffled(better: Mask, batches: NDArray[np.int_]) -> Mask:
    """Permutations (SHUFFLES, N) of the better trials' labels inside each batch."""
    rng = np.random.default_rng(0)  # a verdict is a function of the history
    shuffled = np.repeat(better[None], SHUFFLES, axis=0)
    for batch in np.unique(batches):
        members = np.flatnonzero(batches == batch)
        shuffled[:, members] = rng.permuted(shuffled[:, members], axis=1)
    return shuffled


def _p_value(observed: float, shuffled: NDArray[Any]) -> float:
    """The share of shuffles whose statistic is at least as large as the observed one, which counts as one of them."""
    return float((1 + (shuffled >= observed - 1e-12).sum()) / (1 + len(shuffled)))


def _kept_untested(parameter: Parameter, counts: dict[str, Any]) -> Verdict | None:
    """The verdict on a parameter with a single value, or with too few trials to test; None for any other."""
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
    extends: bool,
) -> Verdict:
    """A verdict on a range by the positions of its trials (N,).

    `reach` is the widest that it may become; without `extends` that is the range the search began with.
    """
    count = int(better.sum())
    if not 0 < count < len(better):
        return Verdict("kept", "kept: there is nothing to compare", parameter, {})
    p_value = _p_value(*_distances(where, better, shuffled))
    evidence: dict[str, Any] = {"test": "Kolmogorov-Smirnov, permuted", "p_value": p_value}
    share = f"the best {count} of {len(where)} trials"
    apart = p_value < SIGNIFICANCE
    lowest, highest = where[better].min(), where[better].max()
    margin = MARGIN * (highest - lowest)
    start = max(0.0, lowest - margin) if apart else 0.0
    stop = min(1.0, highest + margin) if apart else 1.0
    evidence |= {"start": start, "stop": stop}  # as shares of the judged range

    reachable = replace(parameter, limit=reach)
    crowds, warning = [], None
    for end, outwards in (("bottom", 1 - where), ("top", where)):
        crowd = _crowd(outwards, better, shuffled)
        if crowd is None:
            continue
        crowding = f"{crowd.better} of the best {count} lie in the {end} quarter of the range"
        evidence |= {"end": end, "in_quarter": crowd.better, "quarter_p_value": crowd.p_value}
        wider = (-EXTENSION, stop) if end == "bottom" else (start, 1 + EXTENSION)
        further = section(reachable, *wider)
        if further.low < parameter.low or further.high > parameter.high:
            start, stop = wider
            bound = further.low if end == "bottom" else further.high
            way = "downwards" if end == "bottom" else "upwards"
            crowds.append(f"{way} to {number(bound)}: {crowding}")
        elif not extends:
            warning = f"{crowding}, but it may not be extended: the best may lie outside of it"
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
    """The Kolmogorov-Smirnov distance between the better trials and the rest, as observed and for each shuffle."""
    order = np.argsort(where, kind="stable")
    last = np.append(np.diff(where[order]) > 0, True)  # of trials at one place: ties count once

    def distance(labels: Mask) -> Floats:
        among = np.cumsum(labels[:, order], axis=1, dtype=np.float32)
        both = np.arange(1, len(where) + 1, dtype=np.float32)
        inside = np.clip(among[:, -1:], 1, len(where) - 1)  # a shuffle may label only zeros
        apart = np.abs(among / inside - (both - among) / (len(where) - inside))
        return np.asarray(apart[:, last].max(axis=1))

    by_chance = [distance(part) for part in np.array_split(shuffled, -(-shuffled.size // CHUNK))]
    return float(distance(better[None])[0]), np.concatenate(by_chance)


class _Crowd(NamedTuple):
    better: int
    p_value: float


def _crowd(outwards: Floats, better: Mask, shuffled: Mask) -> _Crowd | None:
    """The better trials in the outermost quarter of a range, if they are many, and no rarer towards its end.

    They must be no rarer in the outermost tenth, or at the outermost trial if that tenth is empty.
    """
    quarter = outwards >= 1 - QUARTER
    outermost = outwards >= min(1 - OUTERMOST, outwards.max())
    count = int((quarter & better).sum())
    p_value = _p_value(count, shuffled[:, quarter].sum(axis=1))
    if p_value >= CROWD_SIGNIFICANCE or count < MIN_CROWD * better.sum():
        return None
    inner = quarter & ~outermost
    if inner.any() and better[outermost].mean() < better[inner].mean():
        return None
    return _Crowd(count, p_value)


def _judge_zero(
    parameter: Numeric, values: Sequence[Value], better: Mask, shuffled: Mask
) -> tuple[float, str]:
    """The next share of draws that are 0; and why, if that changes."""
    if not isinstance(parameter, Float) or not parameter.zero:
        return 0.0, ""
    zero = np.array([is_zero(parameter, value) for value in values])
    count, by_chance = int((zero & better).sum()), shuffled[:, zero].sum(axis=1)
    share = f"{count} of the best {better.sum()} trials have 0"
    less, more = _p_value(-count, -by_chance), _p_value(count, by_chance)
    if less < SIGNIFICANCE:
        return 0.0, f"0 is left out: {share} (p = {less:.2g})"
    wanted = min(count / better.sum(), MAX_ZEROS)
    if more < SIGNIFICANCE and wanted > parameter.zero:
        return wanted, f"{wanted:.0%} of the draws are 0: {share} (p = {more:.2g})"
    return parameter.zero, ""


def _with_zero(judged: Verdict, zero: tuple[float, str], counts: dict[str, Any]) -> Verdict:
    """A verdict on a range, joined with the one on the 0 beside it."""
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
        p_values[choice] = _p_value(-(uses & better).sum(), -shuffled[:, uses].sum(axis=1))
    level = SIGNIFICANCE / len(parameter.choices)  # Bonferroni: several choices are tested at once
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
    kept = replace(parameter, choices=tuple(c for c in parameter.choices if c not in dropped))
    names = ", ".join(str(choice) for choice in dropped)
    worst = max(p_values[choice] for choice in dropped)
    reason = (
        f"narrowed to {describe(kept)}: {share} use {names} less than the rest (p = {worst:.2g})"
    )
    return Verdict("narrowed", reason, kept, evidence)
