"""scikit-learn's HalvingRandomSearchCV as a peer: random settings, two thirds of which leave at each rung."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

from hpo.plan.space import Parameter, at

FACTOR, RUNGS = 3, 3  # of which the last is the longest training
ROWS = np.zeros((2, 1)), np.zeros(2)  # what is trained has rows of its own

Train = Callable[[Mapping[str, Any], int], float]
"""(setting, epochs) -> how good it is then, larger better."""


class Trained(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Any training as an estimator."""

    def __init__(self, train: Train, params: Mapping[str, Any] | None = None, epochs: int = 1):
        self.train, self.params, self.epochs = train, params, epochs

    def fit(self, X: NDArray[Any], y: NDArray[Any]) -> Trained:  # noqa: ARG002  # scikit-learn's signature
        assert self.params is not None
        self.value_ = self.train(self.params, self.epochs)
        return self

    def score(self, X: NDArray[Any], y: NDArray[Any]) -> float:  # noqa: ARG002  # the same
        return self.value_


class Settings:
    """Settings at random places of the ranges, as scikit-learn asks a distribution for them."""

    def __init__(self, space: Mapping[str, Parameter]) -> None:
        self.space = space

    def rvs(self, random_state: np.random.RandomState) -> dict[str, Any]:
        return {name: at(p, float(random_state.random_sample())) for name, p in self.space.items()}  # type: ignore[arg-type]  # numbers


def chosen(
    train: Train, space: Mapping[str, Parameter], epochs: int, budget: int, seed: int
) -> dict[str, Any]:
    """What it chooses with `budget` epochs of training, at most `epochs` of a setting."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.model_selection import HalvingRandomSearchCV

    shortest = max(1, epochs // FACTOR ** (RUNGS - 1))
    count = budget // (shortest * RUNGS)
    while _cost(count, shortest) > budget:
        count -= 1
    search = HalvingRandomSearchCV(
        Trained(train),
        {"params": Settings(space)},
        n_candidates=count,
        factor=FACTOR,
        resource="epochs",
        min_resources=shortest,
        max_resources=epochs,
        cv=[([0], [1])],
        refit=False,
        random_state=seed,
        error_score="raise",
    )
    search.fit(*ROWS)
    found: dict[str, Any] = search.best_params_["params"]
    return found


def _cost(count: int, shortest: int) -> int:
    """Epochs that are trained, every rung from the start again: scikit-learn can't go on with a training."""
    return sum(-(-count // FACTOR**rung) * shortest * FACTOR**rung for rung in range(RUNGS))
