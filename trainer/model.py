"""Models: trained networks together with all that turns the rows of a table into predictions.

>>> import trainer
>>> model = trainer.load("model.hpo")
>>> model.predict(frame)  # a DataFrame with the columns of the table that it was trained on, in any order

A model has scikit-learn's methods, so that what scikit-learn computes for fitted estimators it computes for a model:
scores, calibration curves, permutation importance. Several networks (an ensemble) answer with the mean of their
probabilities, or of their quantities.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin

from trainer.arrays import Array
from trainer.data.columns import Column
from trainer.data.encoding import Columns, Encoding
from trainer.data.layout import Layout
from trainer.data.remarks import named
from trainer.errors import DataError
from trainer.forward import outputs
from trainer.network import Network


@dataclass(frozen=True)
class Trained:
    """One trained network: its parameters theta (1, P), its running statistics (1, …), and the settings it has."""

    network: Network
    theta: Array
    statistics: Array
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """Its shape and its settings as plain values."""
        return {
            "sizes": list(self.network.sizes),
            "activation": self.network.activation,
            "batch_norm": self.network.batch_norm,
            "settings": dict(self.settings),
        }


def probabilities(networks: Sequence[Trained], X: Array) -> NDArray[np.float64]:
    """The probability of each class (N, C) for encoded rows X, the mean over the networks."""
    means: NDArray[np.float64] = softmax(_outputs(networks, X), axis=2).mean(axis=0)
    return means


def quantities(networks: Sequence[Trained], X: Array, encoding: Encoding) -> NDArray[np.float64]:
    """The quantities (N,) for encoded rows X, in the units of the table, the mean over the networks."""
    standard = _outputs(networks, X)[..., 0].mean(axis=0)
    means: NDArray[np.float64] = standard * encoding.scale + encoding.shift
    return means


def _outputs(networks: Sequence[Trained], X: Array) -> Array:
    """The outputs (networks, N, C) before softmax, or in standard units."""
    return np.concatenate([outputs(n.network, n.theta, n.statistics, X) for n in networks])


@dataclass
class Oddities:
    """What new rows had that the training rows did not, counted by column and text; `unused` are whole columns."""

    unseen: dict[str, Counter[str]] = field(default_factory=dict)
    not_numbers: dict[str, Counter[str]] = field(default_factory=dict)
    unused: list[str] = field(default_factory=list)


class _Model(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no type hints
    """What models of classes and of quantities have in common.

    `columns` say how the columns of new rows are understood (none for an array), `about` where the model comes from, as
    plain values, and `layout` how the file of text was laid out that it was trained on.
    """

    def __init__(
        self,
        networks: tuple[Trained, ...],
        encoding: Encoding,
        columns: tuple[Column, ...] = (),
        about: Mapping[str, Any] | None = None,
        layout: Layout | None = None,
    ) -> None:
        self.networks = networks
        self.encoding = encoding
        self.columns = columns
        self.about = about
        self.layout = layout

    @property
    def n_features_in_(self) -> int:
        """How many columns the rows have."""
        return len(self.columns) or self.encoding.inputs.width

    @property
    def feature_names_in_(self) -> Array:
        """The names of the columns."""
        if not self.columns:
            raise AttributeError("this model was trained on an array, whose columns have no names")
        return np.array([column.name for column in self.columns], object)

    def fit(self, *_: Any, **__: Any) -> NoReturn:
        """A model is trained already: raises TypeError."""
        raise TypeError(
            "this model is trained; hpo train, or study.train() in Python, trains another"
        )

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def understood(self, X: Any, odd: Oddities | None = None) -> Array | pd.DataFrame:
        """New rows as the rows that it was trained on were understood; what is new in them is added to `odd`.

        X is a DataFrame with at least the columns that it was trained on, or an array (N, columns) in their order.

        Raises:
            DataError: a column is missing, or an array has another number of columns.
        """
        if not self.columns:
            array = np.asarray(X)
            if array.ndim != 2 or array.shape[1] != self.n_features_in_:
                raise DataError(
                    f"X: rows of {self.n_features_in_} numbers are needed, and its shape is {array.shape}"
                )
            return array
        frame = self._frame(X)
        read = {column.name: column.read(frame[column.name]) for column in self.columns}
        understood = pd.DataFrame({name: values for name, (values, _) in read.items()})
        if odd is not None:
            for name, (_, texts) in read.items():
                if texts:
                    odd.not_numbers.setdefault(name, Counter()).update(texts)
            odd.unused = [name for name in frame.columns if name not in read]
            self._count_unseen(understood, odd)
        return understood

    def _frame(self, X: Any) -> pd.DataFrame:
        frame = X.to_pandas() if hasattr(X, "to_pandas") else X
        names = [column.name for column in self.columns]
        if not isinstance(frame, pd.DataFrame):
            array = np.asarray(frame)
            if array.ndim != 2 or array.shape[1] != len(names):
                raise DataError(
                    f"X: {len(names)} columns are needed, and its shape is {array.shape}: {named(names)}"
                )
            return pd.DataFrame(array, columns=names).infer_objects()
        frame = frame.set_axis(frame.columns.map(str), axis="columns")
        if missing := [name for name in names if name not in frame.columns]:
            raise DataError(
                f"missing {named(missing)}, which the model was trained on; "
                f"the table has {named(frame.columns)}"
            )
        return frame

    def _count_unseen(self, frame: pd.DataFrame, odd: Oddities) -> None:
        inputs = self.encoding.inputs
        if not isinstance(inputs, Columns):
            return
        for name, frequent, rare in zip(inputs.texts, inputs.categories, inputs.rare, strict=True):
            cells = frame[name].dropna()
            new = cells[~cells.isin({*frequent, *rare})]
            if len(new):
                counts = {str(text): int(count) for text, count in new.value_counts().items()}
                odd.unseen.setdefault(name, Counter()).update(counts)

    def _encoded(self, X: Any, odd: Oddities | None) -> Array:
        return self.encoding.encode(self.understood(X, odd))


class ClassifierModel(ClassifierMixin, _Model):  # type: ignore[misc]
    """A model that tells classes apart. Its classes are whole numbers or booleans if all their names are, else text."""

    def __init__(
        self,
        networks: tuple[Trained, ...],
        encoding: Encoding,
        columns: tuple[Column, ...] = (),
        about: Mapping[str, Any] | None = None,
        class_names: tuple[str, ...] = (),
        layout: Layout | None = None,
    ) -> None:
        super().__init__(networks, encoding, columns, about, layout)
        self.class_names = class_names

    @property
    def classes_(self) -> Array:
        """The classes (C,), in the order of `predict_proba`."""
        names = self.class_names
        if set(names) <= {"True", "False"}:
            return np.array([name == "True" for name in names])
        try:
            whole = [int(name) for name in names]
        except ValueError:
            return np.array(names, object)
        same = tuple(map(str, whole)) == names
        return np.array(whole) if same else np.array(names, object)

    def predict_proba(self, X: Any, odd: Oddities | None = None) -> NDArray[np.float64]:
        """The probability of each class (N, C); see `understood` for X and `odd`."""
        return probabilities(self.networks, self._encoded(X, odd))

    def predict(self, X: Any, odd: Oddities | None = None) -> Array:
        """The likeliest class of each row (N,)."""
        likeliest: Array = self.classes_[self.predict_proba(X, odd).argmax(axis=1)]
        return likeliest


class RegressorModel(RegressorMixin, _Model):  # type: ignore[misc]
    """A model that estimates a quantity. `margin` is how far 95 % of rows that it never saw lay from its estimates."""

    def __init__(
        self,
        networks: tuple[Trained, ...],
        encoding: Encoding,
        columns: tuple[Column, ...] = (),
        about: Mapping[str, Any] | None = None,
        margin: float | None = None,
        layout: Layout | None = None,
    ) -> None:
        super().__init__(networks, encoding, columns, about, layout)
        self.margin = margin

    def predict(self, X: Any, odd: Oddities | None = None) -> NDArray[np.float64]:
        """The quantity of each row (N,), in the units of the table."""
        return quantities(self.networks, self._encoded(X, odd), self.encoding)

    def predict_interval(self, X: Any, odd: Oddities | None = None) -> NDArray[np.float64]:
        """The ends (N, 2) of an interval that holds the quantity of 95 % of rows like those of the table.

        Raises:
            ValueError: the model has no `margin`.
        """
        if self.margin is None:
            raise ValueError("this model has no interval: it was not tried on rows of its own")
        ends: NDArray[np.float64] = self.predict(X, odd)[:, None] + [-self.margin, self.margin]
        return ends


Model = ClassifierModel | RegressorModel
