"""(ranges, history, n, seed) -> n settings, by Optuna's samplers.

Nothing is remembered between calls: each makes a fresh in-memory Optuna study of the round, whose distributions are
the round's ranges and whose past is all earlier trials that lie inside them. The n settings of a batch are asked
for one after another, each knowing the ones before it as running trials (TPE counts those as bad: the constant
liar), so that a batch spreads out. The same arguments give the same settings on every machine.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from hpo.space import Parameter, Settings, distribution, inside

if TYPE_CHECKING:
    import optuna

Direction = Literal["maximize", "minimize"]


@dataclass(frozen=True)
class Observation:
    """Settings that were tried and the value they got; None where the trial failed or diverged."""

    settings: Settings
    value: float | None


def _tpe(seed: int) -> optuna.samplers.BaseSampler:
    from optuna.samplers import TPESampler

    return TPESampler(seed=seed)


def _sobol(seed: int) -> optuna.samplers.BaseSampler:
    from optuna.exceptions import ExperimentalWarning
    from optuna.samplers import QMCSampler

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return QMCSampler(qmc_type="sobol", scramble=True, seed=seed)


def _random(seed: int) -> optuna.samplers.BaseSampler:
    from optuna.samplers import RandomSampler

    return RandomSampler(seed=seed)


SAMPLERS: dict[str, Callable[[int], optuna.samplers.BaseSampler]] = {
    "tpe": _tpe,
    "sobol": _sobol,
    "random": _random,
}


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
    sampler as pruned without a value, which ranks it below every trial that has one.
    """
    import optuna

    distributions = {name: distribution(p) for name, p in ranges.items()}
    past = [_frozen(trial, distributions) for trial in history if inside(ranges, trial.settings)]
    with _quiet():
        study = optuna.create_study(direction=direction, sampler=SAMPLERS[sampler](seed))
        if sampler == "sobol" and not past:
            # The sampler learns its space from the first trial, and would draw that one at random. Give it a
            # trial to learn from: the whole batch is then one Sobol sequence.
            study.add_trial(_template(distributions))
        study.add_trials(past)
        return [dict(study.ask(distributions).params) for _ in range(n)]


def _frozen(
    trial: Observation, distributions: dict[str, optuna.distributions.BaseDistribution]
) -> optuna.trial.FrozenTrial:
    from optuna.trial import TrialState, create_trial

    return create_trial(
        state=TrialState.PRUNED if trial.value is None else TrialState.COMPLETE,
        value=trial.value,
        params={name: trial.settings[name] for name in distributions},
        distributions=distributions,
    )


def _template(
    distributions: dict[str, optuna.distributions.BaseDistribution],
) -> optuna.trial.FrozenTrial:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    params: Settings = {}
    for name, d in distributions.items():
        if isinstance(d, CategoricalDistribution):
            params[name] = d.choices[0]
        elif isinstance(d, FloatDistribution | IntDistribution):
            params[name] = d.low
    return _frozen(Observation(params, None), distributions)


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
