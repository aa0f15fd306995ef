"""Normalizing inputs (*Deep Learning from Scratch*, 3.6.2), and what goes wrong when test statistics leak.

Made-up people: age in years, and income in won, 100,000 times as large. Whether they buy depends on both alike. The
network, 2-20-2 with ReLU and SGD, is trained from raw and from normalized inputs at thirty learning rates at once: the
best of all is what counts, so that nobody can say that the rate was wrong.

Means and deviations are learned from training rows alone. Two ways to do otherwise: later rows by their own statistics,
and all rows, test rows included, by common ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from scripts.book import figures, training
from scripts.book.data import Images
from scripts.book.tables import Claim, Line, Number, spread
from trainer import MLPClassifier, train_population

Array = NDArray[Any]

TITLE = "Normalizing inputs"
SECTION = "3.6.2"
DATA = "made-up rows"
SCALE = 1e5  # of the second feature, in units of the first
RATES = np.logspace(-14, 0.5, 30)
GOAL = 0.1  # the loss that is to be reached
RAISE = 1.5  # how incomes have grown when test rows and fresh rows come
TYPO = 1000  # what one test row's income is multiplied by
OWN, TRAINING, ALL = "their own statistics", "training statistics", "statistics of all rows"


@dataclass(frozen=True)
class Size:
    """How much is trained."""

    seeds: int = 5
    rows: int = 1000
    epochs: int = 200
    leak_epochs: int = 30


FULL, QUICK = Size(), Size(seeds=1, rows=400, epochs=60)


@dataclass(frozen=True)
class Measured:
    """Training losses (seeds, E, rates) from raw and normalized inputs; accuracies (seeds,) of what leaks and not."""

    raw: Array
    normalized: Array
    told: dict[str, Array]  # what a test says …
    kept: dict[str, Array]  # … and what the same network then does on single fresh rows
    spoilt: dict[str, Array]  # accuracy on test rows, one of which has a typing error

    def epochs(self, losses: Array) -> Array:
        """Epochs until the goal at the best learning rate, (seeds,); NaN where it is not reached."""
        with np.errstate(invalid="ignore"):
            reached = np.any(losses <= GOAL, axis=2)
        first = reached.argmax(axis=1) + 1.0
        first[~reached.any(axis=1)] = np.nan
        return np.asarray(first)


def people(rows: int, rng: np.random.Generator, *, raised: float = 1.0) -> tuple[Array, Array]:
    """Ages and incomes (rows, 2), and whether each buys: who is older and richer than others does, mostly."""
    standard = rng.standard_normal((rows, 2))
    buys = standard.sum(axis=1) + 0.1 * rng.standard_normal(rows) > 0
    return (45 + 12 * standard) * [1, SCALE * raised], buys.astype(int)


def scaler(X: Array) -> tuple[Array, Array]:
    """Mean and standard deviation of each column."""
    return X.mean(axis=0), X.std(axis=0)


def scaled(X: Array, by: tuple[Array, Array]) -> Array:
    """X in standard units of other rows."""
    return np.asarray((X - by[0]) / by[1])


def measure(images: Images, size: Size = FULL) -> Measured:
    """Train from raw and from normalized inputs; leak, and do not. The images have no part in it."""
    del images

    def train(seed: int) -> tuple[Array, Array, dict[str, tuple[float, float]], dict[str, float]]:
        rng = np.random.default_rng(seed)
        X, y = people(size.rows, rng)
        test, fresh = (people(size.rows, rng, raised=RAISE) for _ in range(2))
        settings = [{"learning_rate": float(rate)} for rate in RATES]
        losses = [
            train_population(
                rows, y, rows, y, settings=settings, hidden=(20,), optimizer="sgd",
                epochs=size.epochs, seed=seed, threads=1,
            )["train_loss"]
            for rows in (X, scaled(X, scaler(X)))
        ]  # fmt: skip
        model = _fitted(scaled(X, scaler(X)), y, size, seed)
        by_training = model.score(scaled(fresh[0], scaler(X)), fresh[1])
        promises = {
            TRAINING: (model.score(scaled(test[0], scaler(X)), test[1]), by_training),
            OWN: (model.score(scaled(test[0], scaler(test[0])), test[1]), by_training),
        }
        typed, labels = people(size.rows, rng)
        typed[0, 1] *= TYPO
        spoilt = {}
        for name, statistics in ((TRAINING, scaler(X)), (ALL, scaler(np.concatenate([X, typed])))):
            model = _fitted(scaled(X, statistics), y, size, seed)
            spoilt[name] = model.score(scaled(typed[1:], statistics), labels[1:])
        return losses[0], losses[1], promises, spoilt

    raw, normalized, promises, spoilt = zip(*training.each(train, size.seeds), strict=True)
    told, kept = (
        {name: np.array([p[name][k] for p in promises]) for name in (TRAINING, OWN)} for k in (0, 1)
    )
    return Measured(
        np.array(raw), np.array(normalized), told, kept,
        {name: np.array([s[name] for s in spoilt]) for name in (TRAINING, ALL)},
    )  # fmt: skip


def _fitted(X: Array, y: Array, size: Size, seed: int) -> MLPClassifier:
    model = MLPClassifier((20,), optimizer="sgd", learning_rate=0.1, random_state=seed)
    fitted: MLPClassifier = model.set_params(epochs=size.leak_epochs).fit(X, y)
    return fitted


def claims(measured: Measured) -> list[Claim]:
    """What normalizing does, and what leaks do."""
    raw, normalized = (measured.epochs(x) for x in (measured.raw, measured.normalized))
    never = int(np.isnan(raw).sum())
    missed = {name: (measured.told[name] - measured.kept[name]).mean() for name in measured.told}
    lost = (measured.spoilt[TRAINING] - measured.spoilt[ALL]).mean()
    return [
        Claim(
            "from normalized inputs it learns in a few epochs what it does not from raw ones",
            bool(np.isfinite(normalized).all() and (np.isnan(raw) | (raw > 5 * normalized)).all()),
            f"raw, at none of {len(RATES)} learning rates with {never} of {len(raw)} seeds",
        ),
        Claim(
            "test rows scaled by their own statistics promise what is not kept",
            bool(missed[OWN] > 0.05 and abs(missed[TRAINING]) < 0.03),
            f"promised too much: {missed[OWN]:.3f}, by {TRAINING} {missed[TRAINING]:.3f}",
        ),
        Claim(
            "statistics of all rows let one wrong test row spoil the training",
            bool(lost > 0.03),
            f"{lost:.3f} of accuracy lost on all other test rows",
        ),
    ]


def lines(measured: Measured) -> list[Line]:
    """Claims, epochs and accuracies."""
    learns, promise, typo = claims(measured)
    epochs = len(measured.raw[0])

    def until(losses: Array) -> str:
        found = measured.epochs(losses)
        return f"more than {epochs}" if np.isnan(found).any() else spread(found, 1)

    return [
        learns,
        Number(f"epochs until a loss of {GOAL:g}: raw", "", until(measured.raw)),
        Number(f"epochs until a loss of {GOAL:g}: normalized", "", until(measured.normalized)),
        promise,
        *(
            Number(
                f"{name}: test accuracy, then on fresh rows", "",
                f"{spread(measured.told[name])}, {spread(measured.kept[name])}",
            )
            for name in (TRAINING, OWN)
        ),
        typo,
        *(
            Number(f"{name}: test accuracy", "", spread(values))
            for name, values in measured.spoilt.items()
        ),
    ]  # fmt: skip


def words(measured: Measured) -> str:
    """What there is to learn from it."""
    del measured
    return (
        "The book stores no numbers here: it divides pixels by 255 and says that normalizing helps. A rate that the "
        f"large input bears is {SCALE:g}² times too small for the other. Incomes are {RAISE:g} times as high when "
        "test rows and fresh rows come: their own statistics take that away again, so the test says that nothing has "
        "changed; but who asks for one person at a time has no statistics but those of training, and the network "
        f"fails as an honest test would have said. In the last pair one test row's income is typed {TYPO:,} times too "
        "large: with statistics of all rows every other income then looks the same, in training too."
    )


@figures.in_style
def figure(measured: Measured) -> Figure:
    """Losses by epoch at the best learning rate of each, and what was promised and kept."""
    drawn = figures.new(7.2, 3.1)
    left, right = drawn.subplots(1, 2, width_ratios=[1.3, 1])
    looks = (
        ("raw", measured.raw, figures.VERMILION, "--"),
        ("normalized", measured.normalized, figures.BLUE, "-"),
    )
    for label, losses, colour, dashes in looks:
        best = np.nanmin(losses, axis=2)
        figures.band(
            left, np.arange(1, best.shape[1] + 1), best, color=colour, ls=dashes, label=label
        )
    left.axhline(GOAL, color=figures.GREY, lw=0.8, ls=":")
    figures.plain_log(left)
    left.set_ylim(0, 0.75)
    left.set_xlabel("epoch")
    left.set_ylabel("training loss")
    left.set_title("the best of thirty learning rates", loc="left")
    left.legend()
    figures.grid(left)
    bars = [
        (f"test rows by\n{TRAINING}", measured.told[TRAINING], figures.BLUE),
        (f"test rows by\n{OWN}", measured.told[OWN], figures.VERMILION),
        ("single fresh rows", measured.kept[TRAINING], figures.INK),
    ]
    for k, (_, values, colour) in enumerate(bars):
        right.plot(values, np.full(len(values), k), "o", color=colour, mfc="none", ms=5)
        right.plot(values.mean(), k, "|", color=colour, ms=16, mew=2)
    right.set_yticks(range(len(bars)), labels=[label for label, _, _ in bars])
    right.set_ylim(len(bars) - 0.5, -0.5)
    right.set_xlabel("accuracy, of each seed and in the mean")
    right.set_title("promised, and kept", loc="left")
    right.grid(axis="x", color="#eeeeee", lw=0.7)
    return drawn
