"""PyTorch with the trials stacked: batched products, per-trial learning rates that broadcast, one step for all.

The backward pass is written out: autograd takes a tenth to a fifth longer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import one_hot

from scripts.bench.trainer.peers import Variant
from scripts.bench.trainer.tasks import (
    ADAM_BETA1,
    ADAM_BETA2,
    ADAM_EPSILON,
    CLASSES,
    Task,
    initial_weights,
    row_orders,
)


class Stack(NamedTuple):
    """K trials: each layer's W (K, I, O), then b (K, 1, O), in one list; beside them what the optimizer keeps."""

    parameters: list[torch.Tensor]
    means: list[torch.Tensor]  # or velocities
    squares: list[torch.Tensor]
    rates: torch.Tensor  # (K, 1, 1), as the next
    decays: torch.Tensor
    momentum: float
    adam: bool


Step = Callable[[Stack, torch.Tensor, torch.Tensor, torch.Tensor], None]


def train(task: Task, variant: Variant) -> NDArray[Any]:
    """Validation accuracy (E, K)."""
    return train_by(step, task, variant)


def train_by(step: Step, task: Task, variant: Variant) -> NDArray[Any]:
    """The same with another form of `step`."""
    torch.set_num_threads(variant.threads)
    with torch.inference_mode():
        starts = range(0, task.trials, variant.stack)
        return np.concatenate(
            [_train_stack(step, task, slice(k, k + variant.stack)) for k in starts], axis=1
        )


def step(stack: Stack, X: torch.Tensor, targets: torch.Tensor, corrections: torch.Tensor) -> None:
    """One minibatch (B, I) with its labels as ones and zeros (B, C); `corrections` are Adam's 1 − βᵗ."""
    layers = len(stack.parameters) // 2
    weights = stack.parameters[:layers]
    activations = _forward(stack.parameters, X)
    gradients = list(stack.parameters)  # to be replaced, each by its own
    dz = (torch.softmax(activations[-1], -1) - targets) / len(X)
    for i in range(layers - 1, -1, -1):
        dweight = torch.bmm(activations[i].transpose(1, 2), dz)
        gradients[i] = dweight.addcmul_(stack.decays, weights[i])
        gradients[layers + i] = dz.sum(1, keepdim=True)
        if i:
            da = torch.bmm(dz, weights[i].transpose(1, 2))
            dz = torch.ops.aten.threshold_backward(da, activations[i], 0)
    if stack.adam:
        _adam(stack, gradients, corrections)
    else:
        _momentum(stack, gradients)


def _train_stack(step: Step, task: Task, trials: slice) -> NDArray[Any]:
    stack = _stack(task, trials)
    X, targets = torch.from_numpy(task.X), one_hot(torch.from_numpy(task.y), CLASSES).float()
    X_validation, y_validation = (
        torch.from_numpy(task.X_validation),
        torch.from_numpy(task.y_validation),
    )
    betas = torch.tensor([ADAM_BETA1, ADAM_BETA2])
    powers = torch.ones(2)
    accuracies = np.empty((task.epochs, len(stack.rates)))
    for epoch, order in enumerate(torch.from_numpy(row_orders(task))):
        parts = X[order].split(task.batch_size), targets[order].split(task.batch_size)
        for rows, labels in zip(*parts, strict=True):
            powers = powers * betas
            step(stack, rows, labels, 1 - powers)
        right = _forward(stack.parameters, X_validation)[-1].argmax(2) == y_validation
        accuracies[epoch] = right.float().mean(1)
    return accuracies


def _stack(task: Task, trials: slice) -> Stack:
    rates = torch.from_numpy(task.learning_rates[trials, None, None])
    decays = torch.from_numpy(task.weight_decays[trials, None, None])
    count = len(rates)
    weights = [torch.from_numpy(w).repeat(count, 1, 1) for w in initial_weights(task)]
    parameters = weights + [torch.zeros(count, 1, outputs) for outputs in task.sizes[1:]]
    means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
    adam = task.optimizer == "adam"
    return Stack(parameters, means, squares, rates, decays, task.momentum, adam)


def _forward(parameters: list[torch.Tensor], X: torch.Tensor) -> list[torch.Tensor]:
    """The input and the output (K, B, O) of every layer."""
    layers = len(parameters) // 2
    activations = [X.expand(len(parameters[0]), -1, -1)]
    for i in range(layers):
        z = torch.baddbmm(parameters[layers + i], activations[-1], parameters[i])
        activations.append(z.relu_() if i < layers - 1 else z)
    return activations


def _momentum(stack: Stack, gradients: list[torch.Tensor]) -> None:
    for parameter, velocity, gradient in zip(stack.parameters, stack.means, gradients, strict=True):
        if stack.momentum:
            velocity.mul_(stack.momentum).addcmul_(gradient, stack.rates, value=-1)
            parameter.add_(velocity)
        else:
            parameter.addcmul_(gradient, stack.rates, value=-1)


def _adam(stack: Stack, gradients: list[torch.Tensor], corrections: torch.Tensor) -> None:
    rates, root = stack.rates / corrections[0], corrections[1].sqrt()
    for parameter, mean, square, gradient in zip(
        stack.parameters, stack.means, stack.squares, gradients, strict=True
    ):
        mean.lerp_(gradient, 1 - ADAM_BETA1)
        square.mul_(ADAM_BETA2).addcmul_(gradient, gradient, value=1 - ADAM_BETA2)
        deviation = square.sqrt().div_(root).add_(ADAM_EPSILON)
        parameter.addcmul_(mean.div(deviation), rates, value=-1)
