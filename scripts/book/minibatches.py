"""Minibatch sizes (*Deep Learning from Scratch*, 4.5 and 6.1.2): 1, 16, 32, 128 and all rows, by epochs and by time.

784-50-10 with ReLU and SGD on the first 1,000 rows. Every size has the learning rate that suits it: a population of
rates is trained first, and that with the fewest epochs to the goal is taken. Then each seed is trained alone, on one
thread and with nothing of ours beside it, and only the epochs are timed, not what is measured after each.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from scripts.book import figures
from scripts.book.data import Images
from scripts.book.tables import Claim, Line, Number, seconds, spread
from trainer import train_population
from trainer.recipe import Recipe, Rows
from trainer.stack import Stack

Array = NDArray[Any]

TITLE = "Minibatch sizes"
SECTION = "4.5"
RATES = tuple(float(rate) for rate in np.logspace(-2.5, 0, 6))
EPOCHS = {1: 6, 16: 20, 32: 40, 128: 80, 0: 240}  # 0: all rows in one
GOAL = 0.2  # the loss that is to be reached
HIDDEN = (50,)


@dataclass(frozen=True)
class Size:
    """How much is trained."""

    seeds: int = 5
    rows: int = 1000


FULL, QUICK = Size(), Size(seeds=1, rows=300)


@dataclass(frozen=True)
class Measured:
    """Of each size: its learning rate; losses (seeds, E) of the training rows after each epoch; seconds (seeds, E)."""

    rows: int
    rates: dict[int, float]
    losses: dict[int, Array]
    seconds: dict[int, Array]

    def name(self, size: int) -> str:
        """As a person says it."""
        return str(size) if size else f"all {self.rows:,}"

    def epochs(self, size: int) -> Array:
        """Epochs until the goal, (seeds,); infinite where it is not reached."""
        return _until_goal(self.losses[size].T)

    def until(self, size: int) -> Array:
        """Seconds until the goal, (seeds,)."""
        epochs = self.epochs(size)
        passed = np.cumsum(self.seconds[size], axis=1)
        return np.array([
            passed[seed, int(e) - 1] if np.isfinite(e) else np.inf for seed, e in enumerate(epochs)
        ])  # fmt: skip


def _until_goal(losses: Array) -> Array:
    """The first epoch after which losses (E, …) are at the goal, infinite where none is."""
    with np.errstate(invalid="ignore"):
        reached = losses <= GOAL
    return np.where(reached.any(axis=0), reached.argmax(axis=0) + 1.0, np.inf)


def measure(images: Images, size: Size = FULL) -> Measured:
    """Find each size its learning rate, then train and time it."""
    X, y = images.first(size.rows)
    rates, losses, times = {}, {}, {}
    for batch, epochs in EPOCHS.items():
        recipe = Recipe(10, hidden=HIDDEN, optimizer="sgd", batch_size=batch or len(X))
        rates[batch] = _rate(X, y, recipe.batch_size, epochs)
        runs = [_timed(recipe, rates[batch], X, y, epochs, seed) for seed in range(size.seeds)]
        losses[batch], times[batch] = (np.array(part) for part in zip(*runs, strict=True))
    return Measured(len(X), rates, losses, times)


def _rate(X: Array, y: Array, batch_size: int, epochs: int) -> float:
    """The learning rate with the fewest epochs to the goal, or else the lowest loss, of a seed that is not timed."""
    curves = train_population(
        X, y, X, y, settings=[{"learning_rate": rate} for rate in RATES], hidden=HIDDEN,
        optimizer="sgd", batch_size=batch_size, epochs=epochs, seed=1000,
    )["train_loss"]  # fmt: skip
    last = np.nan_to_num(curves[-1], nan=np.inf)
    return RATES[min(range(len(RATES)), key=lambda k: (_until_goal(curves)[k], last[k]))]


def _timed(
    recipe: Recipe, rate: float, X: Array, y: Array, epochs: int, seed: int
) -> tuple[list[float], list[float]]:
    stack = Stack(recipe, [{"learning_rate": rate}], X.shape[1], seed=seed, epochs=epochs)
    rows = stack.ready(Rows(X, y), training=True)
    losses, times = [], []
    with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
        for _ in range(epochs):
            began = time.perf_counter()
            stack.epoch(rows)
            times.append(time.perf_counter() - began)
            losses.append(float(stack.score(rows)[0][0]))
    return losses, times


def claims(measured: Measured) -> list[Claim]:
    """What small and large minibatches are good for."""
    epochs = {size: float(measured.epochs(size).mean()) for size in EPOCHS}
    times = {size: float(measured.until(size).mean()) for size in EPOCHS}
    an_epoch = {size: float(np.median(times)) for size, times in measured.seconds.items()}
    in_order = list(epochs.values())
    quickest = min(times, key=lambda size: times[size])
    return [
        Claim(
            "the smaller the minibatch, the fewer epochs",
            in_order == sorted(in_order) and in_order[0] < in_order[-1],
            f"to a loss of {GOAL:g}: " + ", ".join(f"{e:.3g}" for e in in_order),
        ),
        Claim(
            "the larger, the less time an epoch takes, up to 128",
            an_epoch[1] > an_epoch[16] > an_epoch[128],
            ", ".join(seconds(t) for t in an_epoch.values()),
            timed=True,
        ),
        Claim(
            "in time, minibatches win over single rows and over all rows",
            quickest not in (0, 1),
            f"the quickest: {measured.name(quickest)}",
            timed=True,
        ),
    ]


def lines(measured: Measured) -> list[Line]:
    """Claims, and epochs and seconds of each size."""
    fewer, faster, wins = claims(measured)
    return [
        fewer,
        faster,
        wins,
        *(
            Number(
                f"{measured.name(size)}, rate {measured.rates[size]:.2g}: epochs, seconds", "",
                f"{spread(measured.epochs(size), 1)}, {spread(measured.until(size))}",
            )
            for size in EPOCHS
        ),
    ]  # fmt: skip


def words(measured: Measured) -> str:
    """What there is to learn from it."""
    del measured
    return (
        "The book stores no numbers here. Epochs and seconds are those until the loss of the training rows is at "
        f"{GOAL:g}. An epoch of single rows is a thousand steps, each of which costs what calling NumPy costs, "
        "whatever the size; all rows at once are one step, with a fine gradient that is used once. Rows come in a "
        "fresh order each epoch, without replacement, unlike in the book."
    )


@figures.in_style
def figure(measured: Measured) -> Figure:
    """The loss of the training rows against epochs, and against time."""
    drawn = figures.new(7.2, 3.4)
    left, right = drawn.subplots(1, 2, sharey=True)
    looks = zip(EPOCHS, figures.COLOURS, figures.DASHES, strict=False)
    for size, colour, dashes in looks:
        losses = measured.losses[size]
        look: dict[str, Any] = {"color": colour, "ls": dashes, "label": measured.name(size)}
        figures.band(left, np.arange(1, losses.shape[1] + 1), losses, **look)
        passed = np.cumsum(measured.seconds[size], axis=1).mean(axis=0)
        figures.band(right, passed, losses, **look)
    _axes(left, "epochs")
    _axes(right, "seconds")
    left.set_ylabel("loss of the training rows")
    handles, labels = left.get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside lower center", ncols=5, title="rows in a minibatch")
    return drawn


def _axes(axes: Axes, what: str) -> None:
    axes.axhline(GOAL, color=figures.GREY, lw=0.8, ls=":")
    figures.plain_log(axes)
    axes.set_yscale("log")
    axes.set_yticks([0.01, 0.1, 1], labels=["0.01", "0.1", "1"])
    axes.set_ylim(0.01, 3)
    axes.set_xlabel(what)
    figures.grid(axes)
