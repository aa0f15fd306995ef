"""The verdict on the zeros beside a range: whether more or fewer of the draws are to be 0.

Which settings of a batch get the 0 is decided by chance, whatever the sampler. So better trials are compared with the
rest by permutations inside each batch.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hpo.choose.positions import Mask
from hpo.choose.types import Direction, Observation
from hpo.plan.space import Float, Parameter, is_zero

BEST_SHARE = 0.3  # the better trials: the best 30 %
SIGNIFICANCE = 0.05
SHUFFLES = 1999
MAX_ZEROS = 0.9  # of the draws, however much better 0 is


def judge_zero(
    parameter: Parameter, name: str, trials: Sequence[Observation], direction: Direction
) -> tuple[float, str] | None:
    """The next share of draws that are 0, and why; None if it does not change."""
    if not isinstance(parameter, Float) or not parameter.zero:
        return None
    trials = [t for t in trials if t.stage == 0]  # which train again is not decided by chance
    sign = -1.0 if direction == "maximize" else 1.0
    values = np.array([math.nan if t.value is None else t.value for t in trials], float)
    reached = np.array([math.inf if t.left_epoch is None else t.left_epoch for t in trials])
    finite = np.isfinite(values)
    # A trial that trained for longer is better than one that left at a rung, because it was better at that rung.
    order = np.lexsort((sign * values, -reached, ~finite))
    better = np.zeros(len(trials), bool)
    better[order[: min(math.ceil(BEST_SHARE * len(trials)), int(finite.sum()))]] = True
    zero = np.array([is_zero(parameter, trial.settings[name]) for trial in trials])
    count, by_chance = int((zero & better).sum()), _by_chance(zero, better, trials)
    share = f"{count} of the best {better.sum()} trials have 0"
    less, more = (
        (1 + hits.sum()) / (1 + SHUFFLES) for hits in (by_chance <= count, by_chance >= count)
    )
    if less < SIGNIFICANCE and not zero[order[0]]:
        return 0.0, f"0 is left out: {share} (p = {less:.2g})"
    wanted = min(count / int(better.sum()), MAX_ZEROS)
    if more < SIGNIFICANCE and wanted > parameter.zero:
        return wanted, f"{wanted:.0%} of the draws are 0: {share} (p = {more:.2g})"
    return None


def _by_chance(zero: Mask, better: Mask, trials: Sequence[Observation]) -> NDArray[np.int_]:
    """How many of the zeros are among the better trials in permutations inside each batch (SHUFFLES,)."""
    rng = np.random.default_rng(0)  # a verdict is a function of the history
    batches = np.array([trial.batch for trial in trials])
    count = np.zeros(SHUFFLES, int)
    for batch in np.unique(batches):
        members = batches == batch
        labels = np.repeat(better[members][None], SHUFFLES, axis=0)
        count += (rng.permuted(labels, axis=1) & zero[members]).sum(axis=1)
    return count
