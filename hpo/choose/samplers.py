"""The samplers that a plan can name; `hpo.choose.suggest` draws by them."""

from __future__ import annotations

from typing import NamedTuple


class Sampler(NamedTuple):
    """A sampler that `learns` draws near good earlier trials; any other ignores them.

    `needs` is a package that it imports, installed by the extra of the sampler's name.
    """

    learns: bool
    needs: str | None = None


SAMPLERS = {
    "thompson": Sampler(learns=True),
    "tpe": Sampler(learns=True),
    "sobol": Sampler(learns=False),
    "random": Sampler(learns=False),
    "gp": Sampler(learns=True, needs="torch"),
    "cmaes": Sampler(learns=True),
}
