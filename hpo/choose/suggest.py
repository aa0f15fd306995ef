"""(ranges, history, n, seed) -> n settings, by Optuna's samplers or by Thompson sampling (`hpo.choose.gaussian`).

Nothing is remembered between calls: each makes a fresh in-memory Optuna study of the round, whose distributions are
the round's ranges and whose past is all earlier trials that lie inside them. The n settings of a batch are asked
for one after another, each knowing the ones before it as running trials (TPE counts those as bad: the constant
liar), so that a batch spreads out. The same arguments give the same settings on every machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from hpo.choose.gaussian import thompson
from hpo.choose.samplers import SAMPLERS
from hpo.choose.types import Direction, Observation
from hpo.plan.space import (
    Categorical,
    Float,
    Parameter,
    Settings,
    Value,
    distribution,
    inside,
    is_zero,
)

if TYPE_CHECKING:
    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial


ENOUGH_TO_START = 10  # trials for CMA-ES to see where the better ones lie


def _sampler(name: str, seed: int, past: Sequence[FrozenTrial]) -> BaseSampler:
    from optuna import samplers
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        if name == "tpe":
            return samplers.TPESampler(seed=seed)
        if name == "sobol":
            return samplers.QMCSampler(qmc_type="sobol", scramble=True, seed=seed)
        if name == "gp":
            return samplers.GPSampler(seed=seed, deterministic_objective=False)
        if name == "cmaes":
            # It would keep its state as a pickle in the study. Begin it from the better trials so far instead: the
            # warm start of Nomura et al. 2021.
            scored = [_numbers(trial) for trial in past if trial.value is not None]
            return samplers.CmaEsSampler(
                seed=seed,
                source_trials=scored if len(scored) >= ENOUGH_TO_START else None,
                warn_independent_sampling=False,
            )
        return samplers.RandomSampler(seed=seed)


def suggest(
    ranges: Mapping[str, Parameter],
    history: Sequence[Observation],
    n: int,
    seed: int,
    *,
    sampler: str = "tpe",
    direction: Direction = "maximize",
) -> list[Settings]:
    """n settings inside `ranges`.

    `history` may hold trials outside the ranges; they are left out. A failed or diverged trial is told to the
    sampler as pruned without a value, which ranks it below every trial that has one; one that left at a rung as pruned
    there. The 0 beside a range is told as
    its low end, and drawn here: its share of the n settings, which ones being chance.
    """
    import optuna
    from threadpoolctl import threadpool_limits

    if sampler == "thompson":
        sign = 1.0 if direction == "maximize" else -1.0
        told = [t for t in history if t.left is None and inside(ranges, t.settings)]
        if told:
            with threadpool_limits(1):
                settings = thompson(
                    ranges,
                    [t.settings for t in told],
                    [None if t.value is None else sign * t.value for t in told],
                    n,
                    np.random.default_rng(seed),
                )
            _draw_zeros(settings, ranges, seed)
            return settings
        sampler = "sobol"

    distributions = {name: distribution(p) for name, p in ranges.items()}
    past = [
        _frozen(trial, ranges, distributions)
        for trial in (history if SAMPLERS[sampler].learns else ())
        if inside(ranges, trial.settings)
    ]
    with _quiet(), threadpool_limits(1):  # a GP's small products are slower on several threads
        study = optuna.create_study(direction=direction, sampler=_sampler(sampler, seed, past))
        if sampler == "sobol":
            # The sampler learns its space from the first trial, and would draw that one at random. Give it a
            # trial to learn from: the whole batch is then one Sobol sequence.
            study.add_trial(_template(ranges, distributions))
        study.add_trials(past)
        settings = [dict(study.ask(distributions).params) for _ in range(n)]
    _draw_zeros(settings, ranges, seed)
    return settings


def _draw_zeros(settings: list[Settings], ranges: Mapping[str, Parameter], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name, parameter in ranges.items():
        if isinstance(parameter, Float) and parameter.zero:
            # As many as the share says, the fraction that is left over by chance.
            count = int(parameter.zero * len(settings) + rng.random())
            for k in rng.permutation(len(settings))[:count]:
                settings[k][name] = 0.0


def _frozen(
    trial: Observation,
    ranges: Mapping[str, Parameter],
    distributions: dict[str, optuna.distributions.BaseDistribution],
) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    def told(name: str, value: Value) -> Value:
        parameter = ranges[name]
        if isinstance(parameter, Float) and is_zero(parameter, value):
            return parameter.low
        return value

    whole = trial.value is not None and trial.left is None
    return create_trial(
        state=TrialState.COMPLETE if whole else TrialState.PRUNED,
        value=trial.value if whole else None,
        intermediate_values={} if trial.left is None else {trial.left: trial.value or 0.0},
        params={name: told(name, trial.settings[name]) for name in distributions},
        distributions=distributions,
    )


def _template(
    ranges: Mapping[str, Parameter],
    distributions: dict[str, optuna.distributions.BaseDistribution],
) -> FrozenTrial:
    settings: Settings = {
        name: p.choices[0] if isinstance(p, Categorical) else p.low for name, p in ranges.items()
    }
    return _frozen(Observation(settings, None), ranges, distributions)


def _numbers(trial: FrozenTrial) -> FrozenTrial:
    """A trial with the parameters that CMA-ES searches: numbers that are not fixed."""
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    searched = {
        name: d
        for name, d in trial.distributions.items()
        if not (isinstance(d, CategoricalDistribution) or d.single())
    }
    return create_trial(
        value=trial.value,
        params={name: trial.params[name] for name in searched},
        distributions=searched,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Optuna announces every in-memory study; these are ours, and nobody needs to hear of them."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
