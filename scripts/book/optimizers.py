"""SGD, momentum, AdaGrad and Adam (*Deep Learning from Scratch*, 6.1): on f = x²/20 + y², and on MNIST.

The trainer's own update rules walk on f from (−7, 2), thirty steps, at the book's learning rates. On MNIST they train
784-100×4-10 with ReLU from He's weights, 2,000 minibatches of 128 drawn with replacement. Optimizers are different
programs, so each trains a population of its own (of one network); all start from the same weights and see the same
minibatches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from scripts.book import figures, training
from scripts.book.data import Images
from scripts.book.tables import Claim, Line, Number, spread
from trainer.optimizers import OPTIMIZERS
from trainer.recipe import Recipe

Array = NDArray[Any]

TITLE = "Optimizers"
SECTION = "6.1.7 and 6.1.8"
NAMES = {"sgd": "SGD", "momentum": "momentum", "adagrad": "AdaGrad", "adam": "Adam"}
START, STEPS = (-7.0, 2.0), 30
WALKING = {"sgd": 0.95, "momentum": 0.1, "adagrad": 1.5, "adam": 0.3}  # learning rates on f
TRAINING = {"sgd": 0.01, "momentum": 0.01, "adagrad": 0.01, "adam": 0.001}  # on MNIST
BOOK = {"sgd": 0.15, "momentum": 0.05, "adagrad": 0.016, "adam": 0.032}  # where its run ends
WINDOW = 100  # iterations that a loss is the mean over


@dataclass(frozen=True)
class Size:
    """How much is trained. `every` is in iterations: how often the minibatch's loss is told."""

    seeds: int = 5
    hidden: tuple[int, ...] = (100,) * 4
    batch_size: int = 128
    iterations: int = 2000
    every: int = 10


FULL, QUICK = Size(), Size(seeds=1, hidden=(50,) * 4, batch_size=32, iterations=600)


@dataclass(frozen=True)
class Measured:
    """Paths on f, (STEPS + 1, 2) of each optimizer, and losses of minibatches, (seeds, iterations / every)."""

    paths: dict[str, Array]
    losses: dict[str, Array]
    every: int

    @property
    def final(self) -> dict[str, Array]:
        """The losses of the last minibatches, (seeds, WINDOW / every)."""
        count = WINDOW // self.every
        return {name: curves[:, -count:] for name, curves in self.losses.items()}

    @property
    def last(self) -> dict[str, Array]:
        """Their means, (seeds,)."""
        return {name: losses.mean(axis=1) for name, losses in self.final.items()}

    def turns(self, name: str) -> int:
        """How often a path crosses the valley's floor, y = 0."""
        y = self.paths[name][:, 1]
        return int((y[1:] * y[:-1] < 0).sum())


def f(x: Array, y: Array) -> Array:
    """The book's example (eq. 6.2): a long valley along x."""
    return np.asarray(x**2 / 20 + y**2)


def walk(name: str, rate: float) -> Array:
    """The path of an optimizer on f, by its rule in the trainer."""
    optimizer = OPTIMIZERS[name]
    theta = np.array([START])
    state = optimizer.init(theta)
    given = {"learning_rate": rate, "momentum": 0.9, "beta1": 0.9, "beta2": 0.999}
    numbers = {key: np.array([[value]]) for key, value in given.items()}
    path = [theta[0].copy()]
    for step in range(1, STEPS + 1):
        gradient = theta * [1 / 10, 2]
        if optimizer.linear:  # takes the gradient times the learning rate
            gradient *= rate
        optimizer.update(theta, gradient, state, numbers, step, np.empty_like(theta))
        path.append(theta[0].copy())
    return np.array(path)


def measure(images: Images, size: Size = FULL) -> Measured:
    """Walk on f and train on the images."""

    def train(seed: int) -> dict[str, Array]:
        told = {}
        for name, rate in TRAINING.items():
            recipe = Recipe(
                10, hidden=size.hidden, optimizer=name, init="he", batch_size=size.batch_size
            )
            told[name] = training.losses(
                recipe, [{"learning_rate": rate}], images.X, images.y,
                iterations=size.iterations, every=size.every, seed=seed,
            )[:, 0]  # fmt: skip
        return told

    trained = training.each(train, size.seeds)
    return Measured(
        {name: walk(name, rate) for name, rate in WALKING.items()},
        {name: np.array([t[name] for t in trained]) for name in NAMES},
        size.every,
    )


def claims(measured: Measured) -> list[Claim]:
    """What the book says of the four."""
    turns = {name: measured.turns(name) for name in NAMES}
    last = measured.last
    whole = {name: losses.mean(axis=1) for name, losses in measured.losses.items()}
    ahead, at_the_end = (
        sum(
            min(NAMES, key=lambda name: of[name][seed]) == "adagrad"
            for seed in range(len(last["sgd"]))
        )
        for of in (whole, last)
    )
    seeds = len(last["sgd"])
    slowest = sum(all(last["sgd"][s] > last[o][s] for o in NAMES if o != "sgd") for s in range(seeds))  # fmt: skip
    return [
        Claim(
            "on f, SGD goes to and fro more than the others",
            all(turns["sgd"] > turns[name] for name in NAMES if name != "sgd"),
            "crosses y = 0: " + ", ".join(f"{NAMES[n]} {t}" for n, t in turns.items()),
        ),
        Claim(
            "on images, SGD learns most slowly",
            slowest == seeds,
            f"the highest loss with {slowest} of {seeds} seeds",
        ),
        Claim(
            "AdaGrad is a little ahead of all",
            ahead == seeds,
            f"over the whole run with {ahead} of {seeds} seeds, at the end with {at_the_end}",
        ),
    ]


def lines(measured: Measured) -> list[Line]:
    """Claims and losses."""
    walked, slowest, ahead = claims(measured)
    ends = [
        Number(
            f"loss at the end: {NAMES[name]} (of one minibatch)",
            f"{BOOK[name]:.2g}",
            f"{spread(measured.last[name])} ({losses.min():.3f} … {losses.max():.2f})",
        )
        for name, losses in measured.final.items()
    ]
    whole = [
        Number(
            f"mean loss of the run: {NAMES[name]}", "", spread(measured.losses[name].mean(axis=1))
        )
        for name in NAMES
    ]
    return [walked, slowest, *ends, ahead, *whole]


def words(measured: Measured) -> str:
    """Where we differ from the book, and why."""
    inside = [
        name
        for name, losses in measured.final.items()
        if losses.min() <= BOOK[name] <= losses.max()
    ]
    return (
        "The book's number is the loss of one minibatch, the last that its run prints; ours is the mean of the last "
        f"{WINDOW} iterations, and in brackets the lowest and the highest single minibatch among them: the book's "
        f"lies between these for {len(inside)} of {len(NAMES)}. So its order of the three fast ones at the end is "
        "luck; that all three are far ahead of SGD is not. AdaGrad and Adam are so close that which of them is ahead "
        "depends on the seed, and on where in the run one looks; the book says itself that it depends on their "
        "learning rates. Minibatches are drawn with replacement as in the book; "
        "unlike there, the four optimizers of a seed start from the same weights."
    )


@figures.in_style
def figure(measured: Measured) -> Figure:
    """The four paths as in section 6.1.7, and below them the four curves of 6.1.8."""
    drawn = figures.new(7.2, 5.2)
    space = drawn.add_gridspec(2, 4, height_ratios=[1, 1.5])
    for k, name in enumerate(NAMES):
        _path(drawn.add_subplot(space[0, k]), measured.paths[name], name, first=k == 0)
    axes = drawn.add_subplot(space[1, :])
    iterations = np.arange(len(measured.losses["sgd"][0])) * measured.every
    for name, colour, dashes in zip(NAMES, figures.COLOURS, figures.DASHES, strict=False):
        smoothed = training.smooth(measured.losses[name].T, WINDOW // measured.every).T
        figures.band(axes, iterations, smoothed, color=colour, ls=dashes, label=NAMES[name])
    axes.set_ylim(0, 1)
    axes.set_xlim(0, iterations[-1])
    axes.set_xlabel("iteration")
    axes.set_ylabel(f"loss (mean of {WINDOW} iterations)")
    figures.grid(axes)
    axes.legend(title="lowest to highest of the seeds")
    return drawn


def _path(axes: Axes, path: Array, name: str, *, first: bool) -> None:
    x, y = np.meshgrid(np.linspace(-10, 10, 80), np.linspace(-5, 5, 80))
    axes.contour(
        x, y, f(x, y), levels=np.arange(0.25, 7, 0.75), colors=figures.PALE, linewidths=0.7
    )
    axes.plot(0, 0, "+", color=figures.GREY, ms=7)
    axes.plot(path[:, 0], path[:, 1], "o-", color=figures.VERMILION, ms=2.2, lw=0.8)
    axes.set_xlim(-10, 10)
    axes.set_ylim(-5, 5)
    axes.set_title(f"{NAMES[name]}, {WALKING[name]:g}", loc="left")
    axes.set_xlabel("x")
    axes.set_ylabel("y" if first else "")
    axes.tick_params(labelleft=first)
