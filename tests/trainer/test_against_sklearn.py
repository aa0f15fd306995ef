"""Whole-batch gradient descent from the same first weights, against scikit-learn's multilayer perceptron.

scikit-learn adds alpha / (2 n) Σ W² to the mean loss of n rows, we add ½ λ Σ W²: alpha = λ n. With three classes or
more it has softmax and cross-entropy, with two one logistic output, and with several labels a row a logistic output
each, whose losses it adds up; all as we do. The gradient of its regression is ours, too, that of half the squared
error summed over outputs, but the loss that it tells is the mean over outputs. Its "logistic" is our sigmoid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor
from threadpoolctl import threadpool_limits

from trainer.optimizers import ADAM_EPSILON
from trainer.recipe import Recipe, Rows
from trainer.stack import Stack

STEPS, ROWS, INPUTS, HIDDEN = 20, 50, 6, (9, 7)
TOLERANCE = 1e-12  # of parameters and losses after any of the steps, absolute
THEIR_ACTIVATION = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic", "identity": "identity"}
SETTINGS: list[dict[str, float]] = [
    {"learning_rate": 0.02, "momentum": 0.8, "beta1": 0.9, "beta2": 0.999},
    {"learning_rate": 0.05, "momentum": 0.5, "beta1": 0.8, "beta2": 0.99, "weight_decay": 0.03},
    {"learning_rate": 0.01, "momentum": 0.9, "beta1": 0.95, "beta2": 0.9, "weight_decay": 0.3},
]


class Task(NamedTuple):
    """What is learned: `told` is the share of our loss that scikit-learn tells."""

    loss: str
    outputs: int
    kind: Any
    told: float = 1.0


TASKS = {
    "classes": Task("sparse_categorical_cross_entropy", 4, MLPClassifier),
    "yes or no": Task("binary_cross_entropy", 1, MLPClassifier),
    "several labels": Task("binary_cross_entropy", 3, MLPClassifier),
    "quantity": Task("squared_error", 1, MLPRegressor),
    "several quantities": Task("squared_error", 2, MLPRegressor, told=1 / 2),
}


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    with threadpool_limits(1, user_api="blas"):
        yield


def rows_for(task: Task) -> Rows:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, INPUTS))
    scores = X @ rng.standard_normal((INPUTS, task.outputs)) / math.sqrt(INPUTS)
    scores += 0.1 * rng.standard_normal(scores.shape)
    if task.loss == "sparse_categorical_cross_entropy":
        return Rows(X, scores.argmax(axis=1))
    y = scores if task.loss == "squared_error" else (scores > 0).astype(int)
    return Rows(X, y[:, 0] if task.outputs == 1 else y)


class Peer:
    """What a trial is in scikit-learn, from the numbers it now has."""

    def __init__(self, stack: Stack, trial: int, task: Task, rows: Rows) -> None:
        self.trial, self.setting, self.rows = trial, SETTINGS[trial], rows
        optimizer = stack.recipe.optimizer
        self.model = task.kind(
            hidden_layer_sizes=stack.recipe.hidden,
            activation=THEIR_ACTIVATION[stack.recipe.activation],
            solver="adam" if optimizer == "adam" else "sgd",
            learning_rate_init=self.setting["learning_rate"],
            momentum=0.0 if optimizer == "sgd" else self.setting["momentum"],
            nesterovs_momentum=optimizer == "nesterov",
            beta_1=self.setting["beta1"],
            beta_2=self.setting["beta2"],
            epsilon=self.epsilon(1),
            alpha=self.setting.get("weight_decay", 0.0) * ROWS,
            batch_size=ROWS,
            shuffle=False,
        )
        classes = {"classes": np.arange(max(task.outputs, 2))} if task.kind is MLPClassifier else {}
        self.model.partial_fit(rows.X, rows.y, **classes)  # makes the arrays to fill
        del self.model._optimizer  # which has a velocity from that
        layers = stack.network.views(stack.theta)
        self.model.coefs_ = [layer.weight[trial].copy() for layer in layers]
        self.model.intercepts_ = [layer.bias[trial, 0].copy() for layer in layers]

    def epsilon(self, step: int) -> float:
        """Their Adam adds its ε before the bias correction, ours after it, as the paper does: this makes them equal."""
        return ADAM_EPSILON * math.sqrt(1 - self.setting["beta2"] ** step)

    def step(self, number: int) -> float:
        """The loss of the data alone, from before the step."""
        squares = sum(float((weight**2).sum()) for weight in self.model.coefs_)
        self.model.partial_fit(self.rows.X, self.rows.y)
        self.model._optimizer.epsilon = self.epsilon(number + 1)
        return float(self.model.loss_) - self.setting.get("weight_decay", 0.0) / 2 * squares

    def assert_same(self, stack: Stack) -> None:
        layers = stack.network.views(stack.theta)
        for layer, weight, bias in zip(
            layers, self.model.coefs_, self.model.intercepts_, strict=True
        ):
            ours = layer.weight[self.trial], layer.bias[self.trial, 0]
            for one, other in zip(ours, (weight, bias), strict=True):
                np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE, equal_nan=False)


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "nesterov", "adam"])
@pytest.mark.parametrize("activation", THEIR_ACTIVATION)
@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
def test_weights_and_loss_of_every_step_are_sklearns(
    task: Task, activation: str, optimizer: str
) -> None:
    recipe = Recipe(
        task.outputs,
        loss=task.loss,
        metric="rmse" if task.loss == "squared_error" else "accuracy",
        hidden=HIDDEN,
        activation=activation,
        optimizer=optimizer,
        batch_size=ROWS,
        dtype="float64",
    )
    stack = Stack(recipe, SETTINGS, INPUTS, seed=0, epochs=STEPS)
    rows = rows_for(task)
    learned, scored = (stack.ready(rows, training=training) for training in (True, False))
    peers = [Peer(stack, trial, task, rows) for trial in range(len(SETTINGS))]
    for step in range(1, STEPS + 1):
        losses, _ = stack.score(scored)
        stack.epoch(learned)
        for peer, loss in zip(peers, losses, strict=True):
            assert peer.step(step) == pytest.approx(loss * task.told, abs=TOLERANCE)
            peer.assert_same(stack)
