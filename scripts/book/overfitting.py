"""Overfitting and what helps against it (*Deep Learning from Scratch*, 6.4): weight decay, dropout, more rows.

784-100×6-10 with ReLU from He's weights, SGD at 0.01, batch 100, on the first 300 rows, so that it has far more numbers
than it needs to know them by heart. Without anything, with weight decay 0.1 and with dropout 0.2 are one population;
more rows are trained with as many updates; and a network of two hidden units, trained on these for five times as long
at 0.03, shows the opposite, underfitting.

The book's dropout keeps activations as they are in training, and multiplies them by 0.8 in use; the trainer's divides
them by 0.8 in training. The two are the same network in other units: where the book's weights are W, the trainer's are
0.8 W on activations that are 1.25 as large; and as ∂L/∂(0.8 W) is 1.25 ∂L/∂W, a step of η on W is one of 0.64 η on
0.8 W. So "the book's" is shown too, by weights, inputs and a learning rate that are changed so. (Biases alone then
learn at 0.64 of the book's rate.)
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
from trainer import train_population
from trainer.recipe import Recipe, Rows
from trainer.stack import Stack

Array = NDArray[Any]

TITLE = "Overfitting"
SECTION = "6.4"
PLAIN, DECAY, DROPOUT, BOOKS = "nothing", "weight decay 0.1", "dropout 0.2", "dropout, the book's"
MORE, SMALL = "ten times the rows", "two hidden units"
RATE, DROPPED = 0.01, 0.2
SMALL_RATE, LONGER = 0.03, 5  # so that it is not for want of time that it stays bad
BOOK = {PLAIN: None, DECAY: (0.927, 0.721), DROPOUT: (0.67, 0.548)}  # training and test accuracy


@dataclass(frozen=True)
class Size:
    """How much is trained. Accuracies are told after each epoch, on `test` of the test rows."""

    seeds: int = 10  # one seed's accuracy differs from another's by 0.03
    rows: int = 300
    batch_size: int = 100
    epochs: int = 201
    dropout_epochs: int = 301
    test: int = 1000


FULL = Size()
QUICK = Size(seeds=1, rows=100, batch_size=25, epochs=200, dropout_epochs=200, test=360)


@dataclass(frozen=True)
class Measured:
    """Of each way, accuracies on training and test rows after each epoch, (seeds, E, 2), and updates an epoch."""

    accuracies: dict[str, Array]
    updates: dict[str, int]
    epochs: dict[str, int]  # after which the book tells

    def end(self, name: str) -> Array:
        """Training and test accuracy where the book tells them, (seeds, 2)."""
        told: Array = self.accuracies[name][:, self.epochs[name] - 1]
        return told

    def gap(self, name: str) -> Array:
        """How much better it knows what it has seen than what it has not, (seeds,)."""
        train, test = self.end(name).T
        return np.asarray(train - test)


def measure(images: Images, size: Size = FULL) -> Measured:
    """Train all of them."""
    few, many = images.first(size.rows), images.first(10 * size.rows)
    test = images.test(size.test)
    ways = {
        PLAIN: {"learning_rate": RATE},
        DECAY: {"learning_rate": RATE, "weight_decay": 0.1},
        DROPOUT: {"learning_rate": RATE, "dropout": DROPPED},
    }
    more = -(-len(many[0]) // size.batch_size)
    few_updates = -(-size.rows // size.batch_size)
    epochs_of_more = -(-size.epochs * few_updates // more)

    def train(seed: int) -> dict[str, Array]:
        given: dict[str, Any] = {
            "optimizer": "sgd", "batch_size": size.batch_size, "seed": seed, "threads": 1
        }  # fmt: skip
        deep = (100,) * 6
        together = train_population(
            *few,
            *test,
            settings=list(ways.values()),
            hidden=deep,
            epochs=size.dropout_epochs,
            **given,
        )
        of_more = train_population(
            *many, *test, settings=[ways[PLAIN]], hidden=deep, epochs=epochs_of_more, **given
        )
        small = train_population(
            *many, *test, settings=[{"learning_rate": SMALL_RATE}], hidden=(2,),
            epochs=LONGER * epochs_of_more, **given,
        )  # fmt: skip
        told = {name: _accuracies(together, k) for k, name in enumerate(ways)}
        told |= {MORE: _accuracies(of_more, 0), SMALL: _accuracies(small, 0)}
        return told | {BOOKS: _books_dropout(images, size, seed)}

    trained = training.each(train, size.seeds)
    lasts = {MORE: epochs_of_more, SMALL: LONGER * epochs_of_more, DROPOUT: size.dropout_epochs}
    lasts[BOOKS] = size.dropout_epochs
    return Measured(
        {name: np.array([t[name] for t in trained]) for name in trained[0]},
        {name: more if name in (MORE, SMALL) else few_updates for name in trained[0]},
        {name: lasts.get(name, size.epochs) for name in trained[0]},
    )


def _accuracies(curves: dict[str, Array], trial: int) -> Array:
    return np.stack(
        [curves[f"{rows}_accuracy"][:, trial] for rows in ("train", "validation")], axis=1
    )


def _books_dropout(images: Images, size: Size, seed: int) -> Array:
    """Dropout as the book has it, in the trainer's units: see the top of this module."""
    kept = 1 - DROPPED
    recipe = Recipe(10, hidden=(100,) * 6, optimizer="sgd", batch_size=size.batch_size)
    setting = {"learning_rate": kept**2 * RATE, "dropout": DROPPED}
    stack = Stack(recipe, [setting], images.inputs, seed=seed, epochs=size.dropout_epochs)
    for layer in stack.network.views(stack.theta):
        layer.weight[:] *= kept
    train, test = (
        Rows(X / np.float32(kept), y) for X, y in (images.first(size.rows), images.test(size.test))
    )
    told = []
    for _ in range(size.dropout_epochs):
        stack.epoch(train)
        told.append([float(stack.score(rows)[1][0]) for rows in (train, test)])
    return np.array(told)


def claims(measured: Measured) -> list[Claim]:
    """What the book says of each."""
    ends = {name: measured.end(name).mean(axis=0) for name in measured.accuracies}
    gaps = {name: float(measured.gap(name).mean()) for name in measured.accuracies}

    def against(name: str) -> str:
        return f"a gap of {gaps[name]:.3f} against {gaps[PLAIN]:.3f}"

    return [
        Claim(
            "few rows and a large network: it knows them by heart, others less",
            bool(ends[PLAIN][0] > 0.98 and gaps[PLAIN] > 0.05),
            f"a gap of {gaps[PLAIN]:.3f}",
        ),
        Claim(
            "weight decay narrows the gap, and keeps it from 100 %",
            bool(gaps[DECAY] < gaps[PLAIN] and ends[DECAY][0] < ends[PLAIN][0]),
            against(DECAY),
        ),
        Claim(
            "dropout narrows the gap",
            gaps[BOOKS] < gaps[PLAIN],
            f"the book's way {against(BOOKS)}; the trainer's {gaps[DROPOUT]:.3f}",
        ),
        Claim(
            "more rows narrow it most, and raise the test accuracy",
            bool(gaps[MORE] < min(gaps[PLAIN], gaps[DECAY], gaps[DROPOUT]) and ends[MORE][1] > ends[PLAIN][1]),
            against(MORE),
        ),
        Claim(
            "too small a network underfits: bad on both, with little gap",
            bool(ends[SMALL].max() < ends[MORE][1] - 0.1 and gaps[SMALL] < gaps[PLAIN] / 2),
            against(SMALL),
        ),
    ]  # fmt: skip


def lines(measured: Measured) -> list[Line]:
    """Claims, and the accuracies of each."""
    by_heart, decay, dropout, more, under = claims(measured)

    def number(name: str) -> Number:
        book = BOOK.get(DROPOUT if name == BOOKS else name)
        train, test = (spread(values) for values in measured.end(name).T)
        return Number(
            f"{name}: training, test",
            f"{book[0]:g}, {book[1]:g}" if book and name != DROPOUT else "",
            f"{train}, {test}",
        )

    return [
        by_heart, number(PLAIN), decay, number(DECAY), dropout, number(BOOKS), number(DROPOUT),
        more, number(MORE), under, number(SMALL),
    ]  # fmt: skip


def words(measured: Measured) -> str:
    """The gaps in words; where we differ from the book, and why."""
    known = {
        name: " and ".join(f"{100 * accuracy:.0f}" for accuracy in measured.end(name).mean(axis=0))
        for name in measured.accuracies
    }
    low, high = (
        ", ".join(f"{accuracy:.3f}" for accuracy in end(measured.end(DECAY), axis=0))
        for end in (np.min, np.max)
    )
    return (
        "Of a hundred rows that it has seen and a hundred that it has not, the network knows "
        f"{known[PLAIN]} if nothing is done, {known[DECAY]} with weight decay, {known[DROPOUT]} with dropout, "
        f"{known[MORE]} with ten times the rows; two hidden units know {known[SMALL]}. "
        f"One run says little: with weight decay, seeds run from {low} to {high} (training, test), and the book's "
        "is one run. Dropout divides by 0.8 in training here and multiplies by 0.8 in use in the book; He's weights "
        "fit the former. In the book the signal loses a fifth in each of six layers, so that its network has not "
        "finished learning when its run ends, and the small gap is in good part that: translated into the trainer's "
        "units (the row 'the book's'), ours does the same, and without the loss it knows more of both. "
        "Accuracies are told after every epoch of three updates, on 1,000 evenly spaced test rows (the book: all "
        "10,000); rows come without replacement (the book: with). More rows, and the small network, "
        f"which learns from those, are given as many updates as the others and {LONGER} times as many."
    )


@figures.in_style
def figure(measured: Measured) -> Figure:
    """Training and test accuracy side by side, by updates, one panel a way."""
    drawn = figures.new(7.2, 4.9)
    order = (PLAIN, DECAY, BOOKS, DROPOUT, MORE, SMALL)
    panels = drawn.subplots(2, 3, sharey=True).ravel()
    for axes, name in zip(panels, order, strict=True):
        curves = measured.accuracies[name]
        updates = np.arange(1, curves.shape[1] + 1) * measured.updates[name]
        for k, (rows, colour, dashes) in enumerate(
            (("training rows", figures.VERMILION, "--"), ("test rows", figures.BLUE, "-"))
        ):
            figures.band(axes, updates, curves[:, :, k], color=colour, ls=dashes, label=rows)
        axes.set_title(name, loc="left")
        axes.set_ylim(0, 1.02)
        figures.grid(axes)
        axes.annotate(
            f"gap {measured.gap(name).mean():.2f}",
            (0.97, 0.05),
            xycoords="axes fraction",
            ha="right",
        )
        axes.tick_params(labelleft=axes in panels[::3])
    drawn.supxlabel("updates", fontsize=8.5)
    drawn.supylabel("accuracy", fontsize=8.5)
    handles, labels = panels[0].get_legend_handles_labels()
    drawn.legend(handles, labels, loc="outside upper right", ncols=2)
    return drawn
