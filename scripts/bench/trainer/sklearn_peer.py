"""scikit-learn's MLPClassifier, one trial at a time, a `partial_fit` an epoch, with BLAS on so many threads."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier
from threadpoolctl import threadpool_limits

from scripts.bench.trainer.peers import Variant
from scripts.bench.trainer.tasks import CLASSES, SEED, Task, initial_weights


def train(task: Task, variant: Variant) -> NDArray[Any]:
    """Validation accuracy (E, K); NaN from the epoch on at which a trial diverged."""
    accuracies = np.full((task.epochs, task.trials), np.nan)
    with threadpool_limits(variant.threads), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an overflow is divergence, told below
        for trial in range(task.trials):
            network = _network(task, trial)
            for epoch in range(task.epochs):
                try:
                    network.partial_fit(task.X, task.y, classes=np.arange(CLASSES))
                except ValueError:  # scikit-learn's word for diverged
                    break
                accuracies[epoch, trial] = network.score(task.X_validation, task.y_validation)
    return accuracies


def _network(task: Task, trial: int) -> MLPClassifier:
    network = MLPClassifier(
        hidden_layer_sizes=task.hidden,
        solver="adam" if task.optimizer == "adam" else "sgd",
        learning_rate_init=float(task.learning_rates[trial]),
        # scikit-learn divides its penalty by the rows of the minibatch.
        alpha=float(task.weight_decays[trial]) * task.batch_size,
        momentum=task.momentum,
        nesterovs_momentum=False,
        batch_size=task.batch_size,
        random_state=SEED,
    )
    # Its own first weights are Glorot's, which fade on the way through the book's six layers: it has no option for
    # others, only this method, called once a layer.
    weights = iter(initial_weights(task))
    network._init_coef = lambda _, outputs, dtype: (next(weights), np.zeros(outputs, dtype))
    return network
