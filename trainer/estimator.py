"""MLPClassifier and MLPRegressor: one trial of the population trainer, by scikit-learn's conventions.

Rows that are the same in all their features and their label count as one row of their summed weight, and the order of
rows makes no difference: so to fit with weights is, to the last bit, to fit with repeated rows. (Batch normalization
alone takes the mean of distinct rows, whatever they weigh.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from trainer.network import Network, Workspace
from trainer.recipe import Recipe, Rows
from trainer.settings import check
from trainer.stack import Stack

Array = NDArray[Any]

PREDICTION_ROWS = 1024  # predicted at a time, so that memory does not grow with the number of rows


class _MLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no type hints
    """What the two have in common: all but what labels mean."""

    def __init__(
        self,
        hidden_layer_sizes: Sequence[int] = (50,),
        activation: str = "relu",
        optimizer: str = "adam",
        learning_rate: float = 1e-3,
        weight_decay: float = 0.0,
        epochs: int = 20,
        batch_size: int = 32,
        dropout: float = 0.0,
        batch_norm: bool = False,
        init: str = "he",
        dtype: str = "float32",
        random_state: Any = None,
        momentum: float = 0.9,
        patience: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.epochs = epochs
        self.batch_size = batch_size
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.init = init
        self.dtype = dtype
        self.random_state = random_state
        self.momentum = momentum
        self.patience = patience

    # What a kind of label decides.

    def _learn_labels(self, y: Array, weights: Array, classes: Any = None) -> None:
        """Set what labels are turned into numbers by, from those of the training rows."""
        raise NotImplementedError

    def _numbers(self, y: Array) -> Array:
        """Labels as the loss takes them."""
        raise NotImplementedError

    def _outputs(self) -> int:
        raise NotImplementedError

    def _loss(self) -> tuple[str, str]:
        """The loss, and the metric that `score` tells."""
        raise NotImplementedError

    def _to_user(self) -> tuple[float | Array, float | Array]:
        """Scale and shift from an output of the network to the user's units."""
        return 1.0, 0.0

    # What is the same for both.

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        X_validation: Any = None,
        y_validation: Any = None,
    ) -> Self:
        """Train on rows X (N, I) with labels y, from fresh weights, for `epochs` epochs.

        With validation rows, `validation_loss_curve_` and `validation_score_curve_` tell of them after each epoch;
        with `patience` too, training stops after so many epochs without a lower validation loss, and the parameters
        of the best epoch are taken.

        Raises:
            ValueError: something can't be trained on or with, or the training diverged.
        """
        X, y, weights = self._checked(X, y, sample_weight, reset=True)
        self._learn_labels(y, weights)
        rows = self._merged(X, self._numbers(y), weights)
        validation = self._validation(X_validation, y_validation)
        stack = self._start()
        self._train(stack, rows, validation, self.epochs)
        return self

    def _partial_fit(self, X: Any, y: Any, sample_weight: Any, classes: Any = None) -> Self:
        first = not hasattr(self, "_saved")
        X, y, weights = self._checked(X, y, sample_weight, reset=first)
        if first:
            self._learn_labels(y, weights, classes)
            stack = self._start()
        else:
            stack = self._stack()
            stack.restore(self._saved)
        rows = self._merged(X, self._numbers(y), weights)
        self._train(stack, rows, None, 1)
        return self

    def _checked(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Array, ...]:
        X, y = self._labelled(X, y, reset=reset)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        counted = weights > 0
        return X[counted], y[counted], weights[counted]

    def _validation(self, X: Any, y: Any) -> tuple[Array, Array] | None:
        if (X is None) != (y is None):
            raise ValueError("give both X_validation and y_validation, or neither")
        if X is None:
            if self.patience is not None:
                raise ValueError(
                    "patience needs X_validation and y_validation, to see who gets better"
                )
            return None
        return self._labelled(X, y, reset=False)

    def _labelled(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self, X, y, reset=reset, multi_output=True, dtype=[np.float64, np.float32]
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _merged(self, X: Array, y: Array, weights: Array) -> Rows:
        """Each distinct row once, in an order of its own, with its summed weight."""
        X = X.astype(self.dtype, copy=False) + 0.0  # −0 is 0
        columns = np.column_stack([X, y.reshape(len(y), -1)]).astype(np.float64, copy=False)
        keys = np.ascontiguousarray(columns).view(np.dtype((np.void, columns[0].nbytes)))[:, 0]
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        return Rows(X[first], y[first], np.bincount(number, weights))

    def _recipe(self) -> Recipe:
        loss, metric = self._loss()
        sizes = self.hidden_layer_sizes
        return Recipe(
            self._outputs(),
            loss=loss,
            metric=metric,
            hidden=tuple(sizes) if isinstance(sizes, Iterable) else (sizes,),
            activation=self.activation,
            batch_norm=self.batch_norm,
            optimizer=self.optimizer,
            init=self.init,
            batch_size=self.batch_size,
            dtype=self.dtype,
        )

    def _start(self) -> Stack:
        """A stack with first weights, and nothing told yet."""
        random = self.random_state
        # A whole number is the seed itself, as everywhere else in this package.
        if isinstance(random, int | np.integer):
            self._seed = int(random)
        else:
            self._seed = int(check_random_state(random).randint(2**31))
        self.loss_curve_: list[float] = []
        for name in ("validation_loss_curve_", "validation_score_curve_"):
            if hasattr(self, name):
                delattr(self, name)
        return self._stack()

    def _stack(self) -> Stack:
        numbers = ("learning_rate", "weight_decay", "dropout", "momentum", "patience")
        setting = {name: getattr(self, name) for name in numbers if getattr(self, name) is not None}
        check(setting)
        if not isinstance(self.epochs, int | np.integer) or self.epochs < 0:
            raise ValueError(f"epochs {self.epochs!r} is not a whole number of at least 0")
        recipe = self._recipe()
        return Stack(recipe, [setting], self.n_features_in_, seed=self._seed, epochs=self.epochs)

    def _train(
        self, stack: Stack, rows: Rows, validation: tuple[Array, Array] | None, epochs: int
    ) -> None:
        learned = stack.ready(rows, training=True)
        scored = None
        if validation is not None:
            self.validation_loss_curve_: list[float] = []
            self.validation_score_curve_: list[float] = []
            scored = stack.ready(Rows(validation[0], self._numbers(validation[1])), training=False)
        best, best_at, saved = np.inf, 0, None
        with threadpool_limits(1, user_api="blas"), np.errstate(all="ignore"):
            for epoch in range(epochs):
                stack.epoch(learned)
                loss = float(stack.score(learned)[0][0])
                if not (np.isfinite(loss) and stack.finite().all()):
                    raise ValueError(
                        f"the training diverged in epoch {stack.epochs_trained}: lower learning_rate = "
                        f"{self.learning_rate!r}, or standardize the features"
                    )
                self.loss_curve_.append(loss)
                if scored is None:
                    continue
                value, score = (float(figure[0]) for figure in stack.score(scored))
                self.validation_loss_curve_.append(value)
                self.validation_score_curve_.append(score)
                if self.patience is None:
                    continue
                if value < best:
                    best, best_at, saved = value, epoch, stack.saved()
                if epoch - best_at >= self.patience:
                    break
        self._keep(saved or stack.saved())

    def _keep(self, saved: dict[str, Any]) -> None:
        """Keep what the stack has learned, and tell the weights in the user's units."""
        self._saved = saved
        scale, shift = self._to_user()
        layers = self._network().views(saved["theta"])
        self.coefs_ = [layer.weight[0].copy() for layer in layers]
        self.intercepts_ = [layer.bias[0, 0].copy() for layer in layers]
        self.coefs_[-1] = self.coefs_[-1] * scale
        self.intercepts_[-1] = self.intercepts_[-1] * scale + shift
        self.n_epochs_ = saved["epochs_trained"]
        self.n_iter_, self.n_rows_ = saved["steps"], saved["rows_seen"]

    def _network(self) -> Network:
        recipe = self._recipe()
        sizes = (self.n_features_in_, *recipe.hidden, recipe.outputs)
        return Network(sizes, recipe.activation, recipe.batch_norm)

    def _forward(self, X: Array) -> Array:
        """The outputs (N, C), in double precision: so that a row's do not depend on which others are asked for."""
        theta, statistics = (self._saved[n].astype(np.float64) for n in ("theta", "statistics"))
        network = self._network()
        outputs = np.empty((len(X), network.sizes[-1]))
        for start in range(0, len(X), PREDICTION_ROWS):
            part = X[start : start + PREDICTION_ROWS]
            workspace = Workspace(network, theta, statistics, len(part))
            outputs[start : start + PREDICTION_ROWS] = workspace.forward(part)[0]
        return outputs

    def _asked(self, X: Any) -> Array:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        return self._forward(X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_saved")


class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]
    """A multilayer perceptron that tells classes apart: softmax and cross-entropy, on any number of classes.

    With y (N, C) of 0 and 1, C questions of their own (multilabel): a sigmoid for each, and binary cross-entropy.

    Parameters are the columns of a search: hidden_layer_sizes; activation (`trainer.layers.ACTIVATIONS`), optimizer
    (`trainer.optimizers.OPTIMIZERS`); learning_rate, weight_decay, dropout and momentum (`trainer.settings.PER_TRIAL`);
    epochs (0 for first weights only); batch_size; batch_norm; init (`trainer.initializers`); dtype, in which it
    trains; random_state; patience (see `fit`).

    After `fit`: classes_, coefs_ (one (I, O) array a layer), intercepts_, loss_curve_ (the mean loss of the training
    rows after each epoch, without penalties), n_epochs_ (passes over the rows), n_iter_ (updates of the parameters),
    n_rows_ (rows that those were made by), n_features_in_, feature_names_in_.
    """

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """One more epoch on some rows, from where the last left off; the first call names all classes."""
        return self._partial_fit(X, y, sample_weight, classes)

    def _learn_labels(self, y: Array, weights: Array, classes: Any = None) -> None:
        del weights
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise ValueError("Unknown label type: y has several columns that are not all 0 or 1")
        self._multilabel = kind == "multilabel-indicator"
        if self._multilabel:
            self.classes_ = np.arange(y.shape[1]) if classes is None else np.asarray(classes)
            return
        self.classes_ = np.unique(y if classes is None else np.asarray(classes))
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only, {self.classes_.tolist()[0]!r}: there is nothing to tell apart"
            )

    def _numbers(self, y: Array) -> Array:
        if (np.ndim(y) == 2) != self._multilabel or (
            self._multilabel and y.shape[1] != len(self.classes_)
        ):
            raise ValueError(f"y is of shape {y.shape}, which is not how it was at first")
        if self._multilabel:
            return y.astype(self.dtype)
        unseen = ~np.isin(y, self.classes_)
        if unseen.any():
            row = int(unseen.argmax())
            raise ValueError(
                f"y[{row}] is {y.tolist()[row]!r}, a class that was not there at first"
            )
        return np.searchsorted(self.classes_, y)

    def _outputs(self) -> int:
        return len(self.classes_)

    def _loss(self) -> tuple[str, str]:
        loss = "binary_cross_entropy" if self._multilabel else "sparse_categorical_cross_entropy"
        return loss, "accuracy"

    def _decided(self, outputs: Array) -> Array:
        if self._multilabel:
            return (outputs > 0).astype(int)
        decided: Array = self.classes_[outputs.argmax(axis=1)]
        return decided

    def predict(self, X: Any) -> Array:
        """The class of each row (N,); with several questions, 0 or 1 for each (N, C)."""
        return self._decided(self._asked(X))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (N, C)."""
        outputs = self._asked(X)
        probabilities: Array = expit(outputs) if self._multilabel else softmax(outputs, axis=1)
        return probabilities

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`."""
        return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> Array:
        """The outputs before softmax or sigmoid (N, C); of two classes, the second's minus the first's (N,)."""
        outputs = self._asked(X)
        return (
            outputs[:, 1] - outputs[:, 0]
            if len(self.classes_) == 2 and not self._multilabel
            else outputs
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, MultiOutputMixin, _MLP):  # type: ignore[misc]
    """A multilayer perceptron that estimates one quantity, or with y (N, C) several, by squared error.

    It trains on standardized quantities, by the training rows' mean and deviation; coefs_ and intercepts_ of the last
    layer are in the user's units, loss_curve_ in standard ones. All else is as in `MLPClassifier`.
    """

    def partial_fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """One more epoch on some rows, from where the last left off; the first rows set the quantities' scale."""
        return self._partial_fit(X, y, sample_weight)

    def _learn_labels(self, y: Array, weights: Array, classes: Any = None) -> None:
        del classes
        # Of the distinct values, so that to the last bit a weight is the same as that many rows, in whatever order.
        values, number = np.unique(y.astype(np.float64), axis=0, return_inverse=True)
        weights = np.bincount(number, weights)
        self._single = y.ndim == 1
        self._shift = np.average(values, axis=0, weights=weights)
        variance = np.average((values - self._shift) ** 2, axis=0, weights=weights)
        self._scale = np.where(variance > 0, np.sqrt(variance), 1.0)

    def _numbers(self, y: Array) -> Array:
        if y.shape[1:] != np.shape(self._shift):
            raise ValueError(f"y is of shape {y.shape}, which is not how it was at first")
        return ((y - self._shift) / self._scale).astype(self.dtype)

    def _outputs(self) -> int:
        return int(np.size(self._shift))

    def _loss(self) -> tuple[str, str]:
        return "squared_error", "r2"

    def _to_user(self) -> tuple[float | Array, float | Array]:
        return self._scale, self._shift

    def _decided(self, outputs: Array) -> Array:
        quantities: Array = outputs * self._scale + self._shift
        return quantities[:, 0] if self._single else quantities

    def predict(self, X: Any) -> Array:
        """The quantity of each row (N,), or the quantities (N, C)."""
        return self._decided(self._asked(X))
