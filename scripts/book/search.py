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
from pathlib import Path
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


FULL, QUICK = Size(), Size(seeds=1, hidden=(50,) * 3, epochs=15, trials=40)


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
    extended: bool  # whether learning rates beyond the book's were allowed

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
    random = {"sampler": "random", "rounds": 1, "finalists": 0, "extend": False}
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
    ends = summary["ranges"]["learning_rate"]
    return Found(
        rates=frame["learning_rate"].to_numpy(float),
        decays=frame["weight_decay"].to_numpy(float),
        values=np.nan_to_num(frame["value"].to_numpy(float), nan=0.0),
        best=float(summary["best"]["value"]),
        chosen=chosen,
        test=tested(images, chosen, size, seed),
        seconds=passed,
        epochs_trained=summary["epochs_trained"],
        extended=ends["high"] > RATES[1],
    )


def tested(images: Images, chosen: dict[str, float], size: Size, seed: int) -> float:
    """Accuracy on the test rows of a network of these settings, trained on training and validation rows together."""
    draw = trainer.data.load(images.source, None, seed=seed, rows=size.rows, dtype="float32")
    splits = draw(TEST)
    recipe = Recipe(
        splits.outputs, hidden=size.hidden, optimizer="sgd", batch_size=size.batch_size
    )
    stack = Stack(recipe, [chosen], splits.train.X.shape[1], seed=seed, epochs=size.epochs)
    for _ in range(size.epochs):
        stack.epoch(splits.train)
    return float(stack.score(splits.validation)[1][0])
