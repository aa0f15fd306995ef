"""The experiments of *Deep Learning from Scratch* (Saitoh) with our trainer, its numbers beside the book's.

    scripts/book/run                                        all eight, about seven minutes on two cores
    scripts/book/run --data ~/mnist batch_norm search       two of them, on MNIST's IDX files in ~/mnist

Tables go to the terminal; what ran replaces its parts of scripts/book/RESULTS.md and its figures. On scikit-learn's
digits, the stand-in where MNIST is not there, these go to scripts/book/digits/ instead, which git ignores.
"""

from __future__ import annotations

import argparse
import textwrap
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from rich.console import Console

from scripts.book import (
    batch_norm,
    figures,
    gradients,
    initial_weights,
    minibatches,
    normalizing,
    optimizers,
    overfitting,
    results,
    search,
    tables,
)
from scripts.book.data import Images, load

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = Path(__file__).parent
DATA = HERE.parents[1].parent / "shared/data/mnist"


class Experiment(Protocol):
    """What each module has."""

    TITLE: str
    SECTION: str
    FULL: Any
    measure: Callable[[Images, Any], Any]
    lines: Callable[[Any], list[tables.Line]]
    words: Callable[[Any], str]
    figure: Callable[[Any], Figure]


EXPERIMENTS = {
    module.__name__.rpartition(".")[2]: cast(Experiment, module)
    for module in (
        gradients, optimizers, initial_weights, batch_norm, overfitting, normalizing, minibatches, search,
    )
}  # fmt: skip


def run(name: str, images: Images, folder: Path, console: Console) -> results.Part:
    """One experiment: measured, printed and drawn."""
    experiment = EXPERIMENTS[name]
    number = list(EXPERIMENTS).index(name) + 1
    heading = f"{number}. {experiment.TITLE} (section {experiment.SECTION})"
    console.rule(f"[bold]{heading}", align="left", style="dim")
    began = time.perf_counter()
    measured = experiment.measure(images, experiment.FULL)
    passed = time.perf_counter() - began
    lines, words = experiment.lines(measured), experiment.words(measured)
    if images.stand_in:
        lines = [replace(line, book="") for line in lines]
        words = (
            "Where the book and we differ, and why, is told of MNIST: see scripts/book/RESULTS.md."
        )
    data = getattr(experiment, "DATA", images.name)  # where it does not learn from images
    done = f"{data}, {experiment.FULL.seeds} seeds, {passed:.0f} s"
    tables.show(console, lines)
    console.print(f"\n{words}\n[dim]{done}[/]\n", highlight=False)
    figures.save(experiment.figure(measured), folder / "figures" / f"{name}.png")
    doc = (cast(Any, experiment).__doc__ or "").partition("\n\n")[2].strip()
    text = (
        f"## {heading}\n\n{doc}\n\n{tables.markdown(lines)}\n\n![{experiment.TITLE}](figures/{name}.png)\n\n"
        f"{textwrap.fill(words, 120, break_long_words=False)}\n\n"
        f"{textwrap.fill(f'{done}, {results.today()}: {results.machine()}.', 120)}"
    )
    return results.Part(name, text, passed)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(
        prog="scripts/book/run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "experiments", nargs="*", metavar="EXPERIMENT", help=f"{', '.join(EXPERIMENTS)}; all of them if none is named"
    )  # fmt: skip
    parser.add_argument(
        "--data", type=Path, default=DATA, metavar="DIR", help="MNIST's four IDX files (../shared/data/mnist)"
    )  # fmt: skip
    given = parser.parse_args(arguments)
    for name in given.experiments:
        if name not in EXPERIMENTS:
            parser.error(f"there is no experiment {name!r}: give some of {', '.join(EXPERIMENTS)}")
    console = Console(width=None if Console().is_terminal else 80)
    images = load(given.data)
    folder = HERE
    if images.stand_in:
        folder = HERE / "digits"
        console.print(
            f"No MNIST in {given.data}: these are scikit-learn's digits, a smaller stand-in. The book's numbers are of "
            "MNIST; here only the claims can be compared.\n", highlight=False,
        )  # fmt: skip
    for name in given.experiments or EXPERIMENTS:
        part = run(name, images, folder, console)
        results.write(folder / "RESULTS.md", [part], EXPERIMENTS)
    console.print(f"{folder / 'RESULTS.md'}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    main()
