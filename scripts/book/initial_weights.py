"""First weights (*Deep Learning from Scratch*, 6.2): what they make of activations, and of training.

Activations of five hidden layers of 100 units for 1,000 rows of noise, by standard deviations 1 and 0.01, Xavier's and
He's, one population for each of sigmoid, tanh and ReLU. Training from 0.01, Xavier's and He's: 784-100×4-10 with ReLU,
SGD at 0.01, 2,000 minibatches of 128, all three in one population.

What the book calls Xavier's is √(1 / inputs), which the trainer calls lecun; Glorot and Bengio's own, the trainer's
xavier, is √(2 / (inputs + outputs)): the same in layers as wide as those before them.
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
from trainer.network import Network, Workspace
from trainer.recipe import Recipe

Array = NDArray[Any]

TITLE = "Initial weights"
SECTION = "6.2"
ROWS, UNITS, LAYERS = 1000, 100, 5
INITS = {"std 1": "normal:1", "std 0.01": "normal:0.01", "Xavier": "lecun", "He": "he"}
FUNCTIONS = ("sigmoid", "tanh", "relu")
TRAINED = ("std 0.01", "Xavier", "He")
BOOK = {"std 0.01": 2.305, "Xavier": 0.377, "He": 0.286}  # after 1,900 iterations
CHANCE = float(np.log(10))  # the loss of who says 1/10 to each digit
WINDOW = 100  # iterations


@dataclass(frozen=True)
class Size:
    """How much is trained. `every` is in iterations: how often the minibatch's loss is told."""

    seeds: int = 5
    hidden: tuple[int, ...] = (100,) * 4
    batch_size: int = 128
    iterations: int = 1950
    every: int = 10


FULL, QUICK = Size(), Size(seeds=1, batch_size=32, iterations=500)


@dataclass(frozen=True)
class Measured:
    """Activations (seeds, inits, LAYERS, UNITS, ROWS) of each function, and losses (seeds, iterations / every, 3)."""

    activations: dict[str, Array]
    losses: Array
    every: int

    @property
    def last(self) -> Array:
        """The mean loss of the last minibatches, (seeds, 3)."""
        means: Array = self.losses[:, -(WINDOW // self.every) :].mean(axis=1)
        return means

    def of(self, function: str, init: str) -> Array:
        """Activations (seeds, LAYERS, UNITS, ROWS)."""
        found: Array = self.activations[function][:, list(INITS).index(init)]
        return found

    def deviations(self, function: str, init: str) -> Array:
        """The standard deviation of each layer's activations, (seeds, LAYERS)."""
        return np.asarray(self.of(function, init).std(axis=(2, 3), dtype=np.float64))


def activations(function: str, seed: int) -> Array:
    """Of every hidden layer, for rows of noise: (inits, LAYERS, UNITS, ROWS)."""
    rng = np.random.default_rng(seed)
    network = Network((UNITS,) * (LAYERS + 1) + (10,), function)
    theta, statistics = network.initial(list(INITS.values()), rng, np.dtype("float32"))
    # One that could go backward keeps the activations of every layer.
    beyond = np.empty((len(theta), 0), np.float32)
    workspace = Workspace(network, theta, statistics, ROWS, beyond)
    workspace.forward(rng.standard_normal((ROWS, UNITS), np.float32))
    return np.stack([block[:, :-1] for block in workspace.blocks], axis=1)


def measure(images: Images, size: Size = FULL) -> Measured:
    """Look at activations, and train."""
    recipe = Recipe(10, hidden=size.hidden, optimizer="sgd", batch_size=size.batch_size)
    settings: list[dict[str, float | str]] = [
        {"learning_rate": 0.01, "init": INITS[name]} for name in TRAINED
    ]

    def train(seed: int) -> Array:
        return training.losses(
            recipe, settings, images.X, images.y,
            iterations=size.iterations, every=size.every, seed=seed,
        )  # fmt: skip

    return Measured(
        {
            function: np.array([activations(function, seed) for seed in range(size.seeds)])
            for function in FUNCTIONS
        },
        np.array(training.each(train, size.seeds)),
        size.every,
    )


def claims(measured: Measured) -> list[Claim]:
    """What the book says of activations, and of training."""
    ends = measured.of("sigmoid", "std 1")[:, -1]
    ends_share = float(((ends < 0.1) | (ends > 0.9)).mean())
    middle = measured.of("sigmoid", "std 0.01")[:, -1]
    alike = float((np.abs(middle - 0.5) < 0.05).mean())

    def kept(function: str, init: str) -> float:
        deviations = measured.deviations(function, init)
        return float((deviations[:, -1] / deviations[:, 0]).mean())

    tanh, relu = ({init: kept(name, init) for init in TRAINED} for name in ("tanh", "relu"))
    last = measured.last.mean(axis=0)
    still, xavier, he = (float(loss) for loss in last)
    return [
        Claim(
            "sigmoid, std 1: activations are at 0 and 1, where no gradient is",
            ends_share > 0.5,
            f"{ends_share:.0%} of layer 5 below 0.1 or above 0.9",
        ),
        Claim(
            "sigmoid, std 0.01: all units say the same",
            alike > 0.95,
            f"{alike:.0%} of layer 5 between 0.45 and 0.55",
        ),
        Claim(
            "tanh: Xavier's keeps much of the spread, with 0.01 it vanishes",
            tanh["Xavier"] > 0.25 > 0.01 > tanh["std 0.01"],
            f"layer 5 has {tanh['Xavier']:.2f} and {tanh['std 0.01']:.0e} of the first",
        ),
        Claim(
            "ReLU: kept by He's, shrinks with Xavier's, vanishes with 0.01",
            relu["He"] > 0.5 > relu["Xavier"] > 0.01 > relu["std 0.01"],
            f"layer 5 has {relu['He']:.2f}, {relu['Xavier']:.2f}, {relu['std 0.01']:.0e} of the first",
        ),
        Claim(
            "std 0.01 does not learn, Xavier's and He's do",
            still > 0.95 * CHANCE and max(xavier, he) < 0.8 * CHANCE,
            f"a guess has a loss of {CHANCE:.3f}",
        ),
        Claim(
            "He's learns faster than Xavier's",
            bool((measured.last[:, 2] < measured.last[:, 1]).all()),
            f"with {(measured.last[:, 2] < measured.last[:, 1]).sum()} of {len(measured.last)} seeds",
        ),
    ]


def lines(measured: Measured) -> list[Line]:
    """Claims and losses."""
    *seen, learns, faster = claims(measured)
    ends = [
        Number(f"loss at iteration 1,900: {name}", f"{BOOK[name]:.3f}", spread(measured.last[:, k]))
        for k, name in enumerate(TRAINED)
    ]
    return [*seen, learns, *ends, faster]


def words(measured: Measured) -> str:
    """Where we differ from the book, and why."""
    del measured
    return (
        f"The book's is the loss of one minibatch, ours the mean over {WINDOW} iterations around the same one (1,850 "
        "to 1,950): minibatches differ by more than seeds. Minibatches are drawn with replacement as in the book; the "
        "three start from the same draw, each scaled by its own deviation. Its ReLU networks of std 0.01 stay at a "
        "guess because nothing reaches their output: each layer passes on a fourteenth of what it is given."
    )


@figures.in_style
def figure(measured: Measured) -> Figure:
    """Activations of five layers by function and first weights, and training from three of them."""
    drawn = figures.new(7.2, 7.6)
    space = drawn.add_gridspec(4, len(INITS), height_ratios=[1, 1, 1, 1.5])
    for row, function in enumerate(FUNCTIONS):
        for column, init in enumerate(INITS):
            axes = drawn.add_subplot(space[row, column])
            _layers(axes, measured.of(function, init)[0], function)
            if row == 0:
                axes.set_title(init, loc="left", weight="bold")
            if column == 0:
                axes.set_ylabel({"relu": "ReLU"}.get(function, function))
                axes.set_yticks(
                    range(LAYERS), labels=[f"layer {k}" for k in range(LAYERS, 0, -1)], fontsize=7
                )
    axes = drawn.add_subplot(space[3, :])
    iterations = np.arange(measured.losses.shape[1]) * measured.every
    for k, (name, colour) in enumerate(zip(TRAINED, figures.COLOURS, strict=False)):
        smoothed = training.smooth(measured.losses[:, :, k].T, WINDOW // measured.every).T
        figures.band(axes, iterations, smoothed, color=colour, ls=figures.DASHES[k], label=name)
    axes.set_xlabel("iteration")
    axes.set_ylabel(f"loss (mean of {WINDOW})")
    axes.set_ylim(0, 2.5)
    axes.set_xlim(0, iterations[-1])
    figures.grid(axes)
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.85))
    return drawn


def _layers(axes: Axes, values: Array, function: str) -> None:
    """A histogram of each layer (LAYERS, …), the first at the top, each as high as its highest bar.

    Of ReLU, the bar at 0 is cut off, and activations above 2 are left out.
    """
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1), "relu": (0, 2)}[function]
    edges = np.linspace(low, high, 41)
    for layer, of_layer in enumerate(values):
        counts, _ = np.histogram(of_layer, edges)
        if (
            function == "relu"
        ):  # half of its activations are 0, and would press all others to the floor
            counts[0] = min(counts[0], 1.5 * counts[1:].max() + 1)
        base = LAYERS - 1 - layer
        axes.stairs(base + 0.85 * counts / counts.max(), edges, baseline=base, fill=True,
                    color=figures.BLUE, lw=0)  # fmt: skip
        axes.axhline(base, color=figures.PALE, lw=0.6)
    axes.set_yticks([])
    axes.set_xlim(low, high)
    axes.set_ylim(-0.05, LAYERS)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=7)
