"""Hyperparameter search (*Deep Learning from Scratch*, 6.5): in the book's way, and in ours.

500 rows, of which 100 validate; 784-100×6-10 with ReLU, SGD, batch 100, 50 epochs; 100 trials of learning rates from
1e-6 to 1e-2 and weight decays from 1e-8 to 1e-4, both even in the logarithm. First as the book does, random settings in
one range; then as this project does, in rounds whose ranges are narrowed or extended, two fifths of the trainings being
kept to confirm the best on fresh seeds and splits. Both train the same number of epochs.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

import hpo
import trainer.data
from scripts.book.data import Images
from scripts.book.tables import Claim, Line, Number, spread
from studies import plots
from studies.analysis.goal import Goal
from trainer.data import TEST
from trainer.recipe import Recipe
from trainer.stack import Stack

if TYPE_CHECKING:
    import pandas as pd

    from studies import Study

Array = NDArray[Any]

TITLE = "Hyperparameter search"
SECTION = "6.5.2 and 6.5.3"
RATES, DECAYS = (1e-6, 1e-2), (1e-8, 1e-4)
SPACE = {
    "learning_rate": hpo.Float(*RATES, log=True),
    "weight_decay": hpo.Float(*DECAYS, log=True),
}
LOW = 0.20  # accuracies up to this are a guess
AT_THE_END = 0.9  # of a range, in the logarithm


@dataclass(frozen=True)
class Size:
    """How much is searched. `rows` are those that train and validate, four to one."""

    seeds: int = 5
    rows: int = 500
    hidden: tuple[int, ...] = (100,) * 6
    batch_size: int = 100
    epochs: int = 50
    trials: int = 100


FULL, QUICK = Size(), Size(seeds=1, hidden=(50,) * 2, batch_size=50, epochs=20)


@dataclass(frozen=True)
class Found:
    """What one search found: of each trial learning rate, weight decay and accuracy on validation rows; the rest."""

    rates: Array
    decays: Array
    values: Array
    best: float  # accuracy on the validation rows
    chosen: dict[str, float]  # the settings it ends with
    test: float  # accuracy on the test rows, of a network of these settings, trained on all rows but those
    seconds: float
    epochs_trained: int
    confirming: int  # trainings that confirmed finalists
    extended: bool  # whether the range of learning rates was extended

    @property
    def position(self) -> float:
        """Where in the book's range, in the logarithm, the best trial's learning rate lies."""
        low, high = np.log(RATES)
        best = np.log(self.rates[self.values.argmax()])
        return float((best - low) / (high - low))


@dataclass(frozen=True)
class Measured:
    """Searches of every seed, in the book's way and in ours; and trials and curves of the book's first."""

    book: list[Found]
    ours: list[Found]
    trials: pd.DataFrame
    curves: pd.DataFrame


def measure(images: Images, size: Size = FULL) -> Measured:
    """Search in both ways."""
    plan: dict[str, Any] = {
        "rows": size.rows, "space": SPACE, "trials": size.trials, "epochs": size.epochs,
        "hidden": size.hidden, "optimizer": "sgd", "batch_size": size.batch_size,
    }  # fmt: skip
    random: dict[str, Any] = {"sampler": "random", "rounds": 1, "finalists": 0, "extend": False}
    found: dict[str, list[Found]] = {"book": [], "ours": []}
    frames: list[tuple[pd.DataFrame, pd.DataFrame]] = []
    for seed in range(size.seeds):
        for way, given in (("book", random), ("ours", {})):
            with tempfile.TemporaryDirectory() as folder:
                storage = f"sqlite:///{folder}/book.db"
                began = time.perf_counter()
                study = hpo.search(images.source, storage=storage, seed=seed, **plan, **given)
                passed = time.perf_counter() - began
                frames.append((study.trials_frame(), study.epochs_frame()))
                found[way].append(_found(study, images, size, seed, passed))
    return Measured(found["book"], found["ours"], *frames[0])


def _found(study: Study, images: Images, size: Size, seed: int, passed: float) -> Found:
    summary = study.summary()
    frame = study.trials_frame()
    chosen = (summary["recommended"] or summary["best"])["params"]
    verdicts = [
        r["verdicts"]["learning_rate"]["action"] for r in summary["rounds"] if r["verdicts"]
    ]
    return Found(
        rates=frame["learning_rate"].to_numpy(float),
        decays=frame["weight_decay"].to_numpy(float),
        values=np.nan_to_num(frame["value"].to_numpy(float), nan=0.0),
        best=float(summary["best"]["value"]),
        chosen=chosen,
        test=tested(images, chosen, size, seed),
        seconds=passed,
        epochs_trained=summary["epochs_trained"],
        confirming=summary["epochs_trained"] // size.epochs - len(frame),
        extended="extended" in verdicts,
    )


def tested(images: Images, chosen: dict[str, float], size: Size, seed: int) -> float:
    """Accuracy on the test rows of a network of these settings, trained on training and validation rows together."""
    draw = trainer.data.load(images.source, None, seed=seed, rows=size.rows, dtype="float32")
    splits = draw(TEST)
    recipe = Recipe(splits.outputs, hidden=size.hidden, optimizer="sgd", batch_size=size.batch_size)
    stack = Stack(recipe, [chosen], splits.train.X.shape[1], seed=seed, epochs=size.epochs)
    for _ in range(size.epochs):
        stack.epoch(splits.train)
    return float(stack.score(splits.validation)[1][0])


def given(x: Array, y: Array, z: Array) -> tuple[float, float]:
    """The partial rank correlation of x and y, given z, and its p: what is left when both are freed of z's ranks.

    Values follow the learning rate, and a hundred draws of two numbers are never quite uncorrelated.
    """
    ranks = [stats.rankdata(a) for a in (x, y)]
    of_z = stats.rankdata(z)
    left = [a - np.polyval(np.polyfit(of_z, a, 1), of_z) for a in ranks]
    found = stats.pearsonr(*left)
    return float(found.statistic), float(found.pvalue)


def claims(measured: Measured) -> list[Claim]:
    """What the book's run shows, and what the search makes of it."""
    book, ours = measured.book, measured.ours
    failed = np.array([(found.values <= LOW).mean() for found in book])
    positions = np.array([found.position for found in book])
    decays, values = (
        np.concatenate([getattr(f, name) for f in book]) for name in ("decays", "values")
    )
    rates = np.concatenate([found.rates for found in book])
    of_decay, p = given(decays, values, rates)
    of_rate, _ = given(rates, values, decays)
    alone = stats.spearmanr(decays, values)
    extended = sum(found.extended for found in ours)
    gains = np.array([o.test - b.test for o, b in zip(ours, book, strict=True)])
    return [
        Claim("most of the range does not learn at all", bool(failed.mean() > 0.5),
              f"{failed.mean():.0%} of the trials at or below {LOW:.2f}"),
        Claim("the best learning rates lie at the upper end of the range",
              bool(positions.mean() > AT_THE_END),
              f"best trial at {positions.mean():.0%} of it ({positions.min():.0%} … {positions.max():.0%})"),
        Claim("weight decay gives no signal in this range",
              p > 0.05 and abs(of_decay) < 0.2,
              f"rank correlation given the rate {of_decay:+.2f}, p = {p:.2f} (by itself {alone.statistic:+.2f}, "
              f"p = {alone.pvalue:.2f}); of the rate {of_rate:+.2f}"),
        Claim("ours says that the range was too narrow, and extends it",
              extended == len(ours), f"with {extended} of {len(ours)} seeds"),
        Claim("at the same cost, ours is better on the test rows", bool((gains > 0).all()),
              f"by {spread(gains)}; with {(gains > 0).sum()} of {len(gains)} seeds"),
    ]  # fmt: skip


def lines(measured: Measured) -> list[Line]:
    """Claims, accuracies, epochs and times."""
    failed, end, decay, extended, better = claims(measured)
    book, ours = measured.book, measured.ours

    def pair(what: str, values: Any, decimals: int = 3, stored: str = "") -> Number:
        told = (spread([values(found) for found in way], decimals) for way in (book, ours))
        return Number(f"{what}: the book's way, ours", stored, ", ".join(told))

    return [
        failed,
        Number(f"trials at or below {LOW:.2f}", "74", spread([(f.values <= LOW).sum() for f in book], 0)),
        end,
        Number("best trial's learning rate, in the range", "99 %", spread([100 * f.position for f in book], 0) + " %"),
        decay,
        extended,
        pair("log₁₀ of the rate chosen", lambda f: np.log10(f.chosen["learning_rate"]), 2),
        better,
        pair("test accuracy", lambda f: f.test),
        pair("best validation accuracy", lambda f: f.best, stored="0.84"),
        pair("epochs trained", lambda f: f.epochs_trained, 0, "5000"),
        pair("seconds", lambda f: f.seconds, 1),
    ]  # fmt: skip


def words(measured: Measured) -> str:
    """Where we differ from the book, and why."""
    confirming = np.mean([found.confirming for found in measured.ours])
    return (
        "The 500 rows are drawn by the seed, evenly over the digits (the book: the first 500), and every seed has "
        "others; 100 of them validate. The book's best trial is also its luckiest, as each trial has first weights of "
        "its own; all trials of ours have the same, so that they differ by their settings only. A best of 100 trials "
        "by 100 rows is too good by what it was chosen for: so the last word is the accuracy on the 10,000 test rows, "
        "of one network of the settings chosen, trained on all 500. A trial that diverges is not trained to its end: "
        "so ours may have fewer epochs than 5,000. "
        f"Of our trainings {confirming:.0f} in the mean confirm finalists on fresh seeds and splits, and count in the "
        "cost. Both train 200 updates of four an epoch; the book draws rows with replacement, and tells accuracies "
        "every fourth step from the first, the last time after 197. Seconds are of the search alone, with all that it "
        "writes to its database."
    )


def figure(measured: Measured) -> Figure:
    """The twenty best trials of the book's way, seed 0, as the book draws them (6.5.3)."""
    goal = Goal("accuracy", "maximize")
    return plots.curves(measured.trials, measured.curves, goal=goal, best=20)
