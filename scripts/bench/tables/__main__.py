"""How good the network is that a search recommends, on tables, beside what people use for tables.

    .venv/bin/python -m scripts.bench.tables                          all of it: about eight hours of one core
    .venv/bin/python -m scripts.bench.tables classes --splits 2 --only penguins wine
    .venv/bin/python -m scripts.bench.tables uci --splits 2 --only yacht servo       a few minutes

classes, quantities: real tables, from the folder that HPO_SHARED_DATA names, else ../shared/data, and scikit-learn's.
A fifth of the rows is held out in each of five outer splits. uci: 14 regressions with the ten splits that published
results have (Evans et al.); one hidden layer of 50 units, as there.

Ours is `hpo.search` with its defaults on the outer training rows, without and with `preset="tabular"`, and
`hpo.models.train` on all of these with what it recommends. Each peer that is tuned has the same wall time as that
without the preset, on the same one thread: Optuna's TPE on a quarter of the rows held out, then the best settings on
all of them. All models get the columns as they were understood.

Errors are shares of rows that are wrong, or RMSE, relative to a linear model's on the same rows, so less is better: the
mean over the outer splits with its 95 % t-interval, and the geometric mean over tables. RealMLP (pytabkit) is not
among the peers: on Linux, what the package index installs for it is more than 3 GB.
"""

from __future__ import annotations

import argparse
import math
import time
import warnings
from collections.abc import Callable, Iterable
from functools import partial

import numpy as np
from numpy.typing import NDArray

from scripts.bench.figures import Figure, record
from scripts.bench.tables.models import models
from scripts.bench.tables.outer import CLASSES, QUANTITIES, Outer, of_source, of_uci, uci_tables

Floats = NDArray[np.float64]
Draw = Callable[[int], Outer]


def measured(draw: Draw, splits: int, hidden: tuple[int, ...] | None) -> tuple[Floats, Floats]:
    """The errors (models, splits) and the seconds (models, splits)."""
    errors, seconds = np.zeros((2, len(models(hidden)), splits))
    for split in range(splits):
        outer, allowed = draw(split), 0.0
        for k, (name, model) in enumerate(models(hidden).items()):
            began = time.monotonic()
            errors[k, split] = outer.error(model(outer, allowed))
            seconds[k, split] = time.monotonic() - began
            allowed = seconds[k, split] if name == "ours" else allowed
    return errors, seconds


def interval(ratios: Floats) -> str:
    from scipy import stats

    mean, count = ratios.mean(), len(ratios)
    if count < 2:
        return f"{mean:.3f}"
    half = float(stats.t.ppf(0.975, count - 1) * ratios.std(ddof=1) / math.sqrt(count))
    return f"{mean:.3f} ± {half:.3f}"


def section(
    draws: Iterable[tuple[str, Draw]], splits: int, hidden: tuple[int, ...] | None = None
) -> list[Figure]:
    """Print the errors of a linear model, and the others' beside them; the geometric means are figures."""
    import sklearn.ensemble  # noqa: F401  # it brings the threads that are limited here
    from threadpoolctl import threadpool_limits

    names, of_tables = list(models(hidden)), []
    print(
        f"  {'':14} {'linear':>9}  " + "  ".join(f"{name:>15}" for name in names[1:]) + "   seconds"
    )
    for table, draw in draws:
        with threadpool_limits(1), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            errors, seconds = measured(draw, splits, hidden)
        # Of rows that a linear model has all right, half a row counts as wrong, so that there is a ratio.
        least = 0.5 / len(draw(0).y_test) if draw(0).classes else 0.0
        ratios = np.maximum(errors, least) / np.maximum(errors[:1], least)
        of_tables.append(np.log(ratios).mean(axis=1))
        took = ", ".join(f"{s:.1f}" for s in seconds.mean(axis=1))
        shown = "  ".join(f"{interval(of):>15}" for of in ratios[1:])
        print(f"  {table:14} {errors[0].mean():9.4g}  {shown}   {took}", flush=True)
    means = "  ".join(f"{math.exp(mean):15.3f}" for mean in np.mean(of_tables, axis=0)[1:])
    print(f"  {'geometric mean':14} {'':9}  {means}")
    what = f"{len(of_tables)} tables, {splits} splits: error beside a linear model's, geometric mean, of"
    values = np.exp(np.mean(of_tables, axis=0))[1:].tolist()
    return [Figure(f"{what} {name}", value) for name, value in zip(names[1:], values, strict=True)]


def main() -> None:
    uci = uci_tables()
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("sections", nargs="*", choices=["classes", "quantities", "uci", []])
    parser.add_argument("--splits", type=int, help="outer splits; 5, of uci 10")
    parser.add_argument("--only", nargs="+", choices=[*CLASSES, *QUANTITIES, *uci], help="tables")
    given = parser.parse_args()
    draws: dict[str, dict[str, Callable[[], Draw]]] = {
        "classes": {t: partial(of_source, *of, "classification") for t, of in CLASSES.items()},
        "quantities": {t: partial(of_source, *of, "regression") for t, of in QUANTITIES.items()},
        "uci": {t: partial(of_uci, t) for t in uci},
    }
    for name in given.sections or draws:
        print(f"\n{name}")
        chosen = (
            (t, draw()) for t, draw in draws[name].items() if not given.only or t in given.only
        )
        is_uci = name == "uci"
        found = section(chosen, given.splits or (10 if is_uci else 5), (50,) if is_uci else None)
        record("tables", name, found, ("scikit-learn", "optuna"))


if __name__ == "__main__":
    main()
