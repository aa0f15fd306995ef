"""Small models for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from trainer.data.encoding import Encoding
from trainer.data.frames import from_frame
from trainer.data.tables import Table
from trainer.fit import trained
from trainer.model import ClassifierModel, RegressorModel, Trained
from trainer.recipe import Recipe


def animals(rows: int) -> pd.DataFrame:
    """Numbers, text and missing values, from which the kind of an animal follows."""
    rng = np.random.default_rng(0)
    kinds = rng.choice(["bird", "cat", "dog"], rows)
    weights = np.select([kinds == "bird", kinds == "cat"], [1.0, 5.0], 20.0) * rng.uniform(
        0.7, 1.3, rows
    )
    noises = np.select([kinds == "bird", kinds == "cat"], ["tweet", "meow"], "woof").astype(object)
    noises[::10] = None
    wings = np.where(kinds == "bird", 2, 0)
    return pd.DataFrame(
        {"weight": np.where(rng.random(rows) < 0.1, np.nan, weights) if rows < 300 else weights,
         "noise": noises, "wings": wings, "kind": kinds}
    )  # fmt: skip


def model_of(
    frame: pd.DataFrame,
    target: str,
    *,
    settings: Sequence[Mapping[str, Any]] = ({"learning_rate": 0.1},),
    margin: float | None = None,
    **recipe: Any,
) -> Any:
    """A model of the frame's rows, all of which it was trained on."""
    table = from_frame("animals", frame, target, "the frame")
    return model_of_table(table, settings=settings, margin=margin, **recipe)


def model_of_table(
    table: Table,
    *,
    settings: Sequence[Mapping[str, Any]] = ({"learning_rate": 0.1},),
    margin: float | None = None,
    **recipe: Any,
) -> Any:
    """A model of the table's rows, all of which it was trained on."""
    everything = np.arange(len(table.labels))
    encoding = Encoding.learned(table, everything, np.dtype("float32"))
    is_class = table.classes is not None
    common = Recipe(
        len(table.classes or [""]),
        loss="sparse_categorical_cross_entropy" if is_class else "squared_error",
        metric="accuracy" if is_class else "rmse",
        **{"hidden": (8,), **recipe},
    )
    stack = trained(common, settings, encoding.transform(table, everything), epochs=15, seed=0)
    networks = tuple(
        Trained(stack.network, stack.theta[k : k + 1], stack.statistics[k : k + 1], dict(own))
        for k, own in enumerate(settings)
    )
    if table.classes is not None:
        return ClassifierModel(networks, encoding, table.columns, {}, table.classes)
    return RegressorModel(networks, encoding, table.columns, {}, margin)
