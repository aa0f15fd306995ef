"""Batch normalization (*Deep Learning from Scratch*, 6.3.2, Figure 6-19): learning from sixteen scales of weights.

784-100×5-10 with ReLU on the first 1,000 rows, SGD at 0.01, batch 100, 20 epochs, first weights of standard deviations
from 1 down to 1e-4, with batch normalization and without. The sixteen of a kind train as one population.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from scripts.book import figures
from scripts.book.data import Images
from scripts.book.tables import Claim, Line, Number, spread
from trainer import train_population

Array = NDArray[Any]

TITLE = "Batch normalization"
SECTION = "6.3.2"
SCALES = np.logspace(0, -4, 16)
SMALL = SCALES < 0.02
"""Where He's own deviation in a layer of 100 is 0.14, these are the small ones."""
BOOK = {"without": 0.12, "with": 0.6}  # accuracies at the small scales
GUESS, LEARNT = (
    0.25,
    0.4,
)  # accuracies: of one that has learnt next to nothing, and of one that has learnt


@dataclass(frozen=True)
class Size:
    """How much is trained."""

    seeds: int = 5
    rows: int = 1000
    hidden: tuple[int, ...] = (100,) * 5
    batch_size: int = 100
    epochs: int = 20


FULL, QUICK = Size(), Size(seeds=1, rows=500, batch_size=50)


@dataclass(frozen=True)
class Measured:
    """Accuracies on training rows after each epoch, (seeds, E, 16), with and without; one that diverged has NaN."""

    normalized: Array
    plain: Array

    @property
    def ends(self) -> tuple[Array, Array]:
        """Accuracies after the last epoch, (seeds, 16), with and without; 0.1, a guess, for what diverged."""
        with_, without = (
            np.nan_to_num(curves[:, -1], nan=0.1) for curves in (self.normalized, self.plain)
        )
        return with_, without


def measure(images: Images, size: Size = FULL) -> Measured:
    """Train both kinds from every scale."""
    X, y = images.first(size.rows)
    settings: list[dict[str, float | str]] = [
        {"learning_rate": 0.01, "init": f"normal:{scale:g}"} for scale in SCALES
    ]

    def accuracies(batch_norm: bool) -> Array:
        return np.array([
            train_population(
                X, y, X, y, settings=settings, hidden=size.hidden, optimizer="sgd",
                batch_norm=batch_norm, batch_size=size.batch_size, epochs=size.epochs, seed=seed,
            )["validation_accuracy"]
            for seed in range(size.seeds)
        ])  # fmt: skip

    return Measured(accuracies(True), accuracies(False))


def claims(measured: Measured) -> list[Claim]:
    """What the book says of batch normalization."""
    with_, without = measured.ends
    ahead = int((with_.mean(axis=0) > without.mean(axis=0)).sum())
    alone = (with_.mean(axis=0) > LEARNT) & (without.mean(axis=0) < GUESS)
    down_to = f", down to {SCALES[alone].min():.2g}" if alone.any() else ""
    return [
        Claim(
            "with it, networks learn from scales at which without it they do not",
            int(alone[SMALL].sum()) >= SMALL.sum() / 2,
            f"at {alone.sum()} of {len(SCALES)} scales{down_to}",
        ),
        Claim(
            "nearly everywhere they learn faster",
            ahead >= 0.75 * len(SCALES),
            f"ahead at {ahead} of {len(SCALES)} scales",
        ),
    ]


def lines(measured: Measured) -> list[Line]:
    """Claims, and accuracies at small scales."""
    learns, faster = claims(measured)
    with_, without = measured.ends
    small = f"{SCALES[SMALL].max():.2g} … {SCALES[-1]:.0e}"
    return [
        learns,
        Number(f"accuracy without, scales {small}", f"{BOOK['without']:g}", spread(without[:, SMALL].mean(axis=1))),
        Number(f"accuracy with, scales {small}", f"≈ {BOOK['with']:g}", spread(with_[:, SMALL].mean(axis=1))),
        *(
            Number(f"with, at scale {SCALES[k]:.2g}", "", spread(with_[:, k]))
            for k in (6, 9, 12, 15)
        ),
        faster,
    ]  # fmt: skip


def words(measured: Measured) -> str:
    """Where we differ from the book, and why."""
    with_, _ = measured.ends
    return (
        "The book tells accuracies after 1, 11, … 191 updates, we after 10, 20, … 200; rows come without "
        f"replacement. At the smallest scales the book's network still learns where ours does not (at 1e-4, "
        f"{with_[:, -1].mean():.2f}): the book divides by √(variance + 1e-6), the trainer, like PyTorch, by √(variance "
        "+ 1e-5), and the variance of what weights of 1e-4 give is below both. (Tried once with 1e-6 in its place, the "
        "trainer had 0.43 there, 0.62 at 1.8e-4 and 0.79 at 3.4e-4.) In the first five epochs at small scales the "
        "book's curve is ahead for another reason: its running variance starts at 0, ours at 1, from where it takes "
        "longer to come down."
    )


@figures.in_style
def figure(measured: Measured) -> Figure:
    """Sixteen panels as in Figure 6-19: accuracy on the training rows by epoch, with and without."""
    drawn = figures.new(7.2, 6.0)
    panels = drawn.subplots(4, 4, sharex=True, sharey=True).ravel()
    epochs = np.arange(1, measured.plain.shape[1] + 1)
    for k, axes in enumerate(panels):
        for curves, colour, dashes, label in (
            (measured.normalized, figures.BLUE, "-", "batch normalization"),
            (measured.plain, figures.VERMILION, "--", "without"),
        ):
            of_scale = np.nan_to_num(curves[:, :, k], nan=0.1)
            figures.band(axes, epochs, of_scale, color=colour, ls=dashes, label=label)
        axes.set_title(f"std {SCALES[k]:.2g}", loc="left")
        axes.set_ylim(0, 1)
        axes.set_xlim(1, epochs[-1])
        figures.grid(axes)
        axes.label_outer()
    drawn.supxlabel("epoch", fontsize=8.5)
    drawn.supylabel("accuracy on the training rows", fontsize=8.5)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper right", ncols=2)
    return drawn
