"""The tables and their outer splits: rows to learn from, and rows to be judged by."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from trainer.data import Reading, read
from trainer.data.tables import Task

DATA = Path(
    os.environ.get("HPO_SHARED_DATA", Path(__file__).resolve().parents[3] / "../shared/data")
)
Rows = pd.DataFrame
CLASSES: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "penguins": ("tabular/penguins.csv", "species", ()),
    "titanic": ("tabular/titanic.csv", "survived", ("alive",)),  # alive is the answer
    "adult": ("tabular/adult.csv", "income-per-year", ()),
    "telco": ("tabular/Telco-Customer-Churn.csv", "Churn", ("customerID",)),
    "breast_cancer": ("breast_cancer", None, ()),
    "wine": ("wine", None, ()),
    "iris": ("iris", None, ()),
    "digits": ("digits", None, ()),
}
QUANTITIES: dict[str, tuple[str, str | None, tuple[str, ...]]] = {
    "california": ("tabular/california_housing.csv", "median_house_value", ()),
    "wine quality": ("tabular/winequality-red-semicolon.csv", "y", ()),
    "diabetes": ("diabetes", None, ()),
}


@dataclass(frozen=True)
class Outer:
    """An outer split: rows and labels to learn from, and to be judged by. Labels are text or floats."""

    X: Rows
    y: NDArray[Any]
    X_test: Rows
    y_test: NDArray[Any]
    seed: int

    @property
    def classes(self) -> bool:
        return self.y.dtype.kind not in "fiu"

    def error(self, predicted: NDArray[Any]) -> float:
        if self.classes:
            return float(np.mean(predicted.astype(str) != self.y_test.astype(str)))
        return float(np.sqrt(np.mean((np.asarray(predicted, float) - self.y_test) ** 2)))


def of_source(
    source: str, target: str | None, drop: tuple[str, ...], task: Task
) -> Callable[[int], Outer]:
    """What draws the outer splits of a source."""
    from sklearn.model_selection import train_test_split

    is_file = target is not None
    reading = Reading(task=task, drop=drop) if is_file else Reading()
    table = read(str(DATA / source) if is_file else source, target, reading)
    rows = table.rows
    X = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(rows).add_prefix("x")
    y = table.labels if table.classes is None else np.array(table.classes)[table.labels]

    def draw(seed: int) -> Outer:
        strata = None if table.classes is None else y
        train, test = train_test_split(
            np.arange(len(y)), test_size=0.2, random_state=seed, stratify=strata
        )
        parts = (
            X.iloc[train].reset_index(drop=True),
            y[train],
            X.iloc[test].reset_index(drop=True),
            y[test],
        )
        return Outer(*parts, seed)

    return draw


def of_uci(name: str) -> Callable[[int], Outer]:
    """What draws the ten splits of a table of UCI."""
    folder = DATA / "uci" / name
    data = pd.read_csv(folder / "data.csv.gz", header=None).to_numpy(float)
    masks = pd.read_csv(folder / "test_mask.csv.gz", header=None).to_numpy(bool)
    X = pd.DataFrame(data[:, :-1], columns=[f"x{k}" for k in range(data.shape[1] - 1)])

    def draw(split: int) -> Outer:
        test = masks[:, split]
        parts = (
            X[~test].reset_index(drop=True),
            data[~test, -1],
            X[test].reset_index(drop=True),
            data[test, -1],
        )
        return Outer(*parts, split)

    return draw


def uci_tables() -> list[str]:
    """The names of the tables of UCI that are at hand."""
    return sorted(path.parent.name for path in DATA.glob("uci/*/data.csv.gz"))
