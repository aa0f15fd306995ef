"""What the command line does while another process gets ready to read the data (see `trainer.data.remote`)."""

from __future__ import annotations


def warm_up() -> None:
    """Do in memory, for the first time, what is slow the first time: a schema and a Sobol sequence."""
    from scipy import stats  # noqa: F401  # for the verdicts

    from hpo.choose.suggest import suggest
    from hpo.plan.space import Float
    from studies.database import schema

    schema.statements()
    suggest({"x": Float(0, 1)}, [], 1, 0, sampler="sobol")
