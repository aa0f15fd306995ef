"""(ranges, history, n, seed) -> n settings, by Optuna's samplers or by our model (`hpo.choose.acquisition`).

No state is kept between calls: the same arguments give the same settings. For a sampler of Optuna's, each call makes an
in-memory study with the round's ranges and all earlier trials inside them. Settings that train, and those drawn before
in the same call, are running trials, which TPE counts as bad (the constant liar), so draws spread out.
"""

from __future__ import annotations

import warnings
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from hpo.choose.acquisition import draw
from hpo.choose.candidates import even
from hpo.choose.positions import setting
from hpo.choose.samplers import SAMPLERS
from hpo.choose.types import Direction, Observation
from hpo.plan.conditions import applies, applying, inside, parents_first
from hpo.plan.space import (
    Categorical,
    Float,
    Parameter,
    Settings,
    Value,
    distribution,
    is_zero,
    place,
)

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial, Trial


MIN_WARM_START = 10  # trials with values that CMA-ES starts from


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
            # Instead of keeping its state as a pickle in the study, it starts from the better trials so far (the warm
            # start of Nomura et al. 2021).
            complete = [trial for trial in past if trial.value is not None]
            shared = (
                set.intersection(*(set(trial.params) for trial in complete)) if complete else ()
            )
            scored = [_numeric(trial, shared) for trial in complete]
            return samplers.CmaEsSampler(
                seed=seed,
                source_trials=scored if len(scored) >= MIN_WARM_START else None,
                warn_independent_sampling=False,
            )
        return samplers.RandomSampler(seed=seed)


def explore(ranges: Mapping[str, Parameter], n: int, seed: int) -> list[Settings]:
    """Draw n settings that are evenly spread over `ranges`, by a Latin hypercube, before a sampler learns from them."""
    rng = np.random.default_rng(seed)
    settings = [setting(ranges, position) for position in even(ranges, n, rng)]
    _draw_zeros(settings, ranges, seed)
    return settings


def suggest(
    ranges: Mapping[str, Parameter],
    history: Sequence[Observation],
    n: int,
    seed: int,
    *,
    sampler: str = "tpe",
    direction: Direction = "maximize",
    training: Sequence[Settings] = (),
) -> list[Settings]:
    """Draw n settings inside `ranges`, while other settings are `training`.

    Trials of the history outside the ranges are ignored. Our model takes all values of a setting, those of stages
    included, but no trial that left at a rung; while there is no such value, settings are those of `explore`. For a
    sampler of Optuna's, a failed or diverged trial is pruned without a value, which ranks it below every trial with
    one, and a trial that left at a rung is pruned there. A 0 beside a range counts as its low end; after sampling, its
    share of the n settings, chosen at random, get the 0.
    """
    from threadpoolctl import threadpool_limits

    if SAMPLERS[sampler].by_model:
        sign = 1.0 if direction == "maximize" else -1.0
        known = [t for t in history if t.left_epoch is None and inside(ranges, t.settings)]
        if not known:
            return explore(ranges, n, seed)
        with threadpool_limits(1):  # small products are slower on several threads
            settings = draw(
                ranges,
                [t.settings for t in known],
                [None if t.value is None else sign * t.value for t in known],
                n,
                np.random.default_rng(seed),
                thompson=sampler == "thompson",
                training=[one for one in training if inside(ranges, one)],
            )
        _draw_zeros(settings, ranges, seed)
        return settings

    import optuna

    distributions = {name: _as_drawn(p) for name, p in ranges.items()}
    past = [
        _frozen(trial, ranges, distributions)
        for trial in (history if SAMPLERS[sampler].learns else ())
        if trial.stage == 0 and inside(ranges, trial.settings)
    ] + [
        _frozen(Observation(settings, None), ranges, distributions, trains=True)
        for settings in (training if SAMPLERS[sampler].learns else ())
        if inside(ranges, settings)
    ]
    with _without_logs(), threadpool_limits(1):
        study = optuna.create_study(direction=direction, sampler=_sampler(sampler, seed, past))
        if sampler == "sobol":
            # Optuna draws the first trial at random, and learns the space from it. With a trial to learn from, the
            # whole batch is one Sobol sequence.
            lowest: Settings = {
                name: p.choices[0] if isinstance(p, Categorical) else p.low
                for name, p in ranges.items()
            }
            study.add_trial(_frozen(Observation(lowest, None), ranges, distributions))
        study.add_trials(past)
        if SAMPLERS[sampler].learns and any(p.when for p in ranges.values()):
            settings = [_asked_one_by_one(study, ranges, distributions) for _ in range(n)]
        else:
            drawn = [_as_meant(ranges, study.ask(distributions).params) for _ in range(n)]
            settings = [applying(ranges, one) for one in drawn]
    _draw_zeros(settings, ranges, seed)
    return settings


def _asked_one_by_one(
    study: Study, ranges: Mapping[str, Parameter], distributions: Mapping[str, BaseDistribution]
) -> Settings:
    """Settings for which Optuna draws only the parameters that apply: it learns from what it has drawn."""
    trial = study.ask()
    settings: Settings = {}
    for name in parents_first(ranges):
        if applies(name, ranges, settings):
            drawn = _ask(trial, name, distributions[name])
            settings |= _as_meant({name: ranges[name]}, {name: drawn})
    return applying(ranges, settings)


def _ask(trial: Trial, name: str, of: BaseDistribution) -> Value:
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    match of:
        case CategoricalDistribution():
            return trial.suggest_categorical(name, of.choices)
        case IntDistribution():
            return trial.suggest_int(name, of.low, of.high, step=of.step, log=of.log)
        case FloatDistribution():
            return trial.suggest_float(name, of.low, of.high, step=of.step, log=of.log)
    raise TypeError(of)


def _as_drawn(parameter: Parameter) -> BaseDistribution:
    """A parameter as Optuna draws it: of choices the places, since Optuna takes true for 1."""
    if isinstance(parameter, Categorical):
        parameter = Categorical(tuple(range(len(parameter.choices))))
    return distribution(parameter)


def _as_meant(ranges: Mapping[str, Parameter], drawn: Mapping[str, Any]) -> Settings:
    return {
        name: p.choices[drawn[name]] if isinstance(p, Categorical) else drawn[name]
        for name, p in ranges.items()
    }


def _draw_zeros(settings: list[Settings], ranges: Mapping[str, Parameter], seed: int) -> None:
    rng = np.random.default_rng(seed)
    for name, parameter in ranges.items():
        if isinstance(parameter, Float) and parameter.zero:
            members = [one for one in settings if name in one]
            count = int(parameter.zero * len(members) + rng.random())
            for k in rng.permutation(len(members))[:count]:
                members[k][name] = 0.0


def _frozen(
    trial: Observation,
    ranges: Mapping[str, Parameter],
    distributions: dict[str, BaseDistribution],
    *,
    trains: bool = False,
) -> FrozenTrial:
    from optuna.trial import TrialState, create_trial

    def in_range(name: str, value: Value) -> Value:
        parameter = ranges[name]
        if isinstance(parameter, Categorical):
            return place(parameter, value)
        return (
            parameter.low if isinstance(parameter, Float) and is_zero(parameter, value) else value
        )

    present = {name: d for name, d in distributions.items() if name in trial.settings}
    epoch = trial.left_epoch
    complete = trial.value is not None and epoch is None
    ended = TrialState.COMPLETE if complete else TrialState.PRUNED
    return create_trial(
        state=TrialState.RUNNING if trains else ended,
        value=trial.value if complete else None,
        intermediate_values={} if epoch is None else {epoch: trial.value or 0.0},
        params={name: in_range(name, trial.settings[name]) for name in present},
        distributions=present,
    )


def _numeric(trial: FrozenTrial, shared: Container[str]) -> FrozenTrial:
    """A trial with only the parameters that CMA-ES searches: numeric ones that are not fixed, of those `shared` by all
    trials.
    """
    from optuna.distributions import CategoricalDistribution
    from optuna.trial import create_trial

    searched = {
        name: d
        for name, d in trial.distributions.items()
        if name in shared and not (isinstance(d, CategoricalDistribution) or d.single())
    }
    return create_trial(
        value=trial.value,
        params={name: trial.params[name] for name in searched},
        distributions=searched,
    )


@contextmanager
def _without_logs() -> Iterator[None]:
    """Suppress Optuna's log line for each in-memory study."""
    import optuna

    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(level)
