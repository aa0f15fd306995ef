"""Whether what a search says is true, on made-up landscapes whose truth is known.

A value is the setting's own (a hill over one parameter on a log scale, a slope in another, nothing in a third), what
the seed does to all settings alike, and noise of each training's own. Asked of many searches: how often does the 95 %
interval hold the true mean of the recommended setting; is a parameter that does nothing kept; is a range extended where
the hill lies outside of it, and not where it lies in the middle.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import hpo
from scripts.bench.search.running import searched

TRIALS = (36, 100, 300)
LOW, HIGH = -4.0, 0.0  # of the range of the rate, as powers of ten
SPACE = {
    "rate": hpo.Float(10**LOW, 10**HIGH, log=True),
    "slope": hpo.Float(0.0, 1.0, limit=(0, 1)),
    "nothing": hpo.Float(0.0, 1.0, limit=(0, 1)),
}


class Landscape(NamedTuple):
    """Where the hill is, as a position in the range, and how far seeds and noise move a value of around 0.9."""

    hill: float
    of_seed: float
    noise: float

    def truth(self, params: Mapping[str, Any]) -> float:
        where = (math.log10(params["rate"]) - LOW) / (HIGH - LOW)
        return float(0.9 - 0.8 * (where - self.hill) ** 2 - 0.02 * params["slope"])

    def trainer(self) -> Any:
        @hpo.population
        def train(
            settings: Sequence[Mapping[str, Any]], seed: int
        ) -> Iterator[dict[str, NDArray[Any]]]:
            shared = self.of_seed * np.random.default_rng(seed).standard_normal()
            own = [
                np.random.default_rng([seed, int(1e9 * s["nothing"]), int(1e9 * s["slope"])])
                for s in settings
            ]
            noise = np.array([self.noise * rng.standard_normal() for rng in own])
            yield {"accuracy": np.array([self.truth(s) for s in settings]) + shared + noise}

        return train


class Found(NamedTuple):
    """Of one search."""

    covered: bool | None  # None: no interval was told
    bias: float
    nothing_kept: float  # share of its verdicts
    extended: bool


def search(landscape: Landscape, trials: int, seed: int) -> Found:
    with searched(landscape.trainer(), space=SPACE, trials=trials, seed=seed) as study:
        said = study.summary()
    first = said["recommended"]
    truth = landscape.truth(first["params"])
    verdicts = [r["verdicts"] for r in said["rounds"]]
    kept = [v["nothing"]["action"] == "kept" for v in verdicts]
    covered = None if first["ci95"] is None else first["ci95"][0] <= truth <= first["ci95"][1]
    return Found(
        covered,
        first["mean"] - truth,
        sum(kept) / len(kept),
        any(v["rate"]["action"] == "extended" for v in verdicts),
    )


LANDSCAPES = {
    "in the middle, small noise": Landscape(0.5, 0.003, 0.003),
    "in the middle, large noise": Landscape(0.5, 0.02, 0.02),
    "in the middle, seeds alike": Landscape(0.5, 0.0, 0.01),
    "in the middle, seeds differ": Landscape(0.5, 0.02, 0.005),
    "outside, small noise": Landscape(1.25, 0.003, 0.003),
    "outside, large noise": Landscape(1.25, 0.02, 0.02),
    "far outside": Landscape(-0.6, 0.01, 0.01),
}
