"""References: what a constant, a linear model and boosted trees score on the splits of a search.

The linear model is scikit-learn's logistic or ridge regression on the encoded columns that the network has without a
preset. The trees are its histogram gradient boosting on the columns as they were understood: categories as categories,
and missing values as missing. Both have their defaults, and learn from training rows alone.

They are there to be compared with the network, and may take little time beside a search: a second for each model on few
rows, four on many. How long one takes is estimated from the numbers of rows and columns, not from a clock, so that the
same search always has the same references. Trees that would take longer have fewer rounds of boosting, each of which
learns more, or else are not fitted.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainer.arrays import Array
from trainer.data import TEST, Draw, Fold, Splits, Table, Which
from trainer.losses import LOSSES, SPARSE
from trainer.metrics import METRICS, row_means

if TYPE_CHECKING:
    import pandas as pd

# Seconds that a model may take on all splits: of few rows, for each row, and of many. A search of few takes no longer.
LEAST, OF_ROW, SECONDS = 1.0, 4e-4, 4.0
FEWEST = 3  # splits without which a comparison says little
ALONE = 2.0  # seconds that a model may take on one split, if it is too slow for so many
TREES, RATE = 100, 0.1  # of each class where there are several: scikit-learn's defaults
FEWEST_TREES, HIGHEST_RATE = 20, 0.3  # on digits these score what the defaults do
CATEGORIES = 255  # of a column that boosted trees tell apart, the most that scikit-learn allows

# Seconds on a core of 2020, fitted to the times of digits, MNIST, adult and smaller tables.
DRAWN = 5e-8  # for a number to be encoded
ITERATED = 4e-8  # logistic regression, for each encoded number of each class
TREE, OF_COLUMN, OF_CELL = 1.5e-4, 7e-6, 1.4e-8  # for a tree, its columns, and their rows


@dataclass(frozen=True)
class Reference:
    """What one model scores on splits, and a note on what it was not fitted on, or why not at all.

    `estimator` is the name of its class in scikit-learn; empty for the constant.
    """

    model: str
    estimator: str
    scores: Mapping[Which, float]
    note: str = ""


def references(
    draw: Draw,
    splits: Sequence[Which],
    known: Mapping[str, Sequence[Which]],
    metric: str,
    loss: str,
    seed: int,
    folds: int | None = None,
    ahead: Sequence[Reference] = (),
) -> list[Reference]:
    """What each model scores on the validation rows of each of these splits, `TEST` for the test rows.

    With `folds`, a split is divided into so many, and its score is their mean.

    On those that are `known` of a model it is not fitted again. A model that would take too long is fitted on some of
    the splits, on the test rows first, or on none.

    What was fitted `ahead`, by this function with the same arguments but for the splits, is taken from there.
    """
    from threadpoolctl import threadpool_limits

    ordered = sorted(splits, key=lambda which: (which != TEST, which if which != TEST else 0))
    if all(which in known.get("constant", ()) for which in ordered):
        return []
    draw = replace(draw, binned=False)  # a linear model does better without bins
    of_first = _parts(ordered[0], folds)
    first = draw(ordered[0], of_first[0])
    models: list[_Model] = [_Constant(), _Linear(first, seed), _Boosted(draw.table, first, seed)]
    drawing, allowed = DRAWN * first.train.X.size, _allowed(len(first.train.y))
    chosen = [
        _affordable((model.seconds + drawing) * (folds or 1), ordered, allowed) for model in models
    ]
    scores: list[dict[Which, float]] = [
        {which: score for r in ahead if (r.model, r.note) == (model.name, model.note)
         for which, score in r.scores.items() if which in of and which not in known.get(model.name, ())}
        for model, of in zip(models, chosen, strict=True)
    ]  # fmt: skip
    # On one thread sums are added in one order, whatever the machine.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # such as that more iterations would fit better
        for which in ordered:
            fitted = [
                k
                for k, model in enumerate(models)
                if which in chosen[k]
                and which not in known.get(model.name, ())
                and which not in scores[k]
            ]
            values: dict[int, list[float]] = {k: [] for k in fitted}
            for fold in _parts(which, folds) if fitted else ():
                drawn = draw(which, fold)
                for k in fitted:
                    outputs = models[k].outputs(drawn, *draw.positions(which, fold))
                    value = math.nan if outputs is None else score(outputs, drawn, metric, loss)
                    values[k].append(value)
            for k, of_folds in values.items():
                if math.isfinite(mean := fmean(of_folds)):
                    scores[k][which] = mean
    return [
        Reference(model.name, model.estimator, of, model.note)
        for model, of in zip(models, scores, strict=True)
    ]


def _parts(which: Which, folds: int | None) -> list[Fold | None]:
    """The folds of a split; None for one that is not divided, such as the test rows."""
    if folds is None or which == TEST:
        return [None]
    return [Fold(number, folds) for number in range(folds)]


def guess(splits: Splits, metric: str, loss: str) -> float:
    """What a constant scores on the validation rows, which any model has to beat."""
    return score(_constant(splits), splits, metric, loss)


def score(outputs: Array, splits: Splits, metric: str, loss: str) -> float:
    """The metric of outputs (N, C) on the validation rows: logits, or quantities in standard units."""
    targets, function = splits.validation.y, LOSSES[loss]
    if loss != SPARSE:
        targets = targets.reshape(len(targets), -1)
    if metric not in METRICS:  # the loss
        return float(row_means(function.values(outputs[None].copy(), targets))[0])
    scored = METRICS[metric]
    rows = scored.rows(function, outputs[None], targets)
    return float(scored.finish(function, rows, targets, splits.target_scale)[0])


def _constant(splits: Splits) -> Array:
    """For classes their shares among the training rows, so that the commonest wins; for a quantity its mean there."""
    train = splits.train.y
    if splits.task == "classification":
        shares = np.bincount(train.astype(np.intp), minlength=splits.outputs) / len(train)
        answer = np.log(np.maximum(shares, 0.5 / len(train)))  # a class may have no row there
    else:
        answer = train.reshape(len(train), -1).mean(axis=0)
    return np.tile(answer, (len(splits.validation.y), 1))


def _allowed(rows: int) -> float:
    """Seconds that a model may take on all splits of so many training rows."""
    return min(SECONDS, max(LEAST, OF_ROW * rows))


def _affordable(seconds: float, ordered: Sequence[Which], allowed: float) -> Sequence[Which]:
    """The splits for a model that takes so long on each: enough for a comparison, or else one, or none."""
    count = int(allowed / max(seconds, 1e-9))
    if count < min(len(ordered), FEWEST + (TEST in ordered)):
        count = 1 if seconds <= ALONE else 0
    return ordered[:count]


class _Model(Protocol):
    """A model that can be fitted to the training rows of a split, and how many seconds that takes."""

    name: str
    estimator: str
    seconds: float
    note: str

    def outputs(
        self, splits: Splits, train: NDArray[np.intp], validation: NDArray[np.intp]
    ) -> Array | None:
        """What it says of the validation rows, as outputs (N, C) of a network; None if it can't be fitted.

        The positions are those of the rows in the table.
        """


class _Constant:
    name, estimator, seconds, note = "constant", "", 0.0, ""

    def outputs(self, splits: Splits, *_: object) -> Array:
        return _constant(splits)


class _Linear:
    """On so many training rows that it takes no longer than it may on one split."""

    name, note = "linear", ""

    def __init__(self, first: Splits, seed: int) -> None:
        from sklearn.linear_model import LogisticRegression, Ridge

        rows, columns = first.train.X.shape
        classes = first.task == "classification"
        model = LogisticRegression if classes else Ridge
        self.estimator, self._model = model.__name__, model(random_state=seed)
        of_row = ITERATED * columns * (first.outputs if classes else columns / TREES)
        self._rows = max(1000, int((ALONE - DRAWN * rows * columns) / of_row))
        if self._rows < rows:
            self.note = f"fitted on {self._rows:,} of {rows:,} training rows, to take no longer"
        self.seconds = of_row * min(rows, self._rows)

    def outputs(self, splits: Splits, *_: object) -> Array:
        rows = slice(self._rows)  # they were drawn at random, and so are the first of them
        self._model.fit(splits.train.X[rows], splits.train.y[rows])
        return _outputs(self._model, splits, splits.validation.X)


class _Boosted:
    name, note = "boosted", ""

    def __init__(self, table: Table, first: Splits, seed: int) -> None:
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        classes = first.task == "classification"
        model = HistGradientBoostingClassifier if classes else HistGradientBoostingRegressor
        rows, columns = len(first.train.y), table.rows.shape[1]
        each = first.outputs if first.outputs > 2 else 1
        of_round = each * (TREE + columns * (OF_COLUMN + OF_CELL * rows))
        rounds = min(TREES, max(FEWEST_TREES, int(min(ALONE, _allowed(rows) / 2) / of_round)))
        rate = min(HIGHEST_RATE, RATE * TREES / rounds)
        self.estimator = model.__name__
        self._model = model(random_state=seed, max_iter=rounds, learning_rate=rate)
        self.seconds = rounds * of_round
        self._table = table
        if self.seconds > ALONE:
            of = f" in {each} classes" if each > 1 else ""
            self.note = f"not fitted: {rows:,} rows of {columns:,} columns{of} would take too long"
        elif rounds < TREES:
            self.note = f"fitted in {rounds} rounds at a rate of {rate:.2g}, which takes less time than {TREES}"

    def outputs(
        self, splits: Splits, train: NDArray[np.intp], validation: NDArray[np.intp]
    ) -> Array | None:
        rows = self._table.rows
        if isinstance(rows, np.ndarray):
            X, to_score = rows[train], rows[validation]
        else:
            encoder, categories = _categories(rows)
            X = encoder.fit_transform(self._table.rows_at(train)).astype(float)
            to_score = encoder.transform(self._table.rows_at(validation)).astype(float)
            self._model.set_params(categorical_features=categories)
        try:
            self._model.fit(X, splits.train.y)
        except ValueError as error:
            # Such as a class of one row, where a part of many rows says when to stop.
            self.note = f"not fitted: {error}"
            return None
        return _outputs(self._model, splits, to_score)


def _categories(rows: pd.DataFrame) -> tuple[Any, list[int]]:
    """What encodes the columns as they were understood, and the positions of its categories.

    A category that no training row has is missing, and the rarest of very many share one.
    """
    from sklearn.compose import ColumnTransformer
    from sklearn.preprocessing import OrdinalEncoder

    from trainer.data.tables import number_columns

    numbers = number_columns(rows)
    texts = [column for column in rows.columns if column not in numbers]
    codes = OrdinalEncoder(
        handle_unknown="use_encoded_value",
        unknown_value=math.nan,
        encoded_missing_value=math.nan,
        max_categories=CATEGORIES,
    )
    encoder = ColumnTransformer([("texts", codes, texts), ("numbers", "passthrough", numbers)])
    return encoder, [*range(len(texts))]


def _outputs(model: Any, splits: Splits, X: Array) -> Array:
    """What a fitted model says of rows, as logits or quantities (N, C)."""
    if splits.task == "regression":
        return np.asarray(model.predict(X), float).reshape(len(X), -1)
    probabilities = np.zeros((len(X), splits.outputs))
    probabilities[:, model.classes_.astype(np.intp)] = model.predict_proba(X)
    return np.log(np.maximum(probabilities, np.finfo(float).tiny))
