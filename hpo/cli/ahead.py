"""Work for the time in which another process gets ready to read the data (see `trainer.data.remote`)."""

from __future__ import annotations


def warm_up() -> None:
    """Do what is slow for the first time: make a schema and a Sobol sequence in memory."""
    from scipy import stats  # noqa: F401  # for the verdicts

    from hpo.choose.suggest import suggest
    from hpo.plan.space import Float
    from studies.database import schema

    schema.statements()
    suggest({"x": Float(0, 1)}, [], 1, 0, sampler="sobol")
