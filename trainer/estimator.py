"""MLPClassifier and MLPRegressor: one trial of the population trainer, by scikit-learn's conventions.

Rows with the same features and the same label count as one row with the sum of their weights, and the order of rows
makes no difference. So a fit with weights is the same to the last bit as one with repeated rows. (Only batch
normalization takes the mean of distinct rows, whatever their weights.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import threadpool_limits

from trainer.arrays import Array
from trainer.fields import PER_TRIAL, check_setting
from trainer.fit import train_stack
from trainer.forward import outputs
from trainer.labels import Classes, Quantities, Questions, classes_or_questions
from trainer.network import Network
from trainer.recipe import Recipe, Rows
from trainer.stack import Stack


class _MLP(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no type hints
    """All that the two estimators have in common; they differ in what labels mean."""

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

    _labels: Classes | Questions | Quantities

    def _learn_labels(self, y: Array, weights: Array, classes: Any = None) -> None:
        """Set `_labels`, what the labels y of the training rows mean."""
        raise NotImplementedError

    def fit(
        self,
        X: Any,
        y: Any,
        sample_weight: ArrayLike | None = None,
        X_validation: Any = None,
        y_validation: Any = None,
    ) -> Self:
        """Train on rows X (N, I) with labels y, from fresh weights, for `epochs` epochs.

        With validation rows, `validation_loss_curve_` and `validation_score_curve_` have their loss and score after
        each epoch. With `patience` too, training stops after so many epochs without a lower validation loss, and the
        parameters of the best epoch are taken.

        Raises:
            ValueError: the arguments can't be trained on or with, or the training diverged.
        """
        X, y, weights = self._checked(X, y, sample_weight, reset=True)
        self._learn_labels(y, weights)
        rows = self._merged(X, y, weights)
        validation = self._validation(X_validation, y_validation)
        self._train(self._start(), rows, validation, self.epochs)
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
        self._train(stack, self._merged(X, y, weights), None, 1)
        return self

    def _checked(self, X: Any, y: Any, sample_weight: Any, *, reset: bool) -> tuple[Array, ...]:
        X, y = self._labelled(X, y, reset=reset)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        counted = weights > 0
        return X[counted], y[counted], weights[counted]

    def _validation(self, X: Any, y: Any) -> Rows | None:
        if (X is None) != (y is None):
            raise ValueError("give both X_validation and y_validation, or neither")
        if X is None:
            if self.patience is not None:
                raise ValueError("patience needs X_validation and y_validation, to stop by")
            return None
        X, y = self._labelled(X, y, reset=False)
        return Rows(X, self._labels.targets(y, self.dtype))

    def _labelled(self, X: Any, y: Any, *, reset: bool) -> tuple[Array, Array]:
        X, y = validate_data(
            self, X, y, reset=reset, multi_output=True, dtype=[np.float64, np.float32]
        )
        return X, column_or_1d(y, warn=True) if y.ndim == 2 and y.shape[1] == 1 else y

    def _merged(self, X: Array, y: Array, weights: Array) -> Rows:
        """Each distinct row once, with its summed weight, in an order that follows from the rows alone."""
        y = self._labels.targets(y, self.dtype)
        X = X.astype(self.dtype, copy=False) + 0.0  # −0 is 0
        columns = np.column_stack([X, y.reshape(len(y), -1)]).astype(np.float64, copy=False)
        keys = np.ascontiguousarray(columns).view(np.dtype((np.void, columns[0].nbytes)))[:, 0]
        _, first, number = np.unique(keys, return_index=True, return_inverse=True)
        return Rows(X[first], y[first], np.bincount(number, weights))

    def _recipe(self) -> Recipe:
        sizes = self.hidden_layer_sizes
        return Recipe(
            self._labels.outputs,
            loss=self._labels.loss,
            metric=self._labels.metric,
            hidden=tuple(sizes) if isinstance(sizes, Iterable) else (sizes,),
            activation=self.activation,
            batch_norm=self.batch_norm,
            optimizer=self.optimizer,
            init=self.init,
            batch_size=self.batch_size,
            dtype=self.dtype,
        )

    def _start(self) -> Stack:
        """A stack with first weights, and empty curves."""
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
        own = {name: getattr(self, name, None) for name in PER_TRIAL}
        setting = {name: value for name, value in own.items() if value is not None}
        check_setting(setting)
        if not isinstance(self.epochs, int | np.integer) or self.epochs < 0:
            raise ValueError(f"epochs {self.epochs!r} is not a whole number of at least 0")
        recipe = self._recipe()
        return Stack(recipe, [setting], self.n_features_in_, seed=self._seed, epochs=self.epochs)

    def _train(self, stack: Stack, rows: Rows, validation: Rows | None, epochs: int) -> None:
        scored = {"train": stack.ready(rows, training=True)}
        if validation is not None:
            self.validation_loss_curve_: list[float] = []
            self.validation_score_curve_: list[float] = []
            scored["validation"] = stack.ready(validation, training=False)
        best, saved = np.inf, None
        with threadpool_limits(1, user_api="blas"):
            for figures in train_stack(stack, scored["train"], scored, epochs=epochs):
                loss = float(figures["train_loss"][0])
                if np.isnan(loss):
                    raise ValueError(
                        f"the training diverged in epoch {stack.epochs_trained}: lower learning_rate = "
                        f"{self.learning_rate!r}, or standardize the features"
                    )
                self.loss_curve_.append(loss)
                if validation is None:
                    continue
                self.validation_loss_curve_.append(float(figures["validation_loss"][0]))
                score = figures[f"validation_{stack.recipe.metric}"]
                self.validation_score_curve_.append(float(score[0]))
                if self.patience is not None and self.validation_loss_curve_[-1] < best:
                    best, saved = self.validation_loss_curve_[-1], stack.saved()
        self._keep(saved or stack.saved())

    def _keep(self, saved: dict[str, Any]) -> None:
        """Keep what the stack has learned; `coefs_` and `intercepts_` are in the user's units."""
        self._saved = saved
        scale, shift = self._labels.scale, self._labels.shift
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

    def _outputs(self, X: Any) -> Array:
        """The outputs (N, C)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        theta, statistics = self._saved["theta"], self._saved["statistics"]
        answers: Array = outputs(self._network(), theta, statistics, X)[0]
        return answers

    def predict(self, X: Any) -> Array:
        """The label of each row: a class (N,), answers of 0 or 1 (N, C), a quantity (N,) or quantities (N, C)."""
        answers = self._outputs(X)  # which raises NotFittedError where there are no labels yet
        return self._labels.labels(answers)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_saved")


class MLPClassifier(ClassifierMixin, _MLP):  # type: ignore[misc]
    """A multilayer perceptron that tells classes apart: softmax and cross-entropy, on any number of classes.

    With y (N, C) of 0 and 1, each column is a question of its own (multilabel): a sigmoid for each, and binary
    cross-entropy.

    Parameters are named as in a search: hidden_layer_sizes; activation (`trainer.layers.ACTIVATIONS`), optimizer
    (`trainer.optimizers.OPTIMIZERS`); learning_rate, weight_decay, dropout and momentum (`trainer.fields.PER_TRIAL`);
    epochs (0 for first weights only); batch_size; batch_norm; init (`trainer.initializers`); dtype, in which it
    trains; random_state; patience (see `fit`).

    After `fit`: classes_, coefs_ (one (I, O) array a layer), intercepts_, loss_curve_ (the mean loss of the training
    rows after each epoch, without penalties), n_epochs_ (passes over the rows), n_iter_ (updates of the parameters),
    n_rows_ (rows used in those updates), n_features_in_, feature_names_in_.
    """

    _labels: Classes | Questions

    def partial_fit(
        self,
        X: Any,
        y: Any,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self:
        """Train one more epoch, on these rows; the first call names all classes."""
        return self._partial_fit(X, y, sample_weight, classes)

    def _learn_labels(self, y: Array, weights: Array, classes: Any = None) -> None:
        del weights
        self._labels = classes_or_questions(y, classes)
        self.classes_ = self._labels.classes

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (N, C)."""
        answers = self._outputs(X)
        return self._labels.probabilities(answers)

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithm of `predict_proba`."""
        return np.log(self.predict_proba(X))

    def decision_function(self, X: Any) -> Array:
        """The outputs before softmax or sigmoid (N, C); of two classes, the second's minus the first's (N,)."""
        answers = self._outputs(X)
        two = isinstance(self._labels, Classes) and len(self.classes_) == 2
        return answers[:, 1] - answers[:, 0] if two else answers

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
        """Train one more epoch, on these rows; those of the first call set the quantities' scale."""
        return self._partial_fit(X, y, sample_weight)

    def _learn_labels(self, y: Array, weights: Array, classes: Any = None) -> None:
        del classes
        self._labels = Quantities(y, weights)
