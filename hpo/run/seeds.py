"""The random streams that grow from a plan's seed, each for one purpose, so that none depends on another's length."""

from __future__ import annotations

import numpy as np

from hpo.plan.plan import Plan

SUGGEST, TRAIN, CONFIRM, TEST_ROWS = range(4)


def seed_of(plan: Plan, purpose: int, *key: int) -> int:
    """The seed of a purpose, and of one use of it, such as a round's batch."""
    sequence = np.random.SeedSequence(plan.seed, spawn_key=(purpose, *key))
    return int(sequence.generate_state(1, np.uint32)[0])
