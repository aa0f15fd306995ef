"""The samplers that a plan can name; `hpo.choose.suggest` draws by them."""

from __future__ import annotations

from typing import NamedTuple


class Sampler(NamedTuple):
    """A sampler that `learns` draws near good earlier trials; any other ignores them.

    One that draws `by_model` uses our Gaussian process (`hpo.choose.model`); the others are Optuna's. `needs` is a
    package that it imports, installed by the extra of the sampler's name.
    """

    learns: bool
    by_model: bool = False
    needs: str | None = None


SAMPLERS = {
    "model": Sampler(learns=True, by_model=True),
    "thompson": Sampler(learns=True, by_model=True),
    "tpe": Sampler(learns=True),
    "sobol": Sampler(learns=False),
    "random": Sampler(learns=False),
    "gp": Sampler(learns=True, needs="torch"),
    "cmaes": Sampler(learns=True),
}
