"""Work for the time in which another process gets ready to read the data (see `trainer.data.remote`)."""

from __future__ import annotations


def warm_up() -> None:
    """Do what is slow for the first time: read the statements of a new file, and draw a setting by the model."""
    from hpo.choose.suggest import suggest
    from hpo.choose.types import Observation
    from hpo.plan.space import Float
    from studies.database import schema

    schema.statements()
    suggest({"x": Float(0, 1)}, [Observation({"x": 0.5}, 0.0)], 1, 0, sampler="model")
