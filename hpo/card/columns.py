"""What a model knows of its columns: which values it has seen, and what it scores without each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hpo.held_out import HeldOut
from hpo.trainables.network import LOSS
from studies.words import counted
from trainer.arrays import Array
from trainer.data.encoding import Pixels
from trainer.fields import METRICS as FIELDS_OF
from trainer.forward import outputs
from trainer.losses import LOSSES
from trainer.metrics import METRICS, row_means
from trainer.model import Model

if TYPE_CHECKING:
    import pandas as pd

LISTED = 8  # categories of a column
FEW = 5  # rows: a category with fewer is not named, as it may be a name or an address of somebody

REPEATS = 5
MOST_COLUMNS = 120
MOST_ROWS = 1000  # of each network
READ = 60_000  # columns in all predictions: more networks are measured where there are few columns
PRODUCTS = 2e10  # multiplications in all, so that large networks take no longer than some seconds
ALIKE = 0.8  # rank correlation from which two columns are said to go together
MOST_ALIKE = 3


@dataclass(frozen=True)
class ColumnFacts:
    """The values of a column that a model was trained on.

    `different` counts the values that differ. `span` has the least and the greatest number, None of text or if there is
    none; `commonest` are some of the texts. `missing` is a share.
    """

    name: str
    kind: str
    missing: float
    different: int
    span: tuple[float, float] | None = None
    commonest: tuple[str, ...] = ()


@dataclass(frozen=True)
class Importance:
    """How much worse the metric becomes when a column is permuted: `worse` (columns, R), for R permutations of several
    networks. `rows` of the table took part. `alike` are columns whose ranks go together, with their correlation.

    `why_not` says why nothing was measured.
    """

    names: Sequence[str] = ()
    worse: NDArray[np.float64] | None = None
    networks: int = 0
    rows: int = 0
    of_rows: int = 0
    alike: Sequence[tuple[str, str, float]] = ()
    why_not: str = ""


def column_names(model: Model) -> list[str]:
    """The names of a model's columns; those of an array have numbers."""
    if model.columns:
        return [column.name for column in model.columns]
    return [f"column {k}" for k in range(model.n_features_in_)]


def column_facts(model: Model, rows: Array | pd.DataFrame) -> list[ColumnFacts]:
    """The facts of each column, by the rows that the model was trained on; of images there are none."""
    if isinstance(model.encoding.inputs, Pixels):
        return []
    names = column_names(model)
    if isinstance(rows, np.ndarray):
        return [
            ColumnFacts(
                name, "number", 0.0, len(np.unique(cells)), (float(cells.min()), float(cells.max()))
            )
            for name, cells in zip(names, rows.T, strict=True)
        ]
    found = []
    for column in model.columns:
        cells = rows[column.name]
        missing, known = float(cells.isna().mean()), cells.dropna()
        if column.kind == "number":
            span = (float(known.min()), float(known.max())) if len(known) else None
            found.append(ColumnFacts(column.name, "number", missing, known.nunique(), span))
            continue
        counts = known.value_counts()
        commonest = tuple(map(str, counts.index[counts >= FEW][:LISTED]))
        found.append(ColumnFacts(column.name, "text", missing, len(counts), None, commonest))
    return found


def importance(measured: Sequence[HeldOut], metric: str) -> Importance:
    """The importance of each column by permutation, on held-out rows (Breiman 2001; scikit-learn's).

    How many networks and rows take part follows from the size of the table and of the network, not from a clock, so
    that the same study always has the same importances.
    """
    from sklearn.inspection import permutation_importance

    model = measured[0].model
    names = column_names(model)
    if isinstance(model.encoding.inputs, Pixels):
        return Importance(why_not="A single pixel of an image says little, so none was permuted.")
    if len(names) > MOST_COLUMNS:
        return Importance(
            why_not=f"There are {counted(len(names), 'column')}, and importances are measured of up to {MOST_COLUMNS}."
        )
    each = len(names) * REPEATS
    taken = measured[: max(1, READ // (len(names) * each))]
    products = measured[0].trained.theta.size * each * len(taken)
    most = int(np.clip(PRODUCTS / products, 100, MOST_ROWS))
    worse, positions = [], []
    for k, one in enumerate(taken):
        rng = np.random.default_rng(k)
        some = rng.permutation(len(one.positions))[:most]
        found = permutation_importance(
            one.model,
            one.table.rows_at(one.positions[some]),
            one.labels[some],
            scoring=_scorer(one, metric),
            n_repeats=REPEATS,
            random_state=k,
        )
        worse.append(found.importances)
        positions.append(one.positions[some])
    used = np.unique(np.concatenate(positions))
    return Importance(
        names=names,
        worse=np.concatenate(worse, axis=1),
        networks=len(taken),
        rows=len(used),
        of_rows=len(np.unique(np.concatenate([one.positions for one in measured]))),
        alike=_alike(measured[0].table.rows_at(used), names),
    )


def ranked(facts: Importance) -> list[tuple[str, float, float]]:
    """Each column with the mean and the standard deviation of what its permutations cost, most first."""
    if facts.worse is None:
        return []
    means, spreads = facts.worse.mean(axis=1), facts.worse.std(axis=1, ddof=1)
    rows = zip(facts.names, map(float, means), map(float, spreads), strict=True)
    return sorted(rows, key=lambda row: -row[1])


def _scorer(one: HeldOut, metric: str) -> Callable[[Any, Any, Any], float]:
    """The metric of a study as scikit-learn calls it; larger is better.

    The rows have been understood already, so they are only encoded, which is ten times as fast.
    """
    is_class = one.table.classes is not None
    function, scored = LOSSES[LOSS[one.table.task]], METRICS.get(metric)
    trained, encoding = one.trained, one.encoding

    def score(_: Any, X: Any, labels: Array) -> float:
        encoded = encoding.encode(X)
        found = outputs(trained.network, trained.theta, trained.statistics, encoded)
        targets = labels if is_class else ((labels - encoding.shift) / encoding.scale)[:, None]
        if scored is None:  # the loss
            return -float(row_means(function.values(found, targets))[0])
        rows = scored.rows(function, found, targets)
        value = float(scored.finish(function, rows, targets, encoding.scale)[0])
        return value if FIELDS_OF[metric].larger_is_better else -value

    return score


def _alike(rows: Array | pd.DataFrame, names: Sequence[str]) -> list[tuple[str, str, float]]:
    """The pairs of columns of numbers whose ranks go together most, with their correlation."""
    import pandas as pd

    frame = pd.DataFrame(rows, columns=list(names)) if isinstance(rows, np.ndarray) else rows
    numbers = frame.select_dtypes("number")
    numbers = numbers.loc[:, numbers.nunique() > 1]
    ranks = numbers.corr("spearman").to_numpy()
    pairs = [
        (str(numbers.columns[i]), str(numbers.columns[j]), float(ranks[i, j]))
        for i, j in combinations(range(len(ranks)), 2)
        if abs(ranks[i, j]) >= ALIKE
    ]
    return sorted(pairs, key=lambda pair: -abs(pair[2]))[:MOST_ALIKE]
