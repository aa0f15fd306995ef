"""Made-up functions of one to three parameters, one difficulty each: what ours and TPE choose, and what is said.

Most are functions of the position u of a rate, from 0 at 1e-5 to 1 at 1, on a log scale; larger values are better. A
range may not be extended, but for those whose best lies outside of it. Regret is how far the chosen setting's true
value lies below the best there is, which is outside of the range where that is so. Beyond a cliff trainings diverge.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

import hpo
from hpo.choose.types import Direction
from hpo.plan.space import Parameter
from scripts.bench.search.peers import tpe
from scripts.bench.search.running import recommended, searched

TRIALS = 60
NOISE = 0.05
DECADES = 5  # of the range of a rate
CLIFF, FALLEN = 0.7, -5.0
SOON = 2  # rounds within which a range should be extended

Truth = Callable[[Mapping[str, Any]], float]
"""A setting -> its true value; NaN where trainings diverge."""


@dataclass(frozen=True)
class Landscape:
    """A function, the best of its values, and the parameters whose best values lie outside of their ranges.

    A share of the trainings `fails`, wherever they are.
    """

    truth: Truth
    best: float
    space: Mapping[str, Parameter]
    noise: float = 0.0
    outside: tuple[str, ...] = ()
    fails: float = 0.0


@dataclass
class Training:
    """Trains on a landscape, with noise of each training's own."""

    landscape: Landscape
    seed: int
    direction: Direction = "maximize"
    calls: int = field(default=0, init=False)

    @property
    def space(self) -> Mapping[str, Parameter]:
        return self.landscape.space

    def __call__(self, params: Mapping[str, Any]) -> float:
        self.calls += 1
        rng = np.random.default_rng([self.seed, self.calls])
        value = self.landscape.truth(params) + self.landscape.noise * rng.standard_normal()
        return math.nan if rng.random() < self.landscape.fails else float(value)


class Found(NamedTuple):
    """Of one search of each: both regrets, the verdicts of ours by parameter, and whether it extended soon."""

    ours: float
    tpe: float
    verdicts: dict[str, list[str]]
    extended_soon: bool


def search(name: str, seed: int) -> Found:
    landscape = LANDSCAPES[name]
    own, theirs = Training(landscape, seed), Training(landscape, seed)
    plan: dict[str, Any] = {"space": dict(landscape.space), "direction": own.direction}
    with searched(own, **plan, trials=TRIALS, seed=seed) as study:
        rounds = study.summary()["rounds"]
        chosen = recommended(study)
    peers = tpe(theirs, TRIALS, seed)
    assert max(own.calls, theirs.calls) <= TRIALS, (name, own.calls, theirs.calls)
    verdicts = {p: [r["verdicts"][p]["action"] for r in rounds] for p in landscape.space}
    soon = all("extended" in verdicts[p][:SOON] for p in landscape.outside)
    ours, others = (landscape.best - landscape.truth(params) for params in (chosen, peers))
    return Found(ours, others, verdicts, bool(landscape.outside) and soon)


def position(rate: float) -> float:
    return math.log10(rate) / DECADES + 1


def _rate(*, extend: bool = False, zero: float = 0.0) -> Parameter:
    return hpo.Float(10.0**-DECADES, 1.0, log=True, extend=extend, zero=zero)


def _of(function: Callable[[float], float], best: float) -> Landscape:
    """A function of the position of one rate."""
    return Landscape(lambda s: function(position(s["rate"])), best, {"rate": _rate()})


def _hill(u: float, top: float = 0.6, width: float = 0.3) -> float:
    return math.exp(-(((u - top) / width) ** 2) / 2)


def _two(function: Callable[[float, float], float], best: float) -> Landscape:
    """A function of the positions of two rates."""
    return Landscape(
        lambda s: function(position(s["rate"]), position(s["other"])),
        best,
        {"rate": _rate(), "other": _rate()},
    )


def _noisy(landscapes: Mapping[str, Landscape]) -> dict[str, Landscape]:
    return {f"{name}, noise": replace(of, noise=NOISE) for name, of in landscapes.items()}


SHAPES: dict[str, Callable[[float], float]] = {
    "linear in the position": lambda u: u,
    "linear in the value": lambda u: 10 ** (DECADES * (u - 1)),
    "logarithmic": lambda u: math.log10(1 + 99 * u) / 2,
    "very steep": lambda u: 10 ** (20 * (u - 1)),
}


def _slopes() -> dict[str, Landscape]:
    up = {f"slope up, {name}": _of(shape, 1.0) for name, shape in SHAPES.items()}

    def turned(shape: Callable[[float], float]) -> Callable[[float], float]:
        return lambda u: shape(1 - u)

    down = {f"slope down, {name}": _of(turned(shape), 1.0) for name, shape in SHAPES.items()}
    return up | down


def _shaped() -> dict[str, Landscape]:
    """Functions of the position of one rate, or two."""
    return {
        "hill": _of(_hill, 1.0),
        "narrow hill": _of(lambda u: _hill(u, width=0.02), 1.0),
        "two hills, the narrower better": _of(
            lambda u: max(0.7 * _hill(u, 0.25, 0.15), _hill(u, 0.8, 0.04)), 1.0
        ),
        "steps": _of(lambda u: min(4, math.floor(5 * u)) / 4, 1.0),
        "nothing at all": _of(lambda _: 0.5, 0.5),
        "matters only together": _two(lambda u, v: 0.5 + 2 * (u - 0.5) * (v - 0.5), 1.0),
    }


def _cliffs() -> dict[str, Landscape]:
    """Where trainings beyond some place diverge or end far below the others, and where some fail anywhere."""

    def up_to(function: Callable[[float], float], beyond: float = math.nan) -> Landscape:
        return _of(lambda u: function(u) if u <= CLIFF else beyond, function(CLIFF))

    return {
        "plateau, diverges beyond a cliff": up_to(lambda _: 0.5),
        "slope up, diverges beyond a cliff": up_to(lambda u: u),
        "slope up, falls at a cliff": up_to(lambda u: u, FALLEN),
        "slope up, ends at a level far below": up_to(lambda u: 0.5 + u / 2, 0.1),
        "slope up, falls ever faster": _of(
            lambda u: u if u <= CLIFF else -(10 ** (20 * (u - CLIFF))), CLIFF
        ),
        "slope down, diverges below a cliff": _of(
            lambda u: 1 - u if u >= 1 - CLIFF else math.nan, CLIFF
        ),
        "hill beside a cliff": _of(lambda u: _hill(u, 0.65, 0.2) if u <= CLIFF else math.nan, 1.0),
        "two hills of rates, one at a cliff": _two(
            lambda u, v: _hill(u, CLIFF) * _hill(v, 0.4) if u <= CLIFF else math.nan, 1.0
        ),
        "two slopes, diverge beyond a diagonal": _two(
            lambda u, v: u + v if u + v <= 1.2 else math.nan, 1.2
        ),
        "hill, one in seven trainings fails": replace(_of(_hill, 1.0), fails=1 / 7),
    }


def _mixed() -> dict[str, Landscape]:
    """Other kinds of parameters."""
    units = {"units": hpo.Int(1, 256, log=True, extend=False)}
    layers = {"layers": hpo.Int(1, 8, extend=False), "rate": _rate()}
    kinds = {"kind": hpo.Categorical(("a", "b", "c", "d")), "rate": _rate()}
    three = {
        "rate": _rate(),
        "slope": hpo.Float(0.0, 1.0, extend=False),
        "nothing": hpo.Float(0.0, 1.0, extend=False),
    }
    tops = {"a": (0.9, 0.3), "b": (1.0, 0.7), "c": (0.6, 0.5), "d": (0.3, 0.5)}

    def chosen(s: Mapping[str, Any]) -> float:
        height, top = tops[s["kind"]]
        return height * _hill(position(s["rate"]), top)

    return {
        "whole numbers on a log scale": Landscape(
            lambda s: _hill(math.log2(s["units"]) / 8, math.log2(24) / 8, 0.2), 1.0, units
        ),
        "whole numbers": Landscape(
            lambda s: _hill(position(s["rate"])) - 0.05 * abs(s["layers"] - 3), 1.0, layers
        ),
        "choices": Landscape(chosen, 1.0, kinds),
        "a hill, a slope, and nothing": Landscape(
            lambda s: _hill(position(s["rate"])) + 0.3 * s["slope"], 1.3, three
        ),
        "0 beside a log range is best": Landscape(
            lambda s: 0.7 - 0.5 * position(s["rate"]) if s["rate"] else 1.0,
            1.0,
            {"rate": _rate(zero=0.1)},
        ),
        "0 beside a log range is bad": Landscape(
            lambda s: _hill(position(s["rate"])) if s["rate"] else 0.0,
            1.0,
            {"rate": _rate(zero=0.1)},
        ),
    }


def _outside() -> dict[str, Landscape]:
    """The best lies outside of a range that may be extended."""
    free, both = {"rate": _rate(extend=True)}, ("rate", "other")

    def of(function: Callable[[float], float]) -> Landscape:
        return Landscape(lambda s: function(position(s["rate"])), 1.0, free, outside=("rate",))

    return {
        "end outside, hill above": of(lambda u: _hill(u, 1.25)),
        "end outside, hill below": of(lambda u: _hill(u, -0.25)),
        "end outside, slope up": of(lambda u: min(u, 1.4) / 1.4),
        "end outside, slope down": of(lambda u: min(1 - u, 1.4) / 1.4),
        "end outside, slope up, linear in the value": of(
            lambda u: 10 ** (DECADES * min(0, u - 1.2))
        ),
        "end outside, far below": of(lambda u: _hill(u, -0.6, 0.6)),
        "end outside, slope up to a cliff": of(lambda u: u / 1.3 if u <= 1.3 else math.nan),
        "end outside, whole numbers": Landscape(
            lambda s: _hill(math.log2(s["units"]) / 6, 1.25),
            1.0,
            {"units": hpo.Int(1, 64, log=True)},
            outside=("units",),
        ),
        "end outside, two parameters": Landscape(
            lambda s: (_hill(position(s["rate"]), 1.2) + _hill(position(s["other"]), -0.2)) / 2,
            1.0,
            {name: _rate(extend=True) for name in both},
            outside=both,
        ),
    }


def _all() -> dict[str, Landscape]:
    plain = _slopes() | _shaped() | _cliffs() | _mixed() | _outside()
    return plain | _noisy(plain)


LANDSCAPES = _all()
