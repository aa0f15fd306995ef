"""Whole-batch gradient descent from the same first weights, against scikit-learn's multilayer perceptron.

scikit-learn adds alpha / (2 n) Σ W² to the mean loss of n rows, we add ½ λ Σ W²: alpha = λ n. Its regression loss
is half the mean square, as ours is. With three classes or more it uses softmax and cross-entropy, as we do (with
two it has one logistic output, which is another network). Its "logistic" is our sigmoid.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.neural_network import MLPClassifier, MLPRegressor

from trainer.fit import Recipe, Rows
from trainer.network import Network
from trainer.optimizers import ADAM_BETA2, ADAM_EPSILON

Array = NDArray[Any]
Train = Callable[..., dict[str, Array]]
MakeRows = Callable[..., tuple[Rows, Rows]]

EPOCHS, ROWS, INPUTS, CLASSES, UNITS = 5, 50, 6, 4, 9
THEIR_NAME = {"relu": "relu", "tanh": "tanh", "sigmoid": "logistic"}


def their_epsilon(step: int) -> float:
    """Their Adam adds its ε before the bias correction, ours after it, as the paper does: this makes them equal."""
    return ADAM_EPSILON * math.sqrt(1 - ADAM_BETA2**step)


def reference(
    task: str, rows: Rows, start: tuple[list[Array], list[Array]], **options: Any
) -> list[tuple[list[Array], list[Array], float]]:
    """scikit-learn's coefs, intercepts and loss before the step, after each of the epochs."""
    kind = MLPClassifier if task == "classification" else MLPRegressor
    model = kind(
        hidden_layer_sizes=(UNITS,),
        batch_size=len(rows.y),
        shuffle=False,
        epsilon=their_epsilon(step=1),
        **options,
    )
    if task == "classification":
        model.partial_fit(rows.X, rows.y, classes=np.arange(CLASSES))
    else:
        model.partial_fit(rows.X, rows.y)
    del (
        model._optimizer
    )  # it has a velocity from this first step, which only made the arrays to fill
    model.coefs_ = [weight[0].copy() for weight in start[0]]
    model.intercepts_ = [bias[0, 0].copy() for bias in start[1]]
    reached = []
    for step in range(1, EPOCHS + 1):
        model.partial_fit(rows.X, rows.y)
        model._optimizer.epsilon = their_epsilon(step + 1)
        reached.append(
            (
                [weight.copy() for weight in model.coefs_],
                [bias.copy() for bias in model.intercepts_],
                float(model.loss_),
            )
        )
    return reached


@pytest.mark.parametrize("optimizer", ["sgd", "momentum", "adam"])
@pytest.mark.parametrize("activation", THEIR_NAME)
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_weights_after_five_whole_batches_are_sklearns(
    task: str,
    activation: str,
    optimizer: str,
    train: Train,
    make_rows: MakeRows,
    thetas: list[Array],
) -> None:
    outputs = CLASSES if task == "classification" else 1
    rows, others = make_rows(task, ROWS, ROWS, INPUTS, classes=CLASSES)
    settings = [
        {"learning_rate": 0.05, "momentum": 0.8, "weight_decay": 0.0},
        {"learning_rate": 0.2, "momentum": 0.5, "weight_decay": 0.03},
    ]
    recipe = Recipe(
        task,
        outputs,
        hidden=(UNITS,),
        activation=activation,
        optimizer=optimizer,
        batch_size=ROWS,
        dtype="float64",
    )
    curves = train(recipe, settings, (rows, others), epochs=EPOCHS)
    network = Network((INPUTS, UNITS, outputs))
    for trial, setting in enumerate(settings):
        theirs = reference(
            task,
            rows,
            network.views(thetas[0][trial : trial + 1]),
            activation=THEIR_NAME[activation],
            solver="adam" if optimizer == "adam" else "sgd",
            learning_rate_init=setting["learning_rate"],
            momentum=setting["momentum"] if optimizer == "momentum" else 0.0,
            nesterovs_momentum=False,
            alpha=setting["weight_decay"] * ROWS,
        )
        for epoch, (coefs, intercepts, loss_before) in enumerate(theirs):
            weights, biases = network.views(thetas[1 + epoch])
            for ours, expected in zip(weights, coefs, strict=True):
                np.testing.assert_allclose(ours[trial], expected, rtol=0, atol=1e-8)
            for ours, expected in zip(biases, intercepts, strict=True):
                np.testing.assert_allclose(ours[trial, 0], expected, rtol=0, atol=1e-8)
            if epoch and not setting["weight_decay"]:
                # Their loss is that before the epoch's only step: ours after the epoch before.
                told = curves["train_loss"][epoch - 1, trial]
                assert told == pytest.approx(loss_before, abs=1e-8)
