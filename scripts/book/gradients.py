"""Backpropagation equals numerical differentiation (*Deep Learning from Scratch*, 5.7.3).

A network of 784-50-10 and three rows, as in the book. A step of SGD at learning rate 1 subtracts the gradient: so what
the trainer's own step changes is what backpropagation found. Numerical differentiation moves one number of the network
up and down by H and asks how the loss changes; a population of networks that differ in one number each asks that for
many numbers at once.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from scripts.book import figures
from scripts.book.data import Images
from scripts.book.tables import Claim, Line, Number, seconds
from trainer.losses import LOSSES
from trainer.network import Network, Workspace
from trainer.recipe import Recipe
from trainer.stack import Stack

Array = NDArray[Any]

TITLE = "Backpropagation equals numerical differentiation"
SECTION = "5.7.3"
ROWS = 3
H = 1e-5
"""The book's is 1e-4. A smaller one is less likely to carry a unit over ReLU's corner, where there is no slope; yet
smaller ones lose digits."""
TOGETHER = 8  # numbers that are moved at once, up and down: 16 networks
NAMES = ("W1", "b1", "W2", "b2")
BOOK = {"W1": 2.2e-13, "b1": 9.7e-13, "W2": 8.4e-13, "b2": 1.2e-10}  # means, as the section prints
CLOSE = 1e-6
"""Below a millionth of the largest part of the gradient, two are the same."""


@dataclass(frozen=True)
class Size:
    """How much is measured."""

    seeds: int = 5
    hidden: int = 50


FULL, QUICK = Size(), Size(seeds=1, hidden=8)


@dataclass(frozen=True)
class Measured:
    """Of each seed: gradients by both ways, (seeds, P) each, where in P the layers lie, and seconds of both."""

    backpropagated: Array
    numerical: Array
    parts: dict[str, Array]  # the positions in P of W1, b1, …
    seconds: Array  # (seeds, 2)

    def differences(self, name: str) -> Array:
        """|backpropagated − numerical| of one layer's weights or biases, (seeds, …)."""
        return np.asarray(np.abs(self.backpropagated - self.numerical)[:, self.parts[name]])

    @property
    def largest(self) -> float:
        """The largest part of any gradient."""
        return float(np.abs(self.numerical).max())


def measure(images: Images, size: Size = FULL) -> Measured:
    """Both gradients of the same loss at the same first weights, for each seed."""
    X, y = images.first(ROWS)
    X = X.astype(np.float64)
    recipe = Recipe(
        10, hidden=(size.hidden,), optimizer="sgd", init="normal:0.01", batch_size=ROWS, dtype="float64"
    )  # fmt: skip
    found = []
    for seed in range(size.seeds):
        stack = Stack(recipe, [{"learning_rate": 1.0}], images.inputs, seed=seed, epochs=1)
        before = stack.theta.copy()
        stack.step(X, y)  # makes its arrays
        stack.theta[:] = before
        began = time.perf_counter()
        stack.step(X, y)
        between = time.perf_counter()
        slopes = numerical(stack.network, before, X, y)
        ended = time.perf_counter()
        found.append((before - stack.theta, slopes, (between - began, ended - between)))
    back, slopes, times = (np.array(part) for part in zip(*found, strict=True))
    return Measured(back[:, 0], slopes, _parts(stack.network), times)


def numerical(network: Network, theta: Array, X: Array, y: Array) -> Array:
    """(L(θ + h) − L(θ − h)) / 2h for each of the P numbers of theta (1, P)."""
    count = theta.shape[1]
    moved = np.repeat(theta, 2 * TOGETHER, axis=0)
    workspace = Workspace(network, moved, np.empty((2 * TOGETHER, 0)), len(X))
    values = LOSSES["sparse_categorical_cross_entropy"].values
    slopes = np.empty(count)
    up, down = np.arange(TOGETHER), np.arange(TOGETHER, 2 * TOGETHER)
    for start in range(0, count, TOGETHER):
        at = np.minimum(np.arange(start, start + TOGETHER), count - 1)  # the last more than once
        moved[up, at] += H
        moved[down, at] -= H
        loss = values(workspace.forward(X), y).mean(axis=1)
        slopes[at] = (loss[up] - loss[down]) / (2 * H)
        moved[up, at] = moved[down, at] = theta[0, at]
    return slopes


def _parts(network: Network) -> dict[str, Array]:
    positions = np.arange(network.parameter_count, dtype=float)[None]
    views = [a[0].astype(int).ravel() for v in network.views(positions) for a in (v.weight, v.bias)]
    return dict(zip(NAMES, views, strict=True))


def claims(measured: Measured) -> list[Claim]:
    """The two gradients are the same, and one of them is found much faster."""
    worst = max(float(measured.differences(name).max()) for name in NAMES)
    back, slopes = np.median(measured.seconds, axis=0)
    return [
        Claim(
            "the two gradients are the same, in every layer",
            worst < CLOSE * measured.largest,
            f"they differ by at most {worst:.1e}; gradients go up to {measured.largest:.2g}",
        ),
        Claim(
            "backpropagation takes a fraction of the time",
            bool(slopes > 100 * back),
            f"{seconds(back)} against {seconds(slopes)}: {slopes / back:,.0f} times",
            timed=True,
        ),
    ]


def lines(measured: Measured) -> list[Line]:
    """Claims, and the difference of each layer."""
    same, fast = claims(measured)
    numbers = [
        Number(
            f"{name}: mean difference (largest)",
            f"{BOOK[name]:.1e}",
            f"{measured.differences(name).mean():.1e} ({measured.differences(name).max():.1e})",
        )
        for name in NAMES
    ]
    return [same, *numbers, fast]


def words(measured: Measured) -> str:
    """Where we differ from the book, and why."""
    count = measured.numerical.shape[1]
    return (
        f"Numerical differentiation runs the network {2 * count:,} times, here {2 * TOGETHER} at a time as one "
        f"population, for the {count:,} numbers that one step back finds together. What is left between the two are "
        f"the digits that a difference of two losses loses: about 1e-16 / h, so 1e-11 with h = {H:g}. The book prints "
        "smaller means, of another h and of other first weights; both say the same."
    )


@figures.in_style
def figure(measured: Measured) -> Figure:
    """Each number of the first seed's gradient by both ways, and the distribution of the differences."""
    drawn = figures.new(7.2, 3.3)
    left, right = drawn.subplots(1, 2)
    looks = zip(NAMES, figures.COLOURS, figures.DASHES, "os^D", strict=False)
    for name, colour, dashes, marker in looks:
        at = measured.parts[name]
        left.plot(
            measured.numerical[0, at], measured.backpropagated[0, at], marker, ms=3.5, color=colour,
            mfc="none", mew=0.8, label=name,
        )  # fmt: skip
        apart = np.sort(measured.differences(name).ravel())
        right.plot(
            apart, np.linspace(0, 1, len(apart)), color=colour, ls=dashes, lw=1.4, label=name
        )
    left.axline((0, 0), slope=1, color=figures.PALE, lw=1, zorder=0)
    left.set_xlabel("numerical")
    left.set_ylabel("backpropagated")
    left.set_title("each number of the gradient (seed 0)", loc="left")
    left.legend()
    limit = CLOSE * measured.largest
    right.axvline(limit, color=figures.GREY, lw=1, ls="--")
    right.annotate(
        "a millionth of\nthe largest", (limit, 1), (-4, -2), xycoords=("data", "axes fraction"),
        textcoords="offset points", ha="right", va="top", color=figures.GREY,
    )  # fmt: skip
    right.set_xscale("log")
    right.set_xlim(1e-14, 10 * limit)
    right.set_ylim(0, 1.02)
    right.set_xlabel("difference of the two")
    right.set_ylabel("share of the numbers below it")
    right.set_title("how far the two are apart", loc="left")
    right.legend(loc="center right", bbox_to_anchor=(0.82, 0.5))
    return drawn
