"""All values that choosing rests on: those of the search, and those of stages, without the effect of their stage."""

from __future__ import annotations

from dataclasses import replace

from hpo.choose.racing import stage_effects
from hpo.choose.types import Direction, History, Observation


def observations(history: History, direction: Direction) -> list[Observation]:
    """The trials that are done, and each training that confirmed as one more observation of its settings."""
    effects = stage_effects(history.searched(), history.confirmed, direction)
    again = [
        replace(
            history.trials[c.trial],
            value=None if c.value is None else c.value - effects.get(c.stage, 0.0),
            stage=c.stage,
        )
        for c in history.confirmed
    ]
    return history.observations + again
