"""Whom we compare ourselves with, and in which ways each of them is tried before the best is measured.

A peer is a module with `train(task, variant)`, which trains all of a task's trials and returns their validation
accuracy after each epoch, (E, K). A variant means the same for each: how many threads, how many trials at a time.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

CORES = os.cpu_count() or 1
TRIALS = 100


class Variant(NamedTuple):
    """One way to run a peer."""

    threads: int
    stack: int  # trials trained at a time, in one stack of arrays

    def __str__(self) -> str:
        return f"threads {self.threads}, stacks of {self.stack}"


class Peer(NamedTuple):
    """A module beside this one, the library it needs, and the variants of it to try."""

    module: str
    library: str
    threads: tuple[int, ...]
    stacks: Mapping[str, tuple[int, ...]]  # by the name of the task
    compiles: bool = False  # at its first call with other shapes, which is then told too

    def variants(self, task: str) -> list[Variant]:
        """All that are to be tried on a task."""
        return [Variant(threads, stack) for threads in self.threads for stack in self.stacks[task]]


ONE_OR_ALL = tuple(sorted({1, CORES}))
ONE_AT_A_TIME = {"digits": (1,), "book": (1,)}
JAX_STACKS = {"digits": (25, 50, 100), "book": (2, 5, 25)}
TORCH_STACKS = {"digits": (25, 50, 100), "book": (4, 10, 25)}

LIBRARIES = ("torch", "jax", "scikit-learn")
PROMISED: dict[tuple[str, str], dict[str, float]] = {
    ("digits", "momentum"): {
        "jax": 1.5, "jax, compiling": 6.0, "jax-sharded": 1.3, "torch-stacked": 2.0, "torch": 22.0,
        "sklearn": 22.0, "products": 0.67,
    },
    ("digits", "adam"): {"jax-sharded": 1.3},
    ("book", "momentum"): {
        "jax": 1.4, "jax-sharded": 1.0, "torch": 2.2, "sklearn": 4.0, "products": 0.8,
    },
    ("book", "adam"): {"jax-sharded": 1.0},
}  # fmt: skip
"""By task and optimizer: how many times as long as ours each peer should take at least."""

OURS = Variant(CORES, TRIALS)
PEERS = {
    "jax": Peer("jax_peer", "jax", (1,), JAX_STACKS, compiles=True),
    "jax-sharded": Peer("jax_peer", "jax", (CORES,), JAX_STACKS, compiles=True),
    "torch-compiled": Peer(
        "torch_compiled", "torch", ONE_OR_ALL, {"digits": (50, 100), "book": (10, 25)}
    ),
    "torch-stacked": Peer("torch_stacked", "torch", ONE_OR_ALL, TORCH_STACKS),
    "torch": Peer("torch_loop", "torch", ONE_OR_ALL, ONE_AT_A_TIME),
    "sklearn": Peer("sklearn_peer", "sklearn", ONE_OR_ALL, ONE_AT_A_TIME),
    "products": Peer(
        "products", "numpy", (CORES,), {"digits": (5, 10, 25, 50), "book": (1, 2, 4, 8)}
    ),
}
