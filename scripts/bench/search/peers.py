"""Who chooses settings of what trains: ours and its peers, each at its own best, at the same number of trainings.

A peer whose search takes seconds is `slow`: what it found is kept in a file (`kept.py`). One that needs a package that
we don't install is skipped without it: pip install -e '.[peers-search]'.
"""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hpo.choose.concluding import METHOD, conclude
from hpo.choose.racing import race
from hpo.choose.types import Confirmation, Direction
from hpo.plan.space import Categorical, Float, Int, Parameter, distribution
from scripts.bench.search import tables
from scripts.bench.search.running import recommended, searched

AGAIN, TIMES = 5, 3  # the best settings that train again, and how often
GP_SHARE = 3 / 5  # of the trainings, before the race
IS_ZERO = " is 0"


class Trains(Protocol):
    """A function that trains, with the space of its settings. NaN is a training that diverged."""

    @property
    def space(self) -> Mapping[str, Parameter]: ...

    @property
    def direction(self) -> Direction: ...

    def __call__(self, params: Mapping[str, Any]) -> float: ...


class Tried(NamedTuple):
    """A setting, and what its training gave; None where it diverged."""

    params: dict[str, Any]
    value: float | None


Search = Callable[[Trains, int, int], Mapping[str, Any]]
"""(what trains, how often it may, seed) -> the chosen setting."""


def ours(train: Trains, trials: int, seed: int) -> Mapping[str, Any]:
    plan: dict[str, Any] = {"space": dict(train.space), "direction": train.direction}
    with searched(train, **plan, trials=trials, seed=seed) as study:
        return recommended(study)


def tpe(train: Trains, trials: int, seed: int) -> Mapping[str, Any]:
    """Optuna's TPE; the setting with the best value is chosen."""
    return _best(train, _tpe(train, trials, seed))


def random(train: Trains, trials: int, seed: int) -> Mapping[str, Any]:
    """Random search."""
    import optuna

    return _best(train, _optuna(train, trials, optuna.samplers.RandomSampler(seed=seed)))


def tpe_again(train: Trains, trials: int, seed: int) -> Mapping[str, Any]:
    """Optuna's TPE, whose best five settings train three times more; the best mean of all four values is chosen."""
    tried = [t for t in _tpe(train, trials - AGAIN * TIMES, seed) if t.value is not None]
    sign = _sign(train)
    tried.sort(key=lambda t: -sign * _number(t))
    means: list[tuple[float, Mapping[str, Any]]] = []
    for t in tried[:AGAIN]:
        values = [_number(t), *(train(t.params) for _ in range(TIMES))]
        mean = sign * math.fsum(values) / len(values)
        means.append((mean if math.isfinite(mean) else -math.inf, t.params))
    return max(means, key=lambda m: m[0])[1]


def gp(train: Trains, trials: int, seed: int) -> Mapping[str, Any]:
    """Optuna's Gaussian process; the setting with the best value is chosen."""
    return _best(train, _gp(train, trials, seed))


def gp_race(train: Trains, trials: int, seed: int) -> Mapping[str, Any]:
    """Optuna's Gaussian process for three fifths of the trainings, and our race of its settings with the others."""
    tried = _gp(train, round(GP_SHARE * trials), seed)
    values = {number: t.value for number, t in enumerate(tried) if t.value is not None}
    confirmed: list[Confirmation] = []
    stage, left = 0, trials - len(tried)
    while left and (again := race(values, confirmed, train.direction, left)):
        stage, left = stage + 1, left - len(again)
        for number in sorted(again):
            value = train(tried[number].params)
            told = value if math.isfinite(value) else None
            confirmed.append(Confirmation(stage, number, told))
    return tried[conclude(values, confirmed, train.direction).finalists[0].trial].params


def smac(train: Trains, trials: int, seed: int) -> Mapping[str, Any]:
    """SMAC3's facade for hyperparameters: a random forest, and its own race of the better settings over seeds."""
    from smac import HyperparameterOptimizationFacade, Scenario

    sign = _sign(train)

    def cost(config: Any, seed: int) -> float:  # noqa: ARG001  # SMAC3 looks for this name
        value = -sign * train(dict(config))
        return value if math.isfinite(value) else math.inf

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scenario = Scenario(
            _config_space(train.space, seed),
            deterministic=False,
            n_trials=trials,
            seed=seed,
            output_directory=Path(folder),
        )
        facade = HyperparameterOptimizationFacade(scenario, cost, logging_level=False)
        return dict(facade.optimize())


class Searcher(NamedTuple):
    """How something searches, whether that is `slow`, and what else its result depends on, beside Optuna or SMAC3.

    `needs` is a package that we don't install.
    """

    search: Search
    slow: bool = False
    needs: str | None = None
    packages: tuple[str, ...] = ()
    race: int | None = None

    @property
    def missing(self) -> bool:
        return self.needs is not None and find_spec(self.needs) is None


OURS = "ours"
SEARCHERS = {
    OURS: Searcher(ours),
    "Optuna TPE": Searcher(tpe),
    "TPE, its best 5 again": Searcher(tpe_again),
    "random": Searcher(random),
    "Optuna GP": Searcher(gp, True, "torch", ("optuna", "torch")),
    "Optuna GP, our race": Searcher(gp_race, True, "torch", ("optuna", "torch"), METHOD),
    "SMAC3": Searcher(smac, True, "smac", ("smac",)),
}


def chosen_regret(searcher: str, path: Path, trials: int, seed: int) -> float:
    """The regret of what one search of a table chooses."""
    table = tables.read(path)
    train = table.trainer(seed)
    params = SEARCHERS[searcher].search(train, trials, seed)
    assert train.calls <= trials, (searcher, train.calls)
    return table.regret(params)


def _sign(train: Trains) -> float:
    return 1.0 if train.direction == "maximize" else -1.0


def _number(tried: Tried) -> float:
    assert tried.value is not None
    return tried.value


def _best(train: Trains, tried: list[Tried]) -> Mapping[str, Any]:
    sign = _sign(train)
    return max((t for t in tried if t.value is not None), key=lambda t: sign * _number(t)).params


def _tpe(train: Trains, trials: int, seed: int) -> list[Tried]:
    import optuna

    return _optuna(train, trials, optuna.samplers.TPESampler(seed=seed))


def _gp(train: Trains, trials: int, seed: int) -> list[Tried]:
    import optuna
    import torch
    from threadpoolctl import threadpool_limits

    torch.set_num_threads(1)  # searches run side by side
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore")  # it is experimental
        sampler = optuna.samplers.GPSampler(seed=seed, deterministic_objective=False)
        return _optuna(train, trials, sampler)


def _optuna(train: Trains, trials: int, sampler: Any) -> list[Tried]:
    """Settings drawn by a sampler of Optuna's, which is told of a diverged training that it was pruned."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction=train.direction, sampler=sampler)
    tried = []
    for _ in range(trials):
        trial, params = _asked(study, train.space)
        value = train(params)
        if math.isfinite(value):
            study.tell(trial, value)
            tried.append(Tried(params, value))
        else:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            tried.append(Tried(params, None))
    return tried


def _asked(study: Any, space: Mapping[str, Parameter]) -> tuple[Any, dict[str, Any]]:
    """A trial and its setting. Optuna has no 0 beside a log range: whether there is one is a further choice."""
    from optuna.distributions import BaseDistribution, CategoricalDistribution

    zeros = {name: p for name, p in space.items() if isinstance(p, Float) and p.zero}
    asked: dict[str, BaseDistribution] = {
        name: distribution(p) for name, p in space.items() if name not in zeros
    }
    trial = study.ask(
        asked | {name + IS_ZERO: CategoricalDistribution((False, True)) for name in zeros}
    )
    params = {name: trial.params[name] for name in asked}
    for name, p in zeros.items():
        zero = trial.params[name + IS_ZERO]
        params[name] = 0.0 if zero else trial.suggest_float(name, p.low, p.high, log=p.log)
    return trial, params


def _config_space(space: Mapping[str, Parameter], seed: int) -> Any:
    """The space as SMAC3 takes it."""
    import ConfigSpace

    found = ConfigSpace.ConfigurationSpace(seed=seed)
    for name, p in space.items():
        if isinstance(p, Categorical):
            found.add(ConfigSpace.CategoricalHyperparameter(name, list(p.choices)))
        elif isinstance(p, Int):
            found.add(ConfigSpace.UniformIntegerHyperparameter(name, p.low, p.high, log=p.log))
        else:
            found.add(ConfigSpace.UniformFloatHyperparameter(name, p.low, p.high, log=p.log))
    return found
