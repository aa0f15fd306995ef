"""Random streams from a plan's seed, one for each purpose, so that none depends on another's length."""

from __future__ import annotations

import numpy as np

from hpo.plan.plan import Plan

SUGGEST, TRAIN, CONFIRM, TEST_ROWS, REFERENCES = range(5)


def training_seed(plan: Plan, split: int) -> int:
    """The seed of all trials that train on one split of the search: common random numbers."""
    return seed_of(plan, TRAIN, *([split] if split else []))


def seed_of(plan: Plan, purpose: int, *key: int) -> int:
    """The seed for a purpose and for one use of it, such as a batch of a round."""
    sequence = np.random.SeedSequence(plan.seed, spawn_key=(purpose, *key))
    return int(sequence.generate_state(1, np.uint32)[0])
