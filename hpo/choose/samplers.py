"""The samplers that a plan can name. How each draws is in `hpo.choose.suggest`."""

from __future__ import annotations

from typing import NamedTuple


class Sampler(NamedTuple):
    """One that `learns` draws where earlier trials were good; any other draws the same whatever was tried.

    `needs` is a package that it imports and that the extra of its name installs.
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
